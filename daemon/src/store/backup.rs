//! The rows that a backup holds: out of a store, and into a new one.

// What is secret and used once is not among them: no ratchet, lane, prekey, invitation or inbox. Two homes that both
// used the same ones would encrypt under the same keys and read each other's boxes. A restored home has a new inbox and
// makes new prekeys, and begins each conversation again as after an old copy that was put back: what a contact has no
// receipt for is sent once more, and what comes twice is recognised by its id.

use bauta_protocol::backup::{Base64, Cell};
use bauta_protocol::id::{Capability, InboxId};
use bauta_protocol::time::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, ToSql, params_from_iter};

use super::tx::signed;
use super::{StoreError, Tx};

/// A table of a backup, and which of its rows and columns.
pub(crate) struct BackedUp {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
    rows: &'static str,
}

/// The history, which may be long.
pub(crate) const MESSAGES: &str = "messages";

/// Rows of a table, at most.
const MANY: u32 = 10_000_000;

/// The column of a persona's inboxes.
const INBOXES: &str = "inboxes";

/// Inboxes that a restored home knows of those before it.
const MOST_INBOXES: usize = 64;

/// A contact whose key is known; the others are open invitations, whose secrets are not in a backup.
const WITH_KEY: &str = "contact IN (SELECT id FROM contacts WHERE public IS NOT NULL)";

/// In the order in which they refer to each other. `relays` lists every row that others refer to.
pub(crate) const TABLES: &[BackedUp] = &[
    BackedUp {
        name: "meta",
        columns: &["key", "value"],
        rows: "key IN ('relays', 'traffic', 'gun.relays', 'gun.exits', 'gun.endpoint.port', 'gun.root',
               'history.days', 'lock.after', 'lock.suspend', 'backup.dir', 'backup.every', 'backup.keep',
               'posts.block', 'posts.spread', 'persona_in_use')",
    },
    BackedUp { name: "relays", columns: &["id", "doors", "configured"], rows: "1" },
    BackedUp {
        name: "personas",
        columns: &[
            "id",
            "name",
            "public",
            "secret",
            "identity",
            "relay",
            "created_at",
            INBOXES,
            "words",
            "words_path",
            "words_password",
            "local_key",
        ],
        rows: "1",
    },
    BackedUp { name: "known_relays", columns: &["persona", "relay", "doors", "equivocated"], rows: "1" },
    BackedUp {
        name: "contacts",
        columns: &[
            "id",
            "persona",
            "name",
            "public",
            "state",
            "verified",
            "added_at",
            "last_message_at",
            "relay",
            "bundle",
            "bundle_version",
            "identity",
            "identity_changed",
            "descriptor_day",
            "deposit_bits",
            "muted",
        ],
        rows: "public IS NOT NULL",
    },
    BackedUp {
        name: "conversations",
        columns: &[
            "id",
            "persona",
            "contact",
            "own_timer",
            "own_timer_at",
            "own_timer_told",
            "relied_timer",
            "their_timer",
            "their_timer_at",
        ],
        rows: WITH_KEY,
    },
    BackedUp {
        name: "forgotten",
        columns: &["conversation", "id"],
        rows: "conversation IN (SELECT v.id FROM conversations AS v JOIN contacts AS c ON c.id = v.contact
               WHERE c.public IS NOT NULL)",
    },
    BackedUp { name: "blocked", columns: &["persona", "public", "at"], rows: "1" },
    BackedUp {
        name: "profiles",
        columns: &["id", "network", "user", "persona", "nickname", "source", "learned_at"],
        rows: "1",
    },
    BackedUp { name: "profile_doubts", columns: &["network", "user", "persona", "seen_at"], rows: "1" },
    BackedUp {
        name: "post_keys",
        columns: &[
            "id", "persona", "iv", "digest", "network", "key", "author", "public", "origin", "site",
            "found_at", "used_at",
        ],
        rows: "1",
    },
    BackedUp { name: "post_readers", columns: &["post", "public"], rows: "1" },
    BackedUp {
        name: "received_keys",
        columns: &["contact", "iv", "digest", "key", "received_at"],
        rows: WITH_KEY,
    },
    BackedUp {
        name: "publications",
        columns: &["id", "iv", "persona", "nodes", "state", "queued_at", "due_at", "attempts", "reason"],
        rows: "1",
    },
    BackedUp {
        name: MESSAGES,
        columns: &[
            "seq",
            "persona",
            "conversation",
            "outgoing",
            "id",
            "kind",
            "content",
            "text",
            "sent_at",
            "at",
            "state",
            "stored_at",
            "delivered_at",
            "reason",
            "unread",
            "timer",
            "ends_at",
        ],
        rows: "1",
    },
];

/// A cell as a value of SQLite.
struct Sql<'a>(&'a Cell);

impl ToSql for Sql<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Cell::Bytes { b } => ToSqlOutput::Borrowed(ValueRef::Blob(&b.0)),
        })
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number),
        // No table has a column of them.
        ValueRef::Real(_) => Cell::Null,
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes { b: Base64(bytes.to_vec()) },
    }
}

fn cells(row: &Row<'_>, first: usize, count: usize) -> rusqlite::Result<Vec<Cell>> {
    (first..first.saturating_add(count)).map(|column| row.get_ref(column).map(cell)).collect()
}

impl BackedUp {
    /// The place of a column in a row.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| *known == column)
    }
}

/// The inboxes of the homes before a restored one, the last of them if there are many, and its own.
fn with_inbox(personas: &BackedUp, cells: &[Cell], own: &InboxId) -> Vec<u8> {
    let before = personas.place(INBOXES).and_then(|place| cells.get(place));
    let mut all = match before {
        Some(Cell::Bytes { b }) => b.0.clone(),
        _ => Vec::new(),
    };
    all.extend_from_slice(own.as_bytes());
    let over = all.len().saturating_sub(MOST_INBOXES.saturating_mul(InboxId::LEN));
    all.split_off(over)
}

impl Tx<'_> {
    /// All rows of a table, up to a limit that no home reaches.
    pub(crate) fn backup_table(&self, table: &BackedUp) -> Result<Vec<Vec<Cell>>, StoreError> {
        let columns = table.columns.join(", ");
        // By the first column, so that two backups of one home are alike.
        let sql = format!("SELECT {columns} FROM {} WHERE {} ORDER BY 1 LIMIT ?1", table.name, table.rows);
        self.all("read for a backup", &sql, [MANY], |row| cells(row, 0, table.columns.len()))
    }

    /// Messages after one, with their places, in order. Those that disappear only `with_timers`, and then those that
    /// have not ended by now.
    pub(crate) fn backup_messages(
        &self,
        after: i64,
        limit: u32,
        with_timers: bool,
        now: Timestamp,
    ) -> Result<Vec<(i64, Vec<Cell>)>, StoreError> {
        let Some(table) = TABLES.iter().find(|table| table.name == MESSAGES) else { return Ok(Vec::new()) };
        let columns = table.columns.join(", ");
        let sql = format!(
            "SELECT seq, {columns} FROM messages WHERE seq > ?1 AND (timer IS NULL OR ?3)
               AND (ends_at IS NULL OR ends_at > ?4) ORDER BY seq LIMIT ?2"
        );
        self.all("read for a backup", &sql, (after, limit, with_timers, signed(now.0)), |row| {
            Ok((row.get(0)?, cells(row, 1, table.columns.len())?))
        })
    }

    /// Adds a row from a backup. A persona gets a new inbox.
    ///
    /// # Errors
    /// Also when the row does not go with those before it.
    pub(crate) fn restore_row(&self, table: &BackedUp, cells: &[Cell]) -> Result<(), StoreError> {
        let mut columns = table.columns.join(", ");
        let mut all: Vec<Sql<'_>> = cells.iter().map(Sql).collect();
        let (inboxes, inbox);
        if table.name == "personas" {
            let cap = Capability::generate(&mut crate::random::rng());
            inboxes = Cell::Bytes { b: Base64(with_inbox(table, cells, &cap.inbox_id())) };
            inbox = Cell::Bytes { b: Base64(cap.as_bytes().to_vec()) };
            if let Some(place) = table.place(INBOXES).and_then(|place| all.get_mut(place)) {
                *place = Sql(&inboxes);
            }
            columns.push_str(", inbox");
            all.push(Sql(&inbox));
        }
        let marks = vec!["?"; all.len()].join(", ");
        let sql = format!("INSERT INTO {} ({columns}) VALUES ({marks})", table.name);
        self.execute("restore a row", &sql, params_from_iter(all)).map(drop)
    }

    /// After all rows: every conversation begins again, and each contact is told what this home may lack.
    pub(crate) fn begin_restored(&self, made_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "begin conversations again",
            "UPDATE contacts SET rejoin = 1, attempt_at = 0, restarted_at = ?2, kept_until = ?1
             WHERE id IN (SELECT contact FROM conversations) AND state IN (2, 3)",
            [signed(made_at.0), signed(now.0)],
        )?;
        // What they are is in the greeting.
        self.renew_wishes(now)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::Store;
    use crate::unlock::MasterKey;

    /// Tables that are not in a backup: what must not exist twice, what is found out again, and what is of this machine.
    const LEFT_OUT: &[&str] = &[
        "capabilities",
        "descriptors",
        "events",
        "guests",
        "invites",
        "outbox",
        "pairings",
        "prekeys",
        "requests",
        "sealed",
        "sessions",
        "sightings",
        "tags",
        "transcripts",
    ];

    /// The same of columns.
    const COLUMNS_LEFT_OUT: &[(&str, &[&str])] = &[
        ("known_relays", &["describe_at", "invalid_at"]),
        (
            "contacts",
            &[
                "attempt_at",
                "attempts",
                "current",
                "held",
                "kept_until",
                "rejoin",
                "restarted_at",
                "taken_at",
            ],
        ),
        (
            "personas",
            &[
                "check_wait",
                "checked_at",
                "drain_after",
                "drain_wait",
                "drained_at",
                "drained_empty",
                "elsewhere_at",
                "inbox",
                "known_bundle",
                "publish_wait",
                "requests_lost",
            ],
        ),
    ];

    /// Whoever adds a table or a column decides whether it belongs in a backup.
    #[tokio::test]
    async fn every_table_and_column_is_in_a_backup_or_left_out() {
        let home = tempfile::tempdir().unwrap();
        let now = Timestamp(1_790_000_000_000);
        let store = Store::open(home.path(), &MasterKey::for_tests([7; 32]), now).unwrap();
        let there = store.run(|tx| {
            tx.all(
                "list columns",
                "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'search%'",
                [],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
            )
        });
        let there: Vec<(String, String)> = there.await.unwrap();
        let there: BTreeSet<(&str, &str)> =
            there.iter().map(|(table, column)| (table.as_str(), column.as_str())).collect();
        let there: BTreeSet<_> = there.into_iter().filter(|(table, _)| !LEFT_OUT.contains(table)).collect();
        let kept = TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name, *column)));
        let left = COLUMNS_LEFT_OUT
            .iter()
            .flat_map(|(table, columns)| columns.iter().map(|column| (*table, *column)));
        assert_eq!(there, kept.chain(left).collect());
        store.close().await;
    }
}
