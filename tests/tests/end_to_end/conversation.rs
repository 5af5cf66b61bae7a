//! Two people at two shells, over the local mixnet: invitation, message, answer, request, acceptance, block.

use std::time::Duration;

use bauta_tests::program::Program;
use bauta_tests::wait::eventually;
use bauta_tests::world::{World, introduce};

/// For something that takes several exchanges.
const SOON: Duration = Duration::from_secs(180);

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_chaos"))
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_message_and_answer_survive_restarts() {
    let mut world = World::new(program(), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob) = (world.person("alice"), world.person("bob"));
        alice.up();
        bob.up();
        let (alice_key, alice_address) = alice.persona("alice");
        bob.persona("bob");
        assert_eq!(alice_key.len(), 66);
        assert!(alice_address.starts_with("bauta:"), "{alice_address}");

        introduce(&alice, "robert", &bob, "alicia", SOON);
        let sent = alice.ok(&["send", "robert", "first words"]);
        assert_eq!(sent["state"], "stored");
        bob.receives("alicia", "first words", SOON);

        for person in [&mut alice, &mut bob] {
            person.down();
            person.up();
        }
        let sent = bob.ok(&["send", "alicia", "an answer", "--wait", "delivered"]);
        assert_eq!(sent["state"], "delivered");
        alice.receives("robert", "an answer", SOON);

        // A message to someone whose daemon is down waits at the relay.
        bob.kill();
        alice.ok(&["send", "robert", "while you were out"]);
        alice.kill();
        bob.up();
        bob.receives("alicia", "while you were out", SOON);
        let texts: Vec<_> = bob.inbox().into_iter().map(|m| m.1).collect();
        assert_eq!(texts, ["first words", "while you were out"]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_waits_in_requests_until_accepted() {
    let mut world = World::new(program(), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob) = (world.person("alice"), world.person("bob"));
        alice.up();
        bob.up();
        let (_, address) = alice.persona("alice");
        let (bob_key, _) = bob.persona("bob");
        alice.ok(&["persona", "publish"]);

        bob.ok(&["contact", "add", "alicia", &address]);
        bob.ok(&["send", "alicia", "may I write to you?"]);
        let id = alice.request("may I write to you?", SOON);
        let requests = alice.ok(&["contact", "requests"]);
        assert_eq!(requests[0]["public_key"], bob_key.as_str());
        assert!(alice.inbox().is_empty(), "nothing of a stranger is in the inbox");

        // A request survives the daemon, and the sender has learned nothing.
        alice.down();
        alice.up();
        bob.ok(&["send", "alicia", "a second line"]);
        let history = bob.ok(&["history", "alicia"]);
        assert!(history.as_array().unwrap().iter().all(|m| m["state"] != "delivered"), "{history}");

        alice.ok(&["contact", "accept", &id, "--name", "bob"]);
        alice.receives("bob", "may I write to you?", SOON);
        alice.receives("bob", "a second line", SOON);
        alice.ok(&["send", "bob", "yes", "--wait", "delivered"]);
        bob.receives("alicia", "yes", SOON);
        eventually("both of bob's messages delivered", SOON, || {
            let history = bob.ok(&["history", "alicia"]);
            let mut own =
                history.as_array().unwrap().iter().filter(|m| m["state"].is_string() && m["text"] != "yes");
            own.all(|m| m["state"] == "delivered").then_some(())
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_person_reaches_nobody() {
    let mut world = World::new(program(), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob, mut carol) =
            (world.person("alice"), world.person("bob"), world.person("carol"));
        for person in [&mut alice, &mut bob, &mut carol] {
            person.up();
        }
        let (_, address) = alice.persona("alice");
        bob.persona("bob");
        carol.persona("carol");
        alice.ok(&["persona", "publish"]);

        bob.ok(&["contact", "add", "alicia", &address]);
        bob.ok(&["send", "alicia", "buy this"]);
        let id = alice.request("buy this", SOON);
        alice.ok(&["contact", "block", &id]);
        assert!(alice.ok(&["contact", "requests"]).as_array().unwrap().is_empty());
        alice.down();
        alice.up();

        // Another try of the blocked one, then someone else: the inbox is read in order, so the block held.
        bob.ok(&["send", "alicia", "buy this too"]);
        carol.ok(&["contact", "add", "alicia", &address]);
        carol.ok(&["send", "alicia", "hello from carol"]);
        alice.request("hello from carol", SOON);
        let requests = alice.ok(&["contact", "requests"]);
        assert_eq!(requests.as_array().unwrap().len(), 1, "{requests}");
        assert!(alice.inbox().is_empty());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_works_once() {
    let mut world = World::new(program(), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob, mut carol) =
            (world.person("alice"), world.person("bob"), world.person("carol"));
        for (person, name) in [(&mut alice, "alice"), (&mut bob, "bob"), (&mut carol, "carol")] {
            person.up();
            person.persona(name);
        }
        let invitation = alice.ok(&["contact", "invite"]);
        let address = invitation["address"].as_str().unwrap();
        assert!(address.contains('#'), "the seed stands after the #: {address}");
        bob.ok(&["contact", "add", "alicia", address]);
        eventually("the newcomer under the first digits of the key", SOON, || {
            let list = alice.ok(&["contact", "list"]);
            let key = bob.ok(&["persona", "list"])[0]["public_key"].as_str().unwrap().to_owned();
            list.as_array().unwrap().iter().any(|c| c["name"] == key.get(..8).unwrap()).then_some(())
        });

        // The second guest is warned, and alice sees nobody new.
        carol.run(&["contact", "add", "alicia", address]);
        eventually("the second taker is warned", SOON, || {
            let contact = carol.run(&["contact", "show", "alicia"]);
            let warned = contact.stdout.contains("used") || contact.stdout.contains("invitation");
            (contact.code != 0 || warned).then_some(())
        });
        assert_eq!(alice.ok(&["contact", "list"]).as_array().unwrap().len(), 1);
    });
}
