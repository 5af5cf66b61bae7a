//! Frames of Gun.
#![no_main]

bauta_fuzz::parser!("gun_frame");
