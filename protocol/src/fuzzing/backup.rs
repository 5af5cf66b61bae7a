//! Lines of a backup.

use rand_core::CryptoRng;

use super::{BrokenRule, Parser, rule};
use crate::backup::{Base64, Cell, End, Head, Line, Table, VERSION};

pub(super) const PARSERS: &[Parser] = &[Parser { name: "backup_line", check: line, seeds: lines }];

fn line(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(line) = Line::read(bytes) else { return Ok(false) };
    // Base64 and escapes may make it longer than it was.
    let Ok(written) = line.write() else { return Ok(true) };
    let again = written.strip_suffix(b"\n").map(Line::read);
    rule(again == Some(Ok(line)), "a line is read as it is written")
}

fn lines(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let row = vec![
        Cell::Null,
        Cell::Number(-7),
        Cell::Text("two\nlines".to_owned()),
        Cell::Bytes { b: Base64(vec![0, 255, 7]) },
    ];
    let lines = [
        Line::Head(Head { bauta_backup: VERSION, made_at: 1_790_000_000_000 }),
        Line::Table(Table {
            table: "contacts".to_owned(),
            columns: vec!["id".to_owned(), "name".to_owned()],
        }),
        Line::Row(row),
        Line::End(End { rows: 1 }),
    ];
    let without_feed = |line: &Line| line.write().ok()?.strip_suffix(b"\n").map(<[u8]>::to_vec);
    lines.iter().map(without_feed).collect()
}
