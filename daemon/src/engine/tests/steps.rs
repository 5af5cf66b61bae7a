use std::time::Duration;

use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::Timestamp;

use super::world::{Draw, NOW, Person, Relays, moment};
use crate::engine::receive::{BoxOutcome, open_box};
use crate::engine::{accept, forget_held, greet, tidy};
use crate::store::{Change, ContactState, GuestPhase, Happened, MessageState, Reason};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn events(person: &mut Person) -> Vec<Happened> {
    person.store.run(|tx| tx.events_after(0, 1000)).into_iter().map(|event| event.what).collect()
}

/// Steps of everybody until something holds.
fn until(
    relays: &mut Relays,
    people: &mut [&mut Person],
    mut holds: impl FnMut(&mut [&mut Person]) -> bool,
) -> Timestamp {
    let mut draw = Draw::new(77);
    let mut now = NOW;
    while !holds(people) {
        now.0 += 50;
        assert!(now.0 < NOW.0 + 1_000_000, "it never holds");
        for person in people.iter_mut() {
            person.step(relays, now, &mut draw);
        }
    }
    now
}

#[test]
fn a_blocked_stranger_is_not_heard_but_the_inbox_goes_on() {
    let mut relays = Relays::default();
    let mut alice = Person::new("alice", &mut relays);
    let mut mallory = Person::new("mallory", &mut relays);
    let (persona, key) = (alice.id, mallory.row().public);
    alice.store.run(|tx| tx.block_key(persona, &key, NOW));
    let sealed = mallory.knock(alice.row().public, "buy this", &mut relays);
    alice.store.run(|tx| greet::take_deposit(tx, persona, 7, &sealed, 0, &moment(NOW)));
    assert_eq!(alice.store.run(|tx| tx.count_requests(persona)), 0);
    assert_eq!(alice.row().drain_after, 7);
    assert!(events(&mut alice).is_empty());
}

#[test]
fn a_handshake_that_comes_again_is_dropped() {
    let mut relays = Relays::default();
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let persona = alice.id;
    let sealed = bob.knock(alice.row().public, "hello", &mut relays);
    let handles: Vec<_> = [1, 2]
        .into_iter()
        .map(|seq| {
            alice.store.run(|tx| greet::take_deposit(tx, persona, seq, &sealed, 0, &moment(NOW)));
            alice.store.run(|tx| tx.requests(Some(persona))).remove(0).handle
        })
        .collect();
    assert_eq!(handles[0], handles[1], "it is the first one still");
    assert_eq!(events(&mut alice).len(), 1);
}

#[test]
fn an_accepted_request_becomes_a_conversation() {
    let mut relays = Relays::default();
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let persona = alice.row();
    let sealed = bob.knock(persona.public, "may I?", &mut relays);
    alice.store.run(|tx| greet::take_deposit(tx, persona.id, 1, &sealed, 0, &moment(NOW)));
    let contact = alice.store.run(|tx| {
        let request = tx.requests(Some(persona.id))?.remove(0);
        assert!(tx.due_acks(persona.id, NOW.plus(DAY))?.is_empty(), "a stranger learns nothing");
        accept(tx, &persona, &request, "bob", &moment(NOW))
    });
    let messages = alice.messages(contact);
    let [first] = messages.as_slice() else { panic!() };
    assert!(!first.outgoing);
    let seq = first.seq;
    assert_eq!(events(&mut alice), [Happened::ContactAdded(contact), Happened::MessageReceived(seq)]);
    let row = alice.store.run(|tx| tx.contact(contact)).unwrap();
    assert_eq!(row.state, ContactState::Active);
    assert_eq!(alice.store.run(|tx| tx.due_acks(persona.id, NOW.plus(DAY))), [row.current.unwrap()]);
    assert_eq!(alice.store.run(|tx| tx.count_requests(persona.id)), 0);
}

/// A relay that shows everything once more brings nothing of a deleted contact back.
#[test]
fn a_contact_that_was_deleted_does_not_come_back() {
    let mut relays = Relays::default();
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let persona = alice.row();
    let first = bob.knock(persona.public, "may I?", &mut relays);
    let second = bob.knock(persona.public, "once more", &mut relays);
    let take = |alice: &mut Person, seq, sealed, now| {
        alice.store.run(|tx| greet::take_deposit(tx, persona.id, seq, sealed, 0, &moment(now)));
    };
    take(&mut alice, 1, &first, NOW);
    let contact = alice.store.run(|tx| {
        let request = tx.requests(Some(persona.id))?.remove(0);
        let contact = accept(tx, &persona, &request, "bob", &moment(NOW))?;
        tx.note_taken(contact, NOW)?;
        Ok(contact)
    });
    take(&mut alice, 2, &second, NOW);
    let lane = alice.store.run(|tx| {
        assert!(tx.held_handshake(contact)?.is_some(), "it came too soon");
        Ok(tx.lanes(persona.id)?.remove(0))
    });
    alice.store.run(|tx| {
        forget_held(tx, &tx.contact(contact)?.unwrap(), NOW)?;
        tx.delete_contact(contact)
    });
    for (seq, sealed) in [(3, &first), (4, &second)] {
        take(&mut alice, seq, sealed, NOW.plus(DAY));
    }
    let outcome = alice.store.run(|tx| open_box(tx, lane.0, lane.2[0].index, &[0x55; BOX_LEN], &moment(NOW)));
    assert_eq!(outcome, BoxOutcome::Settled, "nobody reads the lane any more");
    assert_eq!(alice.store.run(|tx| tx.count_requests(persona.id)), 0);
    assert!(alice.store.run(|tx| tx.lanes(persona.id)).is_empty());
    // What they write now is a stranger's first message.
    let third = bob.knock(persona.public, "hello?", &mut relays);
    take(&mut alice, 5, &third, NOW.plus(DAY));
    assert_eq!(alice.store.run(|tx| tx.count_requests(persona.id)), 1);
}

#[test]
fn the_second_taker_of_an_invitation_is_told_why_and_keeps_nothing_open() {
    let (mut relays, mut draw) = (Relays::default(), Draw::new(3));
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let mut carol = Person::new("carol", &mut relays);
    let address = alice.invite("friend", NOW);
    let alice_of_bob = bob.answer("alice", &address);
    until(&mut relays, &mut [&mut alice, &mut bob], |people| {
        people[1].store.run(|tx| tx.contact(alice_of_bob)).unwrap().current.is_some()
    });
    let alice_of_carol = carol.answer("alice", &address);
    carol.say(alice_of_carol, "me too", NOW, &mut draw);
    until(&mut relays, &mut [&mut carol], |people| {
        let guest = people[0].store.run(|tx| tx.guest(alice_of_carol));
        guest.is_some_and(|guest| guest.phase == GuestPhase::Taken)
    });
    let messages = carol.messages(alice_of_carol);
    assert_eq!(messages[0].state, Some(MessageState::Failed));
    assert_eq!(messages[0].reason, Some(Reason::InvitationUsed));
    let persona = carol.id;
    assert!(carol.store.run(|tx| tx.due_boxes(persona, NOW.plus(DAY * 100), 10)).is_empty());
    assert!(events(&mut carol).contains(&Happened::ContactChanged(alice_of_carol, Change::State)));
}

#[test]
fn an_invitation_that_nobody_can_read_any_more_ends() {
    let (mut relays, mut draw) = (Relays::default(), Draw::new(3));
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let address = alice.invite("bob", NOW);
    let contact = bob.answer("alice", &address);
    bob.say(contact, "hello?", NOW, &mut draw);
    for (days, phase) in [(21, GuestPhase::Asking), (23, GuestPhase::Unusable)] {
        bob.store.run(|tx| tidy(tx, &moment(NOW.plus(DAY * days))));
        assert_eq!(bob.store.run(|tx| tx.guest(contact)).unwrap().phase, phase, "{days}");
    }
    assert_eq!(bob.messages(contact)[0].reason, Some(Reason::InvitationEnded));
    // The host's side ends with the keys inside.
    let persona = alice.id;
    alice.store.run(|tx| tidy(tx, &moment(NOW.plus(DAY * 23))));
    assert!(alice.store.run(|tx| tx.invite_lanes(persona)).is_empty());
}

#[test]
fn a_box_that_was_not_put_by_the_peer_changes_nothing() {
    let (mut relays, mut draw) = (Relays::default(), Draw::new(9));
    let mut alice = Person::new("alice", &mut relays);
    let mut bob = Person::new("bob", &mut relays);
    let (of_alice, of_bob) = (alice.row().public, bob.row().public);
    let (to_bob, to_alice) = (alice.add("bob", of_bob), bob.add("alice", of_alice));
    alice.say(to_bob, "hello", NOW, &mut draw);
    let now =
        until(&mut relays, &mut [&mut alice, &mut bob], |people| people[1].messages(to_alice).len() == 1);
    let persona = bob.id;
    let before = bob.store.run(|tx| tx.lanes(persona));
    for lane in &before {
        let (session, index) = (lane.0, lane.2[0].index);
        let outcome = bob.store.run(|tx| open_box(tx, session, index, &[0x55; BOX_LEN], &moment(now)));
        assert_eq!(outcome, BoxOutcome::Forged);
        let outcome = bob.store.run(|tx| open_box(tx, session, index + 100, &[0x55; BOX_LEN], &moment(now)));
        assert_eq!(outcome, BoxOutcome::Settled, "nobody asked for it");
    }
    assert_eq!(bob.store.run(|tx| tx.lanes(persona)), before);
    assert_eq!(bob.messages(to_alice).len(), 1);
}

#[test]
fn a_handshake_that_is_never_answered_is_followed_by_another() {
    let (mut relays, mut draw) = (Relays::default(), Draw::new(9));
    let mut alice = Person::new("alice", &mut relays);
    let of_bob = Person::new("bob", &mut relays).row().public;
    let to_bob = alice.add("bob", of_bob);
    alice.say(to_bob, "are you there?", NOW, &mut draw);
    until(&mut relays, &mut [&mut alice], |people| {
        people[0].messages(to_bob)[0].state == Some(MessageState::Stored)
    });
    let persona = alice.id;
    let first = alice.store.run(|tx| tx.contact(to_bob)).unwrap().current.unwrap();
    let later = NOW.plus(DAY * 40);
    alice.store.run(|tx| tidy(tx, &moment(later)));
    let row = alice.store.run(|tx| tx.contact(to_bob)).unwrap();
    assert!(row.rejoin && row.current.is_none());
    assert_eq!(alice.store.run(|tx| tx.contacts_to_join(persona, later)), [to_bob]);
    assert!(alice.store.run(|tx| tx.due_deposits(persona, later)).is_empty());
    assert!(alice.store.run(|tx| tx.session(first)).is_none(), "nobody will answer it now");
    assert_eq!(alice.messages(to_bob)[0].state, Some(MessageState::Stored), "its state does not go back");
}
