//! Messages that disappear: when both want that, on both sides, on time, and also where a daemon was off.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bauta_daemon::backup::restore;
use bauta_daemon::unlock::Unlock;
use bauta_ipc::{
    BackUpHome, Body, Contact, ContactChange, ContactRef, Disappearing, EventBody, HistoryEntry, HistoryOf,
    MessageState, ReadMessages, SearchFor, Secret, SetDisappearing, codes,
};

use crate::support::{Home, Sea, friends, until};

const DAY: u32 = 24 * 60 * 60;

async fn wish(home: &Home, contact: &str, after: u32) -> Contact {
    let params = SetDisappearing { persona: None, contact: contact.to_owned(), after };
    home.api().contact_disappear(params).await.unwrap()
}

async fn shown(home: &Home, contact: &str) -> Disappearing {
    let params = ContactRef { persona: None, contact: contact.to_owned() };
    home.api().contact_show(params).await.unwrap().disappearing.unwrap_or_default()
}

fn agreed(after: u32) -> Disappearing {
    let after = Some(after);
    Disappearing { after, own: after, theirs: after, untold: false }
}

/// Both want the same and know it.
async fn agree(alice: &Home, bob: &Home, after: u32) {
    wish(alice, "bob", after).await;
    wish(bob, "alice", after).await;
    until("both agree", async || {
        shown(alice, "bob").await == agreed(after) && shown(bob, "alice").await == agreed(after)
    })
    .await;
}

async fn history(home: &Home, contact: &str) -> Vec<HistoryEntry> {
    let params =
        HistoryOf { persona: None, contact: contact.to_owned(), before: None, from: None, limit: None };
    home.api().message_history(params).await.unwrap().messages
}

/// The words with a contact.
async fn words(home: &Home, contact: &str) -> Vec<String> {
    let texts = history(home, contact).await.into_iter();
    texts.filter_map(|entry| entry.body.text().map(str::to_owned)).collect()
}

async fn read(home: &Home, contact: &str) {
    let params = ReadMessages { persona: None, contact: contact.to_owned(), id: None };
    home.api().message_read(params).await.unwrap();
}

async fn say(from: &Home, to: &str, text: &str) -> String {
    let id = from.send(to, text).await;
    from.wait(&id, MessageState::Delivered).await;
    id
}

async fn found(home: &Home, text: &str) -> usize {
    let params = SearchFor { text: text.to_owned(), ..SearchFor::default() };
    home.api().message_search(params).await.unwrap().messages.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_disappear_on_both_sides_once_both_want_it() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    assert_eq!(shown(&alice, "bob").await, Disappearing::default());
    let asked = wish(&alice, "bob", 60).await.disappearing.unwrap();
    assert_eq!((asked.after, asked.own, asked.theirs), (None, Some(60), None));
    until("bob has heard it", async || shown(&bob, "alice").await.theirs == Some(60)).await;
    until("alice knows that", async || !shown(&alice, "bob").await.untold).await;
    say(&alice, "bob", "this stays").await;
    assert_eq!(history(&bob, "alice").await[0].body, Body::Disappear(60));
    let heard = |event: &EventBody| {
        matches!(event, EventBody::ContactChanged { change: ContactChange::Disappearing, .. })
    };
    assert!(bob.saw(heard).await);

    // The longer of both.
    wish(&bob, "alice", 90).await;
    until("alice has heard it", async || shown(&alice, "bob").await.after == Some(90)).await;
    say(&alice, "bob", "this goes").await;
    say(&bob, "alice", "and this").await;
    for (home, contact) in [(&alice, "bob"), (&bob, "alice")] {
        assert_eq!(words(home, contact).await, ["this stays", "this goes", "and this"]);
        read(home, contact).await;
        let all = history(home, contact).await;
        let timed: Vec<_> = all.iter().filter(|entry| entry.disappears_after == Some(90)).collect();
        assert!(timed.len() == 2 && timed.iter().all(|entry| entry.disappears_at.is_some()), "{all:?}");
    }
    assert_eq!((found(&alice, "this").await, found(&bob, "this").await), (3, 3));
    sea.clock.skip(Duration::from_secs(91));
    for (home, contact) in [(&alice, "bob"), (&bob, "alice")] {
        assert_eq!(words(home, contact).await, ["this stays"], "at once");
        assert_eq!(found(home, "this").await, 1);
        let told = |event: &EventBody| {
            matches!(event, EventBody::ContactChanged { change: ContactChange::Messages, .. })
        };
        until("they are deleted", async || home.saw(told).await).await;
    }
    // None of what happened names them any more.
    assert_eq!(bob.events().await.iter().filter(|event| says(&event.body, "this goes")).count(), 0);

    // Either of them takes it back.
    let off = wish(&alice, "bob", 0).await.disappearing.unwrap();
    assert_eq!((off.after, off.own, off.theirs), (None, None, Some(90)));
    until("bob has heard it", async || shown(&bob, "alice").await.after.is_none()).await;
    say(&bob, "alice", "stays, too").await;
    sea.clock.skip(Duration::from_secs(8 * u64::from(DAY)));
    assert_eq!(words(&alice, "bob").await, ["this stays", "stays, too"]);
}

fn says(body: &EventBody, text: &str) -> bool {
    matches!(body, EventBody::MessageReceived { message } if message.body.text() == Some(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_reads_disappears_after_a_week() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    agree(&alice, &bob, 60).await;
    say(&alice, "bob", "unread").await;
    sea.clock.skip(Duration::from_secs(u64::from(6 * DAY)));
    assert_eq!(words(&bob, "alice").await, ["unread"]);
    assert!(words(&alice, "bob").await.is_empty(), "the writer has read it");
    sea.clock.skip(Duration::from_secs(u64::from(DAY)));
    assert!(words(&bob, "alice").await.is_empty() && bob.texts().await.is_empty());
}

/// A daemon that was off shows nothing that ended meanwhile, from its first answer on, and deletes it when a relay has
/// confirmed the time; one whose clock is wrong deletes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_was_off_shows_nothing_that_ended() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, mut bob) = friends(&sea, &relays).await;
    agree(&alice, &bob, 20 * DAY).await;
    say(&alice, "bob", "for some days").await;
    read(&bob, "alice").await;
    alice.crash().await;
    bob.crash().await;

    bob.boats.cut.store(true, Ordering::Relaxed);
    sea.clock.skip(Duration::from_secs(u64::from(400 * DAY)));
    bob.start().await;
    assert!(words(&bob, "alice").await.is_empty() && bob.texts().await.is_empty());
    assert!(bob.events().await.iter().all(|event| !says(&event.body, "for some days")));
    assert_eq!(found(&bob, "some").await, 0);
    bob.crash().await;
    // It was wrong.
    sea.clock.set_back(Duration::from_secs(u64::from(400 * DAY)));
    bob.start().await;
    assert_eq!(words(&bob, "alice").await, ["for some days"]);
    bob.crash().await;

    sea.clock.skip(Duration::from_secs(u64::from(21 * DAY)));
    bob.boats.cut.store(false, Ordering::Relaxed);
    bob.start().await;
    assert!(words(&bob, "alice").await.is_empty());
    let told = |event: &EventBody| {
        matches!(event, EventBody::ContactChanged { change: ContactChange::Messages, .. })
    };
    until("it is deleted", async || bob.saw(told).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_keeps_the_time_that_its_writer_saw() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    agree(&alice, &bob, 60).await;
    // Bob changes his mind, and Alice writes before she hears of it.
    bob.boats.cut.store(true, Ordering::Relaxed);
    wish(&bob, "alice", 0).await;
    let id = alice.send("bob", "as agreed").await;
    alice.wait(&id, MessageState::Stored).await;
    bob.boats.cut.store(false, Ordering::Relaxed);
    alice.wait(&id, MessageState::Delivered).await;
    until("alice has heard it", async || shown(&alice, "bob").await.after.is_none()).await;
    let entry = history(&bob, "alice").await.into_iter().find(|entry| entry.body.text().is_some()).unwrap();
    assert_eq!(entry.disappears_after, Some(60));
    // Written later, it stays.
    say(&alice, "bob", "as said").await;
    read(&bob, "alice").await;
    sea.clock.skip(Duration::from_secs(61));
    assert_eq!(words(&bob, "alice").await, ["as said"]);
}

/// Who wants less than the other agreed to is not followed, whatever their messages say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_was_forgotten_is_told_that_nothing_is_agreed() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    agree(&alice, &bob, 60).await;
    let address = alice.api().persona_show(bauta_ipc::PersonaRef { persona: "alice".to_owned() }).await;
    let address = address.unwrap().address;
    let gone = bauta_ipc::BlockContact { persona: None, contact: "alice".to_owned() };
    bob.api().contact_delete(gone).await.unwrap();
    bob.add("alice", &address).await.unwrap();
    // Alice still thinks that it is agreed.
    say(&bob, "alice", "hello again").await;
    say(&alice, "bob", "under the old time").await;
    until("she hears that it is not", async || shown(&alice, "bob").await.after.is_none()).await;
    assert_eq!(shown(&bob, "alice").await.after, None);
    read(&bob, "alice").await;
    sea.clock.skip(Duration::from_secs(u64::from(8 * DAY)));
    assert_eq!(words(&bob, "alice").await, ["hello again", "under the old time"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_bring_nothing_back() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, bob) = friends(&sea, &relays).await;
    say(&bob, "alice", "this stays").await;
    agree(&alice, &bob, 10 * DAY).await;
    say(&bob, "alice", "this goes").await;
    let backup = async |home: &Home, moves: bool| {
        let path = home.path().join(if moves { "move.age" } else { "backup.age" });
        let passphrase = Secret::new("correct horse".to_owned());
        let params = BackUpHome { path: path.to_str().unwrap().to_owned(), passphrase, moves };
        home.api().home_backup(params).await.unwrap();
        path
    };
    let (ordinary, moving) = (backup(&alice, false).await, backup(&alice, true).await);
    alice.crash().await;
    let restored = async |file: &std::path::Path| {
        let home = Home::new(&sea, &relays);
        restore(&home.path(), &Unlock::KeyFile, file, "correct horse").await.unwrap();
        home
    };
    // Where the home moves they come along, as long as they have not ended.
    let mut moved = restored(&moving).await;
    moved.start().await;
    assert_eq!(words(&moved, "bob").await, ["this stays", "this goes"]);
    until("both agree", async || shown(&moved, "bob").await == agreed(10 * DAY)).await;
    moved.crash().await;
    sea.clock.skip(Duration::from_secs(u64::from(11 * DAY)));
    let mut late = restored(&moving).await;
    late.start().await;
    assert_eq!(words(&late, "bob").await, ["this stays"]);
    late.crash().await;
    // In an ordinary one they never were.
    let told = |event: &EventBody| {
        matches!(event, EventBody::ContactChanged { change: ContactChange::Messages, .. })
    };
    until("bob's is deleted, so that it is not sent again", async || bob.saw(told).await).await;
    let mut again = restored(&ordinary).await;
    again.start().await;
    assert_eq!(words(&again, "bob").await, ["this stays"]);
    say(&bob, "alice", "after that").await;
    assert_eq!(again.texts().await, ["this stays", "after that"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_of_bounds_is_refused() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    for after in [1, 29, 31_557_601, u32::MAX] {
        let params = SetDisappearing { persona: None, contact: "bob".to_owned(), after };
        assert!(alice.api().contact_disappear(params).await.unwrap_err().is(&codes::REQUEST_PARAMS));
    }
    assert!(wish(&alice, "bob", 0).await.disappearing.is_none(), "nothing to say");
    assert!(history(&alice, "bob").await.is_empty());
    let block = bauta_ipc::BlockContact { persona: None, contact: "alice".to_owned() };
    bob.api().contact_block(block).await.unwrap();
    let params = SetDisappearing { persona: None, contact: "alice".to_owned(), after: 60 };
    assert!(bob.api().contact_disappear(params).await.unwrap_err().is(&codes::CONTACT_BLOCKED));
}
