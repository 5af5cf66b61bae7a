//! Encrypted backup files of Mask.
#![no_main]

bauta_fuzz::parser!("mask_backup_file");
