use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bauta_ipc::{RpcError, codes, file_code};
use comfy_table::Table;
use serde::Serialize;
use serde_json::json;

use crate::words::{escaped_json, printable};

/// The only way to standard output (data) and standard error (notes).
/// After the reader of standard output has closed it, writing to it does nothing.
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

    /// Whether a person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Whether standard output may have colours.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour && self.is_terminal()
    }

    /// Whether a person reads standard error, and lines on it may move.
    pub(crate) fn may_animate(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether the reader of standard output has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Prints a value as JSON, or else as what `text` makes of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), RpcError> {
        if self.json { self.value(value) } else { self.text(&text(value)) }
    }

    /// Prints a value as JSON: on one line, unless a person reads it.
    pub(crate) fn value<T: Serialize>(&self, value: &T) -> Result<(), RpcError> {
        if !io::stdout().is_terminal() {
            return self.line(value);
        }
        self.text(&escaped_json(&serde_json::to_string_pretty(value).map_err(|error| not_json(&error))?))
    }

    /// Prints a value as JSON on one line, also for a person.
    pub(crate) fn line<T: Serialize>(&self, value: &T) -> Result<(), RpcError> {
        self.text(&escaped_json(&serde_json::to_string(value).map_err(|error| not_json(&error))?))
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
                file_code(&error, &codes::FILE_FAILED),
                format!("Standard output could not be written: {error}."),
            )),
        }
    }

    /// Prints raw bytes to standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), RpcError> {
        let text = String::from_utf8_lossy(bytes);
        self.text(text.trim_end_matches('\n'))
    }

    /// Prints a line to standard error. What others wrote may be quoted in it, so it is made safe for a terminal.
    pub(crate) fn note(&self, text: &str) {
        self.stderr(&printable(text));
    }

    /// Nothing depends on what standard error gets, so a failure is ignored.
    fn stderr(&self, text: &str) {
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
        self.stderr(&format!("{bold}{}{plain} {dim}({}){plain}", printable(&error.message), error.code));
        if !error.hint.is_empty() {
            self.note(&format!("  {}", error.hint));
        }
    }
}

fn not_json(error: &serde_json::Error) -> RpcError {
    RpcError::new(&codes::INTERNAL, format!("The value cannot be written as JSON: {error}."))
}

/// A table of aligned columns without lines; empty text when there are no rows.
pub(crate) fn plain_table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    if table.is_empty() {
        return String::new();
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
