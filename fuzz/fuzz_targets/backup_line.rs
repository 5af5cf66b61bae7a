//! Lines of a backup of a home.
#![no_main]

bauta_fuzz::parser!("backup_line");
