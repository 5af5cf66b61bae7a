//! What each answer leads to: one transaction. Nothing is sent from here; the clock does that later.

use std::time::Duration;

use bauta_ipc::ContactChange;
use bauta_protocol::BOX_LEN;
use bauta_protocol::bundle::{BUNDLE_LEN, Bundle};
use bauta_protocol::descriptor::DescriptorError;
use bauta_protocol::id::{BoxId, RelayId};
use bauta_protocol::relay::{Refusal, Reply};
use tokio::time::Instant;

use super::Actor;
use crate::engine::flight::{EMPTY_ANSWER_PAUSE, Errand, Landed, Missed};
use crate::engine::peer::{Moment, give_up, keep_bundle};
use crate::engine::plan::LaneOf;
use crate::engine::receive::Taken;
use crate::engine::{backoff, bundle, descriptors, greet, invite, receive, send};
use crate::store::{
    BoxFor, CapabilityId, ContactId, ContactRow, MessageState, OutboxId, PrekeysId, SessionId, StoreError, Tx,
};
use crate::view;

/// A box in a format that this version does not know is asked for again after this: perhaps by a newer version.
const UNSUPPORTED_PAUSE: Duration = Duration::from_secs(3600);

impl Actor {
    pub(super) async fn land(&mut self, landed: Landed) {
        if landed.answered() {
            self.shared.note_answer(landed.relay);
        } else if landed.is_nonsense() {
            self.shared.note_nonsense(landed.relay);
        }
        let Landed { errand, relay, outcome } = landed;
        if let Err(missed) = &outcome {
            tracing::debug!("An exchange had no answer: {missed}.");
        }
        match errand {
            Errand::Put { row, .. } => self.land_put(row, outcome).await,
            Errand::Get { of, index, id } => self.land_get(of, index, id, outcome).await,
            Errand::Delete { row, attempts, .. } => self.land_delete(row, attempts, outcome).await,
            Errand::Deposit { session, .. } => self.land_deposit(session, outcome).await,
            Errand::Drain { .. } => self.land_drain(outcome).await,
            Errand::Publish { prekeys, .. } => self.land_publish(prekeys, outcome).await,
            Errand::Fetch { contact, .. } => self.land_fetch(relay, contact, outcome).await,
            Errand::Describe => self.land_describe(relay, outcome).await,
            Errand::LoopPut { slot, .. } | Errand::LoopDelete { slot, .. } => {
                self.loop_lane.land(slot, matches!(outcome, Ok(Reply::Done)));
            }
            Errand::LoopGet { slot, .. } => self.loop_lane.land(slot, matches!(outcome, Ok(Reply::Box(_)))),
        }
    }

    async fn land_put(&mut self, row: OutboxId, outcome: Result<Reply, Missed>) {
        let at = self.shared.moment();
        let kept = self.shared.store.run(move |tx| keep_put(tx, row, &outcome, &at)).await;
        self.under_way.puts.remove(&row);
        self.report(kept, "note a put");
    }

    async fn land_get(&mut self, of: LaneOf, index: u64, id: BoxId, outcome: Result<Reply, Missed>) {
        let at = self.shared.moment();
        let taken = match outcome {
            Ok(Reply::Box(bytes)) => {
                let taken = self.shared.store.run(move |tx| take_box(tx, of, index, &bytes, &at)).await;
                self.report(taken, "keep a box").unwrap_or(Taken::Forged)
            }
            Ok(Reply::Absent) => {
                // Normally it was held for minutes; a relay that does not hold is not asked faster for it.
                self.paused_boxes.insert(id, Instant::now() + EMPTY_ANSWER_PAUSE);
                Taken::Yes
            }
            Ok(_) => Taken::Forged,
            Err(_) => Taken::Yes,
        };
        self.under_way.gets.remove(&id);
        let pause = match taken {
            Taken::Yes => return,
            Taken::Forged => backoff::spread(self.shared.times.pace.resend_after),
            Taken::Unsupported => UNSUPPORTED_PAUSE,
        };
        self.paused_boxes.insert(id, Instant::now() + pause);
    }

    async fn land_delete(&mut self, row: CapabilityId, attempts: u32, outcome: Result<Reply, Missed>) {
        let at = self.shared.moment();
        let kept = self
            .shared
            .store
            .run(move |tx| match outcome {
                Ok(Reply::Done) => tx.drop_capability(row),
                _ => {
                    let wait = backoff::after(at.times.pace.resend_after, attempts);
                    tx.delete_later(row, at.now.plus(wait), attempts.saturating_add(1))
                }
            })
            .await;
        self.under_way.deletes.remove(&row);
        self.report(kept, "note a deletion");
    }

    async fn land_deposit(&mut self, session: SessionId, outcome: Result<Reply, Missed>) {
        let at = self.shared.moment();
        let kept = self.shared.store.run(move |tx| keep_deposit(tx, session, &outcome, &at)).await;
        self.under_way.deposits.remove(&session);
        self.report(kept, "note a handshake");
    }

    async fn land_drain(&mut self, outcome: Result<Reply, Missed>) {
        self.draining = false;
        if let Ok(Reply::Deposit { seq, sealed }) = outcome {
            let (persona, at) = (self.persona, self.shared.moment());
            let kept =
                self.shared.store.run(move |tx| greet::take_deposit(tx, persona, seq, &sealed, &at)).await;
            self.report(kept, "keep a handshake");
        }
    }

    async fn land_publish(&mut self, prekeys: PrekeysId, outcome: Result<Reply, Missed>) {
        let (persona, now) = (self.persona, self.shared.time.now());
        self.under_way.publish = false;
        let kept = match outcome {
            Ok(Reply::Done) => {
                self.paused_publish = None;
                let kept = self
                    .shared
                    .store
                    .run(move |tx| -> Result<(), StoreError> {
                        bundle::published(tx, &tx.persona(persona)?, prekeys, now)
                    })
                    .await;
                self.report(kept, "note a publication");
                return;
            }
            // Its version must grow: this machine's clock stood still, or another home has this persona.
            Ok(Reply::Refused(Refusal::Stale | Refusal::Expired) | Reply::Conflict) => {
                self.shared
                    .store
                    .run(move |tx| -> Result<(), StoreError> {
                        bundle::new_prekeys(tx, &tx.persona(persona)?, now).map(|_| ())
                    })
                    .await
            }
            _ => Ok(()),
        };
        self.report(kept, "make new keys");
        let failures = self.paused_publish.map_or(0, |(_, failures)| failures);
        let wait = backoff::after(self.shared.times.pace.resend_after, failures);
        self.paused_publish = Some((Instant::now() + wait, failures.saturating_add(1)));
    }

    async fn land_fetch(&mut self, relay: RelayId, contact: ContactId, outcome: Result<Reply, Missed>) {
        let at = self.shared.moment();
        let kept = self
            .shared
            .store
            .run(move |tx| match outcome {
                Ok(Reply::Bundle(bytes)) => fetched(tx, contact, Some(&bytes), &at),
                _ => fetched(tx, contact, None, &at),
            })
            .await;
        self.under_way.joins.remove(&contact);
        if let Some(Fetched::Forged) = self.report(kept, "keep a bundle") {
            self.shared.note_nonsense(relay);
        }
    }

    async fn land_describe(&mut self, relay: RelayId, outcome: Result<Reply, Missed>) {
        let now = self.shared.time.now();
        let kept = match outcome {
            Ok(Reply::Descriptor(bytes)) => {
                let kept = self
                    .shared
                    .store
                    .run(move |tx| descriptors::keep(tx, relay, bytes.as_slice(), now))
                    .await;
                let kept = self.report(kept, "keep a descriptor");
                if matches!(
                    kept,
                    Some(Err(DescriptorError::Malformed
                        | DescriptorError::WrongRelay
                        | DescriptorError::BadSignature))
                ) {
                    self.shared.note_nonsense(relay);
                }
                kept.and_then(Result::ok)
            }
            _ => None,
        };
        self.under_way.describes.remove(&relay);
        match kept {
            Some(descriptor) => {
                self.paused_relays.remove(&relay);
                self.shared.exchangers.avoid_gateways_of(descriptor.doors());
                // Yesterday's descriptor, shortly after midnight: today's will be asked for in a while.
                if descriptor.day() < now.day() {
                    self.pause_relay(relay);
                }
            }
            None => self.pause_relay(relay),
        }
    }

    fn pause_relay(&mut self, relay: RelayId) {
        let failures = self.paused_relays.get(&relay).map_or(0, |(_, failures)| *failures);
        let wait = backoff::after(self.shared.times.pace.resend_after, failures);
        self.paused_relays.insert(relay, (Instant::now() + wait, failures.saturating_add(1)));
    }
}

fn keep_put(
    tx: &Tx<'_>,
    row: OutboxId,
    outcome: &Result<Reply, Missed>,
    at: &Moment,
) -> Result<(), StoreError> {
    let Some(sealed) = tx.boxed(row)? else { return Ok(()) };
    match outcome {
        Ok(Reply::Done) => {
            let again = backoff::spread(at.times.put_again_after);
            tx.box_done(row, at.now.plus(again), at.now)?;
            match sealed.owner {
                BoxFor::Session { message: Some(message), .. } if tx.is_stored(message)? => {
                    view::move_message(tx, message, MessageState::Stored, None, at.now)
                }
                BoxFor::Session { .. } => Ok(()),
                BoxFor::Invite(_) => Ok(()),
                BoxFor::Guest(contact) => invite::answer_stored(tx, contact, at),
            }
        }
        Ok(Reply::Conflict) => match sealed.owner {
            // Other bytes stand where ours belong: an older state of ours was used before, or the relay lies.
            BoxFor::Session { session, .. } => match tx.session(session)? {
                Some(session) => {
                    tx.forget_undone(session.id)?;
                    give_up(tx, &session, at)
                }
                None => tx.drop_box(row),
            },
            BoxFor::Guest(contact) => invite::answer_refused(tx, contact, at),
            BoxFor::Invite(_) => tx.drop_box(row),
        },
        // Busy, no room, the wrong day, a harder day, or no answer: again, for ever.
        _ => {
            let wait = backoff::after(at.times.pace.resend_after, sealed.attempts);
            tx.box_later(row, at.now.plus(wait), sealed.attempts.saturating_add(1))
        }
    }
}

fn take_box(
    tx: &Tx<'_>,
    of: LaneOf,
    index: u64,
    bytes: &[u8; BOX_LEN],
    at: &Moment,
) -> Result<Taken, StoreError> {
    match of {
        LaneOf::Session(session) => receive::open_box(tx, session, index, bytes, at),
        LaneOf::Invite(id) => invite::host_box(tx, id, index, bytes, at),
        LaneOf::Guest(contact) => invite::guest_box(tx, contact, index, bytes, at),
    }
}

fn keep_deposit(
    tx: &Tx<'_>,
    session: SessionId,
    outcome: &Result<Reply, Missed>,
    at: &Moment,
) -> Result<(), StoreError> {
    let Some(row) = tx.session(session)? else { return Ok(()) };
    if !matches!(outcome, Ok(Reply::Done)) {
        let wait = backoff::after(at.times.pace.resend_after, row.deposit_attempts);
        return tx.set_deposit(session, Some(at.now.plus(wait)), row.deposit_attempts.saturating_add(1));
    }
    tx.set_deposit(session, Some(at.now.plus(backoff::spread(at.times.deposit_again_after))), 0)?;
    match tx.in_handshake(session)? {
        Some(message) => view::move_message(tx, message, MessageState::Stored, None, at.now),
        None => Ok(()),
    }
}

/// What a relay gave out as a contact's bundle.
enum Fetched {
    /// Nothing, or a bundle of theirs.
    Honest,
    /// What they did not sign.
    Forged,
}

/// A relay answered for a contact's bundle.
fn fetched(
    tx: &Tx<'_>,
    contact: ContactId,
    bytes: Option<&[u8; BUNDLE_LEN]>,
    at: &Moment,
) -> Result<Fetched, StoreError> {
    let Some(row) = tx.contact(contact)? else { return Ok(Fetched::Honest) };
    let theirs = bytes
        .and_then(|bytes| Bundle::from_bytes(bytes).ok())
        .filter(|bundle| row.public == Some(bundle.persona()));
    let found = if bytes.is_some() && theirs.is_none() { Fetched::Forged } else { Fetched::Honest };
    let shown = theirs.filter(|bundle| bundle.check_fresh(at.now, row.bundle_version).is_ok());
    if let Some(bundle) = &shown {
        keep_bundle(tx, contact, bundle, at.now)?;
        descriptors::compare(tx, &row, bundle.relay().id, bundle.descriptor(), at)?;
    }
    let persona = tx.persona(row.persona)?;
    // The peer may have begun meanwhile.
    let Some(row) = tx.contact(contact)?.filter(|row| row.current.is_none()) else { return Ok(found) };
    let wanted = row.rejoin || tx.has_undelivered(row.conversation)?;
    match shown.or_else(|| bundle_of(&row, at)) {
        Some(bundle) if wanted => send::begin(tx, &persona, &row, &bundle, at)?,
        Some(_) => tx.set_contact_attempt(contact, at.now, 0)?,
        None => {
            let wait = backoff::after(at.times.pace.resend_after, row.attempts);
            let attempts = row.attempts.saturating_add(1);
            tx.set_contact_attempt(contact, at.now.plus(wait), attempts)?;
            // From now on it is shown as a problem.
            if attempts == view::ATTEMPTS_SHOWN {
                view::contact_changed(tx, contact, ContactChange::State, at.now)?;
            }
        }
    }
    Ok(found)
}

/// The contact's bundle as it was last seen, while it holds.
pub(super) fn bundle_of(row: &ContactRow, at: &Moment) -> Option<Bundle> {
    let bundle = Bundle::from_bytes(row.bundle.as_deref()?).ok()?;
    bundle.check_fresh(at.now, row.bundle_version).is_ok().then_some(bundle)
}
