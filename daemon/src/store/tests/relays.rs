//! Relays, what they signed, and what contacts saw of them.

use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::time::Day;
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, persona, session, store};
use crate::random;
use crate::store::{ContactState, PersonaId, StoreError, Tx};

fn door(number: u8) -> DoorAddress {
    DoorAddress([number; DoorAddress::LEN])
}

fn sign(identity: &RelayIdentity, day: Day, number: u8) -> Descriptor {
    let expiry = Day(day.0 + 8).start();
    let terms = DescriptorTerms {
        day,
        doors: vec![door(number)],
        put_bits: 3,
        deposit_bits: 4,
        size: Size::of(1),
        takes_personas: true,
        last_header: None,
        expiry,
    };
    Descriptor::sign(identity, &terms, &mut random::rng()).unwrap()
}

/// A relay that is known and signs.
fn relay(tx: &Tx<'_>, persona: PersonaId) -> Result<RelayIdentity, StoreError> {
    let identity = RelayIdentity::generate(&mut random::rng());
    tx.learn_relay(persona, identity.id(), &[door(1)])?;
    Ok(identity)
}

#[test]
fn of_a_days_descriptors_the_first_is_kept() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (identity, other) = (relay(tx, alice)?, relay(tx, alice)?);
        let (day, next) = (Day(20_000), Day(20_001));
        assert!(tx.seen(alice, identity.id())?.is_none());
        let (first, second) = (sign(&identity, day, 1), sign(&identity, day, 2));
        for shown in [&first, &second, &first] {
            assert_eq!(tx.keep_descriptor(alice, shown)?, first.seen(), "the caller sees which one is kept");
        }
        let kept = tx.descriptor_of(alice, identity.id(), day)?.unwrap();
        assert!(kept.bytes == first.as_bytes().as_slice() && kept.hash == first.seen().hash);
        let third = sign(&identity, next, 2);
        assert_eq!(tx.keep_descriptor(alice, &third)?, third.seen());
        assert_eq!(tx.seen(alice, identity.id())?, Some(third.seen()));
        let elsewhere = sign(&other, day, 2);
        assert_eq!(
            tx.keep_descriptor(alice, &elsewhere)?,
            elsewhere.seen(),
            "another relay has days of its own"
        );
        Ok(())
    });
}

#[test]
fn the_latest_descriptor_is_the_one_of_the_latest_day_in_whatever_order_they_came() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let identity = relay(tx, alice)?;
        let mut latest = 0;
        for day in [20_003, 20_001, 20_005, 20_002] {
            tx.keep_descriptor(alice, &sign(&identity, Day(day), 1))?;
            latest = latest.max(day);
            assert_eq!(tx.latest_descriptor(alice, identity.id())?.unwrap().day, Day(latest));
        }
        tx.forget_descriptors_before(Day(20_003))?;
        for (day, is_kept) in [(20_001, false), (20_002, false), (20_003, true), (20_005, true)] {
            assert_eq!(tx.descriptor_of(alice, identity.id(), Day(day))?.is_some(), is_kept, "{day}");
        }
        Ok(())
    });
}

#[test]
fn a_relay_that_shows_its_own_doors_is_not_given_others_by_name() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let identity = relay(tx, alice)?;
        tx.keep_descriptor(alice, &sign(&identity, Day(20_000), 7))?;
        tx.learn_relay(alice, identity.id(), &[door(2)])?;
        assert_eq!(tx.relay(alice, identity.id())?.unwrap().doors, [door(1)]);
        Ok(())
    });
}

#[test]
fn exactly_the_configured_relays_are_configured_and_the_others_stay_known() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let address = |number, doors: &[u8]| RelayAddress {
            id: RelayId([number; 32]),
            doors: doors.iter().map(|number| door(*number)).collect(),
        };
        let configured = || -> Vec<_> {
            tx.relays().unwrap().into_iter().filter(|row| row.configured).map(|row| row.id.0[0]).collect()
        };
        for (relays, expected) in [
            (vec![address(4, &[1]), address(3, &[2])], vec![3, 4]),
            (vec![address(4, &[9]), address(5, &[3])], vec![4, 5]),
            (vec![], vec![]),
            (vec![address(3, &[])], vec![3]),
        ] {
            tx.configure_relays(&relays)?;
            assert_eq!(configured(), expected);
        }
        let doors = |number| tx.relay(alice, RelayId([number; 32])).unwrap().unwrap().doors;
        assert_eq!(doors(4), [door(9)], "the configuration replaces doors");
        assert_eq!(doors(3), [door(2)], "but not by none");
        Ok(())
    });
}

#[test]
fn a_relay_that_equivocated_stays_marked_whatever_is_named_or_configured() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let id = RelayId([4; 32]);
        tx.learn_relay(alice, id, &[door(1)])?;
        assert!(!tx.relay(alice, id)?.unwrap().equivocated);
        assert!(tx.mark_equivocated(alice, id)? && !tx.mark_equivocated(alice, id)?, "it is reported once");
        tx.learn_relay(alice, id, &[door(2)])?;
        tx.configure_relays(&[RelayAddress { id, doors: vec![door(3)] }])?;
        tx.forget_descriptors_before(Day(u32::MAX))?;
        assert!(tx.relay(alice, id)?.unwrap().equivocated);
        assert!(!tx.relay(alice, RELAY)?.unwrap().equivocated);
        let other = persona(tx, "other")?;
        assert!(!tx.relay(other, id)?.unwrap().equivocated, "what one persona found out shows nowhere else");
        Ok(())
    });
}

#[test]
fn sightings_are_compared_for_one_relay_and_day_and_go_with_their_contact() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, alice, "carol")?);
        let day = Day(20_000);
        let seen = |day, number| DescriptorSeen { day, hash: [number; 32] };
        for (who, relay, what) in [
            (bob, RELAY, seen(day, 1)),
            (carol, RELAY, seen(day, 2)),
            (carol, RELAY, seen(Day(20_001), 3)),
            (carol, RelayId([9; 32]), seen(day, 4)),
        ] {
            tx.note_sighting(who, relay, what, false)?;
        }
        let others = |hash| tx.other_sightings(alice, RELAY, day, [hash; 32]).unwrap();
        assert_eq!(others(1), [(carol, [2; 32])]);
        assert_eq!(others(2), [(bob, [1; 32])]);
        assert_eq!(others(7).len(), 2);
        tx.delete_contact(carol)?;
        assert!(others(1).is_empty());
        Ok(())
    });
}

#[test]
fn a_suspicion_stays_until_its_day_is_forgotten() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let seen = DescriptorSeen { day: Day(20_000), hash: [1; 32] };
        for (suspect, expected) in [(false, vec![]), (true, vec![RELAY]), (false, vec![RELAY])] {
            tx.note_sighting(bob, RELAY, seen, suspect)?;
            assert_eq!(tx.suspect_relays()?, expected);
        }
        let later = DescriptorSeen { day: Day(20_001), hash: [1; 32] };
        tx.note_sighting(bob, RELAY, later, true)?;
        assert_eq!(tx.suspect_relays()?, [RELAY], "each relay once");
        tx.forget_descriptors_before(Day(20_001))?;
        assert_eq!(tx.suspect_relays()?, [RELAY]);
        tx.forget_descriptors_before(Day(20_002))?;
        assert!(tx.suspect_relays()?.is_empty());
        Ok(())
    });
}

/// The relays of a persona, in the order of their ids.
fn asked(tx: &Tx<'_>, persona: PersonaId) -> Result<Vec<RelayId>, StoreError> {
    let mut relays = tx.relays_of(persona)?;
    relays.sort_unstable_by_key(|relay| relay.0);
    Ok(relays)
}

#[test]
fn a_persona_asks_its_own_relay_and_those_of_its_contacts_but_not_of_blocked_ones() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let [of_contact, of_guest] = [2, 3].map(|number| RelayId([number; 32]));
        tx.name_relay(of_contact)?;
        tx.name_relay(of_guest)?;
        let other = persona(tx, "other")?;
        assert_eq!(asked(tx, alice)?, [RELAY]);
        let bob = contact(tx, alice, "bob")?;
        tx.execute("move", "UPDATE contacts SET relay = ?2 WHERE id = ?1", (bob, of_contact.0))?;
        tx.add_guest(bob, alice, b"state", of_guest, &[])?;
        assert_eq!(asked(tx, alice)?, [RELAY, of_contact, of_guest]);
        tx.delete_guest(bob)?;
        tx.set_contact_state(bob, ContactState::Blocked)?;
        assert_eq!(asked(tx, alice)?, [RELAY]);
        let lane = session(tx, bob, false)?;
        tx.execute("move", "UPDATE sessions SET relay = ?2 WHERE id = ?1", (lane, of_guest.0))?;
        assert_eq!(asked(tx, alice)?, [RELAY, of_guest]);
        assert_eq!(asked(tx, other)?, [RELAY]);
        Ok(())
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whoever names doors: what was known first stays first, none is there twice, and they are few.
    #[test]
    fn named_doors_are_added_behind_the_known_ones(
        names in prop::collection::vec(prop::collection::btree_set(0u8..20, 0..5), 1..8),
    ) {
        let (mut store, alice) = store();
        let id = RelayId([4; 32]);
        let mut known: Vec<DoorAddress> = Vec::new();
        for doors in names {
            let doors: Vec<_> = doors.into_iter().map(door).collect();
            store.run(|tx| tx.learn_relay(alice, id, &doors));
            let fresh: Vec<_> = doors.into_iter().filter(|door| !known.contains(door)).collect();
            known.extend(fresh);
            known.truncate(8);
            let row = store.run(|tx| tx.relay(alice, id)).unwrap();
            prop_assert_eq!(&row.doors, &known);
        }
    }
}

#[test]
fn what_a_persona_knows_of_a_relay_is_its_own() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let (identity, day) = (relay(tx, alice)?, Day(20_000));
        let id = identity.id();
        tx.learn_relay(other, id, &[door(2)])?;
        tx.keep_descriptor(alice, &sign(&identity, day, 7))?;
        tx.note_invalid_answer(alice, id, NOW)?;
        tx.set_describe_at(alice, id, Some(at(5)))?;
        assert_eq!(tx.relay(alice, id)?.unwrap().doors, [door(1)]);
        assert_eq!(tx.relay(other, id)?.unwrap().doors, [door(2)]);
        assert!(tx.seen(other, id)?.is_none() && tx.descriptor_of(other, id, day)?.is_none());
        assert!(tx.describe_at(other, id)?.is_none() && tx.describe_at(alice, id)? == Some(at(5)));
        let theirs = sign(&identity, day, 8);
        assert_eq!(tx.keep_descriptor(other, &theirs)?, theirs.seen(), "the first that this one saw");
        let bob = contact(tx, alice, "bob")?;
        tx.note_sighting(bob, id, DescriptorSeen { day, hash: [1; 32] }, false)?;
        assert!(tx.other_sightings(other, id, day, [2; 32])?.is_empty());
        assert_eq!(tx.invalid_relays(at(0).minus(std::time::Duration::from_secs(1)))?, [id]);
        assert!(tx.invalid_relays(at(1))?.is_empty());
        Ok(())
    });
}
