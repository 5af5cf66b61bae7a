use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bauta_ipc::{RpcError, codes, file_code};
use indicatif::ProgressBar;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Where log lines go: standard error, above a moving line if there is one, or a file.
#[derive(Clone, Default)]
pub(crate) struct LogTarget {
    file: Option<Arc<File>>,
    /// The moving line of the progress, while there is one.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl LogTarget {
    /// A target that writes log lines to this new file.
    pub(crate) fn file(path: &Path) -> Result<Self, RpcError> {
        let file = File::create(path).map_err(|error| {
            let code = file_code(&error, &codes::FILE_FAILED);
            RpcError::new(code, format!("{} cannot be written: {error}.", path.display()))
        })?;
        Ok(Self { file: Some(Arc::new(file)), bar: Arc::default() })
    }

    /// Lines go above this bar from now on.
    pub(super) fn above(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }
}

impl fmt::Debug for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogTarget").field("file", &self.file.is_some()).finish_non_exhaustive()
    }
}

/// Starts logging for this process; a second call changes nothing.
pub(crate) fn start_logging(target: &LogTarget) {
    let colour = target.file.is_none()
        && io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let wanted = std::env::var("BAUTA_LOG").unwrap_or_default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives(&wanted)))
        .with_writer(target.clone())
        .with_ansi(colour)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The filter for a value of `BAUTA_LOG`: a level for Bauta's own code, or directives of tracing-subscriber.
/// Directives for Nym's crates are ignored, and their cap comes last: they log tags and addresses.
fn directives(wanted: &str) -> String {
    let mut own = String::from("warn,bauta=info");
    for directive in wanted.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let lower = directive.to_ascii_lowercase();
        match lower.as_str() {
            "off" | "error" | "warn" | "info" | "debug" | "trace" => {
                own = format!("{},bauta={lower}", quiet(&lower))
            }
            _ if lower.starts_with("nym") || lower.starts_with('[') => {}
            _ => own = format!("{own},{directive}"),
        }
    }
    format!("{own},{}", bauta_sphinx_client::LOG_DIRECTIVES)
}

/// The level of all other code.
fn quiet(level: &str) -> &str {
    if matches!(level, "off" | "error") { level } else { "warn" }
}

impl<'a> MakeWriter<'a> for LogTarget {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { target: self, text: Vec::new() }
    }
}

/// One log line, written as a whole.
pub(crate) struct Line<'a> {
    target: &'a LogTarget,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // A log that cannot be written must not stop the program.
        if let Some(file) = &self.target.file {
            let _ = (&**file).write_all(&self.text);
            return;
        }
        let write = || {
            let _ = io::stderr().lock().write_all(&self.text);
        };
        match &*self.target.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nym_stays_capped_for_every_value() {
        let cap = bauta_sphinx_client::LOG_DIRECTIVES;
        assert_eq!(directives(""), format!("warn,bauta=info,{cap}"));
        assert_eq!(directives("DEBUG"), format!("warn,bauta=debug,{cap}"));
        assert_eq!(directives("off"), format!("off,bauta=off,{cap}"));
        assert_eq!(directives("nym_client_core=trace"), format!("warn,bauta=info,{cap}"));
        assert_eq!(
            directives("info,bauta_daemon::store=trace"),
            format!("warn,bauta=info,bauta_daemon::store=trace,{cap}")
        );
        for wanted in ["", "trace", "nym_sdk=trace,bauta_relay=debug", "=,=,nonsense=loud"] {
            let _ = EnvFilter::new(directives(wanted));
        }
    }
}
