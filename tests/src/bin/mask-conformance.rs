//! Runs vector files through the Mask formats: `mask-conformance FILE...`.
//! Prints a line for each case and the totals last; exits with 1 when anything failed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bauta_tests::mask_conformance::{Totals, run};

fn main() -> io::Result<ExitCode> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        writeln!(io::stderr(), "usage: mask-conformance FILE...")?;
        return Ok(ExitCode::FAILURE);
    }
    let mut out = io::stdout().lock();
    let mut totals = Totals::default();
    for file in &files {
        totals += run(file, &mut out)?;
    }
    if totals.skipped > 0 {
        writeln!(out, "{} keys and rows of the curve P-256 skipped", totals.skipped)?;
    }
    writeln!(out, "{} passed, {} failed", totals.passed, totals.failed)?;
    Ok(if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
