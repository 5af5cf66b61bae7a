use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bauta_ipc::{RpcError, codes};
use serde::Serialize;
use serde_json::json;

/// The one way to standard output (data) and standard error (notes).
/// When the reader of standard output has gone, writing to it does nothing.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    closed: Arc<AtomicBool>,
}

impl Output {
    /// With `json`, data and errors are JSON on standard output.
    pub(crate) fn new(json: bool) -> Self {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { json, colour, closed: Arc::default() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Standard output may hold colours.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour && self.is_terminal()
    }

    /// A person reads standard error, and it may move.
    pub(crate) fn may_animate(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Prints a value as JSON, or else what `text` makes of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), RpcError> {
        if self.json { self.value(value) } else { self.text(&text(value)) }
    }

    /// Prints a value as JSON: on one line, unless a person reads it.
    pub(crate) fn value<T: Serialize>(&self, value: &T) -> Result<(), RpcError> {
        let text = if io::stdout().is_terminal() {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.text(
            &text.map_err(|error| {
                RpcError::new(&codes::INTERNAL, format!("Not writable as JSON: {error}."))
            })?,
        )
    }

    /// Prints a value as JSON on one line, whoever reads it.
    pub(crate) fn line<T: Serialize>(&self, value: &T) -> Result<(), RpcError> {
        let text = serde_json::to_string(value);
        self.text(
            &text.map_err(|error| {
                RpcError::new(&codes::INTERNAL, format!("Not writable as JSON: {error}."))
            })?,
        )
    }

    /// Prints text and a line feed to standard output; empty text prints nothing.
    pub(crate) fn text(&self, text: &str) -> Result<(), RpcError> {
        if text.is_empty() || self.is_closed() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush())
        {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(RpcError::new(
                &codes::FILE_FAILED,
                format!("Standard output could not be written: {error}."),
            )),
        }
    }

    /// Prints raw bytes to standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), RpcError> {
        let text = String::from_utf8_lossy(bytes);
        self.text(text.trim_end_matches('\n'))
    }

    /// Prints a line to standard error. Nothing depends on it, so a failure is no error.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Prints an error: JSON on standard output, or else two lines on standard error.
    pub(crate) fn error(&self, error: &RpcError) {
        if self.json {
            let _ = self.value(&json!({ "error": error }));
            return;
        }
        let (bold, dim, plain) = if self.colour && io::stderr().is_terminal() {
            ("\x1b[1m", "\x1b[2m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        self.note(&format!("{bold}{}{plain} {dim}({}){plain}", error.message, error.code));
        if !error.hint.is_empty() {
            self.note(&format!("  {}", error.hint));
        }
    }
}
