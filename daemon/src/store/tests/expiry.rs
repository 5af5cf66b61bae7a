//! When messages disappear, and that nothing is left of them.

use std::time::Duration;

use bauta_protocol::content::Content;
use bauta_protocol::id::MessageId;
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::timer::{Agreement, Timer, Wish};
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, message, persona, session, store, whisper};
use crate::store::{ContactId, InboxFilter, MessageSeq, MessageState, NewMessage, StoreError, Tx};

const WEEK: u64 = 7 * 24 * 60 * 60;
const DAY: u32 = 24 * 60 * 60;

fn end_of(tx: &Tx<'_>, message: MessageSeq) -> Result<Option<Timestamp>, StoreError> {
    Ok(tx.message(message)?.unwrap().ends_at)
}

#[test]
fn what_came_ends_after_it_was_read_or_after_a_week() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let conversation = tx.contact(bob)?.unwrap().conversation;
        let short = whisper(tx, bob, false, 1, "short", 60)?;
        let long = whisper(tx, bob, false, 2, "long", 30 * DAY)?;
        let stays = message(tx, bob, false, 3)?.unwrap();
        let ends = |tx: &Tx<'_>| [short, long, stays].map(|seq| end_of(tx, seq).unwrap());
        let of_long = at(u64::from(30 * DAY));
        assert_eq!(ends(tx), [Some(at(WEEK)), Some(of_long), None]);
        // A clock that is far ahead, and then the right one.
        tx.mark_read(conversation, short, at(400 * u64::from(DAY)))?;
        assert_eq!(end_of(tx, short)?, Some(at(WEEK)));
        tx.execute("unread again", "UPDATE messages SET unread = 1", [])?;
        tx.mark_read(conversation, MessageSeq::END, at(100))?;
        assert_eq!(ends(tx), [Some(at(160)), Some(of_long), None], "never later than before");
        tx.mark_read(conversation, MessageSeq::END, at(150))?;
        assert_eq!(end_of(tx, short)?, Some(at(160)), "it is read once");
        assert_eq!(tx.next_end()?, Some(at(160)));
        Ok(())
    });
}

#[test]
fn one_s_own_ends_after_it_has_left() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let [stored, failed, waits] = [1, 2, 3].map(|id| whisper(tx, bob, true, id, "words", 60).unwrap());
        assert_eq!((end_of(tx, stored)?, tx.next_end()?), (None, None));
        tx.set_message_state(stored, MessageState::Stored, None, at(5))?;
        tx.set_message_state(stored, MessageState::Delivered, None, at(50))?;
        tx.set_message_state(failed, MessageState::Failed, None, at(7))?;
        assert_eq!((end_of(tx, stored)?, end_of(tx, failed)?), (Some(at(65)), Some(at(67))));
        // Whatever goes out again ends all the same.
        let conversation = tx.contact(bob)?.unwrap().conversation;
        tx.doubt_delivered_since(conversation, NOW)?;
        assert_eq!(tx.message(stored)?.unwrap().state, Some(MessageState::Stored));
        assert_eq!(tx.erase_ended(at(66), 9)?.len(), 1);
        assert!(tx.message(stored)?.is_none() && tx.message(failed)?.is_some());
        assert!(tx.erase_ended(at(67), 9)?.contains(&conversation) && tx.erase_ended(at(67), 9)?.is_empty());
        assert_eq!(end_of(tx, waits)?, None);
        Ok(())
    });
}

/// What each reader of messages gives at a time: history, backwards and from a place on, inbox, search, the last one, and how
/// many are unread.
fn shown(tx: &Tx<'_>, bob: ContactId, now: Timestamp) -> Result<[u64; 6], StoreError> {
    let row = tx.contact(bob)?.unwrap();
    let filter = InboxFilter { now, ..InboxFilter::default() };
    let found = tx.search(row.persona, None, "words", MessageSeq::END, 9, now)?.unwrap();
    Ok([
        tx.history(row.conversation, MessageSeq::END, 9, now)?.len(),
        tx.history_from(row.conversation, MessageSeq::START, 9, now)?.len(),
        tx.inbox(row.persona, filter, MessageSeq::START, 9)?.len(),
        found.len(),
        tx.last_message(row.conversation, now)?.into_iter().count(),
        usize::try_from(tx.unread(row.conversation, now)?).unwrap(),
    ]
    .map(|count| u64::try_from(count).unwrap()))
}

#[test]
fn what_has_ended_is_not_shown_before_it_is_deleted_and_does_not_come_back() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let conversation = tx.contact(bob)?.unwrap().conversation;
        let seq = whisper(tx, bob, false, 1, "words", 30 * DAY)?;
        let end = u64::from(30 * DAY);
        assert_eq!(shown(tx, bob, at(end - 1))?, [1; 6]);
        assert_eq!(shown(tx, bob, at(end))?, [0; 6]);
        assert!(tx.erase_ended(at(end - 1), 9)?.is_empty());
        assert_eq!(shown(tx, bob, at(end - 1))?, [1; 6], "a clock that was set right shows it again");
        assert_eq!(tx.erase_ended(at(end), 9)?.into_iter().collect::<Vec<_>>(), [conversation]);
        assert!(tx.message(seq)?.is_none() && tx.contact(bob)?.unwrap().last_message_at.is_none());
        let new = NewMessage {
            persona: alice,
            conversation,
            outgoing: false,
            id: MessageId([1; 16]),
            kind: 1,
            content: b"words",
            text: Some("words"),
            sent_at: NOW,
            timer: None,
        };
        assert!(tx.add_message(&new, at(end))?.is_none(), "it was sealed again");
        Ok(())
    });
}

#[test]
fn ends_that_are_too_far_away_are_pulled_back() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let [short, long] = [60, 30 * DAY].map(|timer| {
            let id = u8::try_from(timer % 251).unwrap();
            whisper(tx, bob, false, id, "words", timer).unwrap()
        });
        let stays = message(tx, bob, false, 9)?.unwrap();
        let before = [short, long, stays].map(|seq| end_of(tx, seq).unwrap());
        tx.pull_back_ends(NOW)?;
        assert_eq!([short, long, stays].map(|seq| end_of(tx, seq).unwrap()), before);
        // They came while the clock was a year ahead.
        let now = NOW.minus(Duration::from_secs(365 * u64::from(DAY)));
        tx.pull_back_ends(now)?;
        let week = now.plus(Duration::from_secs(WEEK));
        let month = now.plus(Duration::from_secs(u64::from(30 * DAY)));
        assert_eq!([short, long, stays].map(|seq| end_of(tx, seq).unwrap()), [Some(week), Some(month), None]);
        Ok(())
    });
}

fn timers() -> impl Strategy<Value = Option<Timer>> {
    prop_oneof![Just(None), (Timer::MIN..=Timer::MAX).prop_map(Timer::new)]
}

fn wishes() -> impl Strategy<Value = Wish> {
    (timers(), 0..i64::MAX as u64).prop_map(|(timer, at)| Wish { timer, at: Timestamp(at) })
}

proptest! {
    #[test]
    fn an_agreement_is_kept(own in wishes(), told: bool, relied in timers(), theirs in wishes()) {
        let (mut store, alice) = store();
        let agreement = Agreement { own, told, relied, theirs };
        store.run(|tx| {
            let [bob, carol] = ["bob", "carol"].map(|name| contact(tx, alice, name).unwrap());
            let [of_bob, of_carol] = [bob, carol].map(|one| tx.contact(one).unwrap().unwrap().conversation);
            tx.keep_agreement(of_bob, &agreement)?;
            assert_eq!(tx.agreement(of_bob)?, agreement);
            assert_eq!(tx.agreement(of_carol)?, Agreement::default());
            Ok(())
        });
    }
}

#[test]
fn a_wish_is_said_again_when_one_side_was_set_back() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let [bob, carol] = ["bob", "carol"].map(|name| contact(tx, alice, name).unwrap());
        let [of_bob, of_carol] = [bob, carol].map(|one| tx.contact(one).unwrap().unwrap().conversation);
        let mut agreement = Agreement::default();
        agreement.wish(Timer::new(60), NOW);
        agreement.confirm(NOW);
        tx.keep_agreement(of_bob, &agreement)?;
        for contact in [bob, carol] {
            session(tx, contact, false)?;
            tx.note_restart(contact, at(1))?;
        }
        agreement.told = false;
        assert_eq!(tx.agreement(of_bob)?, agreement);
        assert_eq!(tx.agreement(of_carol)?, Agreement::default(), "there is nothing to say");
        tx.make_all_stale(at(2))?;
        assert_eq!(tx.agreement(of_bob)?.own, Wish { timer: Timer::new(60), at: at(2) });
        assert!(tx.agreement(of_carol)?.told, "there is nothing to say");
        tx.begin_restored(NOW, NOW)?;
        assert_eq!(tx.agreement(of_bob)?.own.at, Timestamp(at(2).0 + 1), "the clock was set back");
        assert!(tx.agreement(of_carol)?.told);
        // The conversation goes on under another name.
        tx.move_messages(of_bob, of_carol)?;
        let moved = tx.agreement(of_carol)?;
        assert_eq!((moved.own.timer, moved.told), (Timer::new(60), false));
        Ok(())
    });
}

#[test]
fn a_wish_is_found_as_long_as_it_can_arrive() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let conversation = tx.contact(bob)?.unwrap().conversation;
        let new = NewMessage {
            persona: alice,
            conversation,
            outgoing: true,
            id: MessageId([1; 16]),
            kind: Content::TIMER,
            content: b"wish",
            text: None,
            sent_at: at(3),
            timer: None,
        };
        let seq = tx.add_message(&new, NOW)?.unwrap();
        assert_eq!((tx.own_wish(conversation, at(3))?, tx.own_wish(conversation, at(4))?), (Some(seq), None));
        tx.set_message_state(seq, MessageState::Delivered, None, NOW)?;
        assert_eq!(tx.own_wish(conversation, at(3))?, Some(seq));
        tx.doubt_message(seq)?;
        assert_eq!(tx.message(seq)?.unwrap().state, Some(MessageState::Stored));
        tx.set_message_state(seq, MessageState::Failed, None, NOW)?;
        assert_eq!(tx.own_wish(conversation, at(3))?, None);
        Ok(())
    });
}

#[test]
fn an_ordinary_backup_leaves_out_what_disappears() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        message(tx, bob, false, 1)?;
        whisper(tx, bob, false, 2, "words", 30 * DAY)?;
        whisper(tx, bob, true, 3, "words", 60)?;
        let count = |with_timers, now| tx.backup_messages(0, 9, with_timers, now).map(|rows| rows.len());
        let end = at(u64::from(30 * DAY));
        assert_eq!((count(false, NOW)?, count(true, NOW)?, count(true, end)?), (1, 3, 2));
        Ok(())
    });
}

#[test]
fn the_last_signed_day_is_that_of_any_persona() {
    let (mut store, _) = store();
    store.run(|tx| {
        assert_eq!(tx.last_signed_day()?, None);
        let bea = persona(tx, "bea")?;
        for (day, last) in [(20_001, 20_001), (20_000, 20_001), (20_002, 20_002)] {
            tx.execute(
                "keep a descriptor",
                "INSERT INTO descriptors (persona, relay, day, bytes, hash) VALUES (?1, ?2, ?3, x'', x'')",
                (bea, RELAY.0, day),
            )?;
            assert_eq!(tx.last_signed_day()?, Some(Day(last)));
        }
        Ok(())
    });
}
