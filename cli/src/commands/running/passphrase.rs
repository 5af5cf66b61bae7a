//! `bauta passphrase`

use std::path::PathBuf;

use bauta_daemon::unlock::Mode;
use bauta_ipc::{Exit, RpcError, codes};
use clap::Args;

use super::{renewing, unlocking};
use crate::Context;

#[derive(Args, Debug)]
pub(crate) struct PassphraseArgs {
    /// How to protect the store from now on [default: passphrase]
    #[arg(long = "unlock", value_name = "MODE", value_parser = unlocking::modes())]
    mode: Option<Mode>,
    /// Read the passphrase until now from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Read the new one from the first line of this file; "-" is standard input, after the other
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Works on the home's files, so it does not matter whether the daemon runs.
pub(crate) async fn run(args: PassphraseArgs, context: &Context) -> Result<Exit, RpcError> {
    renewing::protect();
    let home = context.home()?;
    if unlocking::mode_of(&home)?.is_none() {
        let message = "This home has no store yet; its protection is chosen at the first run.";
        return Err(RpcError::new(&codes::UNLOCK_REQUIRED, message).hint("Run: bauta up"));
    }
    let before = unlocking::choose(&home, None, args.passphrase_file, &context.out).await?;
    let to = unlocking::choose_anew(args.mode.unwrap_or(Mode::Passphrase), args.new_passphrase_file).await?;
    let mode = to.mode();
    let changing = tokio::task::spawn_blocking(move || before.change(&home, &to));
    changing.await.map_err(|error| RpcError::new(&codes::INTERNAL, format!("It failed: {error}.")))??;
    let shown = serde_json::json!({ "unlock": mode.name() });
    context.out.show(&shown, |_| format!("The store is protected by {mode} from now on."))?;
    Ok(Exit::Ok)
}
