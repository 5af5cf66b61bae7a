//! Two homes of one persona at one relay: the old one stops, and a relay alone stops nobody.

use std::time::Duration;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{BUNDLE_LEN, Bundle, IdentitySecret, Prekeys};
use bauta_protocol::descriptor::DescriptorSeen;
use bauta_protocol::id::Capability;
use bauta_protocol::relay::{Declined, FetchReply, Fetched, PublishReply, Refusal};
use bauta_protocol::time::{Day, Timestamp};
use proptest::prelude::*;

use super::world::{BackedUpRows, NOW, Person, RELAY, Relays, moment};
use crate::engine::actor::land;
use crate::engine::elsewhere::{self, Shown};
use crate::engine::flight::{Answer, Missed};
use crate::engine::peer::unpack;
use crate::engine::{DAY, bundle};
use crate::random;
use crate::store::{Happened, PrekeysRow};

const HOUR: Duration = Duration::from_secs(3600);

/// An honest relay with the one bundle of a persona.
#[derive(Default)]
struct Place(Option<Box<[u8; BUNDLE_LEN]>>);

impl Place {
    fn publish(&mut self, bundle: &Bundle, known: Timestamp) -> PublishReply {
        if let Some(there) = self.0.as_ref().map(|there| Bundle::from_bytes(there.as_slice()).unwrap()) {
            if there.version() == bundle.version() {
                return if there == *bundle { PublishReply::Done } else { PublishReply::Conflict };
            }
            if there.version() > bundle.version().min(known) {
                return PublishReply::Declined(Declined::Refused(Refusal::Stale));
            }
        }
        self.0 = Some(Box::new(*bundle.as_bytes()));
        PublishReply::Done
    }

    fn fetch(&self, now: Timestamp) -> FetchReply {
        let fresh =
            self.0.as_ref().filter(|there| Bundle::from_bytes(there.as_slice()).unwrap().expiry() > now);
        fresh.map_or(FetchReply::Absent, |bundle| found(**bundle))
    }
}

fn found(bundle: [u8; BUNDLE_LEN]) -> FetchReply {
    FetchReply::Bundle(Fetched { bundle: Box::new(bundle), deposit_bits: 0 })
}

fn bytes(keys: &PrekeysRow) -> Bundle {
    let keys: Prekeys = unpack(&keys.secret, "prekeys").unwrap();
    keys.bundle().clone()
}

impl Person {
    /// A publication, as it is due: of new keys if the last ones are a day old.
    fn publishes(&mut self, place: &mut Place, now: Timestamp) -> PublishReply {
        let row = self.row();
        let (keys, known) = self.store.run(|tx| {
            let keys = bundle::fresh_prekeys(tx, &row, now)?;
            let known = elsewhere::known_version(tx, &keys)?;
            Ok((keys, known))
        });
        let reply = place.publish(&bytes(&keys), known);
        let answer = Ok(reply.clone());
        self.store.run(|tx| land::keep_publication(tx, row.id, keys.id, &answer, &moment(now)));
        reply
    }

    /// The look at the own bundle, where one is planned.
    fn looks(&mut self, answer: &Answer<FetchReply>, now: Timestamp) -> Option<Shown> {
        let id = self.id;
        self.store.run(|tx| tx.check_wait(id))?;
        Some(self.store.run(|tx| elsewhere::shown(tx, id, answer, &moment(now))))
    }

    fn is_elsewhere(&mut self) -> bool {
        let id = self.id;
        self.store.run(|tx| tx.elsewhere_at(id)).is_some()
    }

    /// The relay says that it has something newer.
    fn is_refused(&mut self, now: Timestamp) {
        let row = self.row();
        let refused = Ok(PublishReply::Declined(Declined::Refused(Refusal::Stale)));
        self.store.run(|tx| {
            let keys = bundle::fresh_prekeys(tx, &row, now)?;
            land::keep_publication(tx, row.id, keys.id, &refused, &moment(now))
        });
    }
}

fn alice() -> Person {
    Person::new("alice", &mut Relays::default())
}

fn restored(rows: &BackedUpRows, old: &Person, at: Timestamp) -> Person {
    Person::restored(rows, old.id, at, at, &mut Relays::default())
}

/// Keys of a persona that no home of these tests made, with an inbox.
fn keys_of(person: &mut Person, inbox: &Capability, version: Timestamp) -> Bundle {
    let row = person.row();
    let identity: IdentitySecret = unpack(&row.identity, "a key").unwrap();
    let relay = RelayAddress { id: RELAY, doors: person.store.run(|tx| bundle::doors(tx, row.id, RELAY)) };
    let seen = DescriptorSeen { day: Day(0), hash: [0; 32] };
    let mut rng = random::rng();
    let made = Prekeys::generate(&row.secret, &identity, inbox, &relay, seen, version, &mut rng).unwrap();
    made.bundle().clone()
}

#[test]
fn the_old_home_of_a_backup_stops_with_its_next_publication() {
    let (mut place, mut old) = (Place::default(), alice());
    assert!(matches!(old.publishes(&mut place, NOW), PublishReply::Done));
    let rows = old.back_up();
    let mut new = restored(&rows, &old, NOW.plus(HOUR));
    assert!(matches!(new.publishes(&mut place, NOW.plus(HOUR)), PublishReply::Done));
    let later = NOW.plus(DAY * 3);
    assert!(
        !matches!(old.publishes(&mut place, later), PublishReply::Done),
        "its keys are newer, and do not count"
    );
    assert!(!old.is_elsewhere(), "to be refused is no proof");
    assert_eq!(old.looks(&Ok(place.fetch(later)), later), Some(Shown::Elsewhere));
    assert!(old.is_elsewhere());
    let told = old.store.run(|tx| tx.events_after(0, 100));
    assert!(told.iter().any(|event| event.what == Happened::Elsewhere(old.id)));
    // The mark is of the machine: a backup of the home that stopped is the newest home, and the other one stops.
    let rows = old.back_up();
    let mut newest = restored(&rows, &old, later);
    assert!(!newest.is_elsewhere());
    assert!(matches!(newest.publishes(&mut place, later), PublishReply::Done));
    let later = later.plus(DAY * 2);
    new.publishes(&mut place, later);
    assert_eq!(new.looks(&Ok(place.fetch(later)), later), Some(Shown::Elsewhere));
    newest.publishes(&mut place, later);
    assert_eq!((newest.looks(&Ok(place.fetch(later)), later), newest.is_elsewhere()), (None, false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the two publish, in whatever order: the restored home goes on, and the old one does not outlast it.
    #[test]
    fn of_two_homes_that_publish_in_turn_the_old_one_stops(
        steps in prop::collection::vec((any::<bool>(), 1_u32..80, any::<bool>()), 1..24),
    ) {
        let (mut place, mut old) = (Place::default(), alice());
        old.publishes(&mut place, NOW);
        let rows = old.back_up();
        let mut new = restored(&rows, &old, NOW.plus(HOUR));
        let mut now = NOW.plus(HOUR);
        let step = |who: &mut Person, place: &mut Place, now: Timestamp, looks: bool| {
            if who.is_elsewhere() {
                return;
            }
            who.publishes(place, now);
            if looks {
                who.looks(&Ok(place.fetch(now)), now);
            }
        };
        for (is_old, hours, looks) in steps {
            now = now.plus(HOUR * hours);
            step(if is_old { &mut old } else { &mut new }, &mut place, now, looks);
            prop_assert!(!new.is_elsewhere());
        }
        // As each would by itself in the days that follow.
        for _ in 0..3 {
            now = now.plus(DAY * 2);
            step(&mut new, &mut place, now, true);
            step(&mut new, &mut place, now.plus(HOUR), true);
            step(&mut old, &mut place, now.plus(HOUR), true);
        }
        prop_assert!(old.is_elsewhere() && !new.is_elsewhere());
        let now = now.plus(DAY * 2);
        prop_assert!(matches!(new.publishes(&mut place, now), PublishReply::Done));
    }
}

#[test]
fn a_relay_alone_stops_no_home() {
    let (mut place, mut alice) = (Place::default(), alice());
    alice.publishes(&mut place, NOW);
    let first = place.0.clone().unwrap();
    let now = NOW.plus(DAY * 2);
    assert!(matches!(alice.publishes(&mut place, now), PublishReply::Done));
    let last = place.0.clone().unwrap();
    let stranger = Capability::generate(&mut random::rng());
    let signed = *keys_of(&mut alice, &stranger, now.plus(HOUR)).as_bytes();
    let mut of_other = Person::new("mallory", &mut Relays::default());
    let of_other = *keys_of(&mut of_other, &stranger, now.plus(HOUR)).as_bytes();
    let changed = |at: usize| {
        let mut changed = signed;
        changed[at] ^= 1;
        changed
    };
    let none = Shown::Nothing;
    let answers: Vec<(&str, Answer<FetchReply>, Shown)> = vec![
        ("nothing", Ok(FetchReply::Absent), none),
        ("no room", Ok(FetchReply::Declined(Declined::Busy)), none),
        ("silence", Err(Missed::Work), none),
        ("its last bundle", Ok(found(*last)), none),
        ("an older one of its own", Ok(found(*first)), none),
        ("another persona's", Ok(found(of_other)), Shown::Forged),
        ("a changed signature", Ok(found(changed(BUNDLE_LEN - 1))), Shown::Forged),
        ("changed keys", Ok(found(changed(BUNDLE_LEN / 2))), Shown::Forged),
        ("noise", Ok(found([7; BUNDLE_LEN])), Shown::Forged),
    ];
    let mut now = now;
    for (what, answer, expected) in answers {
        now = now.plus(DAY * 2);
        alice.is_refused(now);
        assert_eq!(alice.looks(&answer, now.plus(HOUR)), Some(expected), "{what}");
        assert!(!alice.is_elsewhere(), "{what}");
        // And it publishes as before.
        let mut place = Place::default();
        assert!(matches!(alice.publishes(&mut place, now.plus(HOUR)), PublishReply::Done), "{what}");
    }
    // A newer copy of this home, which was set back, has published: it goes on, and over that.
    now = now.plus(DAY * 2);
    alice.is_refused(now);
    let own_inbox = alice.row().inbox;
    let newer = keys_of(&mut alice, &own_inbox, now.plus(HOUR));
    let later = now.plus(HOUR * 2);
    assert_eq!(alice.looks(&Ok(found(*newer.as_bytes())), later), Some(none));
    let mut place = Place(Some(Box::new(*newer.as_bytes())));
    assert!(matches!(alice.publishes(&mut place, later), PublishReply::Done));
    // One that has expired, and one of a time to come, are not used anywhere.
    for version in [Timestamp(now.0 - 8 * 86_400_000), now.plus(DAY * 9)] {
        now = now.plus(DAY * 2);
        alice.is_refused(now);
        let bundle = *keys_of(&mut alice, &stranger, version).as_bytes();
        assert_eq!(alice.looks(&Ok(found(bundle)), now), Some(none));
    }
    // What another home has signed stops it.
    now = now.plus(DAY * 2);
    alice.is_refused(now);
    let bundle = *keys_of(&mut alice, &stranger, now).as_bytes();
    assert_eq!(alice.looks(&Ok(found(bundle)), now.plus(HOUR)), Some(Shown::Elsewhere));
}

#[test]
fn a_home_that_never_published_is_not_stopped_by_what_was_there_before() {
    let mut alice = alice();
    let elsewhere = Capability::generate(&mut random::rng());
    let before = keys_of(&mut alice, &elsewhere, NOW.plus(HOUR));
    let mut place = Place(Some(Box::new(*before.as_bytes())));
    assert!(!matches!(alice.publishes(&mut place, NOW), PublishReply::Done), "made after ours");
    let now = NOW.plus(HOUR * 2);
    assert_eq!(alice.looks(&Ok(place.fetch(now)), now), Some(Shown::Nothing));
    assert!(matches!(alice.publishes(&mut place, now), PublishReply::Done));
}

#[test]
fn the_own_bundle_is_looked_at_after_a_wait_and_once_a_day() {
    let (mut place, mut alice) = (Place::default(), alice());
    alice.publishes(&mut place, NOW);
    let id = alice.id;
    assert_eq!(alice.store.run(|tx| tx.check_wait(id)), None, "a start is no reason");
    let now = NOW.plus(DAY * 2);
    alice.is_refused(now);
    let left = alice.store.run(|tx| tx.check_wait(id)).unwrap();
    assert!(!left.is_zero() && left <= moment(now).times.waits.publish_soon * 3);
    assert!(!alice.store.run(|tx| elsewhere::is_due(tx, id)));
    // To be refused again brings nothing forward, nor does time offline.
    alice.is_refused(now.plus(HOUR));
    assert_eq!(alice.store.run(|tx| tx.check_wait(id)), Some(left));
    alice.store.run(|tx| elsewhere::count_down(tx, id, left));
    assert!(alice.store.run(|tx| elsewhere::is_due(tx, id)));
    alice.looks(&Ok(FetchReply::Declined(Declined::Busy)), now);
    for (hours, planned) in [(1, false), (23, false), (24, true)] {
        alice.is_refused(now.plus(HOUR * hours));
        assert_eq!(alice.store.run(|tx| tx.check_wait(id)).is_some(), planned, "{hours}");
    }
}
