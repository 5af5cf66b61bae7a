//! Sessions: their lanes, receipts, gaps, and which of them messages are sealed in.

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, InboxId, RelayId};
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, message, persona, session, store};
use crate::store::sessions::{pack_wanted, unpack_wanted};
use crate::store::{ContactId, NewDeposit, NewSession, SessionId, StoreError, Timestamp, Tx, Wanted};

const HANDSHAKE: [u8; bauta_protocol::handshake::HANDSHAKE_LEN] =
    [3; bauta_protocol::handshake::HANDSHAKE_LEN];

fn wanted(indices: &[u64]) -> Vec<Wanted> {
    indices
        .iter()
        .map(|index| Wanted { index: *index, id: BoxId([index.to_be_bytes()[7]; 32]), tag: Tag([5; 8]) })
        .collect()
}

/// A session that the peer began.
fn answered(tx: &Tx<'_>, contact: ContactId) -> Result<SessionId, StoreError> {
    let new = NewSession {
        contact,
        persona: tx.contact(contact)?.unwrap().persona,
        relay: RELAY,
        own_relay: RELAY,
        state: b"state",
        wanted: &[],
        stale: false,
        initiator: false,
        ack_due_at: None,
        deposit: None,
    };
    tx.add_session(&new, NOW)
}

fn ack_due_at(tx: &Tx<'_>, session: SessionId) -> Option<Timestamp> {
    let found: Option<i64> = tx
        .one("look", "SELECT ack_due_at FROM sessions WHERE id = ?1", [session], |row| row.get(0))
        .unwrap()
        .unwrap();
    found.map(|at| Timestamp(u64::try_from(at).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Boxes to ask for are read as they were written, in their order; a rest that is no whole one is left out.
    #[test]
    fn wanted_boxes_survive_packing(
        boxes in prop::collection::vec((any::<u64>(), any::<[u8; 32]>()), 0..20),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let boxes: Vec<_> = boxes.into_iter().map(|(index, id)| Wanted { index, id: BoxId(id), tag: Tag([5; 8]) }).collect();
        let mut packed = pack_wanted(&boxes);
        prop_assert_eq!(packed.len(), boxes.len() * 48);
        packed.extend(rest);
        prop_assert_eq!(unpack_wanted(&packed), boxes);
    }

    /// Whatever arrives in whatever order: the earliest receipt that is owed counts, until none is owed.
    #[test]
    fn the_earliest_receipt_counts(owed in prop::collection::vec(prop::option::of(0u64..50), 1..12)) {
        let (mut store, persona) = store();
        store.run(|tx| {
            let bob = contact(tx, persona, "bob")?;
            let lane = answered(tx, bob)?;
            let mut expected: Option<Timestamp> = None;
            for due in owed {
                let due = due.map(at);
                tx.save_reader(lane, b"state", &[], due, None, NOW)?;
                expected = due.map(|due| expected.map_or(due, |before| before.min(due)));
                assert_eq!(ack_due_at(tx, lane), expected);
            }
            Ok(())
        });
    }
}

#[test]
fn a_session_is_read_as_it_was_begun() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let other = RelayId([2; 32]);
        tx.name_relay(other)?;
        let bob = contact(tx, persona, "bob")?;
        let boxes = wanted(&[0, 1, 7]);
        let new = NewSession {
            contact: bob,
            persona,
            relay: other,
            own_relay: RELAY,
            state: b"the state",
            wanted: &boxes,
            stale: false,
            initiator: true,
            ack_due_at: None,
            deposit: Some(NewDeposit {
                handshake: &HANDSHAKE,
                inbox: InboxId([8; 32]),
                at: at(5),
                until: at(100),
            }),
        };
        let id = tx.add_session(&new, at(5))?;
        assert!(tx.is_advanced(), "the mark goes on with it");
        let row = tx.session(id)?.unwrap();
        assert_eq!((row.id, row.contact, row.persona), (id, bob, persona));
        assert_eq!((row.relay, row.own_relay), (other, RELAY));
        assert_eq!(row.state.as_slice(), b"the state");
        assert!(row.initiator && !row.stale && row.gap_since.is_none());
        assert!(row.handshake.as_deref() == Some(&HANDSHAKE));
        assert_eq!((row.inbox, row.deposit_attempts), (Some(InboxId([8; 32])), 0));
        assert_eq!(row.heard_at, Timestamp::default());
        assert_eq!(tx.lanes(persona)?, [(id, RELAY, boxes, at(5))]);
        assert!(tx.due_deposits(persona, at(4))?.is_empty());
        assert_eq!(tx.due_deposits(persona, at(5))?, [id]);
        assert!(tx.due_acks(persona, at(1000))?.is_empty());
        Ok(())
    });
}

#[test]
fn what_is_sealed_and_opened_replaces_the_state_and_nothing_of_another_session() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (lane, other) = (answered(tx, bob)?, answered(tx, bob)?);
        tx.save_sender(lane, b"sealed", Some(at(9)), at(1))?;
        assert_eq!(tx.session(lane)?.unwrap().state.as_slice(), b"sealed");
        assert_eq!(ack_due_at(tx, lane), Some(at(9)));
        tx.save_reader(lane, b"opened", &wanted(&[4]), Some(at(20)), Some(at(2)), at(2))?;
        let row = tx.session(lane)?.unwrap();
        assert_eq!((row.state.as_slice(), row.gap_since), (b"opened".as_slice(), Some(at(2))));
        assert_eq!(ack_due_at(tx, lane), Some(at(9)), "the earlier one stays");
        tx.save_sender(lane, b"receipt", None, at(3))?;
        assert_eq!(ack_due_at(tx, lane), None, "a box that was sealed carries the receipt");
        let untouched = tx.session(other)?.unwrap();
        assert_eq!((untouched.state.as_slice(), untouched.gap_since), (b"state".as_slice(), None));
        let lanes: Vec<_> = tx.lanes(persona)?.into_iter().map(|(id, _, wanted, _)| (id, wanted)).collect();
        assert_eq!(lanes, [(lane, wanted(&[4])), (other, Vec::new())], "the one used last is read first");
        Ok(())
    });
}

#[test]
fn a_gap_is_old_from_its_time_on_until_it_closes_or_reading_stops() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (lane, other) = (answered(tx, bob)?, answered(tx, bob)?);
        for (session, since) in [(lane, 5), (other, 8)] {
            tx.save_reader(session, b"state", &wanted(&[2]), None, Some(at(since)), NOW)?;
        }
        for (since, old) in [(4, vec![]), (5, vec![lane]), (8, vec![lane, other])] {
            assert_eq!(tx.old_gaps(persona, at(since))?, old);
        }
        tx.save_reader(lane, b"state", &wanted(&[3]), None, None, NOW)?;
        assert_eq!(tx.old_gaps(persona, at(100))?, [other]);
        tx.stop_reading(other)?;
        assert!(tx.old_gaps(persona, at(100))?.is_empty());
        let read: Vec<_> =
            tx.lanes(persona)?.into_iter().filter(|(_, _, wanted, _)| !wanted.is_empty()).collect();
        assert_eq!(read.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [lane]);
        Ok(())
    });
}

#[test]
fn a_window_only_grows_and_receipts_do_not_count_as_heard() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = answered(tx, bob)?;
        let state = || {
            let open_until = tx.lanes(persona).unwrap()[0].3;
            (tx.session(lane).unwrap().unwrap().heard_at, open_until)
        };
        assert_eq!(state(), (Timestamp::default(), NOW));
        tx.heard(lane, false, at(50), at(1))?;
        assert_eq!(state(), (Timestamp::default(), at(50)), "a receipt");
        tx.heard(lane, true, at(40), at(2))?;
        assert_eq!(state(), (at(2), at(50)));
        for (until, expected) in [(60, 60), (55, 60)] {
            tx.keep_active(lane, at(until))?;
            assert_eq!(state(), (at(2), at(expected)));
        }
        Ok(())
    });
}

#[test]
fn a_handshake_that_was_answered_is_never_left_again() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, true)?;
        tx.set_deposit(lane, Some(at(7)), 3)?;
        assert_eq!(tx.session(lane)?.unwrap().deposit_attempts, 3);
        tx.heard(lane, false, at(10), at(1))?;
        tx.set_deposit(lane, Some(at(8)), 4)?;
        let row = tx.session(lane)?.unwrap();
        assert!(row.handshake.is_none(), "a deposit that was under way does not bring it back");
        assert!(tx.due_deposits(persona, at(1000))?.is_empty());
        assert!(tx.lapsed_deposits(at(1000))?.is_empty());
        Ok(())
    });
}

#[test]
fn the_oldest_deposits_are_made_first_and_few_at_once() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let mut lanes = Vec::new();
        for second in [5, 1, 4, 2, 3, 6] {
            let lane = session(tx, bob, true)?;
            tx.set_deposit(lane, Some(at(second)), 0)?;
            lanes.push((second, lane));
        }
        lanes.sort_unstable();
        let first: Vec<_> = lanes.iter().map(|(_, lane)| *lane).take(4).collect();
        assert_eq!(tx.due_deposits(persona, at(100))?, first);
        tx.set_deposit(first[0], None, 1)?;
        assert_eq!(tx.due_deposits(persona, at(3))?, first[1..3]);
        Ok(())
    });
}

#[test]
fn whether_the_last_session_begun_here_is_closed_does_not_depend_on_the_peers() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, persona, "bob")?, contact(tx, persona, "carol")?);
        assert!(!tx.last_begun_is_stale(bob)?, "no handshake was begun");
        let first = session(tx, bob, false)?;
        tx.make_stale(first)?;
        let theirs = answered(tx, bob)?;
        assert!(tx.last_begun_is_stale(bob)? && !tx.last_begun_is_stale(carol)?);
        tx.make_stale(theirs)?;
        session(tx, bob, false)?;
        assert!(!tx.last_begun_is_stale(bob)?);
        Ok(())
    });
}

#[test]
fn a_contact_begins_again_from_a_time_on_and_a_chosen_session_ends_that() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = answered(tx, bob)?;
        tx.set_contact_attempt(bob, at(3), 5)?;
        tx.set_current_session(bob, Some(lane))?;
        let state = || {
            let row = tx.contact(bob).unwrap().unwrap();
            (row.current, row.rejoin, row.attempts)
        };
        assert_eq!(state(), (Some(lane), false, 0), "it counts from the start");
        tx.ask_to_rejoin(bob, at(20))?;
        assert_eq!(state(), (None, true, 0));
        assert!(tx.contacts_to_join(persona, at(19))?.is_empty());
        tx.set_current_session(bob, None)?;
        assert_eq!(state(), (None, true, 0), "without a session it is still asked for");
        assert_eq!(tx.contacts_to_join(persona, NOW)?, [bob]);
        tx.delete_sessions(bob)?;
        assert_eq!(state(), (None, false, 0));
        assert!(tx.sessions_of(bob)?.is_empty());
        Ok(())
    });
}

#[test]
fn sessions_of_other_personas_and_contacts_are_not_touched() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, other, "carol")?);
        let (one, two) = (session(tx, bob, true)?, session(tx, carol, true)?);
        for (who, lane) in [(alice, one), (other, two)] {
            assert_eq!(tx.due_acks(who, at(10))?, [lane]);
            assert_eq!(tx.due_deposits(who, NOW)?, [lane]);
            assert_eq!(tx.lanes(who)?.len(), 1);
        }
        tx.make_stale(one)?;
        assert!(tx.session(one)?.unwrap().stale && !tx.session(two)?.unwrap().stale);
        tx.delete_sessions(bob)?;
        assert!(tx.session(one)?.is_none() && tx.session(two)?.is_some());
        message(tx, carol, true, 1)?;
        assert!(tx.contacts_to_join(alice, at(1000))?.iter().all(|contact| *contact != carol));
        Ok(())
    });
}
