//! Measures what observers learn; see docs/anonymity.md.

use std::process::ExitCode;

use bauta_tests::observers::command::{Arguments, run};
use clap::Parser;

fn main() -> ExitCode {
    run(&Arguments::parse())
}
