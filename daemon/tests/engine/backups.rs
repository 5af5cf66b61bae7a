//! A home that is restored from a backup: nothing is used twice, nothing is lost, and conversations go on.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bauta_daemon::backup::{BackupError, restore};
use bauta_daemon::unlock::Unlock;
use bauta_ipc::{
    BackUpHome, ChangeBackupPassphrase, ChangeSetting, ConnectionState, ContactState, CreateInvitation,
    InboxOf, ListAll, MessageRef, MessageState, OptionalPersona, PersonaRef, Secret, SendMessage,
    SetDisappearing, StatusOf, codes,
};
use bauta_protocol::address::RelayAddress;

use crate::support::{Home, Sea, friends, until};

const WORDS: &str = "correct horse battery staple";

async fn back_up(home: &Home, name: &str) -> std::path::PathBuf {
    let path = home.path().join(name);
    home.api().home_backup(to(path.to_str().unwrap())).await.unwrap();
    path
}

fn to(path: &str) -> BackUpHome {
    BackUpHome { path: path.to_owned(), passphrase: Secret::new(WORDS.to_owned()), moves: false }
}

/// Somebody else who knows this home.
async fn another(sea: &Arc<Sea>, relays: &[RelayAddress], home: &Home, name: &str) -> Home {
    let (other, _) = Home::with(sea, relays, name).await;
    let invitation = home.invite(Some(name)).await;
    other.add("alice", &invitation).await.unwrap();
    home.wait_for_contact(name, ContactState::Active).await;
    other
}

async fn say(from: &Home, to: &str, text: &str) {
    let id = from.send(to, text).await;
    from.wait(&id, MessageState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_go_on_in_a_restored_home() {
    let sea = Sea::new();
    let relays = [sea.relay().await, sea.relay().await];
    let (mut alice, bob) = friends(&sea, &relays).await;
    let others = [
        ("carol", another(&sea, &relays, &alice, "carol").await),
        ("dave", another(&sea, &relays, &alice, "dave").await),
    ];
    say(&alice, "bob", "a1").await;
    say(&bob, "alice", "b1").await;
    let file = back_up(&alice, "backup.age").await;
    let kept = fs::read(&file).unwrap();
    assert!(kept.starts_with(b"age-encryption.org/v1"));
    // After the backup, and lost with the old machine; and one that the other side could not deliver before.
    say(&bob, "alice", "b2").await;
    alice.crash().await;
    let waiting = bob.send("alice", "b3").await;
    bob.wait(&waiting, MessageState::Stored).await;

    let mut again = Home::new(&sea, &relays);
    let moved = again.path().join("backup.age");
    fs::write(&moved, kept).unwrap();
    let contents = restore(&again.path(), &Unlock::KeyFile, &moved, WORDS).await.unwrap();
    assert_eq!((contents.personas, contents.contacts, contents.messages), (1, 3, 2));
    again.start().await;
    bob.wait(&waiting, MessageState::Delivered).await;
    say(&again, "bob", "a2").await;
    say(&bob, "alice", "b4").await;
    for (name, other) in &others {
        say(&again, name, "to you").await;
        say(other, "alice", name).await;
        assert_eq!(other.texts().await, ["to you"]);
    }
    let says_so = async |home: &Home| {
        let health = home.api().status_get(StatusOf::default()).await.unwrap().health;
        health.iter().any(|item| item.is(&codes::CONTACT_RESTARTED))
    };
    until("both say so", async || says_so(&again).await && says_so(&bob).await).await;
    assert_eq!(bob.texts().await, ["a1", "a2"]);
    // The old machine had confirmed the second one; it came once more, because the backup was older.
    assert_eq!(again.texts().await, ["b1", "b2", "b3", "b4", "carol", "dave"]);
    assert!(sea.reused.lock().unwrap().is_empty(), "a box was used twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_was_moved_sends_nothing() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, bob) = friends(&sea, &relays).await;
    say(&bob, "alice", "b1").await;
    let file = alice.path().join("backup.age");
    // A move that fails changes nothing.
    let nowhere = alice.path().join("nowhere/backup.age");
    alice.api().home_backup(BackUpHome { moves: true, ..to(nowhere.to_str().unwrap()) }).await.unwrap_err();
    say(&alice, "bob", "a1").await;
    alice.api().home_backup(BackUpHome { moves: true, ..to(file.to_str().unwrap()) }).await.unwrap();
    let again = alice.api().home_backup(BackUpHome { moves: true, ..to("/nowhere") }).await.unwrap_err();
    assert!(again.is(&codes::HOME_MOVED), "{again:?}");
    alice.crash().await;

    let mut moved = Home::new(&sea, &relays);
    restore(&moved.path(), &Unlock::KeyFile, &file, WORDS).await.unwrap();
    moved.start().await;
    say(&bob, "alice", "b2").await;
    // The old one, by mistake.
    let before = relays.iter().map(|relay| sea.count_of(&alice, relay.id)).sum::<u64>();
    alice.start().await;
    let refused = alice.api().message_send(to_bob("from the old one")).await.unwrap_err();
    assert!(refused.is(&codes::HOME_MOVED), "{refused:?}");
    let timer = SetDisappearing { persona: None, contact: "bob".to_owned(), after: 60 };
    let refused = alice.api().contact_disappear(timer).await.unwrap_err();
    assert!(refused.is(&codes::HOME_MOVED), "{refused:?}");
    say(&moved, "bob", "a2").await;
    say(&bob, "alice", "b3").await;
    let status = alice.api().status_get(StatusOf::default()).await.unwrap();
    assert!(status.health.first().unwrap().is(&codes::HOME_MOVED));
    assert_eq!(relays.iter().map(|relay| sea.count_of(&alice, relay.id)).sum::<u64>(), before);
    assert_eq!(alice.texts().await, ["b1"], "its history can still be read");
    assert_eq!(moved.texts().await, ["b1", "b2", "b3"]);
    assert_eq!(bob.texts().await, ["a1", "a2"]);
}

/// What a plain backup cannot tell the old home, its relay shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_home_of_a_backup_stops_when_its_relay_shows_the_new_one() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, bob) = friends(&sea, &relays).await;
    let is_published = async |home: &Home| {
        let persona = home.api().persona_list(ListAll::default()).await.unwrap().personas.remove(0).name;
        home.api().persona_show(PersonaRef { persona }).await.unwrap().published.is_some()
    };
    until("alice has published", async || is_published(&alice).await).await;
    say(&bob, "alice", "b1").await;
    let file = back_up(&alice, "backup.age").await;
    alice.crash().await;
    let mut new = Home::new(&sea, &relays);
    restore(&new.path(), &Unlock::KeyFile, &file, WORDS).await.unwrap();
    new.start().await;
    until("the new home has published", async || is_published(&new).await).await;
    say(&bob, "alice", "b2").await;

    let elsewhere = async |home: &Home| {
        let status = home.api().status_get(StatusOf::default()).await.unwrap();
        let told = status.health.iter().any(|item| item.is(&codes::PERSONA_ELSEWHERE));
        told && status.personas[0].state == ConnectionState::Off
    };
    alice.start().await;
    let fetched = sea.count("fetch");
    alice.api().persona_publish(OptionalPersona::default()).await.unwrap();
    until("the old home has stopped", async || elsewhere(&alice).await).await;
    assert!(sea.count("fetch") > fetched);
    assert!(!elsewhere(&new).await);
    let before = sea.count_of(&alice, relays[0].id);
    let mut refusals = Vec::new();
    let api = alice.api();
    refusals.push(api.message_send(to_bob("from the old one")).await.unwrap_err());
    let timer = SetDisappearing { persona: None, contact: "bob".to_owned(), after: 60 };
    refusals.push(api.contact_disappear(timer).await.unwrap_err());
    refusals.push(api.persona_publish(OptionalPersona::default()).await.unwrap_err());
    refusals.push(api.contact_invite(CreateInvitation::default()).await.unwrap_err());
    for refused in refusals {
        assert!(
            refused.is(&codes::PERSONA_ELSEWHERE) && refused.hint.contains("bauta backup"),
            "{refused:?}"
        );
    }
    // What is here can still be read, and the next start sends nothing either.
    drop(api);
    let kept = alice.texts().await;
    assert_eq!(kept[0], "b1");
    alice.crash().await;
    alice.start().await;
    say(&new, "bob", "a1").await;
    say(&bob, "alice", "b3").await;
    assert!(elsewhere(&alice).await);
    assert_eq!(sea.count_of(&alice, relays[0].id), before);
    assert_eq!((alice.texts().await, bob.texts().await), (kept, vec!["a1".to_owned()]));

    // Whoever wants the old one after all restores a backup of it: then the other one is the old one.
    let file = back_up(&alice, "again.age").await;
    alice.crash().await;
    let mut third = Home::new(&sea, &relays);
    restore(&third.path(), &Unlock::KeyFile, &file, WORDS).await.unwrap();
    third.start().await;
    until("the third home has published", async || is_published(&third).await).await;
    new.api().persona_publish(OptionalPersona::default()).await.unwrap();
    until("the second home has stopped", async || elsewhere(&new).await).await;
    say(&bob, "alice", "b4").await;
    say(&third, "bob", "a2").await;
    assert!(!elsewhere(&third).await);
}

fn to_bob(text: &str) -> SendMessage {
    SendMessage { persona: None, contact: "bob".to_owned(), text: text.to_owned(), id: None }
}

/// Whatever was queued while the home moved goes with it, and what does not is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_during_a_move_goes_with_it() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, bob) = friends(&sea, &relays).await;
    let api = alice.api();
    let sending = tokio::spawn(async move {
        let mut queued = Vec::new();
        loop {
            let text = format!("a{}", queued.len());
            match api.message_send(to_bob(&text)).await {
                Ok(_) => queued.push(text),
                Err(error) => return (queued, error),
            }
        }
    });
    let file = alice.path().join("backup.age");
    alice.api().home_backup(BackUpHome { moves: true, ..to(file.to_str().unwrap()) }).await.unwrap();
    let (queued, error) = sending.await.unwrap();
    assert!(error.is(&codes::HOME_MOVED), "{error:?}");
    alice.crash().await;
    let mut moved = Home::new(&sea, &relays);
    restore(&moved.path(), &Unlock::KeyFile, &file, WORDS).await.unwrap();
    moved.start().await;
    until("everything that was queued", async || bob.texts().await == queued).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_are_made_by_the_clock_and_the_oldest_go() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    for text in ["secret words", "other words"] {
        say(&bob, "alice", text).await;
    }
    let dir = alice.path().join("backups");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("bauta-of-somebody-else.age"), b"kept").unwrap();
    let set = async |key: &str, value: &str| {
        let params = ChangeSetting { key: key.to_owned(), values: vec![value.to_owned()] };
        alice.api().config_set(params).await.unwrap();
    };
    let failed = async || {
        let health = alice.api().status_get(StatusOf::default()).await.unwrap().health;
        health.iter().any(|item| item.is(&codes::BACKUP_FAILED))
    };
    set("backup.every", "1d").await;
    until("it has no place", async || failed().await).await;
    set("backup.dir", dir.join("missing").to_str().unwrap()).await;
    let params = ChangeBackupPassphrase { passphrase: Some(Secret::new(WORDS.to_owned())) };
    assert!(alice.api().backup_passphrase(params).await.unwrap().is_set);
    until("its place is not there", async || failed().await).await;
    set("backup.keep", "2").await;
    set("backup.dir", dir.to_str().unwrap()).await;
    let made = || {
        let names =
            fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.contains("somebody")).collect();
        names.sort();
        names
    };
    until("one is made", async || made().len() == 1 && !made()[0].ends_with("part")).await;
    until("nothing fails", async || !failed().await).await;
    let first = made().remove(0);

    let inbox = alice.api().message_inbox(InboxOf::default()).await.unwrap().messages;
    let id = inbox.iter().find(|message| message.body.text() == Some("secret words")).unwrap().id.clone();
    let params = MessageRef { persona: None, contact: "bob".to_owned(), id };
    alice.api().message_delete(params).await.unwrap();
    for _ in 0..2 {
        let last = made().pop();
        sea.clock.skip(Duration::from_secs(25 * 3600));
        until("another is made", async || {
            made().pop() != last && made().iter().all(|name| name.ends_with(".age"))
        })
        .await;
    }
    until("the oldest is gone", async || made().len() == 2).await;
    assert!(!made().contains(&first) && dir.join("bauta-of-somebody-else.age").exists());

    // What was deleted is in none of them, and does not come back from them.
    for name in made() {
        let mut restored = Home::new(&sea, &[]);
        restore(&restored.path(), &Unlock::KeyFile, &dir.join(name), WORDS).await.unwrap();
        restored.start().await;
        assert_eq!(restored.texts().await, ["other words"]);
        let unset = restored.api().backup_passphrase(ChangeBackupPassphrase::default()).await.unwrap();
        assert!(!unset.is_set);
        restored.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_not_whole_makes_no_home() {
    let sea = Sea::new();
    let (alice, _) = Home::with(&sea, &[sea.relay().await], "alice").await;
    let file = back_up(&alice, "backup.age").await;
    let bytes = fs::read(&file).unwrap();
    let taken = alice.api().home_backup(to(file.to_str().unwrap())).await.unwrap_err();
    assert!(taken.is(&codes::BACKUP_PLACE));
    assert!(alice.api().home_backup(to("backup")).await.unwrap_err().is(&codes::REQUEST_PARAMS));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert!(!alice.path().join("backup.age.part").exists());

    let empty = Home::new(&sea, &[]);
    let given = empty.path().join("given");
    let home = empty.path().join("home");
    let refused = async |bytes: &[u8], words: &str| {
        fs::write(&given, bytes).unwrap();
        let refused = restore(&home, &Unlock::KeyFile, &given, words).await.unwrap_err();
        assert!(!home.join("store.db").exists() && !home.join("key").exists(), "{refused}");
        refused
    };
    assert!(matches!(refused(&bytes, "wrong").await, BackupError::WrongPassphrase));
    for length in [0, 20, bytes.len() / 2, bytes.len() - 1] {
        assert!(!matches!(refused(&bytes[..length], WORDS).await, BackupError::WrongPassphrase), "{length}");
    }
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(&changed, WORDS).await, BackupError::Invalid(_)));
    // Into a home that has a store: never.
    let refused = restore(&alice.path(), &Unlock::KeyFile, &file, WORDS).await.unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty(_)));
}
