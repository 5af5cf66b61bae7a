//! From what is due to an exchange under way.

use std::collections::HashSet;

use bauta_protocol::bundle::Prekeys;
use bauta_protocol::id::RelayId;
use tokio::time::Instant;

use super::Actor;
use crate::engine::flight::Errand;
use crate::engine::peer::{Moment, unpack};
use crate::engine::plan::{Due, Lane, LaneOf, Step, choose};
use crate::engine::terms::{Terms, describe_terms, terms};
use crate::engine::{DAY, elsewhere, errands, plan, receive, send};
use crate::random;
use crate::store::{ContactId, ContactRow, PersonaId, StoreError, Tx};

/// Boxes looked at for a tick.
const PUTS_SEEN: u32 = 64;

/// Deletions looked at for a tick.
const DELETES_SEEN: u32 = 16;

/// What a tick or a wake leads to.
type Ready = Option<(Errand, Terms)>;

impl Actor {
    /// One tick of the clock: one exchange at most.
    pub(super) async fn tick(&mut self) {
        let (persona, at) = (self.persona, self.shared.moment());
        let prepared = self.shared.store.run(move |tx| prepare(tx, persona, &at)).await;
        let Some(mut due) = self.report(prepared, "look for what is due") else { return };
        self.hold_back(&mut due);
        let step = choose(&due, &self.under_way, random::below);
        let started = match step {
            Step::Loop => self.start_loop().await,
            step => {
                let started = self.shared.store.run(move |tx| start(tx, persona, step, &at)).await;
                self.report(started, "begin an exchange").flatten().filter(|ready| self.may_begin(ready))
            }
        };
        match started {
            Some((errand, terms)) => self.begin(errand, terms),
            // What was chosen needed no exchange after all: the tick is used like any other.
            None if step != Step::Loop => {
                if let Some((errand, terms)) = self.start_loop().await {
                    self.begin(errand, terms);
                }
            }
            None => {}
        }
    }

    /// Puts what a user waits for, at once, as far as few enough are under way. The rest waits for ticks.
    pub(super) async fn put_urgent(&mut self) {
        let (persona, at) = (self.persona, self.shared.moment());
        let due = self.shared.store.run(move |tx| tx.due_boxes(persona, at.now, PUTS_SEEN)).await;
        let Some(due) = self.report(due, "look for boxes") else { return };
        for one in due {
            if self.under_way.puts.len() >= plan::MOST_PUTS {
                break;
            }
            if !one.urgent || self.under_way.puts.contains(&one.row) {
                continue;
            }
            let started = self.shared.store.run(move |tx| start(tx, persona, Step::Put(one.row), &at)).await;
            if let Some(Some((errand, terms))) = self.report(started, "begin a put") {
                self.begin(errand, terms);
            }
        }
    }

    /// Reads the inbox, one handshake at a time.
    pub(super) async fn drain(&mut self) {
        if self.draining {
            return;
        }
        let (persona, now) = (self.persona, self.shared.time.now());
        let started = self
            .shared
            .store
            .run(move |tx| -> Result<Ready, StoreError> {
                let persona = tx.persona(persona)?;
                let errand = Errand::Drain { cap: persona.inbox, after: persona.drain_after };
                Ok(terms(tx, persona.id, persona.relay, now)?.map(|terms| (errand, terms)))
            })
            .await;
        if let Some(Some((errand, terms))) = self.report(started, "read the inbox's place") {
            self.begin(errand, terms);
        }
    }

    /// Leaves out what failed a moment ago.
    fn hold_back(&mut self, due: &mut Due) {
        let now = Instant::now();
        self.paused_boxes.retain(|_, until| *until > now);
        for lane in &mut due.lanes {
            lane.wanted.retain(|want| !self.paused_boxes.contains_key(&want.id));
        }
        due.describes.retain(|relay| self.paused_relays.get(relay).is_none_or(|(until, _)| *until <= now));
    }

    async fn start_loop(&mut self) -> Ready {
        let (persona, now) = (self.persona, self.shared.time.now());
        let terms = self
            .shared
            .store
            .run(move |tx| -> Result<Option<Terms>, StoreError> {
                terms(tx, persona, tx.persona(persona)?.relay, now)
            })
            .await;
        let terms = self.report(terms, "read a relay's terms").flatten()?;
        Some((self.loop_lane.next()?, terms))
    }

    /// A step can lead to a question that a relay is asked already.
    fn may_begin(&self, (errand, terms): &(Errand, Terms)) -> bool {
        let relay = terms.target.id;
        let paused = self.paused_relays.get(&relay).is_some_and(|(until, _)| *until > Instant::now());
        !matches!(errand, Errand::Describe) || !(paused || self.under_way.describes.contains(&relay))
    }

    fn begin(&mut self, errand: Errand, terms: Terms) {
        match &errand {
            Errand::Put { row, .. } => drop(self.under_way.puts.insert(*row)),
            Errand::Get { id, .. } => drop(self.under_way.gets.insert(*id)),
            Errand::Delete { row, .. } => drop(self.under_way.deletes.insert(*row)),
            Errand::Deposit { session, .. } => drop(self.under_way.deposits.insert(*session)),
            Errand::Fetch { contact, .. } => drop(self.under_way.joins.insert(*contact)),
            Errand::Describe => drop(self.under_way.describes.insert(terms.target.id)),
            Errand::Publish { .. } => self.under_way.publish = true,
            Errand::Own { .. } => self.under_way.own = true,
            Errand::Drain { .. } => self.draining = true,
            Errand::LoopPut { .. } | Errand::LoopGet { .. } | Errand::LoopDelete { .. } => {}
        }
        self.launch(errand, terms);
    }
}

/// Does what needs no network, and lists what does.
fn prepare(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<Due, StoreError> {
    let row = tx.persona(persona)?;
    errands::look_after(tx, persona, at)?;
    for contact in tx.contacts_to_seal(persona)? {
        send::seal_pending(tx, &row, contact, at)?;
    }
    let gap_before =
        at.now.0.saturating_sub(u64::try_from(at.times.gap_after.as_millis()).unwrap_or(u64::MAX));
    if at.trusted {
        for session in tx.old_gaps(persona, bauta_protocol::time::Timestamp(gap_before))? {
            receive::skip_gap(tx, session, at)?;
        }
    }
    let usable = usable_relays(tx, persona, at)?;
    let mut lanes = Vec::new();
    let mut add = |of, relay: RelayId, wanted, active| {
        if usable.contains(&relay) {
            lanes.push(Lane { of, relay, wanted, active });
        }
    };
    for (contact, relay, wanted) in tx.guest_lanes(persona)? {
        add(LaneOf::Guest(contact), relay, wanted, true);
    }
    for (session, relay, wanted, active_until) in tx.lanes(persona)? {
        add(LaneOf::Session(session), relay, wanted, active_until > at.now);
    }
    for (invite, relay, wanted, active_until) in tx.invite_lanes(persona)? {
        add(LaneOf::Invite(invite), relay, wanted, active_until > at.now);
    }
    for (disputed, relay, want) in tx.disputed_boxes(persona, at.now)? {
        add(LaneOf::Disputed(disputed), relay, vec![want], false);
    }
    let mut deletes = Vec::new();
    for one in tx.due_deletes(persona, at.now, DELETES_SEEN)? {
        if usable.contains(&one.relay) {
            deletes.push(one.row);
        }
    }
    let publish = errands::due_publication(tx, persona, at)?
        .filter(|_| usable.contains(&row.relay))
        .map(|newest| newest.id);
    Ok(Due {
        lanes,
        acks: tx.due_acks(persona, at.now)?,
        puts: tx.due_boxes(persona, at.now, PUTS_SEEN)?,
        deposits: tx.due_deposits(persona, at.now)?,
        joins: tx.contacts_to_join(persona, at.now)?,
        describes: errands::to_describe(tx, persona, at)?,
        publish,
        own: usable.contains(&row.relay) && elsewhere::is_due(tx, persona)?,
        deletes,
    })
}

fn usable_relays(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<HashSet<RelayId>, StoreError> {
    let mut usable = HashSet::new();
    for relay in tx.relays_of(persona)? {
        if terms(tx, persona, relay, at.now)?.is_some() {
            usable.insert(relay);
        }
    }
    Ok(usable)
}

/// Turns a step into an errand; what the step changes in the store is committed when this returns.
fn start(tx: &Tx<'_>, persona: PersonaId, step: Step, at: &Moment) -> Result<Ready, StoreError> {
    let with_terms = |relay, errand| Ok(terms(tx, persona, relay, at.now)?.map(|terms| (errand, terms)));
    match step {
        Step::Get { of, relay, want } => {
            with_terms(relay, Errand::Get { of, index: want.index, id: want.id })
        }
        Step::Ack(session) => match send::seal_ack(tx, session, at)? {
            Some(row) => start(tx, persona, Step::Put(row), at),
            None => Ok(None),
        },
        Step::Put(row) => {
            let Some(sealed) = tx.boxed(row)? else { return Ok(None) };
            let found = terms(tx, persona, sealed.relay, at.now)?;
            if found.is_none() {
                // Not before its relay has sent a descriptor; other relays' work does not wait for it.
                let wait = crate::engine::backoff::after(at.times.pace.tick_mean, sealed.attempts);
                tx.box_later(row, at.now.plus(wait), sealed.attempts.saturating_add(1))?;
            }
            let errand = Errand::Put { row, id: sealed.id, tag: sealed.tag, bytes: sealed.bytes };
            Ok(found.map(|terms| (errand, terms)))
        }
        Step::Deposit(session) => {
            let Some(row) = tx.session(session)? else { return Ok(None) };
            let (Some(handshake), Some(inbox)) = (row.handshake, row.inbox) else { return Ok(None) };
            let bits = tx.deposit_bits(row.contact)?;
            with_terms(row.relay, Errand::Deposit { session, inbox, bits, handshake })
        }
        Step::Join(contact) => start_join(tx, persona, contact, at),
        Step::Describe(relay) => {
            Ok(describe_terms(tx, persona, relay)?.map(|terms| (Errand::Describe, terms)))
        }
        Step::Publish(prekeys) => {
            let Some(row) = tx.prekeys_by_id(prekeys)? else { return Ok(None) };
            let keys: Prekeys = unpack(&row.secret, "prekeys")?;
            let bundle = Box::new(*keys.bundle().as_bytes());
            let inbox = keys.inbox().clone();
            let known = elsewhere::known_version(tx, &row)?;
            with_terms(tx.persona(persona)?.relay, Errand::Publish { prekeys, bundle, inbox, known })
        }
        Step::Own => {
            let row = tx.persona(persona)?;
            with_terms(row.relay, Errand::Own { persona: row.public })
        }
        Step::Delete(row) => {
            let due = tx.due_deletes(persona, at.now, DELETES_SEEN)?.into_iter().find(|one| one.row == row);
            match due {
                Some(one) => {
                    with_terms(one.relay, Errand::Delete { row, cap: one.cap, attempts: one.attempts })
                }
                None => Ok(None),
            }
        }
        Step::Loop => Ok(None),
    }
}

/// Begins a session over a bundle that was seen a moment ago, or asks a relay for the bundle.
fn start_join(tx: &Tx<'_>, persona: PersonaId, contact: ContactId, at: &Moment) -> Result<Ready, StoreError> {
    let Some(row) = tx.contact(contact)? else { return Ok(None) };
    let Some(key) = row.public else { return Ok(None) };
    if !row.rejoin
        && at.now.since(row.bundle_version) < DAY
        && let Some(bundle) = crate::engine::actor::land::bundle_of(&row, at)
    {
        send::begin(tx, &tx.persona(persona)?, &row, &bundle, at)?;
        return Ok(None);
    }
    let Some(relay) = where_to_ask(tx, persona, &row)? else {
        let wait = at.times.waits.again(row.attempts);
        tx.set_contact_attempt(contact, at.now.plus(wait), row.attempts.saturating_add(1))?;
        return Ok(None);
    };
    match terms(tx, persona, relay, at.now)? {
        Some(terms) => Ok(Some((Errand::Fetch { contact, persona: key }, terms))),
        // A relay that nobody has asked yet for its descriptor.
        None => Ok(describe_terms(tx, persona, relay)?.map(|terms| (Errand::Describe, terms))),
    }
}

/// The contact's own relay first, then in turn the others that are configured here.
fn where_to_ask(
    tx: &Tx<'_>,
    persona: PersonaId,
    contact: &ContactRow,
) -> Result<Option<RelayId>, StoreError> {
    let own = tx.persona(persona)?.relay;
    let mut candidates: Vec<RelayId> = contact.relay.into_iter().collect();
    for relay in tx.relays()? {
        let candidate = (relay.configured || relay.id == own)
            && tx.relay(persona, relay.id)?.is_some_and(|row| !row.equivocated);
        if candidate && !candidates.contains(&relay.id) {
            candidates.push(relay.id);
        }
    }
    let place = usize::try_from(contact.attempts).unwrap_or(0).checked_rem(candidates.len());
    Ok(place.and_then(|place| candidates.get(place).copied()))
}
