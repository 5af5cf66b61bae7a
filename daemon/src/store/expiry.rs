//! Messages that disappear: how long they stay, and when they end.

use std::collections::BTreeSet;
use std::time::Duration;

use bauta_protocol::content::Content;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::{Agreement, Timer, Wish};
use rusqlite::Row;

use super::ids::{ContactId, ConversationId, MessageSeq};
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// For so long a message waits to be read, where its timer is shorter.
const WAITS_UNREAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

// When a message ends, `ends_at`, is written into its row, so that nothing but the clock is needed to see it:
//
// - one's own: its timer after the relay had all of it, or after it failed. Until then nobody else can have it, and
//   somebody waits for it to be sent.
// - one of theirs: its timer after it was marked as read; and in any case its timer, or a week if that is longer, after
//   it came. So a short timer leaves time to read, and nothing depends on somebody reading.
//
// It never moves to a later time.

/// How long a message stays that nobody reads.
pub(super) fn stays_unread(timer: Timer) -> Duration {
    timer.duration().max(WAITS_UNREAD)
}

/// A column with seconds; NULL and 0 are for ever.
pub(super) fn timer(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timer>> {
    Ok(row.get::<_, Option<u32>>(column)?.and_then(Timer::new))
}

fn seconds(timer: Option<Timer>) -> u32 {
    timer.map_or(0, Timer::seconds)
}

impl Tx<'_> {
    /// How long messages of a conversation should stay.
    pub(crate) fn agreement(&self, conversation: ConversationId) -> Result<Agreement, StoreError> {
        let found = self.one(
            "read how long messages stay",
            "SELECT own_timer, own_timer_at, own_timer_told, relied_timer, their_timer, their_timer_at
             FROM conversations WHERE id = ?1",
            [conversation],
            |row| {
                let time = |column: usize| Ok::<_, rusqlite::Error>(Timestamp(unsigned(row.get(column)?)));
                Ok(Agreement {
                    own: Wish { timer: timer(row, 0)?, at: time(1)? },
                    told: row.get(2)?,
                    relied: timer(row, 3)?,
                    theirs: Wish { timer: timer(row, 4)?, at: time(5)? },
                })
            },
        )?;
        Ok(found.unwrap_or_default())
    }

    pub(crate) fn keep_agreement(
        &self,
        conversation: ConversationId,
        agreement: &Agreement,
    ) -> Result<(), StoreError> {
        let Agreement { own, told, relied, theirs } = agreement;
        self.execute(
            "keep how long messages stay",
            "UPDATE conversations SET own_timer = ?2, own_timer_at = ?3, own_timer_told = ?4, relied_timer = ?5,
               their_timer = ?6, their_timer_at = ?7 WHERE id = ?1",
            (
                conversation,
                seconds(own.timer),
                signed(own.at.0),
                told,
                seconds(*relied),
                seconds(theirs.timer),
                signed(theirs.at.0),
            ),
        )?;
        Ok(())
    }

    /// The own message that says a wish, unless it failed or was deleted.
    pub(crate) fn own_wish(
        &self,
        conversation: ConversationId,
        said_at: Timestamp,
    ) -> Result<Option<MessageSeq>, StoreError> {
        self.one(
            "find a wish",
            "SELECT seq FROM messages WHERE conversation = ?1 AND outgoing = 1 AND kind = ?2 AND sent_at = ?3
               AND state < 4",
            (conversation, Content::TIMER, signed(said_at.0)),
            |row| row.get(0),
        )
    }

    /// Opens an own message that was confirmed: it goes out again in the next session.
    pub(crate) fn doubt_message(&self, message: MessageSeq) -> Result<(), StoreError> {
        self.execute(
            "doubt a receipt",
            "UPDATE messages SET state = 2 WHERE seq = ?1 AND state = 3",
            [message],
        )?;
        Ok(())
    }

    /// The own wish of a conversation that becomes another one.
    pub(super) fn move_wish(&self, from: ConversationId, to: ConversationId) -> Result<(), StoreError> {
        let Wish { timer, at } = self.agreement(from)?.own;
        if at == Timestamp(0) {
            return Ok(());
        }
        let mut agreement = self.agreement(to)?;
        agreement.wish(timer, at);
        self.keep_agreement(to, &agreement)
    }

    /// Own wishes are new ones: this store is an old copy or comes from a backup, and contacts may know later ones.
    pub(super) fn renew_wishes(&self, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "renew wishes",
            "UPDATE conversations SET own_timer_at = max(own_timer_at + 1, ?1)",
            [signed(now.0)],
        )?;
        Ok(())
    }

    /// The contacts of these conversations may not know any more what one wants, or not yet. Without a contact: all.
    pub(super) fn doubt_wishes(&self, contact: Option<ContactId>) -> Result<(), StoreError> {
        self.execute(
            "doubt wishes",
            "UPDATE conversations SET own_timer_told = 0
             WHERE (own_timer > 0 OR their_timer > 0) AND (?1 IS NULL OR contact = ?1)",
            [contact],
        )?;
        Ok(())
    }

    /// Deletes some messages that have ended, those first that ended first; returns their conversations. None: there are
    /// no more.
    pub(crate) fn erase_ended(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        let ended = self.all(
            "list messages that ended",
            "SELECT seq, conversation FROM messages WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2",
            (signed(now.0), most),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.erase_listed(ended)
    }

    /// When the next message ends.
    pub(crate) fn next_end(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = self.one(
            "find the next message to end",
            "SELECT min(ends_at) FROM messages WHERE ends_at IS NOT NULL",
            [],
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(next.flatten().map(|at| Timestamp(unsigned(at))))
    }

    /// Ends that were set while the clock was ahead would come too late: none is further away than it ever is.
    pub(crate) fn pull_back_ends(&self, now: Timestamp) -> Result<(), StoreError> {
        let unread = u64::try_from(WAITS_UNREAD.as_millis()).unwrap_or(u64::MAX);
        self.execute(
            "pull back ends",
            "UPDATE messages SET ends_at = ?1 + max(timer * 1000, ?2)
             WHERE ends_at IS NOT NULL AND ends_at > ?1 + max(timer * 1000, ?2)",
            (signed(now.0), signed(unread)),
        )?;
        Ok(())
    }
}
