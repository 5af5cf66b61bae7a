//! A text that somebody writes in their editor, as git and crontab(5) do it.

// An editor writes what it edits to a file. Here that file is in the user's runtime directory, which is in memory, is open
// to nobody else and is removed at logout (XDG Base Directory Specification). Without that directory no editor is used:
// a text must not be written to a disk in plain.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bauta_ipc::{RpcError, codes};

/// An editor, and where its file may lie.
pub(crate) struct Editor {
    /// A line for the shell, such as `code --wait`.
    command: OsString,
    place: PathBuf,
}

impl Editor {
    /// That of `VISUAL` or `EDITOR`, where somebody sits before a terminal and has a runtime directory.
    pub(crate) fn chosen() -> Option<Self> {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let sits = io::stdin().is_terminal() && io::stdout().is_terminal();
        let command = var("VISUAL").or_else(|| var("EDITOR")).filter(|_| sits)?;
        Some(Self { command, place: var("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir())? })
    }

    /// Waits until the editor ends; at most `most` bytes of what it wrote.
    pub(crate) fn write(&self, most: u64) -> Result<Vec<u8>, RpcError> {
        // The editor puts copies of its own beside the file; all go with the directory.
        let directory = tempfile::Builder::new().prefix("bauta-").tempdir_in(&self.place);
        let directory = directory.map_err(|error| unusable(&self.place, &error))?;
        let path = directory.path().join("text");
        let new = File::options().write(true).create_new(true).mode(0o600).open(&path);
        drop(new.map_err(|error| unusable(&path, &error))?);
        let mut line = self.command.clone();
        line.push(" \"$1\"");
        let ended =
            Command::new("sh").args([OsStr::new("-c"), &line, OsStr::new("editor")]).arg(&path).status();
        match ended {
            Ok(status) if status.success() => {}
            ended => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                let message = format!("The editor {:?} failed: {how}. Nothing is sent.", self.command);
                return Err(RpcError::new(&codes::USAGE, message)
                    .hint("Set EDITOR to one that works, or give the text on standard input: -"));
            }
        }
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(most).read_to_end(&mut bytes))
            .map_err(|error| unusable(&path, &error))?;
        if bytes.trim_ascii().is_empty() {
            return Err(RpcError::new(&codes::USAGE, "Nothing was written, so nothing is sent."));
        }
        Ok(bytes)
    }
}

fn unusable(path: &Path, error: &io::Error) -> RpcError {
    RpcError::new(&codes::FILE_FAILED, format!("{} cannot be used: {error}.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(command: &str) -> (Result<Vec<u8>, RpcError>, usize) {
        let place = tempfile::tempdir().unwrap();
        let editor = Editor { command: command.into(), place: place.path().to_owned() };
        (editor.write(8), std::fs::read_dir(place.path()).unwrap().count())
    }

    #[test]
    fn what_the_editor_wrote_is_read_and_gone() {
        let (text, left) = written("f() { echo words > \"$1\"; cp \"$1\" \"$1~\"; }; f");
        assert_eq!((text.unwrap().as_slice(), left), (&b"words\n"[..], 0));
        assert_eq!(written("f() { echo too many words > \"$1\"; }; f").0.unwrap(), b"too many");
    }

    #[test]
    fn nothing_is_sent_where_it_failed_or_wrote_nothing() {
        for (command, says) in [
            ("false", "failed"),
            ("/does/not/exist", "failed"),
            ("true", "Nothing was written"),
            ("f() { echo > \"$1\"; }; f", "Nothing was written"),
            ("rm", "cannot be used"),
        ] {
            let (text, left) = written(command);
            let error = text.unwrap_err();
            assert!(error.message.contains(says) && left == 0, "{command}: {error:?}");
        }
    }

    #[test]
    fn nobody_else_may_read_it() {
        let (text, _) = written("f() { stat -c %a \"$1\" > \"$1~\"; cat \"$1~\" > \"$1\"; }; f");
        assert_eq!(text.unwrap(), b"600\n");
    }
}
