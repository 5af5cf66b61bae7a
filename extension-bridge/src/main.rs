//! `bauta-bridge`, which browsers start.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use bauta_bridge::{Caller, connect, join, report};
use bauta_ipc::{RpcError, home_directory};

fn main() -> ExitCode {
    // Without the standard library's buffers: a frame is sent as soon as it is written.
    let owned = |result: std::io::Result<std::os::fd::OwnedFd>| result.map(File::from);
    let input = owned(std::io::stdin().as_fd().try_clone_to_owned());
    let output = owned(std::io::stdout().as_fd().try_clone_to_owned());
    let (Ok(input), Ok(output)) = (input, output) else { return ExitCode::from(2) };
    let error = match serve(input, &output) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => error,
    };
    // If the browser is gone, nobody can be told.
    let _ = report(&output, &error);
    ExitCode::from(error.exit() as u8)
}

fn serve(input: File, output: &File) -> Result<(), RpcError> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let caller = Caller::of(&arguments).map_err(RpcError::from)?;
    let home = home_directory(std::env::var_os("BAUTA_HOME").map(PathBuf::from).as_deref())?;
    let daemon = connect(&home)?;
    join(&caller, daemon, input, output)
}
