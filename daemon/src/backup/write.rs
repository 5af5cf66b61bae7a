//! Writing a backup, and reading it back.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use age::stream::StreamWriter;
use bauta_private_file as private_file;
use bauta_protocol::backup::{Cell, End, Head, Line, Table, VERSION};
use bauta_protocol::time::Timestamp;

use super::{BackupError, Contents, read};
use crate::store::{BackedUp, MESSAGES, Store, StoreError, TABLES};

/// Messages read in one transaction, so that nobody waits long for the store.
const AT_ONCE: u32 = 500;

/// What a backup does with messages that disappear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timers {
    /// They are not in it: the file stays when they have ended.
    LeftOut,
    /// They are, as far as they have not ended: the home moves, and they end where it is then.
    Kept,
}

/// Writes a backup into a new file, reads it back, and only then gives the file its name.
// Everything but the history is read in one transaction, so that it goes together. The history follows in pages, of the
// conversations that were read before: what comes meanwhile is in the next backup.
pub(crate) async fn write(
    store: &Store,
    path: &Path,
    passphrase: &str,
    timers: Timers,
    now: Timestamp,
) -> Result<Contents, BackupError> {
    if passphrase.is_empty() {
        return Err(BackupError::EmptyPassphrase);
    }
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    if path.try_exists().map_err(failed)? {
        return Err(BackupError::Exists(path.to_owned()));
    }
    let part = Part::beside(path);
    let passphrase = SecretString::from(passphrase.to_owned());
    let written = write_part(store, &part.0, passphrase.clone(), timers, now).await?;
    let checking = (part.0.clone(), passphrase);
    let found = on_thread(move || {
        let (path, passphrase) = checking;
        read::check(&path, age::secrecy::ExposeSecret::expose_secret(&passphrase))
    });
    if found.await? != written {
        return Err(BackupError::Changed);
    }
    // Never over another file, also one that came meanwhile.
    fs::hard_link(&part.0, path).map_err(failed)?;
    if let Some(directory) = path.parent() {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    }
    Ok(written)
}

async fn write_part(
    store: &Store,
    part: &Path,
    passphrase: SecretString,
    timers: Timers,
    now: Timestamp,
) -> Result<Contents, BackupError> {
    let first = store.run(|tx| -> Result<Vec<Vec<Vec<Cell>>>, StoreError> {
        TABLES.iter().filter(|table| table.name != MESSAGES).map(|table| tx.backup_table(table)).collect()
    });
    let mut first = first.await?.into_iter();
    let path = part.to_owned();
    let mut file = on_thread(move || Writing::begin(path, passphrase, now)).await?;
    let mut conversations = HashSet::new();
    for table in TABLES {
        if table.name == MESSAGES {
            file = history(store, file, table, &conversations, timers, now).await?;
            continue;
        }
        let rows = first.next().unwrap_or_default();
        if table.name == "conversations" {
            conversations.extend(rows.iter().filter_map(|cells| number(cells.first())));
        }
        file = on_thread(move || file.table(table)?.rows(table, rows)).await?;
    }
    on_thread(move || file.end()).await
}

/// Writes the messages of these conversations.
async fn history(
    store: &Store,
    file: Writing,
    table: &'static BackedUp,
    conversations: &HashSet<i64>,
    timers: Timers,
    now: Timestamp,
) -> Result<Writing, BackupError> {
    let mut file = on_thread(move || file.table(table)).await?;
    let place = table.place("conversation");
    let mut last = 0;
    loop {
        let with_timers = timers == Timers::Kept;
        let page = store.run(move |tx| tx.backup_messages(last, AT_ONCE, with_timers, now)).await;
        let page = page.map_err(BackupError::Store)?;
        let Some((place_of_last, _)) = page.last() else { return Ok(file) };
        last = *place_of_last;
        let rows = page.into_iter().map(|(_, cells)| cells);
        let of_conversation = |cells: &Vec<Cell>| {
            number(place.and_then(|place| cells.get(place))).is_some_and(|id| conversations.contains(&id))
        };
        let rows: Vec<_> = rows.filter(of_conversation).collect();
        file = on_thread(move || file.rows(table, rows)).await?;
    }
}

fn number(cell: Option<&Cell>) -> Option<i64> {
    match cell {
        Some(Cell::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Runs what works for long, so that nothing else waits for it.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BackupError::Store(StoreError::Closed)))
}

/// A file that is being written; it is removed in the end.
struct Part(PathBuf);

impl Part {
    fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        Self(name.into())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct Writing {
    path: PathBuf,
    out: StreamWriter<BufWriter<File>>,
    contents: Contents,
}

impl Writing {
    fn begin(path: PathBuf, passphrase: SecretString, now: Timestamp) -> Result<Self, BackupError> {
        let begun = private_file::open(&path).and_then(|file| {
            file.set_len(0)?;
            age::Encryptor::with_user_passphrase(passphrase).wrap_output(BufWriter::new(file))
        });
        let out = begun.map_err(|source| BackupError::File { path: path.clone(), source })?;
        let mut writing = Self { path, out, contents: Contents { made_at: now.0, ..Contents::default() } };
        writing.line(&Line::Head(Head { bauta_backup: VERSION, made_at: now.0 }))?;
        Ok(writing)
    }

    fn failed(&self, source: io::Error) -> BackupError {
        BackupError::File { path: self.path.clone(), source }
    }

    fn line(&mut self, line: &Line) -> Result<(), BackupError> {
        let bytes = zeroize::Zeroizing::new(line.write()?);
        self.out.write_all(&bytes).map_err(|error| self.failed(error))
    }

    fn table(mut self, table: &BackedUp) -> Result<Self, BackupError> {
        self.line(&Line::Table(Table {
            table: table.name.to_owned(),
            columns: table.columns.iter().map(|column| (*column).to_owned()).collect(),
        }))?;
        Ok(self)
    }

    fn rows(mut self, table: &BackedUp, rows: Vec<Vec<Cell>>) -> Result<Self, BackupError> {
        for cells in rows {
            self.contents.count(table.name);
            self.line(&Line::Row(cells))?;
        }
        Ok(self)
    }

    fn end(mut self) -> Result<Contents, BackupError> {
        self.line(&Line::End(End { rows: self.contents.rows }))?;
        let path = self.path.clone();
        let ended = self.out.finish().and_then(|out| {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()
        });
        ended.map_err(|source| BackupError::File { path, source })?;
        Ok(self.contents)
    }
}
