//! The event log: what happened, as a kind, ids of rows and small numbers. Nothing in it can be read without those rows.
//!
//! Words, names and keys stay in the rows that an event names, and are read when the event is shown. So whatever
//! deletes a row deletes what the log says of it, too: the foreign keys of the table do that, and nothing else needs to.

use bauta_protocol::id::RelayId;
use bauta_protocol::mask::PostIv;
use bauta_protocol::time::Timestamp;
use rusqlite::{Row, named_params};

use super::ids::{ContactId, MessageSeq, PersonaId, PrekeysId, ProfileRowId, RequestId};
use super::messages::MessageState;
use super::numbers::stored_enum;
use super::posts::PublicationCount;
use super::reason::Reason;
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// Events kept at most.
const KEEP: u64 = 20_000;

/// The cursor of the last event that was pruned.
const FLOOR: &str = "events_floor";

/// One entry of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EventRow {
    pub(crate) cursor: u64,
    pub(crate) at: Timestamp,
    pub(crate) what: Happened,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Happened {
    /// A contact's message arrived.
    MessageReceived(MessageSeq),
    /// An own message has come further, or failed.
    MessageState {
        message: MessageSeq,
        state: MessageState,
        reason: Option<Reason>,
    },
    /// A stranger wrote.
    ContactRequest(RequestId),
    ContactAdded(ContactId),
    ContactChanged(ContactId, Change),
    /// A relay has accepted a new bundle.
    PersonaPublished(PrekeysId),
    /// More keys of a post are at a relay, or an attempt failed.
    PostState {
        iv: PostIv,
        count: PublicationCount,
    },
    /// A key for a post is being looked for.
    PostLookup {
        iv: PostIv,
        done: u32,
        of: u32,
        records: u32,
    },
    ProfileLearned(ProfileRowId),
    /// A post of the profile shows another key than the known one.
    ProfileChanged(ProfileRowId),
    /// A contact of a persona was deleted; which one is not kept.
    ContactDeleted(PersonaId),
    /// The connection of a persona.
    Connection(PersonaId, Connection),
    /// A persona's relay needs attention.
    Relay(PersonaId, RelayId, Doubt),
    /// A persona is another home's.
    Elsewhere(PersonaId),
}

stored_enum! {
    /// What an event is; which columns it has depends on it.
    enum Kind {
        MessageReceived = 1,
        MessageState = 2,
        ContactRequest = 3,
        ContactAdded = 4,
        ContactChanged = 5,
        PersonaPublished = 6,
        PostState = 7,
        PostLookup = 8,
        ProfileLearned = 9,
        ProfileChanged = 10,
        Connection = 11,
        Relay = 12,
        ContactDeleted = 13,
        Elsewhere = 14,
    }

    /// What changed about a contact.
    enum Change {
        /// The conversation has come further, or was begun again.
        State = 1,
        /// The long-term session key is a new one.
        Identity = 2,
        Verified = 3,
        Blocked = 4,
        /// A message of theirs was lost for good.
        Gap = 5,
        /// The conversation begins again, because one side was set back to an older state.
        Restarted = 6,
        /// Its name in this home, or whether it is muted.
        Settings = 7,
        /// Messages of the conversation were deleted.
        Messages = 8,
        /// How long one side wants messages to stay.
        Disappearing = 9,
        /// Messages of theirs were marked as read.
        Read = 10,
    }

    /// How a persona's connection to the mixnet is doing.
    enum Connection {
        Off = 1,
        Waiting = 2,
        ChoosingGateway = 3,
        Registering = 4,
        FirstExchange = 5,
        Ready = 6,
        Degraded = 7,
        Lost = 8,
        /// Before another attempt.
        Pausing = 9,
    }

    /// Why a relay needs attention.
    enum Doubt {
        /// A contact saw another descriptor of it.
        Suspect = 1,
        /// It signed two descriptors for one day.
        Dishonest = 2,
    }
}

/// The columns of an event; which of them are set depends on its kind.
#[derive(Default)]
struct Columns {
    persona: Option<PersonaId>,
    contact: Option<ContactId>,
    message: Option<MessageSeq>,
    request: Option<RequestId>,
    prekeys: Option<PrekeysId>,
    profile: Option<ProfileRowId>,
    post: Option<[u8; 16]>,
    relay: Option<[u8; 32]>,
    state: Option<MessageState>,
    change: Option<Change>,
    connection: Option<Connection>,
    doubt: Option<Doubt>,
    reason: Option<Reason>,
    /// Keys, published and failed, or done, of and records.
    counts: Option<[u32; 3]>,
}

impl Happened {
    fn kind(&self) -> Kind {
        match self {
            Self::MessageReceived(_) => Kind::MessageReceived,
            Self::MessageState { .. } => Kind::MessageState,
            Self::ContactRequest(_) => Kind::ContactRequest,
            Self::ContactAdded(_) => Kind::ContactAdded,
            Self::ContactChanged(..) => Kind::ContactChanged,
            Self::PersonaPublished(_) => Kind::PersonaPublished,
            Self::PostState { .. } => Kind::PostState,
            Self::PostLookup { .. } => Kind::PostLookup,
            Self::ProfileLearned(_) => Kind::ProfileLearned,
            Self::ProfileChanged(_) => Kind::ProfileChanged,
            Self::Connection(..) => Kind::Connection,
            Self::Relay(..) => Kind::Relay,
            Self::ContactDeleted(_) => Kind::ContactDeleted,
            Self::Elsewhere(_) => Kind::Elsewhere,
        }
    }

    fn columns(&self) -> Columns {
        let empty = Columns::default();
        match *self {
            Self::MessageReceived(message) => Columns { message: Some(message), ..empty },
            Self::MessageState { message, state, reason } => {
                Columns { message: Some(message), state: Some(state), reason, ..empty }
            }
            Self::ContactRequest(request) => Columns { request: Some(request), ..empty },
            Self::ContactAdded(contact) => Columns { contact: Some(contact), ..empty },
            Self::ContactChanged(contact, change) => {
                Columns { contact: Some(contact), change: Some(change), ..empty }
            }
            Self::PersonaPublished(prekeys) => Columns { prekeys: Some(prekeys), ..empty },
            Self::PostState { iv, count } => Columns {
                persona: Some(count.persona),
                post: Some(iv.0),
                counts: Some([count.keys, count.published, count.failed]),
                reason: count.reason,
                ..empty
            },
            Self::PostLookup { iv, done, of, records } => {
                Columns { post: Some(iv.0), counts: Some([done, of, records]), ..empty }
            }
            Self::ProfileLearned(profile) | Self::ProfileChanged(profile) => {
                Columns { profile: Some(profile), ..empty }
            }
            Self::ContactDeleted(persona) | Self::Elsewhere(persona) => {
                Columns { persona: Some(persona), ..empty }
            }
            Self::Connection(persona, connection) => {
                Columns { persona: Some(persona), connection: Some(connection), ..empty }
            }
            Self::Relay(persona, relay, doubt) => {
                Columns { persona: Some(persona), relay: Some(relay.0), doubt: Some(doubt), ..empty }
            }
        }
    }

    /// `None`: a column that the kind needs is missing.
    fn read(kind: Kind, columns: Columns) -> Option<Self> {
        let iv = columns.post.map(PostIv);
        Some(match kind {
            Kind::MessageReceived => Self::MessageReceived(columns.message?),
            Kind::MessageState => Self::MessageState {
                message: columns.message?,
                state: columns.state?,
                reason: columns.reason,
            },
            Kind::ContactRequest => Self::ContactRequest(columns.request?),
            Kind::ContactAdded => Self::ContactAdded(columns.contact?),
            Kind::ContactChanged => Self::ContactChanged(columns.contact?, columns.change?),
            Kind::PersonaPublished => Self::PersonaPublished(columns.prekeys?),
            Kind::PostState => {
                let [keys, published, failed] = columns.counts?;
                let (persona, reason) = (columns.persona?, columns.reason);
                let count = PublicationCount { persona, keys, published, failed, reason };
                Self::PostState { iv: iv?, count }
            }
            Kind::PostLookup => {
                let [done, of, records] = columns.counts?;
                Self::PostLookup { iv: iv?, done, of, records }
            }
            Kind::ProfileLearned => Self::ProfileLearned(columns.profile?),
            Kind::ProfileChanged => Self::ProfileChanged(columns.profile?),
            Kind::ContactDeleted => Self::ContactDeleted(columns.persona?),
            Kind::Elsewhere => Self::Elsewhere(columns.persona?),
            Kind::Connection => Self::Connection(columns.persona?, columns.connection?),
            Kind::Relay => Self::Relay(columns.persona?, RelayId(columns.relay?), columns.doubt?),
        })
    }
}

const COLUMNS: &str =
    "cursor, at, kind, persona, contact, message, request, prekeys, profile, post, relay, state,
    change, connection, doubt, reason, count1, count2, count3";

fn raw(row: &Row<'_>) -> rusqlite::Result<(u64, Timestamp, Kind, Columns)> {
    let counts: [Option<u32>; 3] = [row.get("count1")?, row.get("count2")?, row.get("count3")?];
    let columns = Columns {
        persona: row.get("persona")?,
        contact: row.get("contact")?,
        message: row.get("message")?,
        request: row.get("request")?,
        prekeys: row.get("prekeys")?,
        profile: row.get("profile")?,
        post: row.get("post")?,
        relay: row.get("relay")?,
        state: row.get("state")?,
        change: row.get("change")?,
        connection: row.get("connection")?,
        doubt: row.get("doubt")?,
        reason: row.get("reason")?,
        counts: if let [Some(first), Some(second), Some(third)] = counts {
            Some([first, second, third])
        } else {
            None
        },
    };
    Ok((unsigned(row.get("cursor")?), Timestamp(unsigned(row.get("at")?)), row.get("kind")?, columns))
}

impl Tx<'_> {
    /// Writes an event; subscribers get it once the transaction is committed.
    pub(crate) fn emit(&self, what: Happened, now: Timestamp) -> Result<(), StoreError> {
        let columns = what.columns();
        let [first, second, third] = columns.counts.map_or([None; 3], |counts| counts.map(Some));
        let cursor = self.insert(
            "write an event",
            "INSERT INTO events (at, kind, persona, contact, message, request, prekeys, profile, post, relay, state,
               change, connection, doubt, reason, count1, count2, count3)
             VALUES (:at, :kind, :persona, :contact, :message, :request, :prekeys, :profile, :post, :relay, :state,
               :change, :connection, :doubt, :reason, :count1, :count2, :count3)",
            named_params! {
                ":at": signed(now.0),
                ":kind": what.kind(),
                ":persona": columns.persona,
                ":contact": columns.contact,
                ":message": columns.message,
                ":request": columns.request,
                ":prekeys": columns.prekeys,
                ":profile": columns.profile,
                ":post": columns.post,
                ":relay": columns.relay,
                ":state": columns.state,
                ":change": columns.change,
                ":connection": columns.connection,
                ":doubt": columns.doubt,
                ":reason": columns.reason,
                ":count1": first,
                ":count2": second,
                ":count3": third,
            },
        )?;
        self.wrote_event(unsigned(cursor));
        Ok(())
    }

    /// Events after a cursor, in order.
    pub(crate) fn events_after(&self, cursor: u64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE cursor > ?1 ORDER BY cursor LIMIT ?2");
        let rows = self.all("read events", &sql, (signed(cursor), limit), raw)?;
        rows.into_iter()
            .map(|(cursor, at, kind, columns)| {
                let what = Happened::read(kind, columns).ok_or(StoreError::Damaged("an event"))?;
                Ok(EventRow { cursor, at, what })
            })
            .collect()
    }

    /// The highest cursor so far; zero if there was no event.
    pub(crate) fn last_event(&self) -> Result<u64, StoreError> {
        self.count(
            "read the log's end",
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'",
            [],
        )
    }

    /// The cursor after which the log is complete, except for events whose rows are gone.
    pub(crate) fn event_floor(&self) -> Result<u64, StoreError> {
        Ok(self.meta_u64(FLOOR)?.unwrap_or(0))
    }

    /// Forgets events that are too old or too many.
    pub(crate) fn prune_events(&self, before: Timestamp) -> Result<(), StoreError> {
        let most = self.last_event()?.saturating_sub(KEEP);
        let last = self.count(
            "look for old events",
            "SELECT coalesce(max(cursor), 0) FROM events WHERE at < ?1 OR cursor <= ?2",
            (signed(before.0), signed(most)),
        )?;
        if last == 0 {
            return Ok(());
        }
        self.execute("prune events", "DELETE FROM events WHERE cursor <= ?1", [signed(last)])?;
        self.set_meta(FLOOR, &last.to_be_bytes())
    }
}
