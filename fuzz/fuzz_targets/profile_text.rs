//! Texts of social profiles, which may name personas.
#![no_main]

bauta_fuzz::parser!("profile_text");
