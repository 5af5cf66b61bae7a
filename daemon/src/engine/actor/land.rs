//! What each answer leads to: one transaction. Nothing is sent from here; the clock does that later.

use std::time::Duration;

use bauta_protocol::bundle::{BUNDLE_LEN, Bundle};
use bauta_protocol::descriptor::DescriptorError;
use bauta_protocol::id::{BoxId, RelayId};
use bauta_protocol::limits::{BOX_LEN, MAX_DEPOSIT_BITS};
use bauta_protocol::relay::{
    Declined, DeleteReply, DepositReply, Deposited, DescribeReply, DrainReply, FetchReply, GetReply,
    PublishReply, PutReply, Refusal,
};
use tokio::time::Instant;

use super::Actor;
use crate::engine::conflict::Verdict;
use crate::engine::elsewhere::Shown;
use crate::engine::flight::{Answer, EMPTY_ANSWER_PAUSE, Heard, Landed, Landing};
use crate::engine::peer::{Moment, keep_bundle};
use crate::engine::plan::LaneOf;
use crate::engine::receive::BoxOutcome;
use crate::engine::{
    ATTEMPTS_SHOWN, announce, backoff, bundle, conflict, descriptors, elsewhere, errands, greet, invite,
    receive, send,
};
use crate::store::{
    BoxFor, CapabilityId, Change, ContactId, ContactRow, MessageState, OutboxId, PersonaId, PrekeysId,
    SessionId, StoreError, Tx,
};

/// A box in a format that this version does not know is asked for again after this: perhaps by a newer version.
const UNSUPPORTED_PAUSE: Duration = Duration::from_secs(3600);

impl Actor {
    pub(super) async fn land(&mut self, landed: Landed) {
        let Landed { relay, landing } = landed;
        match landing.heard() {
            Heard::Answer => self.shared.note_answer(Some(self.persona), relay),
            Heard::Invalid => self.note_invalid_answer(relay),
            Heard::Nothing => {}
        }
        match landing {
            Landing::Put { row, answer } => self.land_put(relay, row, answer).await,
            Landing::Get { of: LaneOf::Disputed(row), id, answer, .. } => {
                self.land_disputed(relay, row, id, answer).await;
            }
            Landing::Get { of, index, id, answer } => self.land_get(of, index, id, answer).await,
            Landing::Delete { row, attempts, answer } => self.land_delete(row, attempts, answer).await,
            Landing::Deposit { session, answer } => self.land_deposit(session, answer).await,
            Landing::Drain { answer } => self.land_drain(answer).await,
            Landing::Publish { prekeys, answer } => self.land_publish(prekeys, answer).await,
            Landing::Fetch { contact, answer } => self.land_fetch(relay, contact, answer).await,
            Landing::Own { answer } => self.land_own(relay, answer).await,
            Landing::Describe { answer } => self.land_describe(relay, answer).await,
            Landing::LoopPut { slot, answer } => {
                self.loop_lane.land(slot, matches!(answer, Ok(PutReply::Done)));
            }
            Landing::LoopGet { slot, answer } => {
                self.loop_lane.land(slot, matches!(answer, Ok(GetReply::Box(_))));
            }
            Landing::LoopDelete { slot, answer } => {
                self.loop_lane.land(slot, matches!(answer, Ok(DeleteReply::Done)));
            }
        }
    }

    async fn land_put(&mut self, relay: RelayId, row: OutboxId, answer: Answer<PutReply>) {
        let at = self.shared.moment();
        let kept = self.shared.store.run(move |tx| keep_put(tx, row, &answer, &at)).await;
        self.under_way.puts.remove(&row);
        if self.report(kept, "note a put") == Some(Verdict::Lie) {
            self.note_invalid_answer(relay);
        }
    }

    async fn land_disputed(&mut self, relay: RelayId, row: OutboxId, id: BoxId, answer: Answer<GetReply>) {
        let at = self.shared.moment();
        let kept = self.shared.store.run(move |tx| keep_shown(tx, row, &answer, &at)).await;
        self.under_way.gets.remove(&id);
        if self.report(kept, "note a conflict") == Some(Verdict::Lie) {
            self.note_invalid_answer(relay);
        }
    }

    async fn land_get(&mut self, of: LaneOf, index: u64, id: BoxId, answer: Answer<GetReply>) {
        let at = self.shared.moment();
        let taken = match answer {
            Ok(GetReply::Box(bytes)) => {
                let taken = self.shared.store.run(move |tx| take_box(tx, of, index, &bytes, &at)).await;
                self.report(taken, "keep a box").unwrap_or(BoxOutcome::Forged)
            }
            Ok(GetReply::Absent) => {
                // Normally it was held for minutes; a relay that does not hold is not asked faster for it.
                self.paused_boxes.insert(id, Instant::now() + EMPTY_ANSWER_PAUSE);
                BoxOutcome::Settled
            }
            Ok(GetReply::Declined(_)) => BoxOutcome::Forged,
            Err(_) => BoxOutcome::Settled,
        };
        self.under_way.gets.remove(&id);
        let pause = match taken {
            BoxOutcome::Settled => return,
            BoxOutcome::Forged => backoff::spread(self.shared.times.pace.resend_after),
            BoxOutcome::Unsupported => UNSUPPORTED_PAUSE,
        };
        self.paused_boxes.insert(id, Instant::now() + pause);
    }

    async fn land_delete(&mut self, row: CapabilityId, attempts: u32, answer: Answer<DeleteReply>) {
        let at = self.shared.moment();
        let kept = self
            .shared
            .store
            .run(move |tx| match answer {
                Ok(DeleteReply::Done) => tx.drop_capability(row),
                Ok(DeleteReply::Declined(_)) | Err(_) => {
                    let wait = backoff::after(at.times.pace.resend_after, attempts);
                    tx.delete_later(row, at.now.plus(wait), attempts.saturating_add(1))
                }
            })
            .await;
        self.under_way.deletes.remove(&row);
        self.report(kept, "note a deletion");
    }

    async fn land_deposit(&mut self, session: SessionId, answer: Answer<DepositReply>) {
        let at = self.shared.moment();
        let kept = self.shared.store.run(move |tx| keep_deposit(tx, session, &answer, &at)).await;
        self.under_way.deposits.remove(&session);
        self.report(kept, "note a handshake");
    }

    async fn land_drain(&mut self, answer: Answer<DrainReply>) {
        self.draining = false;
        if let Ok(DrainReply::Deposit(Deposited { seq, work, sealed })) = answer {
            let (persona, at) = (self.persona, self.shared.moment());
            let kept = self
                .shared
                .store
                .run(move |tx| greet::take_deposit(tx, persona, seq, &sealed, work, &at))
                .await;
            self.report(kept, "keep a handshake");
        }
    }

    async fn land_publish(&mut self, prekeys: PrekeysId, answer: Answer<PublishReply>) {
        let (persona, at) = (self.persona, self.shared.moment());
        self.under_way.publish = false;
        let kept =
            self.shared.store.run(move |tx| keep_publication(tx, persona, prekeys, &answer, &at)).await;
        self.report(kept, "note a publication");
    }

    async fn land_own(&mut self, relay: RelayId, answer: Answer<FetchReply>) {
        let (persona, at) = (self.persona, self.shared.moment());
        let kept = self.shared.store.run(move |tx| elsewhere::shown(tx, persona, &answer, &at)).await;
        self.under_way.own = false;
        match self.report(kept, "look at the own bundle") {
            Some(Shown::Forged) => self.note_invalid_answer(relay),
            Some(Shown::Elsewhere) => self.is_elsewhere = true,
            Some(Shown::Nothing) | None => {}
        }
    }

    async fn land_fetch(&mut self, relay: RelayId, contact: ContactId, answer: Answer<FetchReply>) {
        let at = self.shared.moment();
        let kept = self
            .shared
            .store
            .run(move |tx| match answer {
                Ok(FetchReply::Bundle(found)) => {
                    tx.set_deposit_bits(contact, found.deposit_bits)?;
                    fetched(tx, contact, Some(&found.bundle), &at)
                }
                Ok(FetchReply::Absent | FetchReply::Declined(_)) | Err(_) => fetched(tx, contact, None, &at),
            })
            .await;
        self.under_way.joins.remove(&contact);
        if let Some(Fetched::Forged) = self.report(kept, "keep a bundle") {
            self.note_invalid_answer(relay);
        }
    }

    async fn land_describe(&mut self, relay: RelayId, answer: Answer<DescribeReply>) {
        let (persona, now) = (self.persona, self.shared.time.now());
        let kept = match answer {
            Ok(DescribeReply::Descriptor(bytes)) => {
                let kept = self
                    .shared
                    .store
                    .run(move |tx| descriptors::keep(tx, persona, relay, bytes.as_slice(), now))
                    .await;
                let kept = self.report(kept, "keep a descriptor");
                if matches!(
                    kept,
                    Some(Err(DescriptorError::Malformed
                        | DescriptorError::WrongRelay
                        | DescriptorError::BadSignature))
                ) {
                    self.note_invalid_answer(relay);
                }
                kept.and_then(Result::ok)
            }
            Ok(DescribeReply::Declined(_)) | Err(_) => None,
        };
        self.under_way.describes.remove(&relay);
        match kept {
            Some(descriptor) => {
                self.shared.trust.signed(descriptor.day(), now);
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

pub(in crate::engine) fn keep_put(
    tx: &Tx<'_>,
    row: OutboxId,
    answer: &Answer<PutReply>,
    at: &Moment,
) -> Result<Verdict, StoreError> {
    let Some(sealed) = tx.boxed(row)? else { return Ok(Verdict::Nothing) };
    match answer {
        Ok(PutReply::Done) => {
            let again = backoff::spread(at.times.put_again_after);
            tx.box_done(row, at.now.plus(again), at.now)?;
            match sealed.owner {
                BoxFor::Session { message: Some(message), .. } if tx.is_stored(message)? => {
                    announce::set_message_state(tx, message, MessageState::Stored, None, at.now)
                }
                BoxFor::Session { .. } => Ok(()),
                BoxFor::Invite(_) => Ok(()),
                BoxFor::Guest(contact) => invite::answer_stored(tx, contact, at),
            }
        }
        Ok(PutReply::Conflict) => match sealed.owner {
            BoxFor::Session { .. } => return conflict::claimed(tx, row, at),
            // Somebody else answered the invitation, or the relay says so. Nothing follows that anybody could see.
            BoxFor::Guest(contact) => invite::answer_refused(tx, contact, at),
            BoxFor::Invite(_) => tx.drop_box(row),
        },
        // Busy, no room, the wrong day, a harder day, or no answer: again, for ever.
        Ok(PutReply::Declined(_)) | Err(_) => {
            let wait = backoff::after(at.times.pace.resend_after, sealed.attempts);
            tx.box_later(row, at.now.plus(wait), sealed.attempts.saturating_add(1))
        }
    }?;
    Ok(Verdict::Nothing)
}

/// The relay showed what it has under the name of a box of ours.
pub(in crate::engine) fn keep_shown(
    tx: &Tx<'_>,
    row: OutboxId,
    answer: &Answer<GetReply>,
    at: &Moment,
) -> Result<Verdict, StoreError> {
    match conflict::shown(tx, row, answer, at)? {
        Verdict::Ours => keep_put(tx, row, &Ok(PutReply::Done), at),
        verdict => Ok(verdict),
    }
}

pub(in crate::engine) fn keep_publication(
    tx: &Tx<'_>,
    persona: PersonaId,
    prekeys: PrekeysId,
    answer: &Answer<PublishReply>,
    at: &Moment,
) -> Result<(), StoreError> {
    match answer {
        Ok(PublishReply::Done) => bundle::published(tx, prekeys, at.now),
        Ok(PublishReply::Declined(Declined::Refused(Refusal::Stale))) => {
            elsewhere::refused(tx, persona, at)?;
            errands::refused_as_stale(tx, persona, at)
        }
        Ok(PublishReply::Declined(Declined::Refused(Refusal::Expired)) | PublishReply::Conflict) => {
            errands::refused_as_stale(tx, persona, at)
        }
        Ok(PublishReply::Declined(_)) | Err(_) => errands::publish_later(tx, persona, at),
    }
}

pub(in crate::engine) fn take_box(
    tx: &Tx<'_>,
    of: LaneOf,
    index: u64,
    bytes: &[u8; BOX_LEN],
    at: &Moment,
) -> Result<BoxOutcome, StoreError> {
    match of {
        LaneOf::Session(session) => receive::open_box(tx, session, index, bytes, at),
        LaneOf::Invite(id) => invite::host_box(tx, id, index, bytes, at),
        LaneOf::Guest(contact) => invite::guest_box(tx, contact, index, bytes, at),
        // Its landing is another.
        LaneOf::Disputed(_) => Ok(BoxOutcome::Settled),
    }
}

pub(in crate::engine) fn keep_deposit(
    tx: &Tx<'_>,
    session: SessionId,
    answer: &Answer<DepositReply>,
    at: &Moment,
) -> Result<(), StoreError> {
    let Some(row) = tx.session(session)? else { return Ok(()) };
    if matches!(answer, Ok(DepositReply::Declined(Declined::Refused(Refusal::WorkTooLow)))) {
        let bits = tx.deposit_bits(row.contact)?.unwrap_or(0);
        tx.set_deposit_bits(row.contact, bits.saturating_add(1).min(MAX_DEPOSIT_BITS))?;
    }
    if !matches!(answer, Ok(DepositReply::Done)) {
        let wait = at.times.waits.again(row.deposit_attempts);
        return tx.set_deposit(session, Some(at.now.plus(wait)), row.deposit_attempts.saturating_add(1));
    }
    tx.set_deposit(session, Some(at.now.plus(backoff::spread(at.times.deposit_again_after))), 0)?;
    match tx.in_handshake(session)? {
        Some(message) => announce::set_message_state(tx, message, MessageState::Stored, None, at.now),
        None => Ok(()),
    }
}

/// What a relay gave out as a contact's bundle.
pub(in crate::engine) enum Fetched {
    /// Nothing, or a bundle of theirs.
    Honest,
    /// What they did not sign.
    Forged,
}

/// A relay answered for a contact's bundle.
pub(in crate::engine) fn fetched(
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
    let Some(row) = tx.contact(contact)?.filter(|row| row.current.is_none() || row.rejoin) else {
        return Ok(found);
    };
    let wanted = row.rejoin || tx.has_undelivered(row.conversation)?;
    match shown.or_else(|| bundle_of(&row, at)) {
        Some(bundle) if wanted => send::begin(tx, &persona, &row, &bundle, at)?,
        Some(_) => tx.set_contact_attempt(contact, at.now, 0)?,
        None => {
            let wait = at.times.waits.again(row.attempts);
            let attempts = row.attempts.saturating_add(1);
            tx.set_contact_attempt(contact, at.now.plus(wait), attempts)?;
            // From now on it is shown as a problem.
            if attempts == ATTEMPTS_SHOWN {
                announce::contact_changed(tx, contact, Change::State, at.now)?;
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
