//! Two personas of one home read posts, and nothing that an exit or a Gun relay sees joins them.

use std::collections::{BTreeMap, BTreeSet};

use bauta_localnet::Localnet;
use bauta_tests::gun_relay::GunRelay;
use bauta_tests::program::Program;
use bauta_tests::world::{Person, World};

/// What the exits see of who asks for connections: the exit, the sender tag, and how many connections.
type Seen = BTreeMap<(usize, [u8; 16]), u64>;

fn seen(localnet: &Localnet) -> Seen {
    let exits = localnet.exits().iter().enumerate();
    exits.flat_map(|(at, exit)| exit.senders().into_iter().map(move |(tag, n)| ((at, tag), n))).collect()
}

/// Exits and tags of those who were not there before. Another persona may ask for one more connection meanwhile.
fn new(after: &Seen, before: &Seen) -> BTreeSet<(usize, [u8; 16])> {
    after.keys().filter(|who| !before.contains_key(*who)).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_of_one_home_share_no_stream() {
    // So many exits that nobody has to share one, even where each tries three because a busy machine makes them slow.
    let mut world = World::with_exits(Program::new(env!("CARGO_BIN_EXE_chaos")), 3, 6).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let relay = GunRelay::start("gun", &world.dir().join("gun"));
        let start = |name: &str| -> Person {
            let mut person = world.person(name);
            person.up_with(["--gun", &relay.url(), "--exit", "directory"]);
            person.up();
            person.ok(&["post", "settings", "--block", "2", "--spread", "1s"]);
            person
        };
        let (alice, bob) = (start("alice"), start("bob"));
        alice.persona("alice");
        let keys = ["work", "home"].map(|name| bob.persona(name).0);
        let posts = [0, 1].map(|at: usize| {
            let post = alice.ok(&["post", "encrypt", &format!("post {at}"), "--to", &keys[at]]);
            assert_eq!(post["published"], true, "{post}");
            post["text"].as_str().unwrap().to_owned()
        });
        let registrations = || world.localnet.stats().total().registrations;
        let read = |at: usize, name: &str| {
            let (before, clients) = (seen(&world.localnet), registrations());
            let opened = bob.ok(&["post", "decrypt", &posts[at], "--as", name]);
            assert_eq!(opened["text"], format!("post {at}"));
            let used = new(&seen(&world.localnet), &before);
            // One, or a second one after the first exit was too slow.
            assert!(!used.is_empty(), "a sender tag of its own");
            assert!(registrations() > clients, "a Nym client of its own");
            used.into_iter().map(|(exit, _)| exit).collect::<BTreeSet<_>>()
        };
        let (work, home) = (read(0, "work"), read(1, "home"));
        assert!(work.is_disjoint(&home), "two exits");
        let all = seen(&world.localnet);
        let tags: BTreeSet<_> = all.keys().map(|(_, tag)| tag).collect();
        assert_eq!(tags.len(), all.len(), "no tag at two exits");
    });
}
