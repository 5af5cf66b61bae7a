//! `bauta completions` and `bauta man`: generated from the definition of the command line.

use std::path::PathBuf;

use bauta_ipc::{Exit, RpcError, codes};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::Context;

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write one page per command into this directory instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, context: &Context) -> Result<Exit, RpcError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bauta", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man(args: ManArgs, context: &Context) -> Result<Exit, RpcError> {
    let failed =
        |error| RpcError::new(&codes::FILE_FAILED, format!("The manual cannot be written: {error}."));
    match args.dir {
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
