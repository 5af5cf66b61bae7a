//! `bauta restore`

use std::path::PathBuf;

use bauta_daemon::backup;
use bauta_daemon::unlock::Mode;
use bauta_ipc::{BackedUpHome, Exit, HomeLock, RpcError, Utc, codes};
use clap::Args;

use super::{renewing, unlocking};
use crate::commands::backup::describe;
use crate::{Context, first_line_of, prompt};

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read the backup's passphrase from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How to protect the new store
    #[arg(long, value_name = "MODE", value_parser = unlocking::modes())]
    unlock: Option<Mode>,
    /// Read the passphrase of the new store from the first line of this file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Makes a home from a backup; its daemon must not run.
pub(crate) async fn run(args: RestoreArgs, context: &Context) -> Result<Exit, RpcError> {
    renewing::protect();
    let home = context.home()?;
    let _lock = HomeLock::acquire(&home)?;
    let from = args.passphrase_file;
    let asking = tokio::task::spawn_blocking(move || match from {
        Some(path) => first_line_of(&path),
        None => prompt("Passphrase of the backup: ", "Use --passphrase-file FILE, or - for standard input."),
    });
    let passphrase = asking
        .await
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))??;
    let unlock = unlocking::choose(&home, args.unlock, args.new_passphrase_file, &context.out).await?;
    let restored = backup::restore(&home, &unlock, &args.file, &passphrase).await?;
    let shown = BackedUpHome {
        made_at: Utc::from_millis(restored.made_at),
        personas: restored.personas,
        contacts: restored.contacts,
        messages: restored.messages,
    };
    context.out.show(&shown, |shown| {
        format!(
            "Restored: {}. The conversations begin again by themselves: {}",
            describe(shown),
            context.command("up")
        )
    })?;
    Ok(Exit::Ok)
}
