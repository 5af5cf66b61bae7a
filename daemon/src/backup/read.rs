//! Reading a backup, row by row.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use age::secrecy::SecretString;
use bauta_protocol::backup::{Cell, Line, MAX_LINE, Table, VERSION};

use super::{BackupError, Contents};
use crate::store::{BackedUp, TABLES};

/// The highest cost of a passphrase that is accepted from a file, as a power of two: 1 GiB of memory.
const MAX_WORK: u8 = 20;

/// A backup that is open.
pub(super) struct Rows {
    lines: Lines,
    made_at: u64,
}

/// Reads all of a backup, and uses nothing of it.
pub(super) fn check(file: &Path, passphrase: &str) -> Result<Contents, BackupError> {
    Rows::open(file, passphrase)?.each(|_, _| Ok(()))
}

impl Rows {
    pub(super) fn open(path: &Path, passphrase: &str) -> Result<Self, BackupError> {
        let failed = |source| BackupError::File { path: path.to_owned(), source };
        let file = BufReader::new(File::open(path).map_err(failed)?);
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(MAX_WORK);
        let opened = age::Decryptor::new_buffered(file)
            .and_then(|sealed| sealed.decrypt(std::iter::once(&identity as &dyn age::Identity)));
        let opened = opened.map_err(|error| match error {
            age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
                BackupError::WrongPassphrase
            }
            age::DecryptError::Io(source) => failed(source),
            age::DecryptError::UnknownFormat => BackupError::Newer,
            _ => BackupError::Invalid("it is not encrypted as a backup is"),
        })?;
        let mut lines = Lines(BufReader::new(Box::new(opened)));
        match lines.next()? {
            Line::Head(head) if head.bauta_backup > VERSION => Err(BackupError::Newer),
            Line::Head(head) => Ok(Self { lines, made_at: head.made_at }),
            _ => Err(BackupError::Invalid("it does not begin as a backup")),
        }
    }

    /// Calls `take` with each row and its table.
    pub(super) fn each(
        mut self,
        mut take: impl FnMut(&'static BackedUp, Vec<Cell>) -> Result<(), BackupError>,
    ) -> Result<Contents, BackupError> {
        let mut contents = Contents { made_at: self.made_at, ..Contents::default() };
        let mut table: Option<&'static BackedUp> = None;
        loop {
            match (self.lines.next()?, table) {
                (Line::Table(next), _) => table = Some(known(&next)?),
                (Line::Row(cells), Some(table)) if cells.len() == table.columns.len() => {
                    contents.count(table.name);
                    take(table, cells)?;
                }
                (Line::End(end), _) if end.rows == contents.rows => {
                    self.lines.end()?;
                    return Ok(contents);
                }
                _ => return Err(BackupError::Invalid("a line is not where it belongs")),
            }
        }
    }
}

/// The table that a line names. Another one, or other columns, come from a newer version.
fn known(named: &Table) -> Result<&'static BackedUp, BackupError> {
    TABLES
        .iter()
        .find(|table| table.name == named.table && named.columns == table.columns)
        .ok_or(BackupError::Newer)
}

struct Lines(BufReader<Box<dyn Read + Send>>);

impl Lines {
    fn next(&mut self) -> Result<Line, BackupError> {
        let cut_off = |_| BackupError::Invalid("it is cut off or changed");
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(2);
        (&mut self.0).take(limit).read_until(b'\n', &mut line).map_err(cut_off)?;
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(Line::read(line)?),
            None if line.len() > MAX_LINE => Err(BackupError::Invalid("a line is too long")),
            None => Err(BackupError::Invalid("it is cut off")),
        }
    }

    /// Nothing comes after the last line.
    fn end(&mut self) -> Result<(), BackupError> {
        match self.0.fill_buf() {
            Ok([]) => Ok(()),
            _ => Err(BackupError::Invalid("something comes after its end")),
        }
    }
}
