//! `bauta lock` and `bauta unlock`

use std::path::PathBuf;
use std::time::Duration;

use bauta_ipc::limits::LOCKING_MS;
use bauta_ipc::methods::{Lock, StatusGet, Unlock};
use bauta_ipc::{ConnectionState, Empty, Exit, RpcError, Secret, Status, StatusOf, UnlockStore, codes};
use clap::Args;
use tokio::time::Instant;

use crate::{Context, daemon_is_away, first_line_of, prompt};

#[derive(Args, Debug)]
pub(crate) struct UnlockArgs {
    /// Read the passphrase from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Returns when the daemon's memory is empty.
pub(super) async fn lock(context: &Context) -> Result<Exit, RpcError> {
    match context.client().await?.call::<Lock>(&Empty {}).await {
        Err(error) if !error.is(&codes::DAEMON_LOCKED) => return Err(error),
        _ => {}
    }
    let status = reaches(context, |status| status.state == ConnectionState::Locked).await?;
    context.out.show(&status, |_| "Locked.".to_owned())?;
    Ok(Exit::Ok)
}

/// Returns when the store is open.
pub(super) async fn unlock(args: UnlockArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let mut params = UnlockStore::default();
    if let Some(path) = &args.passphrase_file {
        params.passphrase = Some(Secret::new(first_line_of(path)?.to_string()));
    }
    match client.call::<Unlock>(&params).await {
        Err(error) if error.is(&codes::UNLOCK_REQUIRED) => {
            let asking = tokio::task::spawn_blocking(|| {
                prompt("Passphrase: ", "Use --passphrase-file FILE, or - for standard input.")
            });
            let typed = asking
                .await
                .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))??;
            params.passphrase = Some(Secret::new(typed.to_string()));
            client.call::<Unlock>(&params).await?;
        }
        answered => drop(answered?),
    }
    drop(client);
    let status = reaches(context, |status| status.state != ConnectionState::Locked).await?;
    context.out.show(&status, |_| "Unlocked.".to_owned())?;
    Ok(Exit::Ok)
}

/// Waits until the daemon's status is like this. Between the two it does not answer for a moment.
async fn reaches(context: &Context, is_so: impl Fn(&Status) -> bool) -> Result<Status, RpcError> {
    let deadline = Instant::now() + Duration::from_millis(LOCKING_MS.saturating_mul(2));
    loop {
        let status = async { context.client().await?.call::<StatusGet>(&StatusOf::default()).await }.await;
        match status {
            Ok(status) if is_so(&status) => return Ok(status),
            Err(error) if !daemon_is_away(&error) => return Err(error),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Ok(_) if Instant::now() >= deadline => {
                let message = "The daemon is still at work on it.";
                return Err(RpcError::new(&codes::DAEMON_BUSY, message).hint("See bauta status."));
            }
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
