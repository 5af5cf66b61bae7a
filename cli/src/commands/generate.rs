use std::path::PathBuf;

use bauta_ipc::{Exit, RpcError, codes};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Context;
use crate::args::Cli;

/// `bauta completions`.
pub(super) fn completions(shell: Shell, context: &Context) -> Result<Exit, RpcError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bauta", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Ok)
}

/// `bauta man`.
pub(super) fn man(dir: Option<PathBuf>, context: &Context) -> Result<Exit, RpcError> {
    let failed =
        |error| RpcError::new(&codes::FILE_FAILED, format!("The manual cannot be written: {error}."));
    match dir {
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), &dir).map_err(failed)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
            context.out.bytes(&page)?;
        }
    }
    Ok(Exit::Ok)
}
