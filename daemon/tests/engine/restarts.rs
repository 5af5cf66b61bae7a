use std::fs;
use std::path::Path;
use std::time::Duration;

use bauta_daemon::node::NodeError;
use bauta_daemon::unlock::{Mode, Unlock, UnlockError};
use bauta_ipc::{ConnectionState, ListAll, MessageState, NewPersona, StatusOf, codes};
use zeroize::Zeroizing;

use crate::support::{Home, Sea, friends, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_readable_lies_in_the_home() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    // Long enough that no file of random bytes holds them by chance.
    let names = ["persona of adelaide", "persona of benedikt", "contact adelaide", "contact benedikt"];
    let text = "the needle in the haystack";
    let (alice, _) = Home::with(&sea, &relays, names[0]).await;
    let (mut bob, _) = Home::with(&sea, &relays, names[1]).await;
    bob.add(names[2], &alice.invite(Some(names[3])).await).await.unwrap();
    let id = alice.send(names[3], text).await;
    alice.wait(&id, MessageState::Delivered).await;
    let key = bob.api().persona_list(ListAll::default()).await.unwrap().personas[0].public_key.clone();
    let peer = bob.contacts().await[0].public_key.clone().unwrap();
    let words = [text, "SQLite format 3", key.as_str(), peer.as_str()];
    let mut needles: Vec<Vec<u8>> = words.iter().chain(&names).map(|text| text.as_bytes().to_vec()).collect();
    needles.extend([&key, &peer].map(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()));
    check_files(&bob.path(), &needles);
    bob.crash().await;
    check_files(&bob.path(), &needles);
}

pub(crate) fn check_files(dir: &Path, needles: &[Vec<u8>]) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for needle in needles {
            assert!(needle.len() >= 12, "too short to prove anything");
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_slice());
            assert!(!found, "{} shows {}", path.display(), String::from_utf8_lossy(needle));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_offline_goes_out_after_a_restart() {
    let sea = Sea::new();
    let (mut alice, bob) = friends(&sea, &[sea.relay().await]).await;
    alice.boats.cut.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut last = String::new();
    for number in 0..5 {
        last = alice.send("bob", &format!("line {number}")).await;
    }
    alice.crash().await;
    alice.boats.cut.store(false, std::sync::atomic::Ordering::Relaxed);
    alice.start().await;
    alice.wait(&last, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["line 0", "line 1", "line 2", "line 3", "line 4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_opens_only_as_it_was_protected() {
    let sea = Sea::new();
    let words = |text: &str| Unlock::Passphrase(Zeroizing::new(text.to_owned()));
    let mut home = Home::new(&sea, &[sea.relay().await]);
    home.try_start(words("correct horse")).await.unwrap();
    home.api().persona_new(NewPersona { name: "alice".to_owned(), apart: false }).await.unwrap();
    home.crash().await;
    assert_eq!(Unlock::mode_of(&home.path()).unwrap(), Some(Mode::Passphrase));
    for (unlock, code) in [(words("wrong"), &codes::UNLOCK_FAILED), (Unlock::KeyFile, &codes::USAGE)] {
        let error = home.try_start(unlock).await.unwrap_err();
        assert!(bauta_ipc::RpcError::from(error).is(code));
    }
    home.try_start(words("correct horse")).await.unwrap();
    let second = home.try_start(words("correct horse")).await.unwrap_err();
    assert!(matches!(second, NodeError::Store(_)), "{second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_key_file_is_told() {
    let sea = Sea::new();
    let (mut home, _) = Home::with(&sea, &[sea.relay().await], "alice").await;
    home.crash().await;
    fs::rename(home.path().join("key"), home.path().join("key.away")).unwrap();
    let error = home.try_start(Unlock::KeyFile).await.unwrap_err();
    assert!(matches!(error, NodeError::Unlock(UnlockError::MissingKeyFile(_))), "{error:?}");
    fs::rename(home.path().join("key.away"), home.path().join("key")).unwrap();
    home.start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_without_personas_shows_that_relays_answer() {
    let sea = Sea::new();
    let mut home = Home::new(&sea, &[sea.relay().await]);
    home.start().await;
    until("the relay answered", async || {
        home.api().status_get(StatusOf::default()).await.unwrap().relays[0].last_exchange.is_some()
    })
    .await;
    assert_eq!(home.api().status_get(StatusOf::default()).await.unwrap().state, ConnectionState::Ready);
    let mut lonely = Home::new(&sea, &[]);
    lonely.start().await;
    let status = lonely.api().status_get(StatusOf::default()).await.unwrap();
    assert_eq!(status.state, ConnectionState::Off);
    assert!(status.health.iter().any(|item| item.is(&codes::RELAY_NONE)));
    let refused =
        lonely.api().persona_new(NewPersona { name: "x".to_owned(), apart: false }).await.unwrap_err();
    assert!(refused.is(&codes::RELAY_NONE));
}

/// The relay's own word, of its descriptor of the day: here it has one persona.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_says_how_many_use_a_relay() {
    let sea = Sea::new();
    let (home, _) = Home::with(&sea, &[sea.relay().await], "alice").await;
    until("the relay said how many use it", async || {
        home.api().status_get(StatusOf::default()).await.unwrap().relays[0].personas == Some(1)
    })
    .await;
}

/// A machine that starts once with a clock far ahead keeps what would have ended by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_far_ahead_at_one_start_deletes_nothing() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, _) = Home::with(&sea, &relays, "bob").await;
    let invitation = alice.invite(Some("bob")).await;
    let stored = sea.count("put");
    until("the invitation is at the relay", async || sea.count("put") > stored + 4).await;
    let before = alice.events().await.len();
    assert!(before > 0);
    alice.crash().await;

    let ahead = Duration::from_secs(400 * 24 * 3600);
    sea.clock.skip(ahead);
    alice.boats.cut.store(true, std::sync::atomic::Ordering::Relaxed);
    alice.start().await;
    let waiting = alice.send("bob", "for when you are here").await;
    assert!(alice.events().await.len() >= before);
    alice.crash().await;
    sea.clock.set_back(ahead);
    alice.boats.cut.store(false, std::sync::atomic::Ordering::Relaxed);

    alice.start().await;
    bob.add("alice", &invitation).await.unwrap();
    alice.wait(&waiting, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["for when you are here"]);
}
