use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, RelayId};
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, key, message, persona, put, request, sealed, session, store};
use crate::random;
use crate::store::{BoxFor, ContactState, GuestPhase, NewContact, NewInvite, Wanted};

#[test]
fn a_session_that_is_closed_takes_its_boxes_along() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (old, new) = (session(tx, bob, true)?, session(tx, bob, false)?);
        for lane in [old, new] {
            sealed(tx, lane, None, 0)?;
        }
        assert_eq!(tx.due_acks(persona, at(10))?, [old, new]);
        tx.make_stale(old)?;
        assert_eq!(tx.due_boxes(persona, NOW, 10)?.len(), 1);
        assert_eq!(tx.due_acks(persona, at(10))?, [new], "it owes nothing any more");
        assert!(tx.due_deposits(persona, at(10))?.is_empty());
        assert_eq!(tx.lanes(persona)?.len(), 2, "both are read");
        assert!(tx.session(old)?.unwrap().stale);
        Ok(())
    });
}

#[test]
fn only_sessions_that_nobody_uses_are_retired() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (idle, current, busy) =
            (session(tx, bob, false)?, session(tx, bob, false)?, session(tx, bob, false)?);
        tx.set_current_session(bob, Some(current))?;
        tx.save_sender(busy, b"later", None, at(100))?;
        tx.retire_sessions(at(50))?;
        let left: Vec<_> = tx.sessions_of(bob)?.into_iter().map(|row| row.id).collect();
        assert_eq!(left, [current, busy]);
        assert!(tx.session(idle)?.is_none());
        Ok(())
    });
}

#[test]
fn a_handshake_is_left_until_it_is_answered_or_lapses() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (heard, alone) = (session(tx, bob, true)?, session(tx, bob, true)?);
        assert_eq!(tx.due_deposits(persona, NOW)?, [heard, alone]);
        tx.set_deposit(alone, Some(at(50)), 1)?;
        assert_eq!(tx.due_deposits(persona, NOW)?, [heard]);
        tx.heard(heard, true, at(60), at(1))?;
        assert!(tx.due_deposits(persona, NOW)?.is_empty());
        assert_eq!(tx.session(heard)?.unwrap().heard_at, at(1));
        assert!(tx.lapsed_deposits(at(99))?.is_empty());
        assert_eq!(tx.lapsed_deposits(at(100))?, [(alone, bob)]);
        tx.forget_handshake(alone)?;
        assert!(tx.lapsed_deposits(at(100))?.is_empty());
        Ok(())
    });
}

#[test]
fn an_old_copy_closes_every_session_and_asks_for_new_ones() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, persona, "bob")?, contact(tx, persona, "carol")?);
        let lane = session(tx, bob, true)?;
        tx.set_current_session(bob, Some(lane))?;
        sealed(tx, lane, None, 0)?;
        request(tx, persona, "one")?;
        tx.make_all_stale(NOW)?;
        assert!(tx.session(lane)?.unwrap().stale && tx.due_boxes(persona, at(1000), 10)?.is_empty());
        let row = tx.contact(bob)?.unwrap();
        assert!(row.rejoin && row.current.is_none());
        assert!(!tx.contact(carol)?.unwrap().rejoin, "there was nothing to begin again");
        assert!(tx.request("one")?.unwrap().stale);
        Ok(())
    });
}

#[test]
fn contacts_are_joined_when_something_waits() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let add = |name: &str, state| {
            let new = NewContact { persona, name, public: Some(key()), state, relay: None };
            tx.add_contact(&new, NOW)
        };
        let (fresh, blocked) = (add("fresh", ContactState::Pending)?, add("blocked", ContactState::Blocked)?);
        let guest = add("guest", ContactState::Pending)?;
        tx.add_guest(guest, persona, b"state", RELAY, &[])?;
        message(tx, blocked, true, 1)?;
        assert_eq!(tx.contacts_to_join(persona, NOW)?, [fresh], "nothing is known of it yet");
        tx.set_contact_attempt(fresh, at(10), 1)?;
        assert!(tx.contacts_to_join(persona, at(9))?.is_empty());
        let lane = session(tx, fresh, false)?;
        tx.set_current_session(fresh, Some(lane))?;
        assert!(tx.contacts_to_join(persona, at(1000))?.is_empty());
        tx.ask_to_rejoin(fresh, at(20))?;
        assert_eq!(tx.contacts_to_join(persona, at(20))?, [fresh]);
        Ok(())
    });
}

#[test]
fn of_an_answer_only_the_first_open_box_is_due() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        tx.add_guest(bob, persona, b"state", RELAY, &[])?;
        tx.save_guest(bob, b"state", &[], GuestPhase::Answering)?;
        let mut boxes = Vec::new();
        for place in 0..3 {
            boxes.push(put(tx, persona, place, BoxFor::Guest(bob))?);
        }
        for (number, expected) in boxes.iter().enumerate() {
            let due = tx.due_boxes(persona, NOW, 10)?;
            assert_eq!(due.iter().map(|one| one.row).collect::<Vec<_>>(), [*expected]);
            assert!(!tx.guest_is_done(bob)?, "{number}");
            tx.box_done(*expected, at(1000), NOW)?;
        }
        assert!(tx.guest_is_done(bob)?);
        tx.drop_guest_boxes(bob)?;
        assert!(tx.due_boxes(persona, at(2000), 10)?.is_empty());
        Ok(())
    });
}

#[test]
fn a_stored_box_is_put_again_later_and_is_not_urgent_then() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, false)?;
        let words = message(tx, bob, true, 1)?;
        let (with_words, receipt) = (sealed(tx, lane, words, 0)?, sealed(tx, lane, None, 1)?);
        let due = tx.due_boxes(persona, NOW, 10)?;
        assert_eq!(
            due.iter().map(|one| (one.row, one.again, one.urgent)).collect::<Vec<_>>(),
            [(with_words, false, true), (receipt, false, false)]
        );
        tx.box_later(with_words, at(5), 1)?;
        assert_eq!(tx.due_boxes(persona, NOW, 10)?.len(), 1);
        assert!(!tx.due_boxes(persona, at(5), 10)?[0].urgent, "whoever failed waits for the clock");
        tx.box_done(with_words, at(100), at(6))?;
        let again = tx.due_boxes(persona, at(100), 10)?;
        assert!(again[0].again && again[0].row == with_words);
        tx.drop_acked(lane, 1)?;
        assert!(tx.boxed(with_words)?.is_none() && tx.boxed(receipt)?.is_some());
        Ok(())
    });
}

#[test]
fn invitations_end_with_their_time_and_name_whom_they_were_for() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let prekeys = tx.add_prekeys(persona, NOW, at(10), at(20), b"secret", NOW)?;
        let invite = |contact, expires_at| {
            let wanted = &[Wanted { index: 4, id: BoxId([3; 32]), tag: Tag([5; 8]) }];
            let new =
                NewInvite { persona, contact, state: b"state", prekeys, relay: RELAY, wanted, expires_at };
            tx.add_invite(&new).unwrap()
        };
        let (named, unnamed) = (invite(Some(bob), at(10)), invite(None, at(30)));
        assert_eq!(tx.invite_lanes(persona)?.len(), 2);
        assert_eq!(tx.expire_invites(at(10))?, [bob]);
        assert!(tx.invite(named)?.is_none() && tx.invite(unnamed)?.is_some());
        tx.erase_prekeys(at(20))?;
        assert!(tx.invite(unnamed)?.is_none(), "nobody could answer it without its keys");
        Ok(())
    });
}

#[test]
fn boxes_are_deleted_at_relays_when_they_are_due() {
    let (mut store, persona) = store();
    store.run(|tx| {
        for second in [30, 10, 20] {
            tx.queue_delete(persona, RELAY, &Capability::generate(&mut random::rng()), at(second))?;
        }
        assert_eq!(tx.due_deletes(persona, at(20), 10)?.len(), 2);
        let first = tx.due_deletes(persona, at(20), 1)?.remove(0);
        tx.delete_later(first.row, at(40), 1)?;
        assert_eq!(tx.due_deletes(persona, at(20), 10)?.len(), 1);
        tx.drop_capability(first.row)?;
        assert_eq!(tx.due_deletes(persona, at(1000), 10)?.len(), 2);
        Ok(())
    });
}

#[test]
fn a_name_of_a_relay_adds_doors_until_the_relay_shows_its_own() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let relay = RelayId([5; 32]);
        let doors = |numbers: std::ops::Range<u8>| -> Vec<DoorAddress> {
            numbers.map(|number| DoorAddress([number; DoorAddress::LEN])).collect()
        };
        tx.learn_relay(alice, relay, &doors(0..2))?;
        tx.learn_relay(alice, relay, &doors(1..3))?;
        assert_eq!(tx.relay(alice, relay)?.unwrap().doors, doors(0..3));
        tx.learn_relay(alice, relay, &doors(0..40))?;
        assert_eq!(tx.relay(alice, relay)?.unwrap().doors.len(), 8, "a contact cannot fill the table");
        assert!(tx.mark_equivocated(alice, relay)? && !tx.mark_equivocated(alice, relay)?);
        Ok(())
    });
}

#[test]
fn personas_are_apart() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let bob = contact(tx, alice, "bob")?;
        let key = tx.contact(bob)?.unwrap().public.unwrap();
        assert!(tx.contact_named(other, "bob")?.is_none() && tx.contact_of(other, &key)?.is_none());
        tx.block_key(alice, &key, NOW)?;
        assert!(tx.is_blocked(alice, &key)? && !tx.is_blocked(other, &key)?);
        request(tx, other, "one")?;
        assert_eq!((tx.count_requests(alice)?, tx.count_requests(other)?), (0, 1));
        assert!(
            tx.add_persona(
                "alice",
                &bauta_protocol::persona::PersonaSecret::generate(&mut random::rng()),
                b"",
                &Capability::generate(&mut random::rng()),
                RELAY,
                NOW
            )
            .is_err(),
            "names are not given twice"
        );
        Ok(())
    });
}

proptest! {
    /// The inbox is read forwards only, whatever a relay answers.
    #[test]
    fn an_inbox_is_never_read_backwards(seqs in prop::collection::vec(0u64..1000, 0..20)) {
        let (mut store, persona) = store();
        let mut highest = 0;
        for seq in seqs {
            highest = highest.max(seq);
            store.run(|tx| tx.set_drain_after(persona, seq));
            prop_assert_eq!(store.run(|tx| tx.persona(persona)).drain_after, highest);
        }
    }
}
