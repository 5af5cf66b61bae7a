//! How `bauta up` opens the store.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use bauta_daemon::unlock::{Mode, Unlock};
use bauta_ipc::{RpcError, codes};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use zeroize::Zeroizing;

use crate::{Output, first_line_of, prompt, unreadable};

/// How to open the home's store: the way chosen at the first run, or the one that `--unlock` or the user names now.
pub(super) async fn choose(
    home: &Path,
    wanted: Option<Mode>,
    passphrase_file: Option<PathBuf>,
    out: &Output,
) -> Result<Unlock, RpcError> {
    let kept = mode_of(home)?;
    // A thread of the runtime must not wait for the terminal.
    let out = out.clone();
    let asking = tokio::task::spawn_blocking(move || {
        let mode = agree(kept, wanted, || ask_mode(&out))?;
        match (mode, passphrase_file) {
            (Mode::Keychain, None) => Ok(Unlock::Keychain),
            (Mode::KeyFile, None) => Ok(Unlock::KeyFile),
            (Mode::Passphrase, Some(path)) => first_line_of(&path).map(Unlock::Passphrase),
            (Mode::Passphrase, None) => {
                ask_passphrase("Passphrase: ", kept.is_none()).map(Unlock::Passphrase)
            }
            (mode, Some(_)) => {
                let message = format!("This home is protected by {mode}, which takes no --passphrase-file.");
                Err(RpcError::new(&codes::USAGE, message).hint("Leave it out."))
            }
        }
    });
    asking.await.map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))?
}

pub(super) fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::name)).try_map(|name| name.parse::<Mode>())
}

/// How a home is protected; `None` before its first run.
pub(super) fn mode_of(home: &Path) -> Result<Option<Mode>, RpcError> {
    Unlock::mode_of(home).map_err(|error| RpcError::of(&codes::UNLOCK_FAILED, &error))
}

/// What protects a home from now on: another mode, or another passphrase.
pub(super) async fn choose_anew(mode: Mode, passphrase_file: Option<PathBuf>) -> Result<Unlock, RpcError> {
    let asking = tokio::task::spawn_blocking(move || match (mode, passphrase_file) {
        (Mode::Keychain, None) => Ok(Unlock::Keychain),
        (Mode::KeyFile, None) => Ok(Unlock::KeyFile),
        (Mode::Passphrase, Some(path)) => first_line_of(&path).map(Unlock::Passphrase),
        (Mode::Passphrase, None) => ask_passphrase("New passphrase: ", true).map(Unlock::Passphrase),
        (mode, Some(_)) => {
            let message = format!("{mode} takes no --new-passphrase-file.");
            Err(RpcError::new(&codes::USAGE, message).hint("Leave it out."))
        }
    });
    asking.await.map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))?
}

fn agree(
    kept: Option<Mode>,
    wanted: Option<Mode>,
    ask: impl FnOnce() -> Result<Mode, RpcError>,
) -> Result<Mode, RpcError> {
    match (kept, wanted) {
        (Some(kept), Some(wanted)) if kept != wanted => {
            let message = format!("This home is protected by {kept}, not by {wanted}.");
            Err(RpcError::new(&codes::USAGE, message)
                .hint(format!("Leave --unlock out, or use --unlock {kept}.")))
        }
        (Some(mode), _) | (None, Some(mode)) => Ok(mode),
        (None, None) => ask(),
    }
}

fn ask_mode(out: &Output) -> Result<Mode, RpcError> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let message = "This is the home's first run, and it is not known how to protect its store.";
        let hint = "Use --unlock keychain, passphrase or keyfile.";
        return Err(RpcError::new(&codes::UNLOCK_REQUIRED, message).hint(hint));
    }
    out.note(
        "How should Bauta protect its store?\n  \
         1  keychain: this desktop's keychain keeps the key\n  \
         2  passphrase: you type it at each start\n  \
         3  keyfile: the key is stored beside the store; no protection from anyone who has the disk",
    );
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| unreadable("Standard input", &error))?;
        match line.trim() {
            "1" => return Ok(Mode::Keychain),
            "2" => return Ok(Mode::Passphrase),
            "3" => return Ok(Mode::KeyFile),
            name => match name.parse() {
                Ok(mode) => return Ok(mode),
                Err(_) => out.note("1, 2 or 3?"),
            },
        }
    }
    Err(RpcError::new(&codes::UNLOCK_REQUIRED, "No choice was made."))
}

fn ask_passphrase(question: &str, first: bool) -> Result<Zeroizing<String>, RpcError> {
    let otherwise = "Use --passphrase-file FILE, or - for standard input.";
    let passphrase = prompt(question, otherwise)?;
    if first && *passphrase != *prompt("The same again: ", otherwise)? {
        return Err(RpcError::new(&codes::UNLOCK_FAILED, "The two passphrases differ."));
    }
    Ok(passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_keeps_its_mode() {
        let never = || panic!("asked");
        assert_eq!(agree(Some(Mode::KeyFile), None, never).unwrap(), Mode::KeyFile);
        assert_eq!(agree(None, Some(Mode::Passphrase), never).unwrap(), Mode::Passphrase);
        let error = agree(Some(Mode::KeyFile), Some(Mode::Keychain), never).unwrap_err();
        assert!(error.is(&codes::USAGE) && error.hint.contains("keyfile"));
        assert_eq!(agree(None, None, || Ok(Mode::Keychain)).unwrap(), Mode::Keychain);
    }
}
