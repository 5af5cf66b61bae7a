//! A model of whole conversations: the relay loses, reorders, repeats and damages boxes, and either side crashes at
//! any point. The rule under test: state and what a call returned commit together, before anything is sent.

use std::collections::BTreeMap;

use bauta_protocol::id::Capability;
use bauta_protocol::limits::WINDOW;
use bauta_protocol::session::{OutgoingBox, SealError, Session};
use proptest::prelude::*;

use super::support::{Boxes, FixedRng, Put, json, pair, restore, rng};

/// What one side's database holds: it survives crashes.
struct Durable {
    session: String,
    outbox: BTreeMap<u64, OutgoingBox>,
    inbox: Vec<Vec<u8>>,
    deletable: Vec<Capability>,
}

struct Side {
    durable: Durable,
    session: Session,
    said: Vec<Vec<u8>>,
    /// Index after the last box with content.
    content_end: u64,
}

impl Side {
    fn new(session: Session) -> Self {
        let durable = Durable {
            session: json(&session),
            outbox: BTreeMap::new(),
            inbox: Vec::new(),
            deletable: Vec::new(),
        };
        Self { durable, session, said: Vec::new(), content_end: 0 }
    }

    fn crash(&mut self) {
        self.session = restore(&self.durable.session);
    }

    fn say(&mut self, len: usize, crash: bool, rng: &mut FixedRng) {
        let content: Vec<u8> = (0..len).map(|place| (place + self.said.len()) as u8).collect();
        let boxes = self.session.seal(&content, None, rng).unwrap();
        if crash {
            return self.crash();
        }
        self.said.push(content);
        self.content_end = self.session.sent();
        self.durable.outbox.extend(boxes.into_iter().map(|sealed| (sealed.index, sealed)));
        self.durable.session = json(&self.session);
    }

    fn acknowledge(&mut self, crash: bool, rng: &mut FixedRng) {
        if !self.session.ack_due() {
            return;
        }
        let sealed = self.session.seal_ack(None, rng).unwrap();
        if crash {
            return self.crash();
        }
        self.durable.outbox.insert(sealed.index, sealed);
        self.durable.session = json(&self.session);
    }

    fn put(&mut self, which: usize, relay: &mut Boxes) {
        if !self.durable.outbox.is_empty() {
            let sealed = self.durable.outbox.values().nth(which % self.durable.outbox.len()).unwrap();
            assert_eq!(relay.put(sealed), Put::Done, "committed before sent: never a conflict");
        }
    }

    fn get(&mut self, which: usize, damage: Option<usize>, crash: bool, relay: &Boxes) {
        let wanted = self.session.wanted(WINDOW);
        let wanted = wanted[which % wanted.len()];
        let Some(bytes) = relay.get(&wanted.id) else { return };
        let mut bytes = *bytes;
        if let Some(place) = damage {
            bytes[place % bytes.len()] ^= 1;
            let before = json(&self.session);
            self.session.open(wanted.index, &bytes).unwrap_err();
            assert_eq!(json(&self.session), before, "an error leaves the session untouched");
            return;
        }
        let mut opened = self.session.open(wanted.index, &bytes).unwrap();
        assert!(!opened.gap);
        assert!(self.session.open(wanted.index, &bytes).is_err(), "accepted once only");
        if crash {
            return self.crash();
        }
        self.durable.inbox.append(&mut opened.contents);
        self.durable.deletable.append(&mut opened.deletable);
        self.durable.outbox.retain(|index, _| *index >= opened.acked);
        self.durable.session = json(&self.session);
    }

    fn delete(&mut self, relay: &mut Boxes) {
        if let Some(cap) = self.durable.deletable.pop() {
            relay.delete(&cap);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Say { len: usize, crash: bool },
    Acknowledge { crash: bool },
    Put { which: usize },
    Get { which: usize, damage: Option<usize>, crash: bool },
    Delete,
    Crash,
    RelayLoses { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let crash = || proptest::bool::weighted(0.15);
    let step = prop_oneof![
        3 => (0..2000usize, crash()).prop_map(|(len, crash)| Step::Say { len, crash }),
        1 => crash().prop_map(|crash| Step::Acknowledge { crash }),
        6 => any::<usize>().prop_map(|which| Step::Put { which }),
        8 => (any::<usize>(), proptest::option::weighted(0.1, any::<usize>()), crash())
            .prop_map(|(which, damage, crash)| Step::Get { which, damage, crash }),
        1 => Just(Step::Delete),
        1 => Just(Step::Crash),
        1 => any::<usize>().prop_map(|which| Step::RelayLoses { which }),
    ];
    proptest::collection::vec((any::<bool>(), step), 0..120)
}

fn run(steps: Vec<(bool, Step)>) {
    let (alice, bob) = pair();
    let mut sides = [Side::new(alice), Side::new(bob)];
    let mut relay = Boxes::default();
    let mut rng = rng("model");
    for (who, step) in steps {
        let side = &mut sides[usize::from(who)];
        match step {
            Step::Say { len, crash } => side.say(len, crash, &mut rng),
            Step::Acknowledge { crash } => side.acknowledge(crash, &mut rng),
            Step::Put { which } => side.put(which, &mut relay),
            Step::Get { which, damage, crash } => side.get(which, damage, crash, &relay),
            Step::Delete => side.delete(&mut relay),
            Step::Crash => side.crash(),
            Step::RelayLoses { which } => relay.lose(which),
        }
    }
    settle(&mut sides, &mut relay, &mut rng);
    let [alice, bob] = sides;
    assert_eq!(alice.durable.inbox, bob.said);
    assert_eq!(bob.durable.inbox, alice.said);
}

/// From now on nothing is lost: until everything is read and acknowledged.
fn settle(sides: &mut [Side; 2], relay: &mut Boxes, rng: &mut FixedRng) {
    for _ in 0..200 {
        for side in sides.iter_mut() {
            for which in 0..side.durable.outbox.len() {
                side.put(which, relay);
            }
        }
        for side in sides.iter_mut() {
            for which in 0..WINDOW {
                side.get(which, None, false, relay);
            }
            side.acknowledge(false, rng);
        }
        if sides.iter().all(|side| side.session.acked() >= side.content_end && !side.session.ack_due()) {
            return;
        }
    }
    panic!("the conversation does not settle");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn everything_arrives_once_and_in_order(steps in steps()) {
        run(steps);
    }
}

#[test]
fn a_rolled_back_sender_meets_conflict() {
    let (alice, bob) = pair();
    let (mut alice, mut bob) = (Side::new(alice), Side::new(bob));
    let (mut relay, mut rng) = (Boxes::default(), rng("rollback"));
    let old = alice.durable.session.clone();

    alice.say(10, false, &mut rng);
    alice.put(0, &mut relay);
    let new = alice.durable.session.clone();
    alice.session = restore(&old);
    let again = alice.session.seal(b"something else", None, &mut rng).unwrap();
    assert_eq!(relay.put(&again[0]), Put::Conflict);

    // The peer's acknowledgement shows the same to a state that has sealed nothing since.
    bob.get(0, None, false, &relay);
    bob.acknowledge(false, &mut rng);
    bob.put(0, &mut relay);
    let reply = relay.get(&bob.durable.outbox[&0].id).unwrap();
    let mut rolled_back: Session = restore(&old);
    let opened = rolled_back.open(0, reply).unwrap();
    assert_eq!(opened.acked, 0, "what the peer has is not what this state would seal");
    assert!(!rolled_back.can_send());
    assert_eq!(rolled_back.seal(b"x", None, &mut rng).unwrap_err(), SealError::RolledBack);
    let rolled_back: Session = restore(&json(&rolled_back));
    assert!(!rolled_back.can_send(), "remembered");

    let mut right: Session = restore(&new);
    assert_eq!(right.open(0, reply).unwrap().acked, 1);
    assert!(right.can_send());
}

#[test]
fn an_old_copy_notices_by_a_later_box_what_it_can_not_read_in_order() {
    let (alice, bob) = pair();
    let (mut alice, mut bob) = (Side::new(alice), Side::new(bob));
    let (mut relay, mut rng) = (Boxes::default(), rng("old copy"));
    let mut speak = |from: &mut Side, to: &mut Side| {
        from.say(10, false, &mut rng);
        from.put(from.durable.outbox.len() - 1, &mut relay);
        to.get(0, None, false, &relay);
    };
    speak(&mut bob, &mut alice);
    let old = alice.durable.session.clone();
    speak(&mut alice, &mut bob);
    speak(&mut bob, &mut alice);
    speak(&mut alice, &mut bob);
    bob.say(10, false, &mut rng);
    bob.put(bob.durable.outbox.len() - 1, &mut relay);
    // Box 1 was read, and the relay has forgotten it.
    let later = relay.get(&bob.durable.outbox[&2].id).unwrap();
    let mut rolled_back: Session = restore(&old);
    assert!(rolled_back.open(2, later).unwrap().contents.is_empty());
    assert!(!rolled_back.can_send());
    assert!(alice.session.open(2, later).unwrap().contents.len() == 1 && alice.session.can_send());
}

#[test]
fn the_writer_can_tell_its_own_lane_from_bytes_of_a_relay() {
    let (mut alice, _) = pair();
    let (mut rng, mut other) = (rng("proof"), rng("another copy"));
    let old = json(&alice);
    let ours = alice.seal(b"one", None, &mut rng).unwrap().remove(0);
    let again = restore::<Session>(&old).seal(b"another", None, &mut other).unwrap().remove(0);
    assert_eq!(ours.id, again.id);
    assert!(ours.key.opens(&ours.id, &ours.bytes) && ours.key.opens(&ours.id, &again.bytes));
    let mut forged = again.bytes.clone();
    forged[40] ^= 1;
    assert!(!ours.key.opens(&ours.id, &forged));
    let next = alice.seal(b"two", None, &mut rng).unwrap().remove(0);
    assert!(!ours.key.opens(&ours.id, &next.bytes) && !ours.key.opens(&next.id, &ours.bytes));
}
