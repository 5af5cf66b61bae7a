use std::collections::BTreeSet;
use std::ops::Range;

use bauta_protocol::content::Content;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::Timer;
use proptest::prelude::*;

use super::world::{Draw, NOW, Person, Relays};
use crate::store::{ContactId, MessageRow, MessageState};

/// Two people whose stores and relays a draw moves on.
struct Pair {
    relays: Relays,
    people: [(Person, ContactId); 2],
    now: Timestamp,
    draw: Draw,
    /// Sessions are closed now and then.
    restores: bool,
    /// What each deletes now and then: the texts.
    deletes: Option<[BTreeSet<String>; 2]>,
    /// Each says now and then how long messages should stay.
    wishes: bool,
}

impl Pair {
    /// Both have added each other by their keys, so both may begin.
    fn added(seed: u64) -> Self {
        let mut relays = Relays::default();
        let mut alice = Person::new("alice", &mut relays);
        let mut bob = Person::new("bob", &mut relays);
        let (of_alice, of_bob) = (alice.row().public, bob.row().public);
        let (to_bob, to_alice) = (alice.add("bob", of_bob), bob.add("alice", of_alice));
        Self {
            relays,
            people: [(alice, to_bob), (bob, to_alice)],
            now: NOW,
            draw: Draw::new(seed),
            restores: false,
            deletes: None,
            wishes: false,
        }
    }

    /// Bob has an invitation of Alice's.
    fn invited(seed: u64) -> Self {
        let mut relays = Relays::default();
        let mut alice = Person::new("alice", &mut relays);
        let mut bob = Person::new("bob", &mut relays);
        let address = alice.invite("bob", NOW);
        let persona = alice.id;
        let to_bob = alice.store.run(|tx| tx.contact_named(persona, "bob")).unwrap().id;
        let to_alice = bob.answer("alice", &address);
        Self {
            relays,
            people: [(alice, to_bob), (bob, to_alice)],
            now: NOW,
            draw: Draw::new(seed),
            restores: false,
            deletes: None,
            wishes: false,
        }
    }

    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.now = Timestamp(self.now.0 + u64::try_from(self.draw.below(60)).unwrap());
            let who = self.draw.below(2);
            self.people[who].0.step(&mut self.relays, self.now, &mut self.draw);
        }
    }

    /// Both write while transactions are cut off and exchanges are lost, doubled and late; then the air clears.
    fn talk(&mut self, messages: usize) {
        self.chat(0..messages);
        self.settle();
    }

    /// Both write; what is under way stays so.
    fn chat(&mut self, numbers: Range<usize>) {
        for number in numbers {
            for who in 0..2 {
                let steps = self.draw.below(25);
                self.steps(steps);
                let (person, contact) = &mut self.people[who];
                person.faults = true;
                if self.restores && self.draw.below(4) == 0 {
                    // What a home does when an old copy of its store was put back.
                    let now = self.now;
                    person.store.run(|tx| tx.make_all_stale(now));
                }
                if self.wishes && self.draw.below(2) == 0 {
                    let seconds = self.draw.pick(&[0, 30, 60, 90]).unwrap();
                    person.wish(*contact, Timer::new(seconds), self.now, &mut self.draw);
                }
                person.say(*contact, &line(who, number), self.now, &mut self.draw);
                if let Some(deleted) = &mut self.deletes
                    && let Some(message) = self
                        .draw
                        .pick(&person.messages(*contact).iter().map(|row| row.seq).collect::<Vec<_>>())
                    && self.draw.below(3) > 0
                {
                    let row = person.store.run(|tx| tx.message(message)).unwrap();
                    person.store.run(|tx| tx.erase_message(message));
                    deleted[who].insert(text(&row.content));
                }
            }
        }
    }

    fn settle(&mut self) {
        self.people.iter_mut().for_each(|(person, _)| person.faults = false);
        for _ in 0..400 {
            self.steps(50);
            // Waits after failures grow to minutes.
            self.now = Timestamp(self.now.0 + 60_000);
            if self.people.iter_mut().all(is_settled) {
                return;
            }
        }
        panic!("messages are on their way for ever");
    }

    fn check(&mut self, messages: usize) {
        assert!(!self.relays.reused, "a box was put with other bytes");
        for who in 0..2 {
            let (person, contact) = &mut self.people[who];
            let all = person.messages(*contact);
            let mut heard: Vec<String> =
                all.iter().filter(|row| is_heard(row)).map(|row| text(&row.content)).collect();
            let mut expected: Vec<String> = (0..messages).map(|number| line(1 - who, number)).collect();
            if let Some(deleted) = &self.deletes {
                let once: BTreeSet<&String> = heard.iter().collect();
                assert_eq!(once.len(), heard.len(), "none twice");
                // What its writer deleted on its way may arrive, and the writer does not wait for it with what follows.
                let stays = |text: &String| !deleted[1 - who].contains(text);
                heard.retain(stays);
                expected.retain(|text| stays(text) && !deleted[who].contains(text));
            }
            assert_eq!(heard, expected, "each once and in order");
        }
    }
}

fn line(who: usize, number: usize) -> String {
    // Some take several boxes.
    format!("{who}/{number} {}", "x".repeat(if number % 3 == 2 { 2000 } else { 0 }))
}

fn text(content: &[u8]) -> String {
    match Content::decode(content) {
        Ok(Content::Text { text, .. }) => text,
        Ok(Content::Timer { .. }) => String::new(),
        _ => panic!(),
    }
}

fn is_heard(row: &MessageRow) -> bool {
    !row.outgoing && row.kind != Content::TIMER
}

/// Every own message is confirmed, and so is what is wanted.
fn is_settled((person, contact): &mut (Person, ContactId)) -> bool {
    let own: Vec<_> = person.messages(*contact).into_iter().filter(|row| row.outgoing).collect();
    own.iter().all(|row| row.state == Some(MessageState::Delivered)) && person.agreement(*contact).told
}

/// Both know what the other wants last, and have the same in force.
fn agree(pair: &mut Pair) {
    let [one, other] = pair.people.each_mut().map(|(person, contact)| person.agreement(*contact));
    assert_eq!((one.own.timer, one.theirs.timer), (other.theirs.timer, other.own.timer));
    assert_eq!(one.in_force(), other.in_force());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_in_order(seed: u64, messages in 1usize..7) {
        let mut pair = Pair::added(seed);
        pair.talk(messages);
        pair.check(messages);
    }

    #[test]
    fn also_when_sessions_are_closed_in_between(seed: u64, messages in 1usize..7) {
        let mut pair = Pair::added(seed);
        pair.restores = true;
        pair.talk(messages);
        pair.check(messages);
    }

    /// What is deleted on either side stays deleted, whatever is sealed again, and takes nothing else with it.
    #[test]
    fn also_when_messages_are_deleted_in_between(seed: u64, messages in 1usize..7, restores: bool) {
        let mut pair = Pair::added(seed);
        pair.restores = restores;
        pair.deletes = Some(Default::default());
        pair.talk(messages);
        pair.check(messages);
    }

    /// Whatever is lost, doubled, late or deleted, and whoever is set back, both come to the same time.
    #[test]
    fn both_come_to_the_same_time(seed: u64, messages in 1usize..7, restores: bool, deletes: bool) {
        let mut pair = Pair { restores, wishes: true, ..Pair::added(seed) };
        pair.deletes = deletes.then(Default::default);
        pair.talk(messages);
        pair.check(messages);
        agree(&mut pair);
    }

    /// A home that goes on from a backup, in which older wishes are.
    #[test]
    fn also_when_one_home_goes_on_from_a_backup(seed: u64, messages in 1usize..5) {
        let mut pair = Pair { wishes: true, ..Pair::added(seed) };
        pair.talk(messages);
        go_on_from_a_backup(&mut pair, messages);
        agree(&mut pair);
    }

    #[test]
    fn also_when_a_home_goes_on_from_a_backup(seed: u64, messages in 1usize..6) {
        a_backup_goes_on(seed, messages);
    }

    #[test]
    fn also_after_an_invitation(seed: u64, messages in 1usize..7) {
        let mut pair = Pair::invited(seed);
        pair.talk(messages);
        pair.check(messages);
    }
}

/// A home that goes on from an older backup, while messages are on their way: all that its contact wrote arrives once, and
/// nothing of either comes twice.
fn a_backup_goes_on(seed: u64, messages: usize) {
    let mut pair = Pair::added(seed);
    pair.talk(messages);
    go_on_from_a_backup(&mut pair, messages);
    assert!(!pair.relays.reused, "a box was put with other bytes");
    let heard = |pair: &mut Pair, who: usize| -> Vec<String> {
        let (person, contact) = &mut pair.people[who];
        let all = person.messages(*contact);
        all.iter().filter(|row| is_heard(row)).map(|row| text(&row.content)).collect()
    };
    let mut to_alice = heard(&mut pair, 0);
    let mut all: Vec<String> = (0..3 * messages).map(|number| line(1, number)).collect();
    to_alice.sort();
    all.sort();
    assert_eq!(to_alice, all, "each once");
    let to_bob = heard(&mut pair, 1);
    let once: BTreeSet<&String> = to_bob.iter().collect();
    assert_eq!(once.len(), to_bob.len(), "none twice");
    // What the old home sent last may stand behind a box that never left it: that is waited for, for days.
    for text in (0..messages).chain(2 * messages..3 * messages).map(|number| line(0, number)) {
        assert!(to_bob.contains(&text), "lost: {text:.8}");
    }
}

/// Both write before and after one of them goes on from what a backup holds.
fn go_on_from_a_backup(pair: &mut Pair, messages: usize) {
    let (made_at, rows) = (pair.now, pair.people[0].0.back_up());
    pair.chat(messages..2 * messages);
    let id = pair.people[0].0.id;
    // The clocks differ.
    let made_at = Timestamp(made_at.0 + 3_600_000);
    let restored = Person::restored(&rows, id, made_at, pair.now, &mut pair.relays);
    pair.people[0].0 = restored;
    pair.chat(2 * messages..3 * messages);
    pair.settle();
}

/// Two handshakes within minutes: the second one is held back, and the conversation waits for it.
#[test]
fn a_handshake_that_was_held_back_is_opened_later() {
    for messages in 1..7 {
        let mut pair = Pair::added(563_321_986_560_483_469);
        pair.restores = true;
        pair.talk(messages);
        pair.check(messages);
    }
}
