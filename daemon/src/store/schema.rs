//! The tables. A migration is never changed after a release; `user_version` counts them.

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, pieces};

/// `user_version` of a home after the first migration. Smaller numbers were used before the first release, by versions
/// whose homes are not read any more.
pub(super) const FIRST_VERSION: i64 = 10;

const MIGRATIONS: &[&str] = &[FIRST];

pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let during = || StoreError::during("migrate the database");
    pieces::register(connection).map_err(during())?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(during())?;
    let known = (FIRST_VERSION..).zip(MIGRATIONS);
    let newest = known.clone().last().map_or(0, |(version, _)| version);
    if found > newest {
        return Err(StoreError::Newer { found, known: newest });
    }
    if found != 0 && found < FIRST_VERSION {
        return Err(StoreError::Unreleased);
    }
    for (version, migration) in known.filter(|(version, _)| *version > found) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(during())?;
        transaction.execute_batch(migration).map_err(during())?;
        transaction.pragma_update(None, "user_version", version).map_err(during())?;
        transaction.commit().map_err(during())?;
    }
    Ok(())
}

/// Times are milliseconds since the Unix epoch. Ids of relays, boxes and inboxes are their 32 bytes.
const FIRST: &str = "
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT;

-- doors: Nym addresses of 96 bytes each, as the user configured them.
CREATE TABLE relays (
    id BLOB NOT NULL PRIMARY KEY,
    doors BLOB NOT NULL DEFAULT x'',
    configured INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What one persona knows of a relay. Nothing here is shared between personas: what one of them learned would show in
-- what another asks.
-- doors: from an address or a bundle; a descriptor's doors go first. invalid_at: when it last gave an invalid answer.
-- describe_at: when its next descriptor is asked for.
CREATE TABLE known_relays (
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    relay BLOB NOT NULL REFERENCES relays (id),
    doors BLOB NOT NULL DEFAULT x'',
    equivocated INTEGER NOT NULL DEFAULT 0,
    invalid_at INTEGER,
    describe_at INTEGER,
    PRIMARY KEY (persona, relay)
) STRICT;

-- The first descriptor that a persona saw of each day.
CREATE TABLE descriptors (
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    relay BLOB NOT NULL REFERENCES relays (id),
    day INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (persona, relay, day)
) STRICT;

-- publish_wait, drain_wait: milliseconds of time online until the bundle is published, or the inbox read.
-- drained_at: when the inbox was last read; drained_empty: and had nothing. requests_lost: evicted since they were last
-- listed.
-- inboxes: the inbox ids of this home and of those that it was restored from, of 32 bytes each.
-- known_bundle: the newest version of a bundle that the relay is known to have had. check_wait: milliseconds of time
-- online until the bundle there is looked at; checked_at: when it was last. elsewhere_at: when it was found to be
-- another home's.
-- words, local_key: what Mask keeps beside a persona's key.
CREATE TABLE personas (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    public TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL,
    identity BLOB NOT NULL,
    inbox BLOB NOT NULL,
    relay BLOB NOT NULL REFERENCES relays (id),
    drain_after INTEGER NOT NULL DEFAULT 0,
    inboxes BLOB NOT NULL DEFAULT x'',
    publish_wait INTEGER,
    known_bundle INTEGER,
    check_wait INTEGER,
    checked_at INTEGER NOT NULL DEFAULT 0,
    elsewhere_at INTEGER,
    drain_wait INTEGER,
    drained_at INTEGER NOT NULL DEFAULT 0,
    drained_empty INTEGER NOT NULL DEFAULT 0,
    requests_lost INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    words TEXT,
    words_path TEXT,
    words_password INTEGER NOT NULL DEFAULT 0,
    local_key BLOB
) STRICT;

CREATE TABLE prekeys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    erase_at INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    secret BLOB NOT NULL,
    published_at INTEGER,
    UNIQUE (persona, version)
) STRICT;

-- Handshakes that were opened: a repeat is dropped while their prekeys are kept.
CREATE TABLE transcripts (
    transcript BLOB NOT NULL PRIMARY KEY,
    prekeys INTEGER NOT NULL REFERENCES prekeys (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX transcripts_by_prekeys ON transcripts (prekeys);

-- public is NULL while an invitation is open. state: 1 invited, 2 pending, 3 active, 4 blocked.
-- rejoin: begin a session even when nothing waits to be sent.
-- taken_at: when a handshake of theirs was last taken. held: the last one that came too soon after it, sealed.
-- restarted_at: when the conversation was last begun again. deposit_bits: the work that their inbox asked for last.
-- kept_until: this home was made from a backup of that time, and the contact was not told yet.
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    public TEXT,
    state INTEGER NOT NULL,
    verified INTEGER NOT NULL DEFAULT 0,
    added_at INTEGER NOT NULL,
    last_message_at INTEGER,
    relay BLOB REFERENCES relays (id),
    bundle BLOB,
    bundle_version INTEGER NOT NULL DEFAULT 0,
    identity BLOB,
    identity_changed INTEGER NOT NULL DEFAULT 0,
    current INTEGER,
    rejoin INTEGER NOT NULL DEFAULT 0,
    attempt_at INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    descriptor_day INTEGER NOT NULL DEFAULT 0,
    taken_at INTEGER NOT NULL DEFAULT 0,
    held BLOB,
    restarted_at INTEGER,
    deposit_bits INTEGER,
    muted INTEGER NOT NULL DEFAULT 0,
    kept_until INTEGER,
    UNIQUE (persona, name),
    UNIQUE (persona, public)
) STRICT;

-- Which descriptor of a relay a contact says it saw.
CREATE TABLE sightings (
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    relay BLOB NOT NULL,
    day INTEGER NOT NULL,
    hash BLOB NOT NULL,
    suspect INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (contact, relay, day, hash)
) STRICT;

-- relay: the peer's, where our boxes go. own_relay: ours, where we read.
-- wanted: the boxes to ask for, each an index (8 bytes), a tag (8) and an id (32).
-- handshake, inbox, deposit_*: set while the handshake is to be left in the peer's inbox.
-- quiet_until: nothing of it is put or asked for before, so that the exchange which began it cannot be joined to it.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    persona INTEGER NOT NULL,
    relay BLOB NOT NULL REFERENCES relays (id),
    own_relay BLOB NOT NULL REFERENCES relays (id),
    state BLOB NOT NULL,
    wanted BLOB NOT NULL,
    stale INTEGER NOT NULL DEFAULT 0,
    initiator INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    ack_due_at INTEGER,
    gap_since INTEGER,
    heard_at INTEGER NOT NULL DEFAULT 0,
    begun_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    active_until INTEGER NOT NULL DEFAULT 0,
    handshake BLOB,
    inbox BLOB,
    deposit_at INTEGER,
    deposit_until INTEGER,
    deposit_attempts INTEGER NOT NULL DEFAULT 0,
    quiet_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX sessions_by_persona ON sessions (persona);
CREATE INDEX sessions_by_contact ON sessions (contact);

-- What messages belong to. contact: whom it is with; today every conversation is with one contact.
-- own_timer to their_timer_at: how long messages should stay (the protocol's `Agreement`), in seconds; 0: for ever.
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    contact INTEGER UNIQUE REFERENCES contacts (id) ON DELETE CASCADE,
    own_timer INTEGER NOT NULL DEFAULT 0,
    own_timer_at INTEGER NOT NULL DEFAULT 0,
    own_timer_told INTEGER NOT NULL DEFAULT 1,
    relied_timer INTEGER NOT NULL DEFAULT 0,
    their_timer INTEGER NOT NULL DEFAULT 0,
    their_timer_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- kind, content: as the protocol encodes it, also of kinds that the version which received it did not know.
-- text: the words of it, to be searched. unread: it was received, and nobody has seen it. state of own messages: 1 queued, 2 stored, 3 delivered, 4 failed.
-- timer: how long it stays, in seconds; NULL: for ever. ends_at: when it disappears; NULL: not known yet (expiry.rs).
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    outgoing INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    content BLOB NOT NULL,
    text TEXT,
    sent_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state INTEGER,
    stored_at INTEGER,
    delivered_at INTEGER,
    reason INTEGER,
    unread INTEGER NOT NULL DEFAULT 0,
    timer INTEGER,
    ends_at INTEGER,
    UNIQUE (conversation, outgoing, id)
) STRICT;
CREATE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_by_persona ON messages (persona, outgoing, seq);
CREATE INDEX messages_by_conversation ON messages (conversation, seq);
CREATE INDEX messages_by_time ON messages (at);
CREATE INDEX messages_unread ON messages (conversation, seq) WHERE unread = 1;
CREATE INDEX messages_unread_by_persona ON messages (persona, seq) WHERE unread = 1;
CREATE INDEX messages_open ON messages (conversation, seq) WHERE state IN (1, 2);
CREATE INDEX messages_by_end ON messages (ends_at) WHERE ends_at IS NOT NULL;

-- What messages are found by (pieces.rs). It holds no text. A delete leaves pieces behind until the index is merged: the
-- triggers note that, and `purge_index` does it. They leave no way to change a message without it.
-- search_brief is the same for messages with a timer, which go one by one: merging it takes no longer than there are some.
CREATE VIRTUAL TABLE search USING fts5 (pieces, content = '', columnsize = 0, tokenize = 'ascii');
CREATE VIRTUAL TABLE search_brief USING fts5 (pieces, content = '', columnsize = 0, tokenize = 'ascii');
CREATE TRIGGER messages_added AFTER INSERT ON messages WHEN new.text IS NOT NULL AND new.timer IS NULL BEGIN
    INSERT INTO search (rowid, pieces) VALUES (new.seq, search_pieces(new.persona, new.conversation, new.text));
END;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages WHEN old.text IS NOT NULL AND old.timer IS NULL BEGIN
    INSERT OR IGNORE INTO meta (key, value) VALUES ('search_unmerged', x'');
    INSERT INTO search (search, rowid, pieces)
    VALUES ('delete', old.seq, search_pieces(old.persona, old.conversation, old.text));
END;
CREATE TRIGGER messages_moved AFTER UPDATE OF persona, conversation, text ON messages
WHEN old.text IS NOT NULL AND old.timer IS NULL BEGIN
    INSERT OR IGNORE INTO meta (key, value) VALUES ('search_unmerged', x'');
    INSERT INTO search (search, rowid, pieces)
    VALUES ('delete', old.seq, search_pieces(old.persona, old.conversation, old.text));
    INSERT INTO search (rowid, pieces)
    SELECT new.seq, search_pieces(new.persona, new.conversation, new.text) WHERE new.text IS NOT NULL;
END;
CREATE TRIGGER messages_added_brief AFTER INSERT ON messages WHEN new.text IS NOT NULL AND new.timer IS NOT NULL BEGIN
    INSERT INTO search_brief (rowid, pieces)
    VALUES (new.seq, search_pieces(new.persona, new.conversation, new.text));
END;
CREATE TRIGGER messages_deleted_brief AFTER DELETE ON messages WHEN old.text IS NOT NULL AND old.timer IS NOT NULL BEGIN
    INSERT OR IGNORE INTO meta (key, value) VALUES ('search_brief_unmerged', x'');
    INSERT INTO search_brief (search_brief, rowid, pieces)
    VALUES ('delete', old.seq, search_pieces(old.persona, old.conversation, old.text));
END;
CREATE TRIGGER messages_moved_brief AFTER UPDATE OF persona, conversation, text ON messages
WHEN old.text IS NOT NULL AND old.timer IS NOT NULL BEGIN
    INSERT OR IGNORE INTO meta (key, value) VALUES ('search_brief_unmerged', x'');
    INSERT INTO search_brief (search_brief, rowid, pieces)
    VALUES ('delete', old.seq, search_pieces(old.persona, old.conversation, old.text));
    INSERT INTO search_brief (rowid, pieces)
    SELECT new.seq, search_pieces(new.persona, new.conversation, new.text) WHERE new.text IS NOT NULL;
END;

-- Ids of messages that were received and deleted: they are not taken again.
CREATE TABLE forgotten (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    PRIMARY KEY (conversation, id)
) STRICT, WITHOUT ROWID;

-- Which boxes of which session hold a message. last is NULL: inside the handshake.
CREATE TABLE sealed (
    message INTEGER NOT NULL REFERENCES messages (seq) ON DELETE CASCADE,
    session INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    first INTEGER,
    last INTEGER,
    PRIMARY KEY (message, session)
) STRICT;
CREATE INDEX sealed_by_session ON sealed (session, last);

CREATE TABLE invites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    contact INTEGER REFERENCES contacts (id) ON DELETE CASCADE,
    state BLOB NOT NULL,
    prekeys INTEGER NOT NULL REFERENCES prekeys (id) ON DELETE CASCADE,
    relay BLOB NOT NULL REFERENCES relays (id),
    wanted BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    active_until INTEGER NOT NULL DEFAULT 0
) STRICT;

-- phase: 1 asking, 2 answering, 3 taken, 4 unusable.
CREATE TABLE guests (
    contact INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
    persona INTEGER NOT NULL,
    state BLOB NOT NULL,
    relay BLOB NOT NULL REFERENCES relays (id),
    wanted BLOB NOT NULL,
    phase INTEGER NOT NULL
) STRICT;

-- Boxes to put. done_at: the relay has it; the row stays until the peer has it too. key: what it is sealed with, until
-- then. disputed: the relay said that it has other bytes, and is to show them.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    relay BLOB NOT NULL REFERENCES relays (id),
    box BLOB NOT NULL,
    tag BLOB NOT NULL,
    bytes BLOB NOT NULL,
    session INTEGER REFERENCES sessions (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    message INTEGER REFERENCES messages (seq) ON DELETE CASCADE,
    invite INTEGER REFERENCES invites (id) ON DELETE CASCADE,
    guest INTEGER REFERENCES guests (contact) ON DELETE CASCADE,
    key BLOB,
    disputed INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_due ON outbox (persona, due_at);
CREATE INDEX outbox_by_session ON outbox (session, place);
CREATE INDEX outbox_by_message ON outbox (message);

-- Boxes that were read and may be deleted at the relay, later.
CREATE TABLE capabilities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    relay BLOB NOT NULL REFERENCES relays (id),
    cap BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX capabilities_due ON capabilities (persona, due_at);

-- content: a stranger's first message, as the protocol encodes it. work: leading zero bits of its deposit's work.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    public TEXT NOT NULL,
    content BLOB NOT NULL,
    work INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER NOT NULL,
    session BLOB NOT NULL,
    stale INTEGER NOT NULL DEFAULT 0,
    bundle BLOB NOT NULL,
    UNIQUE (persona, public)
) STRICT;

CREATE TABLE blocked (
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    public TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (persona, public)
) STRICT;

-- Profiles and the persona keys of those who have them. persona: 66 hex digits.
-- source: 'seen' in a payload, 'text' of a profile or post, 'hand', 'backup'.
CREATE TABLE profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    network TEXT NOT NULL,
    user TEXT NOT NULL,
    persona TEXT NOT NULL,
    nickname TEXT,
    source TEXT NOT NULL,
    learned_at INTEGER NOT NULL,
    UNIQUE (network, user)
) STRICT;
CREATE INDEX profiles_by_persona ON profiles (persona);

-- Keys of posts that open again without a network. persona: whose key opened it; NULL: from a backup.
-- digest: of what the post says; empty: from a backup, which does not hold it. site: where it was first used.
-- origin: 1 written here, 2 looked up or sent by a contact, 3 the reader's own copy, 4 from a backup.
CREATE TABLE post_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona INTEGER REFERENCES personas (id) ON DELETE CASCADE,
    iv BLOB NOT NULL,
    digest BLOB NOT NULL,
    network TEXT NOT NULL,
    key BLOB NOT NULL,
    author TEXT,
    public INTEGER NOT NULL DEFAULT 0,
    origin INTEGER NOT NULL,
    site TEXT,
    found_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX post_keys_by_post ON post_keys (iv, digest, ifnull(persona, 0));
CREATE INDEX post_keys_by_use ON post_keys (origin, used_at);

-- Who can read a post that was written here, besides its author and everybody. public: 66 hex digits.
CREATE TABLE post_readers (
    post INTEGER NOT NULL REFERENCES post_keys (id) ON DELETE CASCADE,
    public TEXT NOT NULL,
    PRIMARY KEY (post, public)
) STRICT;

-- Keys of posts that contacts sent, each of their own post.
CREATE TABLE received_keys (
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    iv BLOB NOT NULL,
    digest BLOB NOT NULL,
    key BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (contact, iv, digest)
) STRICT;
CREATE INDEX received_keys_by_post ON received_keys (iv, digest);
CREATE INDEX received_keys_by_age ON received_keys (contact, received_at);

-- One recipient's key of a post. nodes: JSON, empty once a relay has them.
CREATE TABLE publications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    iv BLOB NOT NULL,
    persona INTEGER NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    nodes TEXT NOT NULL,
    state TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason INTEGER
) STRICT;
CREATE INDEX publications_by_post ON publications (iv);
CREATE INDEX publications_due ON publications (due_at) WHERE state = 'queued';

-- Another key that a post of a known profile showed.
CREATE TABLE profile_doubts (
    network TEXT NOT NULL,
    user TEXT NOT NULL,
    persona TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (network, user),
    FOREIGN KEY (network, user) REFERENCES profiles (network, user) ON DELETE CASCADE
) STRICT;

-- Slow hashes of keys, which never change.
CREATE TABLE tags (
    public TEXT NOT NULL,
    kind INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    PRIMARY KEY (public, kind)
) STRICT;

-- key: an uncompressed point of P-256. grants: JSON. personas: JSON, of names; none for all.
CREATE TABLE pairings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    label TEXT NOT NULL,
    key BLOB NOT NULL,
    grants TEXT NOT NULL,
    personas TEXT,
    since INTEGER NOT NULL,
    last_used INTEGER,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What happened: see events.rs. An event names the rows it is about, and goes with any of them.
CREATE TABLE events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    persona INTEGER REFERENCES personas (id) ON DELETE CASCADE,
    contact INTEGER REFERENCES contacts (id) ON DELETE CASCADE,
    message INTEGER REFERENCES messages (seq) ON DELETE CASCADE,
    request INTEGER REFERENCES requests (id) ON DELETE CASCADE,
    prekeys INTEGER REFERENCES prekeys (id) ON DELETE CASCADE,
    profile INTEGER REFERENCES profiles (id) ON DELETE CASCADE,
    post BLOB,
    relay BLOB,
    state INTEGER,
    change INTEGER,
    connection INTEGER,
    doubt INTEGER,
    reason INTEGER,
    count1 INTEGER,
    count2 INTEGER,
    count3 INTEGER
) STRICT;
CREATE INDEX events_by_persona ON events (persona) WHERE persona IS NOT NULL;
CREATE INDEX events_by_contact ON events (contact) WHERE contact IS NOT NULL;
CREATE INDEX events_by_message ON events (message) WHERE message IS NOT NULL;
CREATE INDEX events_by_request ON events (request) WHERE request IS NOT NULL;
CREATE INDEX events_by_prekeys ON events (prekeys) WHERE prekeys IS NOT NULL;
CREATE INDEX events_by_profile ON events (profile) WHERE profile IS NOT NULL;
";
