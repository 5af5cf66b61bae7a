//! Texts and secrets from a terminal, a file or standard input. Secrets never come from arguments, which every user
//! of the machine can see.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use bauta_ipc::{RpcError, codes};
use zeroize::Zeroizing;

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

/// The first line of a file; `-` is standard input.
pub(crate) fn first_line_of(path: &Path) -> Result<Zeroizing<String>, RpcError> {
    if path == Path::new("-") {
        return first_line(io::stdin().lock()).map_err(|error| unreadable("Standard input", &error));
    }
    let failed = |error: io::Error| unreadable(&path.display().to_string(), &error);
    first_line(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)
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
    Ok(line)
}

pub(crate) fn unreadable(what: &str, error: &io::Error) -> RpcError {
    RpcError::new(&codes::FILE_FAILED, format!("{what} cannot be read: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_the_passphrase() {
        for (text, passphrase) in
            [("one two \nthree", "one two "), ("one\r\n", "one"), ("", ""), ("one", "one")]
        {
            assert_eq!(first_line(text.as_bytes()).unwrap().as_str(), passphrase);
        }
        assert_eq!(first_line(vec![b'x'; 10_000].as_slice()).unwrap().len(), 4096);
        assert!(first_line([0xff, b'\n'].as_slice()).is_err());
    }
}
