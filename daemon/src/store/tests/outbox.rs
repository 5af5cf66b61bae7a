//! Boxes to put, and boxes to delete.

use std::collections::BTreeMap;

use bauta_protocol::content::Content;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, Capability, MessageId, RelayId};
use bauta_protocol::limits::BOX_LEN;
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, message, persona, put, sealed, session, store};
use crate::store::{
    BoxFor, ContactId, GuestPhase, InviteId, MessageSeq, MessageState, NewBox, NewInvite, NewMessage,
    OutboxId, PersonaId, SessionId, StoreError, Timestamp, Tx,
};

fn rows_due(tx: &Tx<'_>, persona: PersonaId, now: Timestamp) -> Result<Vec<OutboxId>, StoreError> {
    Ok(tx.due_boxes(persona, now, 100)?.into_iter().map(|one| one.row).collect())
}

fn invite(tx: &Tx<'_>, persona: PersonaId) -> Result<InviteId, StoreError> {
    let prekeys = tx.add_prekeys(persona, NOW, at(10), at(20), b"secret", NOW)?;
    tx.add_invite(&NewInvite {
        persona,
        contact: None,
        state: b"state",
        prekeys,
        relay: RELAY,
        wanted: &[],
        expires_at: at(10),
    })
}

/// What can have boxes: a contact who is a guest too, a session with a message, and an invitation.
fn owners(
    tx: &Tx<'_>,
    persona: PersonaId,
) -> Result<(ContactId, SessionId, Option<MessageSeq>, InviteId), StoreError> {
    let bob = contact(tx, persona, "bob")?;
    let lane = session(tx, bob, false)?;
    let words = message(tx, bob, true, 1)?;
    let invite = invite(tx, persona)?;
    tx.add_guest(bob, persona, b"state", RELAY, &[])?;
    Ok((bob, lane, words, invite))
}

#[test]
fn a_box_is_put_as_it_was_sealed() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let other = RelayId([2; 32]);
        tx.name_relay(other)?;
        let (bob, lane, words, invite) = owners(tx, persona)?;
        let owners = [
            BoxFor::Session { session: lane, message: words },
            BoxFor::Session { session: lane, message: None },
            BoxFor::Invite(invite),
            BoxFor::Guest(bob),
        ];
        for (number, owner) in (1u8..).zip(owners) {
            let relay = if number % 2 == 0 { RELAY } else { other };
            let bytes = [number; BOX_LEN];
            let new = NewBox {
                persona,
                relay,
                id: BoxId([number; 32]),
                tag: Tag([5; 8]),
                bytes: &bytes,
                key: None,
                place: 0,
                owner,
            };
            let row = tx.add_box(&new, NOW)?;
            let found = tx.boxed(row)?.unwrap();
            assert_eq!((found.relay, found.id, found.owner, found.attempts), (relay, new.id, owner, 0));
            assert!(*found.bytes == bytes, "{owner:?}");
        }
        Ok(())
    });
}

#[test]
fn boxes_are_due_in_the_order_they_were_sealed_whenever_each_became_due() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, false)?;
        let mut boxes = Vec::new();
        for place in 0..4 {
            boxes.push(sealed(tx, lane, None, place)?);
        }
        tx.box_later(boxes[0], at(3), 1)?;
        tx.box_later(boxes[2], at(1), 1)?;
        for (now, expected) in [
            (NOW, vec![boxes[1], boxes[3]]),
            (at(1), vec![boxes[1], boxes[2], boxes[3]]),
            (at(2), vec![boxes[1], boxes[2], boxes[3]]),
            (at(3), boxes.clone()),
        ] {
            assert_eq!(rows_due(tx, persona, now)?, expected);
        }
        let first = tx.due_boxes(persona, at(3), 2)?;
        assert_eq!(first.iter().map(|one| one.row).collect::<Vec<_>>(), boxes[..2]);
        Ok(())
    });
}

#[test]
fn only_what_a_user_waits_for_is_urgent() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (bob, lane, words, invite) = owners(tx, persona)?;
        let whom = tx.contact(bob)?.unwrap();
        let key = tx.add_message(
            &NewMessage {
                persona,
                conversation: whom.conversation,
                outgoing: true,
                id: MessageId([2; 16]),
                kind: Content::POST_KEY,
                content: b"key",
                text: None,
                sent_at: NOW,
                timer: None,
            },
            NOW,
        )?;
        let cases = [
            (BoxFor::Session { session: lane, message: words }, true),
            (BoxFor::Session { session: lane, message: key }, false),
            (BoxFor::Session { session: lane, message: None }, false),
            (BoxFor::Invite(invite), true),
            (BoxFor::Guest(bob), false),
        ];
        for (owner, urgent) in cases {
            let row = put(tx, persona, 0, owner)?;
            let found = tx.due_boxes(persona, NOW, 10)?.into_iter().find(|one| one.row == row).unwrap();
            assert_eq!((found.urgent, found.again), (urgent, false), "{owner:?}");
            tx.drop_box(row)?;
            assert!(tx.boxed(row)?.is_none());
        }
        Ok(())
    });
}

#[test]
fn a_box_that_is_stored_twice_keeps_its_first_time_and_begins_to_count_again() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, false)?;
        let row = sealed(tx, lane, None, 0)?;
        let done_at = || {
            let sql = "SELECT done_at FROM outbox WHERE id = ?1";
            tx.one("look", sql, [row], |row| row.get::<_, i64>(0)).unwrap().unwrap()
        };
        tx.box_later(row, at(1), 7)?;
        assert_eq!(tx.boxed(row)?.unwrap().attempts, 7);
        for (now, again_at) in [(2, 10), (11, 20)] {
            tx.box_done(row, at(again_at), at(now))?;
            assert_eq!(u64::try_from(done_at()).unwrap(), at(2).0);
            assert_eq!(tx.boxed(row)?.unwrap().attempts, 0);
            assert!(rows_due(tx, persona, at(again_at - 1))?.is_empty());
            assert!(tx.due_boxes(persona, at(again_at), 10)?[0].again);
        }
        Ok(())
    });
}

#[test]
fn a_receipt_drops_boxes_of_its_own_lane_only() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let (lane, other) = (session(tx, bob, false)?, session(tx, bob, false)?);
        let mut of_lane = Vec::new();
        for place in 0..3 {
            of_lane.push(sealed(tx, lane, None, place)?);
        }
        let of_other = sealed(tx, other, None, 0)?;
        for (acked, left) in [(0, 3), (2, 1), (1, 1), (3, 0), (u64::MAX, 0)] {
            tx.drop_acked(lane, acked)?;
            let expected: Vec<_> = of_lane[3 - left..].iter().copied().chain([of_other]).collect();
            assert_eq!(rows_due(tx, persona, NOW)?, expected, "acked {acked}");
        }
        tx.drop_outbox(other)?;
        assert!(rows_due(tx, persona, at(1000))?.is_empty());
        Ok(())
    });
}

#[test]
fn a_persona_puts_its_own_boxes_and_deletes_its_own() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        for (number, who) in (1u8..).zip([alice, other]) {
            let bob = contact(tx, who, "bob")?;
            let lane = session(tx, bob, false)?;
            let row = sealed(tx, lane, None, 0)?;
            assert_eq!(rows_due(tx, who, NOW)?, [row]);
            tx.queue_delete(who, RELAY, &Capability::from_bytes(&[number; 32]), NOW)?;
            let due = tx.due_deletes(who, NOW, 10)?;
            assert_eq!((due.len(), *due[0].cap.as_bytes()), (1, [number; 32]));
        }
        Ok(())
    });
}

#[test]
fn deletions_are_due_by_their_time_and_know_how_often_they_failed() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let other = RelayId([2; 32]);
        tx.name_relay(other)?;
        for (number, relay, second) in [(3, RELAY, 30), (1, other, 10), (2, RELAY, 20)] {
            tx.queue_delete(persona, relay, &Capability::from_bytes(&[number; 32]), at(second))?;
        }
        assert!(tx.due_deletes(persona, at(9), 10)?.is_empty());
        let read = |now| -> Vec<_> {
            let due = tx.due_deletes(persona, now, 10).unwrap();
            due.into_iter().map(|one| (one.cap.as_bytes()[0], one.relay, one.attempts)).collect()
        };
        assert_eq!(read(at(30)), [(1, other, 0), (2, RELAY, 0), (3, RELAY, 0)]);
        let first = tx.due_deletes(persona, at(30), 1)?.remove(0);
        tx.delete_later(first.row, at(40), 2)?;
        assert_eq!(read(at(40)), [(2, RELAY, 0), (3, RELAY, 0), (1, other, 2)]);
        Ok(())
    });
}

#[test]
fn boxes_go_with_whatever_they_belong_to() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let invite = invite(tx, persona)?;
        let (bob, carol) = (contact(tx, persona, "bob")?, contact(tx, persona, "carol")?);
        tx.add_guest(bob, persona, b"state", RELAY, &[])?;
        tx.save_guest(bob, b"state", &[], GuestPhase::Answering)?;
        let lane = session(tx, carol, false)?;
        let of_guest = put(tx, persona, 0, BoxFor::Guest(bob))?;
        let of_invite = put(tx, persona, 0, BoxFor::Invite(invite))?;
        let of_lane = sealed(tx, lane, message(tx, carol, true, 1)?, 0)?;
        tx.delete_guest(bob)?;
        assert_eq!(rows_due(tx, persona, NOW)?, [of_invite, of_lane]);
        assert!(tx.boxed(of_guest)?.is_none() && tx.guest_is_done(bob)?);
        tx.delete_invite(invite)?;
        assert_eq!(rows_due(tx, persona, NOW)?, [of_lane]);
        tx.delete_sessions(carol)?;
        assert!(rows_due(tx, persona, at(1000))?.is_empty());
        Ok(())
    });
}

#[test]
fn a_message_is_stored_when_the_last_of_its_boxes_is() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, false)?;
        let words = message(tx, bob, true, 1)?;
        let boxes = [sealed(tx, lane, words, 0)?, sealed(tx, lane, words, 1)?];
        let seq = words.unwrap();
        for row in boxes {
            assert!(!tx.is_stored(seq)?);
            tx.box_done(row, at(10), NOW)?;
        }
        assert!(tx.is_stored(seq)?);
        assert_eq!(tx.message(seq)?.unwrap().state, Some(MessageState::Queued), "the caller moves it on");
        Ok(())
    });
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Seal,
    Done(usize),
    Later(usize),
    Ack(u64),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever relays and the peer answer: a box is there until it is confirmed, and due exactly from its time on.
    #[test]
    fn a_lane_of_boxes_is_as_the_answers_leave_it(
        deeds in prop::collection::vec(
            prop_oneof![
                3 => Just(Deed::Seal),
                2 => (0usize..8).prop_map(Deed::Done),
                2 => (0usize..8).prop_map(Deed::Later),
                1 => (0u64..12).prop_map(Deed::Ack),
            ],
            0..40,
        ),
    ) {
        let (mut store, persona) = store();
        store.run(|tx| {
            let bob = contact(tx, persona, "bob")?;
            let lane = session(tx, bob, false)?;
            // Of each box: its place, when it is due, and whether a relay has had it.
            let mut model: BTreeMap<OutboxId, (u64, Timestamp, bool)> = BTreeMap::new();
            let mut next = 0;
            for (second, deed) in (1..).zip(deeds) {
                let now = at(second);
                let chosen = |number: usize, model: &BTreeMap<OutboxId, _>| model.keys().nth(number).copied();
                match deed {
                    Deed::Seal => {
                        model.insert(sealed(tx, lane, None, next)?, (next, NOW, false));
                        next += 1;
                    }
                    Deed::Done(number) => {
                        if let Some(row) = chosen(number, &model) {
                            tx.box_done(row, at(second + 5), now)?;
                            model.entry(row).and_modify(|one| *one = (one.0, at(second + 5), true));
                        }
                    }
                    Deed::Later(number) => {
                        if let Some(row) = chosen(number, &model) {
                            tx.box_later(row, at(second + 2), 1)?;
                            model.entry(row).and_modify(|one| one.1 = at(second + 2));
                        }
                    }
                    Deed::Ack(acked) => {
                        tx.drop_acked(lane, acked)?;
                        model.retain(|_, (place, ..)| *place >= acked);
                    }
                }
                let due: Vec<_> =
                    tx.due_boxes(persona, now, 100)?.into_iter().map(|one| (one.row, one.again)).collect();
                let expected: Vec<_> = model
                    .iter()
                    .filter(|(_, (_, due_at, _))| *due_at <= now)
                    .map(|(row, (_, _, again))| (*row, *again))
                    .collect();
                assert_eq!(due, expected);
            }
            Ok(())
        });
    }
}
