//! A backup of a home, inside its encryption: lines of JSON.
//!
//! The first line is the head, the last one the end. Between them each table is a line that names it and its columns,
//! and then a line for each row. The daemon knows the tables; this is the form alone.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

/// The version of the form.
pub const VERSION: u32 = 1;

/// Bytes of the longest line, without its line feed.
pub const MAX_LINE: usize = 4 << 20;

/// One line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// A row of the table before it.
    Row(Vec<Cell>),
    /// The first line.
    Head(Head),
    /// What the rows after it are.
    Table(Table),
    /// The last line.
    End(End),
}

/// The first line of a backup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// See [`VERSION`].
    pub bauta_backup: u32,
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_at: u64,
}

/// Names a table and the columns of its rows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// The columns, in the order of each row's cells.
    pub columns: Vec<String>,
}

/// The last line of a backup: without it, the file was cut off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct End {
    /// How many rows there were.
    pub rows: u64,
}

/// One value of a row, which may be a key or a text of somebody's: it is not shown, and wiped when it is dropped.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes: `{"b":"base64"}`.
    Bytes {
        /// The bytes.
        b: Base64,
    },
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
            Self::Bytes { .. } => "Bytes(..)",
        })
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if let Self::Text(text) = self {
            text.zeroize();
        }
    }
}

/// Bytes as base64 (RFC 4648, section 4).
#[derive(Clone, Eq, PartialEq)]
pub struct Base64(pub Vec<u8>);

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64(..)")
    }
}

impl Drop for Base64 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Why a line could not be read or written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LineError {
    /// More than [`MAX_LINE`] bytes.
    #[error("a line is too long")]
    TooLong,
    /// Not one of the four kinds of lines.
    #[error("a line is not one of a backup")]
    Malformed,
}

impl Line {
    /// Reads a line, without its line feed.
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn read(bytes: &[u8]) -> Result<Self, LineError> {
        if bytes.len() > MAX_LINE {
            return Err(LineError::TooLong);
        }
        serde_json::from_slice(bytes).map_err(|_| LineError::Malformed)
    }

    /// The line, with its line feed.
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn write(&self) -> Result<Vec<u8>, LineError> {
        let mut bytes = serde_json::to_vec(self).map_err(|_| LineError::Malformed)?;
        if bytes.len() > MAX_LINE {
            return Err(LineError::TooLong);
        }
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Number),
            any::<String>().prop_map(Cell::Text),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Cell::Bytes { b: Base64(bytes) }),
        ]
    }

    fn line() -> impl Strategy<Value = Line> {
        prop_oneof![
            proptest::collection::vec(cell(), 0..6).prop_map(Line::Row),
            (any::<u32>(), any::<u64>())
                .prop_map(|(bauta_backup, made_at)| Line::Head(Head { bauta_backup, made_at })),
            (any::<String>(), proptest::collection::vec(any::<String>(), 0..4))
                .prop_map(|(table, columns)| Line::Table(Table { table, columns })),
            any::<u64>().prop_map(|rows| Line::End(End { rows })),
        ]
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_is_written(line in line()) {
            let bytes = line.write().unwrap();
            let (last, rest) = bytes.split_last().unwrap();
            prop_assert_eq!((*last, rest.contains(&b'\n')), (b'\n', false));
            prop_assert_eq!(Line::read(rest), Ok(line));
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "{}",
            "null",
            "7",
            "\"x\"",
            "[[1]]",
            "[1.5]",
            "[true]",
            "[{\"b\":\"*\"}]",
            "[{}]",
            "{\"rows\":-1}",
        ] {
            assert_eq!(Line::read(line.as_bytes()), Err(LineError::Malformed), "{line}");
        }
        assert_eq!(Line::read(&vec![b' '; MAX_LINE + 1]), Err(LineError::TooLong));
        assert_eq!(Line::read("[".repeat(100_000).as_bytes()), Err(LineError::Malformed));
        assert_eq!(Line::Row(vec![Cell::Text("x".repeat(MAX_LINE))]).write(), Err(LineError::TooLong));
    }
}
