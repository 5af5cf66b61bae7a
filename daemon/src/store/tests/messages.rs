use bauta_protocol::id::MessageId;
use proptest::prelude::*;

use super::support::{NOW, at, contact, message, sealed, session, store};
use crate::store::messages::OPEN;
use crate::store::{InboxFilter, MessageSeq, MessageState, Reason};

proptest! {
    /// The API's cursors are the numbers of messages; one past every message is the end.
    #[test]
    fn cursors_are_in_order(one: u64, other: u64) {
        let [first, second] = [one, other].map(MessageSeq::from_cursor);
        let most = u64::try_from(i64::MAX).unwrap();
        prop_assert_eq!(first.cmp(&second), one.min(most).cmp(&other.min(most)));
        prop_assert_eq!(first.cursor(), one.min(most));
        prop_assert!(first >= MessageSeq::START && first <= MessageSeq::END);
    }

    /// Whatever is reported, and however often, a message only moves on, and is final once.
    #[test]
    fn a_message_never_goes_back(reports in prop::collection::vec(0..MessageState::ALL.len(), 0..12)) {
        let (mut store, persona) = store();
        let seq = store.run(|tx| message(tx, contact(tx, persona, "bob")?, true, 1)).unwrap();
        let mut known = MessageState::Queued;
        for (second, report) in (1..).zip(reports) {
            let (state, now) = (MessageState::ALL[report], at(second));
            let reason = (state == MessageState::Failed).then_some(Reason::ContactBlocked);
            let moved = store.run(|tx| tx.set_message_state(seq, state, reason, now));
            let row = store.run(|tx| tx.message(seq)).unwrap();
            let after = row.state.unwrap();
            prop_assert_eq!(moved, after != known);
            prop_assert!(after >= known);
            if matches!(known, MessageState::Delivered | MessageState::Failed) {
                prop_assert_eq!(after, known);
            }
            if moved {
                prop_assert_eq!(after, state);
                prop_assert_eq!(row.reason, reason);
            }
            prop_assert_eq!(row.stored_at.is_some() || after != MessageState::Stored, true);
            prop_assert_eq!(row.delivered_at.is_some(), after == MessageState::Delivered);
            known = after;
        }
    }

    /// The same id in the same direction is one message, however often and in whatever order it comes.
    #[test]
    fn ids_are_kept_once(arrivals in prop::collection::vec((any::<bool>(), 0u8..6), 0..30)) {
        let (mut store, persona) = store();
        let bob = store.run(|tx| contact(tx, persona, "bob"));
        let carol = store.run(|tx| contact(tx, persona, "carol"));
        let mut seen = std::collections::BTreeSet::new();
        for (outgoing, id) in arrivals {
            let added = store.run(|tx| message(tx, bob, outgoing, id));
            prop_assert_eq!(added.is_some(), seen.insert((outgoing, id)));
        }
        let history = store.run(|tx| {
            let row = tx.contact(bob)?.unwrap();
            tx.history(row.conversation, MessageSeq::END, 100, NOW)
        });
        prop_assert_eq!(history.len(), seen.len());
        prop_assert!(history.windows(2).all(|pair| pair[0].seq > pair[1].seq), "latest first");
        let other = store.run(|tx| {
            let row = tx.contact(carol)?.unwrap();
            tx.history(row.conversation, MessageSeq::END, 100, NOW)
        });
        prop_assert!(other.is_empty());
    }
}

#[test]
fn what_a_session_carries_is_not_sealed_again() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let row = tx.contact(bob)?.unwrap();
        let [first, second, third] = [1, 2, 3].map(|id| message(tx, bob, true, id).unwrap().unwrap());
        let lane = session(tx, bob, false)?;
        tx.set_current_session(bob, Some(lane))?;
        let open = |session| -> Vec<_> {
            let rows = tx.unsealed(row.conversation, session, 10).unwrap();
            rows.into_iter().map(|row| row.seq).collect()
        };
        assert_eq!(open(Some(lane)), [first, second, third]);
        assert_eq!(tx.contacts_to_seal(persona)?, [bob]);
        tx.note_sealed(first, lane, None)?;
        tx.note_sealed(second, lane, Some((0, 2)))?;
        assert_eq!(open(Some(lane)), [third]);
        assert_eq!(open(None), [first, second, third], "a new session carries all of them");
        assert_eq!(tx.in_handshake(lane)?, Some(first));
        assert_eq!((tx.message_in(lane, 1)?, tx.message_in(lane, 3)?), (Some(second), None));
        assert_eq!(tx.confirmed(lane, 2)?, [first], "the last box of the second is missing");
        assert_eq!(tx.confirmed(lane, 3)?, [first, second]);
        assert!(tx.has_sealed_open(lane)?);
        tx.set_message_state(first, MessageState::Delivered, None, NOW)?;
        assert_eq!(tx.confirmed(lane, 3)?, [second]);
        tx.forget_sealed_from(lane, 2)?;
        assert_eq!(open(Some(lane)), [second, third], "its last box was not kept");
        assert!(!tx.has_sealed_open(lane)?);
        assert_eq!(tx.open_messages(row.conversation)?, [second, third]);
        assert!(tx.has_undelivered(row.conversation)?);
        Ok(())
    });
}

#[test]
fn boxes_that_the_relay_has_not_confirmed_are_forgotten_alone() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        let lane = session(tx, bob, false)?;
        let [done, open] = [1, 2].map(|id| message(tx, bob, true, id).unwrap().unwrap());
        let box_of_done = sealed(tx, lane, Some(done), 0)?;
        tx.note_sealed(done, lane, Some((0, 0)))?;
        sealed(tx, lane, Some(open), 1)?;
        tx.note_sealed(open, lane, Some((1, 1)))?;
        assert!(!tx.is_stored(done)?);
        tx.box_done(box_of_done, at(1000), NOW)?;
        assert!(tx.is_stored(done)? && !tx.is_stored(open)?);
        tx.forget_undone(lane)?;
        assert_eq!((tx.message_in(lane, 0)?, tx.message_in(lane, 1)?), (Some(done), None));
        Ok(())
    });
}

#[test]
fn messages_move_to_another_conversation_but_not_twice() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (named, known) = (contact(tx, persona, "named")?, contact(tx, persona, "known")?);
        let (from, to) = (tx.contact(named)?.unwrap().conversation, tx.contact(known)?.unwrap().conversation);
        message(tx, named, true, 1)?;
        message(tx, named, true, 2)?;
        message(tx, known, true, 2)?;
        tx.move_messages(from, to)?;
        tx.delete_contact(named)?;
        let mut ids: Vec<_> =
            tx.history(to, MessageSeq::END, 10, NOW)?.into_iter().map(|row| row.id).collect();
        ids.sort();
        assert_eq!(ids, [MessageId([1; 16]), MessageId([2; 16])]);
        assert_eq!(tx.contact_in(to)?.unwrap().id, known);
        assert!(tx.contact_in(from)?.is_none());
        Ok(())
    });
}

#[test]
fn inboxes_page_and_counts_follow_the_states() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let bob = contact(tx, persona, "bob")?;
        for id in 1..=5 {
            message(tx, bob, false, id)?;
        }
        let own = message(tx, bob, true, 9)?.unwrap();
        let first = tx.inbox(persona, InboxFilter::default(), MessageSeq::START, 2)?;
        let rest = tx.inbox(persona, InboxFilter::default(), first[1].seq, 10)?;
        let contents: Vec<_> = first.iter().chain(&rest).map(|row| row.content[0]).collect();
        assert_eq!(contents, [1, 2, 3, 4, 5], "oldest first, and none of one's own");
        assert_eq!(tx.queued(persona)?, 1);
        tx.set_message_state(own, MessageState::Stored, None, at(1))?;
        assert_eq!(tx.queued(persona)?, 0);
        assert_eq!((tx.unreceived(persona, NOW)?, tx.unreceived(persona, at(2))?), (0, 1));
        assert_eq!(tx.own_message(MessageId([9; 16]))?.unwrap().seq, own);
        assert!(tx.own_message(MessageId([1; 16]))?.is_none());
        Ok(())
    });
}

#[test]
fn what_was_seen_is_no_longer_unread() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, persona, "bob")?, contact(tx, persona, "carol")?);
        let mut seqs = Vec::new();
        for id in 1..=6 {
            seqs.push(message(tx, if id == 3 { carol } else { bob }, false, id)?.unwrap());
        }
        message(tx, bob, true, 9)?;
        let [of_bob, of_carol] =
            [bob, carol].map(|contact| tx.contact(contact).unwrap().unwrap().conversation);
        assert_eq!((tx.unread(of_bob, NOW)?, tx.unread(of_carol, NOW)?), (5, 1), "none of one's own");
        tx.mark_read(of_bob, seqs[3], NOW)?;
        assert_eq!((tx.unread(of_bob, NOW)?, tx.unread(of_carol, NOW)?), (2, 1));
        let listed = |filter| -> Vec<MessageSeq> {
            let rows = tx.inbox(persona, filter, MessageSeq::START, 10).unwrap();
            rows.into_iter().map(|row| row.seq).collect()
        };
        let unread = InboxFilter { unread: true, ..InboxFilter::default() };
        assert_eq!(listed(unread), [seqs[2], seqs[4], seqs[5]]);
        // They all came at one time.
        assert_eq!(listed(InboxFilter { since: Some(NOW), ..unread }), listed(unread));
        assert_eq!(listed(InboxFilter { unread: false, since: Some(NOW), ..unread }), seqs);
        assert!(listed(InboxFilter { unread: false, since: Some(at(1)), ..unread }).is_empty());
        assert_eq!(tx.last_message(of_carol, NOW)?.unwrap().seq, seqs[2]);
        tx.erase_message(seqs[4])?;
        tx.mark_read(of_bob, MessageSeq::END, NOW)?;
        assert_eq!((tx.unread(of_bob, NOW)?, listed(unread)), (0, vec![seqs[2]]));
        Ok(())
    });
}

/// The status counts them at every look, and a history may have a million messages.
#[test]
fn open_messages_are_counted_without_reading_the_history() {
    let (mut store, _) = store();
    for asked in
        ["count(*) FROM {} AND state = 1 AND persona = 1", "1 FROM {} AND conversation = 1 ORDER BY seq"]
    {
        let asked = asked.replace("{}", OPEN);
        let plan: Vec<String> = store
            .run(|tx| tx.all("explain", &format!("EXPLAIN QUERY PLAN SELECT {asked}"), [], |row| row.get(3)));
        assert!(plan.len() == 1 && plan[0].contains("messages_open"), "{plan:?}");
    }
}
