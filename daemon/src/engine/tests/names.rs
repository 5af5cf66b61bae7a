//! What names a persona, what one contact or stranger can cost, and what a clock far ahead may not do.

use std::time::Duration;

use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::relay::{GetReply, PutReply};
use bauta_protocol::time::Timestamp;

use super::world::{Draw, NOW, Person, Relays, moment};
use crate::engine::actor::land::{keep_put, keep_shown as shown};
use crate::engine::conflict::Verdict;
use crate::engine::flight::Missed;
use crate::engine::peer::{MOST_READ, Moment};
use crate::engine::{errands, greet, pull_back, tidy};
use crate::store::{Change, ContactId, Happened, MessageState, OutboxId, ROLLED_BACK_AT};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn restarts(person: &mut Person) -> usize {
    let events = person.store.run(|tx| tx.events_after(0, 1000));
    events.iter().filter(|event| matches!(event.what, Happened::ContactChanged(_, Change::Restarted))).count()
}

/// Two who speak; returns the contact of the first and the time.
fn speaking(relays: &mut Relays, alice: &mut Person, bob: &mut Person) -> (ContactId, Timestamp) {
    let mut draw = Draw::new(11);
    let (of_alice, of_bob) = (alice.row().public, bob.row().public);
    let (to_bob, _) = (alice.add("bob", of_bob), bob.add("alice", of_alice));
    alice.say(to_bob, "hello", NOW, &mut draw);
    let mut now = NOW;
    while alice.messages(to_bob)[0].state != Some(MessageState::Delivered) {
        now.0 += 50;
        assert!(now.0 < NOW.0 + 1_000_000, "they never speak");
        alice.step(relays, now, &mut draw);
        bob.step(relays, now, &mut draw);
    }
    (to_bob, now)
}

/// A box of Alice's that no relay has yet.
fn queued(alice: &mut Person, to_bob: ContactId, now: Timestamp) -> OutboxId {
    alice.say(to_bob, "again", now, &mut Draw::new(5));
    let persona = alice.id;
    let due = alice.store.run(|tx| tx.due_boxes(persona, now, 64));
    due.last().unwrap().row
}

#[test]
fn a_conflict_without_proof_leads_to_another_put_and_to_nothing_else() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (to_bob, now) = speaking(&mut relays, &mut alice, &mut bob);
    let (row, persona) = (queued(&mut alice, to_bob, now), alice.id);
    let current = alice.store.run(|tx| tx.contact(to_bob)).unwrap().current;
    let mut at = now;
    let answers = [Ok(GetReply::Absent), Ok(GetReply::Box(Box::new([7; BOX_LEN]))), Err(Missed::Work)];
    for (answer, verdict) in answers.into_iter().zip([Verdict::Lie, Verdict::Lie, Verdict::Nothing]) {
        let mut slow = moment(at);
        slow.times.waits = crate::engine::Waits::shortened(1);
        let claimed = alice.store.run(|tx| keep_put(tx, row, &Ok(PutReply::Conflict), &slow));
        assert_eq!(claimed, Verdict::Nothing, "it may be true");
        assert!(alice.store.run(|tx| tx.disputed_boxes(persona, at)).is_empty(), "not at once");
        let later = at.plus(DAY);
        assert_eq!(alice.store.run(|tx| tx.disputed_boxes(persona, later)).len(), 1);
        assert!(!alice.store.run(|tx| tx.due_boxes(persona, later, 64)).iter().any(|one| one.row == row));
        assert_eq!(alice.store.run(|tx| shown(tx, row, &answer, &moment(at))), verdict);
        assert!(alice.store.run(|tx| tx.due_boxes(persona, later, 64)).iter().any(|one| one.row == row));
        at = later;
    }
    let row = alice.store.run(|tx| tx.contact(to_bob)).unwrap();
    assert!(row.current == current && !row.rejoin);
    assert_eq!(restarts(&mut alice), 0);
}

#[test]
fn our_own_bytes_are_no_conflict() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (to_bob, now) = speaking(&mut relays, &mut alice, &mut bob);
    let row = queued(&mut alice, to_bob, now);
    let bytes = alice.store.run(|tx| tx.boxed(row)).unwrap().bytes;
    alice.store.run(|tx| keep_put(tx, row, &Ok(PutReply::Conflict), &moment(now)));
    let verdict = alice.store.run(|tx| shown(tx, row, &Ok(GetReply::Box(bytes)), &moment(now)));
    assert_eq!(verdict, Verdict::Nothing);
    assert_eq!(alice.messages(to_bob).last().unwrap().state, Some(MessageState::Stored));
    assert!(alice.store.run(|tx| tx.boxed(row)).unwrap().key.is_none(), "its key is forgotten");
    // From now on the relay has said that it has these bytes.
    let lie = alice.store.run(|tx| keep_put(tx, row, &Ok(PutReply::Conflict), &moment(now)));
    assert_eq!(lie, Verdict::Lie);
    assert_eq!(restarts(&mut alice), 0);
}

#[test]
fn only_bytes_that_a_copy_of_this_home_sealed_begin_the_conversation_again() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (to_bob, now) = speaking(&mut relays, &mut alice, &mut bob);
    let session = alice.store.run(|tx| tx.contact(to_bob)).unwrap().current.unwrap();
    let old = alice.store.run(|tx| tx.session(session)).unwrap().state;
    let first = queued(&mut alice, to_bob, now);
    let theirs = alice.store.run(|tx| tx.boxed(first)).unwrap();
    // The same place of the lane, sealed from the older state.
    alice.store.run(|tx| tx.save_sender(session, &old, None, now));
    let row = queued(&mut alice, to_bob, now.plus(MINUTE));
    let ours = alice.store.run(|tx| tx.boxed(row)).unwrap();
    assert!(ours.id == theirs.id && ours.bytes != theirs.bytes);
    let at = now.plus(MINUTE);
    alice.store.run(|tx| keep_put(tx, row, &Ok(PutReply::Conflict), &moment(at)));
    let verdict = alice.store.run(|tx| shown(tx, row, &Ok(GetReply::Box(theirs.bytes)), &moment(at)));
    assert_eq!(verdict, Verdict::Proved);
    let contact = alice.store.run(|tx| tx.contact(to_bob)).unwrap();
    assert!(contact.rejoin && contact.current.is_none());
    let persona = alice.id;
    assert!(alice.store.run(|tx| tx.contacts_to_join(persona, at)).is_empty(), "no name follows at once");
    assert_eq!(alice.store.run(|tx| tx.contacts_to_join(persona, at.plus(DAY))), [to_bob]);
    assert_eq!(restarts(&mut alice), 1);
}

#[test]
fn a_contact_who_leaves_a_handshake_every_minute_gets_few_sessions() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (of_alice, of_bob, persona) = (alice.row().public, bob.row().public, alice.id);
    let to_bob = alice.add("bob", of_bob);
    let gap = Duration::from_secs(600);
    let mut taken = 0;
    let mut last = None;
    let at = |minute: u64| {
        let mut at = moment(NOW.plus(MINUTE * u32::try_from(minute).unwrap()));
        at.times.waits.handshake_gap = gap;
        at
    };
    // Two hours of a day that is the same throughout.
    for minute in 0..120 {
        let sealed = bob.knock(of_alice, &format!("knock {minute}"), &mut relays);
        let at = at(minute);
        alice.store.run(|tx| {
            errands::look_after(tx, persona, &at)?;
            greet::take_deposit(tx, persona, minute + 1, &sealed, 0, &at)
        });
        let sessions = alice.store.run(|tx| tx.sessions_of(to_bob));
        assert!(sessions.len() <= MOST_READ as usize);
        let newest = sessions.last().map(|row| row.id);
        taken += u32::from(newest != last);
        last = newest;
    }
    assert!((11..=13).contains(&taken), "one in ten minutes: {taken}");
    // The last one was held and is taken when its time has come.
    alice.store.run(|tx| errands::look_after(tx, persona, &at(200)));
    assert_ne!(alice.store.run(|tx| tx.sessions_of(to_bob)).last().map(|row| row.id), last);
    let texts = alice.messages(to_bob).len();
    assert!(texts >= 12, "{texts}");
}

#[test]
fn requests_evict_the_least_work_and_are_counted() {
    let mut relays = Relays::default();
    let mut alice = Person::new("alice", &mut relays);
    let (of_alice, persona) = (alice.row().public, alice.id);
    let mut seq = 0;
    let mut knock = |alice: &mut Person, work: u8| {
        let mut stranger = Person::new("stranger", &mut relays);
        let sealed = stranger.knock(of_alice, "hello", &mut relays);
        seq += 1;
        alice.store.run(|tx| greet::take_deposit(tx, persona, seq, &sealed, work, &moment(NOW)));
        stranger.row().public
    };
    let cheap = knock(&mut alice, 2);
    for _ in 1..greet::MOST_REQUESTS {
        knock(&mut alice, 5);
    }
    let count = |alice: &mut Person| {
        alice.store.run(|tx| Ok((tx.count_requests(persona)?, tx.lost_requests(persona)?)))
    };
    assert_eq!(count(&mut alice), (greet::MOST_REQUESTS, 0));
    knock(&mut alice, 1);
    assert_eq!(count(&mut alice), (greet::MOST_REQUESTS, 1), "it cost less than any that is kept");
    let dear = knock(&mut alice, 9);
    assert_eq!(count(&mut alice), (greet::MOST_REQUESTS, 2));
    let kept = alice.store.run(|tx| tx.requests(Some(persona)));
    assert!(kept.iter().any(|row| row.public == dear) && kept.iter().all(|row| row.public != cheap));
    alice.store.run(|tx| tx.forget_lost_requests(persona));
    assert_eq!(count(&mut alice).1, 0);
}

#[test]
fn a_refused_bundle_makes_new_keys_once_a_day() {
    let mut alice = Person::new("alice", &mut Relays::default());
    let persona = alice.id;
    let newest = |alice: &mut Person, now: Timestamp| {
        alice.store.run(|tx| tx.newest_prekeys(persona, now)).unwrap().id
    };
    let first = newest(&mut alice, NOW);
    for hour in 0..24 {
        let now = NOW.plus(MINUTE * 60 * hour);
        alice.store.run(|tx| errands::refused_as_stale(tx, persona, &moment(now)));
        assert_eq!(newest(&mut alice, now), first);
        let wait = alice.store.run(|tx| tx.publish_wait(persona)).unwrap();
        assert!(!wait.is_zero(), "it is not published again at once");
    }
    let now = NOW.plus(DAY);
    alice.store.run(|tx| errands::refused_as_stale(tx, persona, &moment(now)));
    assert_ne!(newest(&mut alice, now), first);
}

#[test]
fn a_bundle_is_replaced_from_its_third_day_and_only_by_time_online() {
    let mut alice = Person::new("alice", &mut Relays::default());
    let (persona, mut at) = (alice.id, moment(NOW));
    at.times.waits = crate::engine::Waits::shortened(1);
    let online = |alice: &mut Person, now: Timestamp, passed: Duration| {
        let at = Moment { now, ..at };
        alice.store.run(|tx| errands::count_down(tx, persona, passed, &at));
        alice.store.run(|tx| Ok(errands::due_publication(tx, persona, &at)?.map(|row| row.id)))
    };
    let hour = MINUTE * 60;
    assert!(online(&mut alice, NOW, MINUTE).is_none(), "the wait is drawn first");
    let waits = alice.store.run(|tx| tx.publish_wait(persona)).unwrap();
    assert!(waits <= hour, "nothing is published yet");
    let due = online(&mut alice, NOW.plus(hour), hour).unwrap();
    alice.store.run(|tx| crate::engine::bundle::published(tx, due, NOW));
    for days in [0, 1] {
        assert!(online(&mut alice, NOW.plus(DAY * days), DAY).is_none());
        assert!(alice.store.run(|tx| tx.publish_wait(persona)).is_none());
    }
    let third = NOW.plus(DAY * 2 + MINUTE);
    assert!(online(&mut alice, third, MINUTE).is_none());
    let waits = alice.store.run(|tx| tx.publish_wait(persona)).unwrap();
    assert!(waits <= hour * 12);
    assert!(online(&mut alice, third.plus(DAY), Duration::ZERO).is_none(), "time offline does not count");
    assert_eq!(alice.store.run(|tx| tx.publish_wait(persona)), Some(waits));
    let next = online(&mut alice, third.plus(DAY), hour * 12).unwrap();
    assert_ne!(next, due, "its keys are new");
    alice.store.run(|tx| crate::engine::bundle::published(tx, next, third));
    assert!(online(&mut alice, NOW.plus(DAY * 10), MINUTE).is_none());
    let waits = alice.store.run(|tx| tx.publish_wait(persona)).unwrap();
    assert!(waits <= hour, "less than two days are left");
}

#[test]
fn nothing_ends_by_its_age_while_the_clock_is_not_trusted() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    alice.invite("carol", NOW);
    let (to_bob, _) = speaking(&mut relays, &mut alice, &mut bob);
    let (persona, later) = (alice.id, NOW.plus(DAY * 400));
    let kept = |alice: &mut Person| {
        alice.store.run(|tx| {
            let invites = tx.invite_lanes(persona)?.len();
            Ok((
                tx.prekeys(persona)?.len(),
                invites,
                tx.events_after(0, 1000)?.len(),
                tx.sessions_of(to_bob)?.len(),
            ))
        })
    };
    let before = kept(&mut alice);
    assert!(before.0 > 0 && before.1 > 0 && before.2 > 0 && before.3 > 0);
    let ahead = Moment { trusted: false, ..moment(later) };
    alice.store.run(|tx| tidy(tx, &ahead));
    alice.store.run(|tx| errands::look_after(tx, persona, &ahead));
    assert_eq!(kept(&mut alice), before);
    // Keys that are made meanwhile are of a time that nobody accepts, and must not stand in the way of later ones.
    let row = alice.row();
    let wrong = alice.store.run(|tx| crate::engine::fresh_prekeys(tx, &row, later)).id;
    let right = alice.store.run(|tx| crate::engine::fresh_prekeys(tx, &row, NOW.plus(DAY * 3)));
    assert!(right.id != wrong && right.version == NOW.plus(DAY * 3));
    alice.store.run(|tx| tidy(tx, &moment(later)));
    assert_eq!(kept(&mut alice).1, 0, "when it is trusted they end");
}

#[test]
fn waits_of_a_clock_that_was_ahead_are_pulled_back() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (to_bob, now) = speaking(&mut relays, &mut alice, &mut bob);
    let (row, persona, ahead) = (queued(&mut alice, to_bob, now), alice.id, now.plus(DAY * 400));
    alice.store.run(|tx| keep_put(tx, row, &Err(Missed::Work), &moment(ahead)));
    assert!(alice.store.run(|tx| tx.due_boxes(persona, now.plus(DAY), 64)).is_empty());
    alice.store.run(|tx| tx.set_meta(ROLLED_BACK_AT, &ahead.0.to_be_bytes()));
    alice.store.run(|tx| pull_back(tx, now));
    assert_eq!(alice.store.run(|tx| tx.due_boxes(persona, now, 64)).len(), 1);
    assert_eq!(alice.store.run(|tx| tx.meta_u64(ROLLED_BACK_AT)), Some(now.0));
    alice.store.run(|tx| pull_back(tx, now.plus(DAY)));
    assert_eq!(alice.store.run(|tx| tx.meta_u64(ROLLED_BACK_AT)), Some(now.0), "the past stays");
}

#[test]
fn a_silent_session_that_was_answered_begins_again_and_one_that_never_was_does_not() {
    let mut relays = Relays::default();
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (to_bob, now) = speaking(&mut relays, &mut alice, &mut bob);
    let (row, persona) = (queued(&mut alice, to_bob, now), alice.id);
    alice.store.run(|tx| keep_put(tx, row, &Ok(PutReply::Done), &moment(now)));
    let look = |alice: &mut Person, now: Timestamp| {
        alice.store.run(|tx| errands::look_after(tx, persona, &moment(now)));
        restarts(alice)
    };
    assert_eq!(look(&mut alice, now.plus(DAY * 5 - MINUTE)), 0);
    assert_eq!(look(&mut alice, now.plus(DAY * 5)), 1);
    assert_eq!(look(&mut alice, now.plus(DAY * 9)), 1, "once");
}
