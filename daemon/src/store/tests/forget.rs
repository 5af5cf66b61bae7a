//! What is deleted is in no file of the home, and does not come back.

use std::fs;
use std::path::Path;

use bauta_protocol::id::MessageId;

use super::support::{
    NOW, at, contact, message, persona, put, request, say, sealed, session, store, whisper,
};
use crate::store::{
    BoxFor, Change, ContactId, Happened, MessageSeq, MessageState, PersonaId, Store, StoreError, Tx,
};
use crate::unlock::MasterKey;

const WORDS: &str = "words that nobody else has: needle 7c1f0a9e53d2";
/// A character of no other text, so that any piece with it is one of these words.
const RARE: &str = "龘";

/// A home on disk that is not encrypted, with a persona and its contact.
struct Home {
    dir: tempfile::TempDir,
    store: Store,
    alice: PersonaId,
    bob: ContactId,
}

impl Home {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_readable(dir.path(), &MasterKey::for_tests([7; 32]), NOW).unwrap();
        let (alice, bob) = store
            .run(|tx| -> Result<_, StoreError> {
                let alice = persona(tx, "alice")?;
                Ok((alice, contact(tx, alice, "bob")?))
            })
            .await
            .unwrap();
        let home = Self { dir, store, alice, bob };
        for (id, name) in (1..).zip(["before", "other", "more", "and more"]) {
            home.run(move |tx| say(tx, bob, id % 2 == 0, id, name)).await;
        }
        home
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.run(job).await.unwrap()
    }

    /// Words that came from Bob, or were written to him, and the event of them.
    async fn needle(&self, outgoing: bool) -> MessageSeq {
        let bob = self.bob;
        let seq = self
            .run(move |tx| {
                let seq = say(tx, bob, outgoing, 99, &format!("{WORDS} {RARE}{RARE}東京{RARE}"))?;
                tx.emit(Happened::MessageReceived(seq), NOW)?;
                Ok(seq)
            })
            .await;
        assert!(self.holds(WORDS) && self.holds(RARE), "otherwise this finds nothing anyway");
        seq
    }

    /// Whether something is anywhere in the files of the home.
    fn holds(&self, what: &str) -> bool {
        files_hold(self.dir.path(), what.as_bytes())
    }

    async fn check(&self) {
        while self.run(|tx| tx.purge_index(4)).await {}
        assert!(!self.holds(WORDS) && !self.holds(RARE));
        assert!(self.run(|tx| tx.events_after(0, 100)).await.is_empty());
        self.run(|tx| {
            tx.execute("check the index", "INSERT INTO search (search) VALUES ('integrity-check')", [])?;
            tx.execute(
                "check the index",
                "INSERT INTO search_brief (search_brief) VALUES ('integrity-check')",
                [],
            )
        })
        .await;
    }
}

fn files_hold(dir: &Path, needle: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn a_message_leaves_no_words() {
    for outgoing in [false, true] {
        let home = Home::new().await;
        let seq = home.needle(outgoing).await;
        home.run(move |tx| tx.erase_message(seq)).await;
        home.check().await;
        let left =
            home.run(move |tx| tx.search(home.alice, None, "more", MessageSeq::END, 9, NOW)).await.unwrap();
        assert_eq!(left.len(), 2, "others stay");
    }
}

#[tokio::test]
async fn what_disappears_leaves_no_words() {
    for outgoing in [false, true] {
        let home = Home::new().await;
        let (alice, bob) = (home.alice, home.bob);
        let words = format!("{WORDS} {RARE}{RARE}東京{RARE}");
        home.run(move |tx| {
            let seq = whisper(tx, bob, outgoing, 99, &words, 60)?;
            if outgoing {
                tx.set_message_state(seq, MessageState::Stored, None, NOW)?;
            } else {
                tx.mark_read(tx.contact(bob)?.unwrap().conversation, seq, NOW)?;
            }
            tx.emit(Happened::MessageReceived(seq), NOW)
        })
        .await;
        assert!(home.holds(WORDS) && home.holds(RARE), "otherwise this finds nothing anyway");
        let end = home.run(|tx| tx.next_end()).await;
        assert_eq!(end, Some(at(60)));
        assert_eq!(home.run(|tx| tx.erase_ended(at(60), 9)).await.len(), 1);
        home.check().await;
        let left = home.run(move |tx| tx.search(alice, None, "more", MessageSeq::END, 9, NOW)).await.unwrap();
        assert_eq!(left.len(), 2, "others stay");
    }
}

#[tokio::test]
async fn a_conversation_leaves_no_words() {
    let home = Home::new().await;
    home.needle(false).await;
    let bob = home.bob;
    let conversation = home.run(move |tx| Ok(tx.contact(bob)?.unwrap().conversation)).await;
    while home.run(move |tx| tx.erase_some(conversation, 2)).await {}
    home.check().await;
    let row = home.run(move |tx| tx.contact(bob)).await.unwrap();
    assert_eq!(row.last_message_at, None);
}

#[tokio::test]
async fn a_contact_and_a_persona_leave_no_words_and_no_name() {
    for whole in [false, true] {
        let home = Home::new().await;
        let (alice, bob) = (home.alice, home.bob);
        home.run(move |tx| tx.rename_contact(bob, "needlework")).await;
        home.needle(false).await;
        home.run(move |tx| if whole { tx.delete_persona(alice) } else { tx.delete_contact(bob) }).await;
        home.check().await;
        assert!(!home.holds("needlework"));
    }
}

#[tokio::test]
async fn an_old_name_leaves_nothing() {
    let home = Home::new().await;
    let bob = home.bob;
    for name in ["needlework", "bob"] {
        home.run(move |tx| tx.rename_contact(bob, name)).await;
    }
    assert!(!home.holds("needlework"));
}

#[test]
fn a_deleted_message_of_theirs_does_not_come_back() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, alice, "carol")?);
        let (theirs, own) = (message(tx, bob, false, 1)?.unwrap(), message(tx, bob, true, 1)?.unwrap());
        let conversation = tx.contact(bob)?.unwrap().conversation;
        assert_eq!(tx.messages_of_id(conversation, MessageId([1; 16]))?, [theirs, own]);
        tx.erase_message(theirs)?;
        assert_eq!(message(tx, bob, false, 1)?, None, "it was sealed again");
        assert!(message(tx, carol, false, 1)?.is_some(), "another's may have the same id");
        tx.erase_message(own)?;
        assert!(message(tx, bob, true, 1)?.is_some(), "what is written here is written");
        // Also where the conversation goes on under another name.
        let (named, new) = (contact(tx, alice, "named")?, contact(tx, alice, "new")?);
        let seq = message(tx, named, false, 5)?.unwrap();
        tx.erase_message(seq)?;
        let at = |contact| Ok::<_, StoreError>(tx.contact(contact)?.unwrap().conversation);
        tx.move_messages(at(named)?, at(new)?)?;
        assert_eq!(message(tx, new, false, 5)?, None);
        Ok(())
    });
}

#[test]
fn sealed_boxes_go_out_without_their_message() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let lane = session(tx, bob, false)?;
        tx.set_current_session(bob, Some(lane))?;
        let before = tx.session(lane)?.unwrap().state;
        let [boxed, waiting] = [1, 2].map(|id| message(tx, bob, true, id).unwrap().unwrap());
        sealed(tx, lane, Some(boxed), 0)?;
        tx.note_sealed(boxed, lane, Some((0, 0)))?;
        for message in [boxed, waiting] {
            tx.erase_message(message)?;
        }
        assert_eq!(tx.session(lane)?.unwrap().state, before);
        let due = tx.due_boxes(alice, at(1), 10)?;
        assert_eq!(due.len(), 1, "a lane has no holes");
        let owner = tx.boxed(due[0].row)?.unwrap().owner;
        assert_eq!(owner, BoxFor::Session { session: lane, message: None });
        assert!(tx.contacts_to_seal(alice)?.is_empty(), "what was not sealed never is");
        assert_eq!(tx.message_in(lane, 0)?, None);
        Ok(())
    });
}

#[test]
fn what_ends_by_its_age_waits_until_it_has_gone_out() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let [_, done, open] = [(false, 1), (true, 2), (true, 3)]
            .map(|(outgoing, id)| message(tx, bob, outgoing, id).unwrap().unwrap());
        tx.set_message_state(done, MessageState::Delivered, None, NOW)?;
        let conversation = tx.contact(bob)?.unwrap().conversation;
        let left = || -> Vec<MessageSeq> {
            let rows = tx.history(conversation, MessageSeq::END, 9, NOW).unwrap();
            rows.into_iter().map(|row| row.seq).collect()
        };
        assert!(tx.erase_old(NOW, 9)?.is_empty());
        assert_eq!(tx.erase_old(at(1), 1)?.len(), 1);
        assert_eq!(left(), [open, done], "the oldest first");
        assert!(!tx.erase_old(at(1), 9)?.is_empty() && tx.erase_old(at(1), 9)?.is_empty());
        assert_eq!(left(), [open]);
        tx.set_message_state(open, MessageState::Failed, None, NOW)?;
        tx.erase_old(at(1), 9)?;
        assert!(left().is_empty() && tx.contact(bob)?.unwrap().last_message_at.is_none());
        assert_eq!(message(tx, bob, false, 1)?, None, "it does not come back either");
        Ok(())
    });
}

#[test]
fn contacts_are_renamed_muted_and_unblocked() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        tx.rename_contact(bob, "bobby")?;
        tx.mute_contact(bob, true)?;
        let row = tx.contact(bob)?.unwrap();
        assert_eq!((row.name.as_str(), row.muted), ("bobby", true));
        let key = row.public.unwrap();
        tx.block_key(alice, &key, NOW)?;
        assert!(tx.unblock_key(alice, &key)? && !tx.is_blocked(alice, &key)?);
        assert!(!tx.unblock_key(alice, &key)?);
        tx.emit(Happened::ContactChanged(bob, Change::Messages), NOW)?;
        tx.delete_contact(bob)?;
        tx.emit(Happened::ContactDeleted(alice), NOW)?;
        let events: Vec<_> = tx.events_after(0, 9)?.into_iter().map(|event| event.what).collect();
        assert_eq!(events, [Happened::ContactDeleted(alice)], "which one it was is not kept");
        Ok(())
    });
}

#[test]
fn a_persona_is_emptied_conversation_by_conversation() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        for owner in [alice, other] {
            for name in ["bob", "carol"] {
                let contact = contact(tx, owner, name)?;
                message(tx, contact, false, 1)?;
            }
            request(tx, owner, &format!("{owner:?}"))?;
            let bob = tx.contact_named(owner, "bob")?.unwrap().id;
            let lane = session(tx, bob, false)?;
            put(tx, owner, 0, BoxFor::Session { session: lane, message: None })?;
        }
        let mut emptied = 0;
        while let Some(conversation) = tx.filled_conversation(alice)? {
            while tx.erase_some(conversation, 5)? {}
            emptied += 1;
        }
        assert_eq!(emptied, 2);
        tx.delete_persona(alice)?;
        assert_eq!(tx.personas()?.len(), 1);
        assert!(tx.filled_conversation(other)?.is_some());
        Ok(())
    });
}
