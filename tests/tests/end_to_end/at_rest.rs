//! After a run with known texts, names and keys, none of them is in any file or log.

use bauta_tests::program::Program;
use bauta_tests::traces::{Needle, search};
use bauta_tests::world::{STARTUP, World, introduce};

#[tokio::test(flavor = "multi_thread")]
async fn no_file_and_no_log_holds_a_secret() {
    let mut world = World::new(Program::new(env!("CARGO_BIN_EXE_chaos")), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob) = (world.person("home-1"), world.person("home-2"));
        alice.up();
        bob.up();
        let (alice_key, alice_address) = alice.persona("persona-of-adelaide");
        let (bob_key, bob_address) = bob.persona("persona-of-benedikt");
        introduce(&alice, "contact-benedikt", &bob, "contact-adelaide", STARTUP);
        let text = "the lantern hangs in the third window";
        alice.ok(&["send", "contact-benedikt", text, "--wait", "delivered"]);
        bob.receives("contact-adelaide", text, STARTUP);

        let needles = [
            Needle::text("the text", text),
            Needle::text("a persona's name", "persona-of-adelaide"),
            Needle::text("a persona's name", "persona-of-benedikt"),
            Needle::text("a contact's name", "contact-adelaide"),
            Needle::text("a contact's name", "contact-benedikt"),
            Needle::hex("a persona key", &alice_key),
            Needle::hex("a persona key", &bob_key),
            Needle::text("an address", &alice_address),
            Needle::text("an address", &bob_address),
        ];
        // Twice: with the write-ahead logs of running daemons, and after they have stopped.
        for stopped in [false, true] {
            if stopped {
                alice.down();
                bob.down();
            }
            let places = [
                alice.home().to_owned(),
                bob.home().to_owned(),
                alice.log().to_owned(),
                bob.log().to_owned(),
                world.relay_data(),
                world.relay_log(),
            ];
            let found: Vec<_> = places.iter().flat_map(|place| search(place, &needles)).collect();
            assert_eq!(found, Vec::<String>::new());
        }
    });
}
