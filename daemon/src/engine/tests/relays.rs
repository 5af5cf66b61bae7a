use std::time::Duration;

use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::time::Day;

use super::world::{NOW, Person, Relays, moment};
use crate::engine::descriptors::{compare, keep, take_shown};
use crate::engine::errands::to_describe;
use crate::engine::terms::{describe_terms, terms};
use crate::random;
use crate::store::{ContactId, Doubt, Happened, PersonaId};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A persona whose relay signs descriptors, and a contact of theirs.
struct Scene {
    identity: RelayIdentity,
    relay: RelayId,
    alice: Person,
    contact: ContactId,
}

fn door(number: u8) -> DoorAddress {
    DoorAddress([number; DoorAddress::LEN])
}

impl Scene {
    fn new() -> Self {
        let identity = RelayIdentity::generate(&mut random::rng());
        let relay = identity.id();
        let mut alice = Person::at("alice", relay);
        let key = Person::new("bob", &mut Relays::default()).row().public;
        let contact = alice.add("bob", key);
        Self { identity, relay, alice, contact }
    }

    fn sign(&self, day: Day, number: u8) -> Descriptor {
        let doors = vec![door(number)];
        let expiry = day.start().plus(DAY * 8);
        let terms = DescriptorTerms {
            day,
            doors,
            put_bits: 3,
            deposit_bits: 4,
            size: Size::of(1),
            takes_personas: true,
            last_header: None,
            expiry,
        };
        Descriptor::sign(&self.identity, &terms, &mut random::rng()).unwrap()
    }

    fn keep(&mut self, shown: &Descriptor) -> bool {
        let (relay, persona) = (self.relay, self.alice.id);
        self.alice.store.run(|tx| keep(tx, persona, relay, shown.as_bytes(), NOW)).is_ok()
    }

    fn persona(&self) -> PersonaId {
        self.alice.id
    }

    /// What was reported about the relay.
    fn doubts(&mut self) -> Vec<Doubt> {
        let events = self.alice.store.run(|tx| tx.events_after(0, 100));
        let doubt = |what| if let Happened::Relay(_, _, doubt) = what { Some(doubt) } else { None };
        events.into_iter().filter_map(|event| doubt(event.what)).collect()
    }

    /// Whether anything may be asked of it.
    fn is_used(&mut self) -> bool {
        let (relay, persona) = (self.relay, self.alice.id);
        self.alice.store.run(|tx| {
            Ok(terms(tx, persona, relay, NOW)?.is_some() && describe_terms(tx, persona, relay)?.is_some())
        })
    }
}

#[test]
fn a_relay_is_used_through_doors_that_it_signed() {
    let mut scene = Scene::new();
    let (relay, persona) = (scene.relay, scene.persona());
    assert!(scene.alice.store.run(|tx| terms(tx, persona, relay, NOW)).is_none(), "others named its door");
    assert_eq!(
        scene.alice.store.run(|tx| describe_terms(tx, persona, relay)).unwrap().target.doors,
        [door(1)]
    );
    let missing = scene.alice.store.run(|tx| to_describe(tx, persona, &moment(NOW)));
    assert!(missing.contains(&relay));
    let shown = scene.sign(NOW.day(), 7);
    assert!(scene.keep(&shown));
    let found = scene.alice.store.run(|tx| terms(tx, persona, relay, NOW)).unwrap();
    assert_eq!(
        (found.target.doors.as_slice(), found.put_bits, found.deposit_bits),
        ([door(7)].as_slice(), 3, 4)
    );
    let all = scene.alice.store.run(|tx| describe_terms(tx, persona, relay)).unwrap().target.doors;
    assert_eq!(all, [door(7), door(1)], "its own first, the others in case it has moved");
    assert!(!scene.alice.store.run(|tx| to_describe(tx, persona, &moment(NOW))).contains(&relay));
    // The next day's is fetched some time after there may be one, and not at midnight.
    let next = NOW.plus(DAY);
    assert!(!scene.alice.store.run(|tx| to_describe(tx, persona, &moment(next))).contains(&relay));
    let planned = scene.alice.store.run(|tx| tx.describe_at(persona, relay)).unwrap();
    assert!(planned > next);
    assert!(!scene.alice.store.run(|tx| to_describe(tx, persona, &moment(next))).contains(&relay));
    assert!(scene.alice.store.run(|tx| to_describe(tx, persona, &moment(planned))).contains(&relay));
    assert!(
        scene.alice.store.run(|tx| terms(tx, persona, relay, NOW.plus(DAY * 9))).is_none(),
        "it has ended"
    );
}

#[test]
fn what_a_relay_cannot_have_meant_is_refused() {
    let mut scene = Scene::new();
    let today = NOW.day();
    for day in [Day(today.0 + 2), Day(today.0 - 9)] {
        let shown = scene.sign(day, 7);
        assert!(!scene.keep(&shown), "{day:?}");
    }
    let stranger = Scene::new().sign(today, 7);
    assert!(!scene.keep(&stranger));
    assert!(!scene.is_used());
    assert!(scene.doubts().is_empty());
}

#[test]
fn two_descriptors_for_one_day_end_the_use_of_a_relay() {
    let mut scene = Scene::new();
    let (one, other) = (scene.sign(NOW.day(), 7), scene.sign(NOW.day(), 8));
    assert!(scene.keep(&one) && scene.keep(&one) && scene.is_used());
    scene.keep(&other);
    scene.keep(&other);
    assert!(!scene.is_used());
    assert_eq!(scene.doubts(), [Doubt::Dishonest], "it is reported once");
}

#[test]
fn what_a_contact_saw_raises_a_doubt_and_what_they_show_proves_it() {
    let mut scene = Scene::new();
    let (ours, theirs) = (scene.sign(NOW.day(), 7), scene.sign(NOW.day(), 8));
    assert!(scene.keep(&ours));
    let (relay, contact, persona) = (scene.relay, scene.contact, scene.alice.row());
    let saw = |scene: &mut Scene, seen: DescriptorSeen| {
        scene.alice.store.run(|tx| {
            let row = tx.contact(contact)?.unwrap();
            compare(tx, &row, relay, seen, &moment(NOW))
        });
        scene.doubts()
    };
    assert!(saw(&mut scene, ours.seen()).is_empty());
    assert!(saw(&mut scene, DescriptorSeen { day: NOW.day(), hash: [0; 32] }).is_empty(), "they saw none");
    let long_ago = Day(NOW.day().0 - 20);
    assert!(saw(&mut scene, DescriptorSeen { day: long_ago, hash: [9; 32] }).is_empty(), "nobody can check");
    assert_eq!(saw(&mut scene, theirs.seen()), [Doubt::Suspect]);
    assert!(scene.is_used(), "a contact alone proves nothing");
    assert_eq!(scene.alice.store.run(|tx| tx.suspect_relays()), [relay]);
    scene.alice.store.run(|tx| {
        let row = tx.contact(contact)?.unwrap();
        take_shown(tx, &persona, &row, theirs.as_bytes(), &moment(NOW))
    });
    assert_eq!(scene.doubts(), [Doubt::Suspect, Doubt::Dishonest]);
    assert!(!scene.is_used());
}

#[test]
fn a_difference_is_noticed_also_when_the_contact_was_first() {
    let mut scene = Scene::new();
    let (ours, theirs) = (scene.sign(NOW.day(), 7), scene.sign(NOW.day(), 8));
    let (relay, contact) = (scene.relay, scene.contact);
    scene.alice.store.run(|tx| {
        let row = tx.contact(contact)?.unwrap();
        compare(tx, &row, relay, theirs.seen(), &moment(NOW))
    });
    assert!(scene.doubts().is_empty());
    assert!(scene.keep(&ours));
    assert_eq!(scene.doubts(), [Doubt::Suspect]);
}
