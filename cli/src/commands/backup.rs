//! `bauta backup`

use std::path::PathBuf;

use bauta_ipc::methods::HomeBackup;
use bauta_ipc::{BackUpHome, BackedUpHome, Exit, RpcError, Secret, codes};
use clap::Args;

use crate::{Context, first_line_of, moment, prompt};

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read the backup's passphrase from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Move the home to another machine with this file: here the daemon stops, and sends nothing from then on
    #[arg(long = "move")]
    moves: bool,
}

/// Returns when the file was read back.
pub(super) async fn run(args: BackupArgs, context: &Context) -> Result<Exit, RpcError> {
    let file = std::path::absolute(&args.file)
        .map_err(|error| RpcError::new(&codes::FILE_FAILED, format!("There is no such place: {error}.")))?;
    let path = file.to_str().ok_or_else(|| {
        RpcError::new(&codes::USAGE, "The name of the file is not a text.").hint("Choose another one.")
    })?;
    let client = context.client().await?;
    let moves = args.moves;
    let passphrase = new_passphrase(args.passphrase_file).await?;
    let params = BackUpHome { path: path.to_owned(), passphrase, moves };
    let written = client.call::<HomeBackup>(&params).await?;
    let restore = format!("On the other machine: {}", context.command("restore FILE"));
    context.out.show(&written, |written| {
        let what = format!("Written and read back: {}.", describe(written));
        match moves {
            false => what,
            true => format!("{what}\nThis home sends nothing from now on. {restore}"),
        }
    })?;
    Ok(Exit::Ok)
}

/// A passphrase of backups, from a file or typed twice.
pub(super) async fn new_passphrase(from: Option<PathBuf>) -> Result<Secret, RpcError> {
    let asking = tokio::task::spawn_blocking(move || match from {
        Some(path) => first_line_of(&path),
        None => {
            let otherwise = "Use --passphrase-file FILE, or - for standard input.";
            let passphrase = prompt("Passphrase of the backup: ", otherwise)?;
            match *passphrase == *prompt("The same again: ", otherwise)? {
                true => Ok(passphrase),
                false => Err(RpcError::new(&codes::BACKUP_PASSPHRASE, "The two passphrases differ.")),
            }
        }
    });
    let passphrase = asking
        .await
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))??;
    Ok(Secret::new(passphrase.to_string()))
}

/// What a backup holds.
pub(super) fn describe(backup: &BackedUpHome) -> String {
    let BackedUpHome { made_at, personas, contacts, messages } = backup;
    format!("{personas} personas, {contacts} contacts, {messages} messages, of {}", moment(*made_at))
}
