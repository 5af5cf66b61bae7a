//! A store put back from an old copy: nothing is encrypted under a used key, and the conversation heals.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bauta_tests::program::Program;
use bauta_tests::wait::eventually;
use bauta_tests::world::{Person, World, introduce};

const SOON: Duration = Duration::from_secs(180);

/// The database and its write-ahead log; the mark beside it is what the copy does not bring back.
const STORE: [&str; 3] = ["store.db", "store.db-wal", "store.db-shm"];

fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in STORE {
        let _ = fs::remove_file(to.join(file));
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

/// Everything but what belongs to the process that runs, as a program for backups does it.
fn copy_home(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "run") {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy_home(&entry.path(), &target),
            kind if kind.is_file() => {
                fs::copy(entry.path(), target).unwrap();
            }
            _ => {}
        }
    }
}

/// Alice and Bob, contacts, who each sent one message before a copy is made.
fn who_have_spoken(world: &mut World) -> (Person, Person) {
    world.start_relay();
    let (mut alice, mut bob) = (world.person("alice"), world.person("bob"));
    for (person, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        person.up();
        person.persona(name);
    }
    introduce(&alice, "bob", &bob, "alice", SOON);
    alice.ok(&["send", "bob", "before the copy", "--wait", "delivered"]);
    bob.ok(&["send", "alice", "an answer before", "--wait", "delivered"]);
    (alice, bob)
}

/// With the mark beside the database, so that nothing in the home shows that it is old.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_heals_after_the_whole_home_was_put_back() {
    let mut world = World::new(Program::new(env!("CARGO_BIN_EXE_chaos")), 2).await;
    tokio::task::block_in_place(|| {
        let (mut alice, bob) = who_have_spoken(&mut world);
        alice.down();
        let copy = world.dir().join("copy");
        copy_home(alice.home(), &copy);
        alice.up();
        for n in 0..2 {
            alice.ok(&["send", "bob", &format!("after the copy {n}"), "--wait", "delivered"]);
            bob.ok(&["send", "alice", &format!("to the newer home {n}"), "--wait", "delivered"]);
        }
        alice.down();
        copy_home(&copy, alice.home());
        alice.up();
        for (from, to, text) in [(&alice, "bob", "after the old home came back"), (&bob, "alice", "indeed")] {
            from.ok(&["send", to, text, "--wait", "delivered"]);
        }
        for person in [&alice, &bob] {
            eventually("it is said", SOON, || {
                let status = person.ok(&["status"]);
                let health = status["health"].as_array().unwrap();
                health.iter().any(|item| item["code"] == "contact.restarted").then_some(())
            });
        }
        let texts = |inbox: Vec<(String, String)>| inbox.into_iter().map(|m| m.1).collect::<Vec<_>>();
        let expected =
            ["before the copy", "after the copy 0", "after the copy 1", "after the old home came back"];
        eventually("everything at bob, once", SOON, || (texts(bob.inbox()) == expected).then_some(()));
        // The relay may still have what only the newer home had read; each may come once.
        let (newer, own): (Vec<_>, Vec<_>) =
            texts(alice.inbox()).into_iter().partition(|text| text.starts_with("to the newer home"));
        assert_eq!(own, ["an answer before", "indeed"]);
        assert!(newer.len() < 2 || newer.len() == 2 && newer[0] != newer[1], "{newer:?}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_heals_after_an_old_store_was_put_back() {
    let mut world = World::new(Program::new(env!("CARGO_BIN_EXE_chaos")), 2).await;
    tokio::task::block_in_place(|| {
        let (mut alice, bob) = who_have_spoken(&mut world);

        alice.down();
        let copy = world.dir().join("copy");
        copy_store(alice.home(), &copy);
        assert!(copy.join(STORE[0]).exists(), "the store is called otherwise now");
        alice.up();
        for n in 0..3 {
            alice.ok(&["send", "bob", &format!("after the copy {n}"), "--wait", "delivered"]);
        }
        bob.ok(&["send", "alice", "lost with the newer store", "--wait", "delivered"]);
        alice.kill();

        copy_store(&copy, alice.home());
        alice.up();
        alice.ok(&[
            "send",
            "bob",
            "after the old store came back",
            "--wait",
            "delivered",
            "--timeout",
            "180s",
        ]);
        bob.ok(&["send", "alice", "and an answer", "--wait", "delivered", "--timeout", "180s"]);

        let texts = |inbox: Vec<(String, String)>| inbox.into_iter().map(|m| m.1).collect::<Vec<_>>();
        let expected = [
            "before the copy",
            "after the copy 0",
            "after the copy 1",
            "after the copy 2",
            "after the old store came back",
        ];
        eventually("everything at bob, once and in order", SOON, || {
            (texts(bob.inbox()) == expected).then_some(())
        });
        assert_eq!(texts(alice.inbox()), ["an answer before", "and an answer"]);
    });
}
