//! Backups of Mask in plain JSON.
#![no_main]

bauta_fuzz::parser!("mask_backup_json");
