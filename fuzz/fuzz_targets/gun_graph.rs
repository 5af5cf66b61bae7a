//! What frames of Gun make of a graph and of an answer.
#![no_main]

bauta_fuzz::parser!("gun_graph");
