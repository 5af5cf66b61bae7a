//! Texts and secrets from a terminal, a file or standard input. Secrets never come from arguments, which every user
//! of the machine can see.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use bauta_ipc::{RpcError, codes};
use bauta_private_file::{self as private_file, ReadError};
use zeroize::Zeroizing;

use super::{Output, shell_word};

/// The longest line that is read as a password.
const MAX_LINE: u64 = 4096;
/// The longest text that is read; with room for escapes, it fits into a frame.
const MAX_TEXT: u64 = 256 * 1024;
/// The longest secret that is read whole.
const MAX_SECRET: u64 = 16 * 1024;

/// Asks at the terminal without echo.
pub(crate) fn prompt(text: &str, otherwise: &str) -> Result<Zeroizing<String>, RpcError> {
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|_| RpcError::new(&codes::UNLOCK_FAILED, "There is no terminal to ask on.").hint(otherwise))
}

/// The first line of a file that nobody else can read; `-` is standard input.
pub(crate) fn first_line_of(path: &Path) -> Result<Zeroizing<String>, RpcError> {
    if path == Path::new("-") {
        return first_line(io::stdin().lock()).map_err(|error| unreadable("Standard input", &error));
    }
    let name = path.display();
    let bytes = match private_file::read_private(path, MAX_LINE) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(unreadable(&name.to_string(), &io::ErrorKind::NotFound.into())),
        Err(ReadError::Io(error)) => return Err(unreadable(&name.to_string(), &error)),
        Err(error @ ReadError::TooLong) => {
            return Err(RpcError::new(&codes::FILE_FAILED, format!("{name} cannot be used: {error}.")));
        }
        Err(error @ (ReadError::Exposed | ReadError::Foreign)) => {
            let fix = match error {
                ReadError::Exposed => format!("chmod go= {}", shell_word(&name.to_string())),
                _ => format!("chown \"$USER\" {}", shell_word(&name.to_string())),
            };
            let refused = RpcError::new(&codes::ACCESS_FILES, format!("{name} cannot be used: {error}."));
            return Err(refused.hint(format!("Run: {fix}")));
        }
    };
    first_line(bytes.as_slice()).map_err(|error| unreadable(&name.to_string(), &error))
}

/// Asks a question that ends with `[y/N]`. `None`: there is nobody to ask.
pub(crate) async fn agreed(question: &str, out: &Output) -> Result<Option<bool>, RpcError> {
    if !(io::stdin().is_terminal() && out.is_terminal()) {
        return Ok(None);
    }
    out.note(question);
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().take(MAX_LINE).read_line(&mut line).map(|_| line)
    });
    let line = read
        .await
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Asking failed: {error}.")))?
        .map_err(|error| unreadable("Standard input", &error))?;
    Ok(Some(matches!(line.trim(), "y" | "Y" | "yes")))
}

/// All of standard input, or one hidden line at a terminal.
pub(crate) fn secret_input(text: &str) -> Result<Zeroizing<String>, RpcError> {
    if io::stdin().is_terminal() {
        return prompt(text, "Pass it on standard input.");
    }
    let mut secret = Zeroizing::new(String::with_capacity(MAX_SECRET as usize + 1));
    io::stdin()
        .lock()
        .take(MAX_SECRET)
        .read_to_string(&mut secret)
        .map_err(|error| unreadable("Standard input", &error))?;
    Ok(secret)
}

/// A text from a file; `-` is standard input.
pub(crate) fn text_of(path: &Path) -> Result<String, RpcError> {
    if path == Path::new("-") {
        return whole(io::stdin().lock()).map_err(|error| unreadable("Standard input", &error));
    }
    let failed = |error: io::Error| unreadable(&path.display().to_string(), &error);
    whole(File::open(path).map_err(failed)?).map_err(failed)
}

fn whole(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn first_line(reader: impl BufRead) -> io::Result<Zeroizing<String>> {
    // Allocated in full length: a string that grows leaves copies in memory.
    let mut line = Zeroizing::new(String::with_capacity(MAX_LINE as usize + 1));
    reader.take(MAX_LINE).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    // Editors of other systems put one before the text; nobody types it.
    if line.starts_with('\u{feff}') {
        line.drain(..'\u{feff}'.len_utf8());
    }
    Ok(line)
}

pub(crate) fn unreadable(what: &str, error: &io::Error) -> RpcError {
    RpcError::new(&codes::FILE_FAILED, format!("{what} cannot be read: {error}."))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_first_line_is_the_passphrase() {
        for (text, passphrase) in [
            ("one two \nthree", "one two "),
            ("one\r\n", "one"),
            ("", ""),
            ("one", "one"),
            ("\u{feff}one\n", "one"),
            ("\u{feff}", ""),
            ("o\u{feff}ne", "o\u{feff}ne"),
        ] {
            assert_eq!(first_line(text.as_bytes()).unwrap().as_str(), passphrase);
        }
        assert_eq!(first_line(vec![b'x'; 10_000].as_slice()).unwrap().len(), 4096);
        assert!(first_line([0xff, b'\n'].as_slice()).is_err());
    }

    #[test]
    fn a_passphrase_file_is_only_its_owners() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("passphrase");
        std::fs::write(&path, "\u{feff}open sesame\r\n").unwrap();
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = first_line_of(&path).unwrap_err();
            assert!(refused.is(&codes::ACCESS_FILES) && refused.hint.contains("chmod go= "), "{refused:?}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(first_line_of(&path).unwrap().as_str(), "open sesame");
        }
        assert!(first_line_of(&home.path().join("none")).unwrap_err().is(&codes::FILE_FAILED));
    }
}
