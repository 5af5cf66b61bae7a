use std::collections::HashMap;
use std::time::Duration;

use bauta_protocol::address::Address;
use bauta_protocol::backup::Cell;
use bauta_protocol::bundle::{BUNDLE_LEN, IdentitySecret, Prekeys};
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, MessageId, PersonaKey, RelayId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::relay::{DepositReply, PutReply};
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::{Agreement, Timer};
use bauta_sphinx_client::Pace;

use crate::engine::actor::land;
use crate::engine::content::Letter;
use crate::engine::flight::Missed;
use crate::engine::peer::{Moment, pack, unpack};
use crate::engine::plan::LaneOf;
use crate::engine::{Times, answer_invitation, bundle, errands, greet, invite, queue_message, send};
use crate::random;
use crate::store::memory::MemoryStore;
use crate::store::{
    BackedUp, ContactId, ContactState, MESSAGES, MessageRow, MessageSeq, MessageState, NewContact, PersonaId,
    PersonaRow, PrekeysRow, StoreError, TABLES, Tx,
};

pub(super) type BackedUpRows = Vec<(&'static BackedUp, Vec<Vec<Cell>>)>;

pub(super) const RELAY: RelayId = RelayId([1; 32]);
pub(super) const NOW: Timestamp = Timestamp(1_790_000_000_000);

pub(super) fn times() -> Times {
    let pace = Pace {
        tick_mean: Duration::from_millis(8),
        drain_mean: Duration::from_millis(40),
        publish_check: Duration::from_millis(300),
        delete_after: Duration::from_millis(200),
        resend_after: Duration::from_millis(40),
        hold_resend_after: Duration::from_millis(200),
        exchange_deadline: Duration::from_millis(400),
        hold_deadline: Duration::from_millis(600),
        start_delay_max: Duration::ZERO,
    };
    Times { active_for: Duration::from_secs(2), ..Times::of(pace) }
}

pub(super) fn moment(now: Timestamp) -> Moment {
    Moment { now, times: times(), trusted: true }
}

/// What is stored at the relays.
#[derive(Default)]
pub(super) struct Relays {
    boxes: HashMap<BoxId, Box<[u8; BOX_LEN]>>,
    deposits: Vec<(InboxId, Box<[u8; HANDSHAKE_LEN]>)>,
    bundles: HashMap<PersonaKey, Box<[u8; BUNDLE_LEN]>>,
    /// A box was put a second time with other bytes.
    pub(super) reused: bool,
}

impl Relays {
    pub(super) fn boxed(&self, id: BoxId) -> Option<Box<[u8; BOX_LEN]>> {
        self.boxes.get(&id).cloned()
    }

    pub(super) fn publish_prekeys(&mut self, key: PersonaKey, prekeys: &PrekeysRow) {
        let prekeys: Prekeys = unpack(&prekeys.secret, "prekeys").unwrap();
        self.bundles.insert(key, Box::new(*prekeys.bundle().as_bytes()));
    }

    pub(super) fn put(&mut self, id: BoxId, bytes: &[u8; BOX_LEN]) -> PutReply {
        let kept = self.boxes.entry(id).or_insert_with(|| Box::new(*bytes));
        if kept.as_slice() == bytes {
            return PutReply::Done;
        }
        self.reused = true;
        PutReply::Conflict
    }
}

/// Draws numbers below a bound from a seed.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % bound
    }

    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())).cloned() }
    }
}

/// One persona with a store of its own.
pub(super) struct Person {
    pub(super) store: MemoryStore,
    pub(super) id: PersonaId,
    /// Transactions are cut off now and then, and exchanges are lost on either way.
    pub(super) faults: bool,
}

pub(super) fn add_persona(tx: &Tx<'_>, name: &str) -> Result<PersonaId, StoreError> {
    add_persona_at(tx, name, RELAY)
}

fn add_persona_at(tx: &Tx<'_>, name: &str, relay: RelayId) -> Result<PersonaId, StoreError> {
    tx.name_relay(relay)?;
    let mut rng = random::rng();
    let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
    let identity = pack(&IdentitySecret::generate(&mut rng))?;
    let persona = tx.add_persona(name, &secret, &identity, &inbox, relay, NOW)?;
    tx.learn_relay(persona, RELAY, &[DoorAddress([2; 96])])?;
    tx.learn_relay(persona, relay, &[DoorAddress([1; 96])])?;
    Ok(persona)
}

impl Person {
    pub(super) fn new(name: &str, relays: &mut Relays) -> Self {
        let mut store = MemoryStore::new();
        let id = store.run(|tx| add_persona(tx, name));
        let mut person = Self { store, id, faults: false };
        person.publish(relays);
        person
    }

    /// Someone with a relay of their own.
    pub(super) fn at(name: &str, relay: RelayId) -> Self {
        let mut store = MemoryStore::new();
        let id = store.run(|tx| add_persona_at(tx, name, relay));
        Self { store, id, faults: false }
    }

    pub(super) fn row(&mut self) -> PersonaRow {
        let id = self.id;
        self.store.run(|tx| tx.persona(id))
    }

    pub(super) fn publish(&mut self, relays: &mut Relays) {
        self.publish_at(relays, NOW);
    }

    fn publish_at(&mut self, relays: &mut Relays, now: Timestamp) {
        let row = self.row();
        let prekeys = self.store.run(|tx| bundle::fresh_prekeys(tx, &row, now));
        relays.publish_prekeys(row.public, &prekeys);
    }

    /// What a backup of the home holds.
    pub(super) fn back_up(&mut self) -> BackedUpRows {
        self.store.run(|tx| {
            let rows = |table: &'static BackedUp| {
                let rows = match table.name == MESSAGES {
                    true => tx
                        .backup_messages(0, 1000, false, Timestamp(0))?
                        .into_iter()
                        .map(|(_, cells)| cells)
                        .collect(),
                    false => tx.backup_table(table)?,
                };
                Ok((table, rows))
            };
            TABLES.iter().map(rows).collect()
        })
    }

    /// A new home from a backup.
    pub(super) fn restored(
        rows: &BackedUpRows,
        id: PersonaId,
        made_at: Timestamp,
        now: Timestamp,
        relays: &mut Relays,
    ) -> Self {
        let mut store = MemoryStore::new();
        store.run(|tx| {
            for (table, rows) in rows {
                rows.iter().try_for_each(|cells| tx.restore_row(table, cells))?;
            }
            tx.begin_restored(made_at, now)
        });
        let mut person = Self { store, id, faults: false };
        person.publish_at(relays, now);
        person
    }

    /// Adds a contact by their key.
    pub(super) fn add(&mut self, name: &str, key: PersonaKey) -> ContactId {
        let persona = self.id;
        self.store.run(|tx| {
            let state = ContactState::Pending;
            tx.add_contact(&NewContact { persona, name, public: Some(key), state, relay: Some(RELAY) }, NOW)
        })
    }

    /// Makes an invitation.
    pub(super) fn invite(&mut self, name: &str, now: Timestamp) -> Address {
        let row = self.row();
        self.store.run(|tx| invite::invite(tx, &row, Some(name), &moment(now))).0
    }

    /// Takes an invitation.
    pub(super) fn answer(&mut self, name: &str, address: &Address) -> ContactId {
        let contact = self.add(name, address.persona);
        self.answer_as(contact, address);
        contact
    }

    /// Takes an invitation of a contact.
    pub(super) fn answer_as(&mut self, contact: ContactId, address: &Address) {
        let (row, seed) = (self.row(), address.seed.clone().unwrap());
        self.store.run(|tx| answer_invitation(tx, &row, contact, &seed, RELAY));
    }

    /// The contact with a key, without a session, as if it was just added.
    pub(super) fn contact_with(&mut self, key: PersonaKey) -> ContactId {
        let persona = self.id;
        self.store.run(|tx| {
            let contact = tx.contact_of(persona, &key)?.unwrap().id;
            tx.delete_sessions(contact)?;
            Ok(contact)
        })
    }

    /// Writes to someone for the first time; returns the handshake for their inbox.
    pub(super) fn knock(
        &mut self,
        key: PersonaKey,
        words: &str,
        relays: &mut Relays,
    ) -> Box<[u8; HANDSHAKE_LEN]> {
        let (persona, mut draw) = (self.id, Draw::new(1));
        let known = self.store.run(|tx| tx.contact_of(persona, &key));
        let contact = known.map_or_else(|| self.add("host", key), |known| known.id);
        // A second handshake, as after a loss of the first session.
        let open = self.store.run(|tx| {
            tx.delete_sessions(contact)?;
            let row = tx.contact(contact)?.unwrap();
            tx.open_messages(row.conversation)
        });
        for message in open {
            self.store.run(|tx| tx.set_message_state(message, MessageState::Failed, None, NOW));
        }
        self.say(contact, words, NOW, &mut draw);
        let bundle = relays.bundles.get(&key).map(|bundle| &**bundle);
        self.store.run(|tx| land::fetched(tx, contact, bundle, &moment(NOW)));
        let later = NOW.plus(Duration::from_secs(3600));
        let session = self.store.run(|tx| tx.due_deposits(persona, later)).pop().unwrap();
        self.store.run(|tx| tx.session(session)).unwrap().handshake.unwrap()
    }

    /// Writes a message; a crash in between is followed by a second attempt under the same id.
    pub(super) fn say(&mut self, contact: ContactId, text: &str, now: Timestamp, draw: &mut Draw) {
        let id = MessageId::generate(&mut random::rng());
        let timer = self.agreement(contact).in_force();
        let letter = Letter::text(id, now, text.to_owned(), timer).unwrap();
        self.write(contact, &letter, now, draw);
    }

    /// Says how long messages should stay.
    pub(super) fn wish(&mut self, contact: ContactId, timer: Option<Timer>, now: Timestamp, draw: &mut Draw) {
        let row = self.row();
        let wish = |tx: &Tx<'_>| send::wish(tx, &row, &tx.contact(contact)?.unwrap(), timer, &moment(now));
        if self.faults && draw.below(4) == 0 {
            self.store.crash(wish);
        }
        self.store.run(wish);
    }

    pub(super) fn agreement(&mut self, contact: ContactId) -> Agreement {
        self.store.run(|tx| tx.agreement(tx.contact(contact)?.unwrap().conversation))
    }

    pub(super) fn write(&mut self, contact: ContactId, letter: &Letter, now: Timestamp, draw: &mut Draw) {
        let row = self.row();
        let queue = |tx: &Tx<'_>| {
            let contact = tx.contact(contact)?.unwrap();
            queue_message(tx, &row, &contact, letter, &moment(now))
        };
        if self.faults && draw.below(4) == 0 {
            self.store.crash(queue);
        }
        let added = self.store.run(queue);
        assert!(added.is_some());
        if self.faults && draw.below(4) == 0 {
            assert!(self.store.run(queue).is_none(), "the same id is not sent twice");
        }
    }

    /// Runs a job, or has it cut off.
    fn finish<T>(&mut self, draw: &mut Draw, job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) {
        if self.faults && draw.below(6) == 0 {
            self.store.crash(job);
        } else {
            self.store.run(job);
        }
    }

    /// Whether an exchange reaches the relay, and whether its answer comes back.
    fn fate(&self, draw: &mut Draw) -> (bool, bool) {
        if !self.faults {
            return (true, true);
        }
        match draw.below(6) {
            0 => (false, false),
            1 => (true, false),
            _ => (true, true),
        }
    }

    /// One step of the kind that the draw says; nothing when nothing of it is due.
    pub(super) fn step(&mut self, relays: &mut Relays, now: Timestamp, draw: &mut Draw) {
        match draw.below(10) {
            0..3 => self.put(relays, now, draw),
            3..6 => self.get(relays, now, draw),
            6 => self.acknowledge(now, draw),
            7 => self.deposit(relays, now, draw),
            8 => self.drain(relays, now, draw),
            _ => self.join(relays, now, draw),
        }
    }

    fn put(&mut self, relays: &mut Relays, now: Timestamp, draw: &mut Draw) {
        let id = self.id;
        let due = self.store.run(|tx| tx.due_boxes(id, now, 64));
        let Some(one) = draw.pick(&due) else { return };
        let sealed = self.store.run(|tx| tx.boxed(one.row)).unwrap();
        let (there, back) = self.fate(draw);
        let mut answer = Err(Missed::Work);
        if there {
            let reply = relays.put(sealed.id, &sealed.bytes);
            if back {
                answer = Ok(reply);
            }
        }
        self.finish(draw, |tx| land::keep_put(tx, one.row, &answer, &moment(now)));
    }

    fn get(&mut self, relays: &mut Relays, now: Timestamp, draw: &mut Draw) {
        let id = self.id;
        let lanes = self.store.run(|tx| {
            let mut lanes = Vec::new();
            lanes.extend(tx.guest_lanes(id)?.into_iter().map(|lane| (LaneOf::Guest(lane.0), lane.2)));
            lanes.extend(tx.lanes(id)?.into_iter().map(|lane| (LaneOf::Session(lane.0), lane.2)));
            lanes.extend(tx.invite_lanes(id)?.into_iter().map(|lane| (LaneOf::Invite(lane.0), lane.2)));
            Ok(lanes)
        });
        let there: Vec<_> = lanes
            .iter()
            .flat_map(|(of, wanted)| wanted.iter().map(|want| (*of, *want)))
            .filter(|(_, want)| relays.boxes.contains_key(&want.id))
            .collect();
        let Some((of, want)) = draw.pick(&there) else { return };
        let bytes = relays.boxes.get(&want.id).unwrap().clone();
        self.finish(draw, |tx| land::take_box(tx, of, want.index, &bytes, &moment(now)));
    }

    fn acknowledge(&mut self, now: Timestamp, draw: &mut Draw) {
        let id = self.id;
        let due = self.store.run(|tx| tx.due_acks(id, now));
        if let Some(session) = draw.pick(&due) {
            self.finish(draw, |tx| send::seal_ack(tx, session, &moment(now)));
        }
    }

    fn deposit(&mut self, relays: &mut Relays, now: Timestamp, draw: &mut Draw) {
        let id = self.id;
        let due = self.store.run(|tx| tx.due_deposits(id, now));
        let Some(session) = draw.pick(&due) else { return };
        let row = self.store.run(|tx| tx.session(session)).unwrap();
        let (there, back) = self.fate(draw);
        if there {
            relays.deposits.push((row.inbox.unwrap(), row.handshake.unwrap()));
        }
        let answer = if back { Ok(DepositReply::Done) } else { Err(Missed::Work) };
        self.finish(draw, |tx| land::keep_deposit(tx, session, &answer, &moment(now)));
    }

    fn drain(&mut self, relays: &Relays, now: Timestamp, draw: &mut Draw) {
        let row = self.row();
        let inbox = row.inbox.inbox_id();
        let next = (1..).zip(&relays.deposits).find(|(seq, (to, _))| *seq > row.drain_after && *to == inbox);
        if let Some((seq, (_, sealed))) = next {
            self.finish(draw, |tx| greet::take_deposit(tx, row.id, seq, sealed, 0, &moment(now)));
        }
    }

    fn join(&mut self, relays: &Relays, now: Timestamp, draw: &mut Draw) {
        let row = self.row();
        let due = self.store.run(|tx| {
            errands::look_after(tx, row.id, &moment(now))?;
            for contact in tx.contacts_to_seal(row.id)? {
                send::seal_pending(tx, &row, contact, &moment(now))?;
            }
            tx.contacts_to_join(row.id, now)
        });
        let Some(contact) = draw.pick(&due) else { return };
        let key = self.store.run(|tx| tx.contact(contact)).unwrap().public.unwrap();
        let bundle = relays.bundles.get(&key).map(|bundle| &**bundle);
        self.finish(draw, |tx| land::fetched(tx, contact, bundle, &moment(now)));
    }

    /// Messages with a contact, oldest first.
    pub(super) fn messages(&mut self, contact: ContactId) -> Vec<MessageRow> {
        self.store.run(|tx| {
            let conversation = tx.contact(contact)?.unwrap().conversation;
            let mut all = tx.history(conversation, MessageSeq::END, u32::MAX, Timestamp(0))?;
            all.reverse();
            Ok(all)
        })
    }
}
