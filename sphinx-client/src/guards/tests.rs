use proptest::collection::vec;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const START: u64 = 1_800_000_000;

fn gateways(n: usize) -> Vec<GatewayId> {
    (0..n).map(|i| format!("gateway-{i}")).collect()
}

fn none() -> HashSet<GatewayId> {
    HashSet::new()
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

#[test]
fn two_guards_are_drawn_and_stay() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    let first: HashSet<_> = guards.order(START, &gateways(50), &none(), &mut rng).into_iter().collect();
    assert_eq!(first.len(), GUARDS);
    for day in 1..60 {
        let now = START + day * DAY;
        assert_eq!(
            guards.order(now, &gateways(50), &none(), &mut rng).into_iter().collect::<HashSet<_>>(),
            first
        );
    }
    let later = guards.order(START + 91 * DAY, &gateways(50), &none(), &mut rng);
    assert_eq!(later.len(), GUARDS);
    assert!(later.iter().any(|id| !first.contains(id)));
}

#[test]
fn the_other_guard_comes_first_when_one_fails() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    let order = guards.order(START, &gateways(9), &none(), &mut rng);
    guards.failed(&order[0], START);
    assert_eq!(guards.order(START, &gateways(9), &none(), &mut rng), [order[1].clone(), order[0].clone()]);
}

#[test]
fn a_third_stands_in_and_steps_back() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    let own: HashSet<_> = guards.order(START, &gateways(9), &none(), &mut rng).into_iter().collect();
    for _ in 0..PATIENCE {
        own.iter().for_each(|id| guards.failed(id, START));
    }
    let order = guards.order(START, &gateways(9), &none(), &mut rng);
    let third = order[0].clone();
    assert!(!own.contains(&third) && order.len() == 3);
    guards.worked(&third);
    assert_eq!(guards.order(START + 60, &gateways(9), &none(), &mut rng)[0], third);
    // A quarter of an hour later the guards get another chance, and the third goes once one works.
    let again = guards.order(START + RETRY_EVERY, &gateways(9), &none(), &mut rng);
    assert!(own.contains(&again[0]));
    guards.worked(&again[0]);
    assert_eq!(guards.order(START + RETRY_EVERY, &gateways(9), &none(), &mut rng).len(), GUARDS);
}

#[test]
fn an_outage_replaces_nobody() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    let own: HashSet<_> = guards.order(START, &gateways(9), &none(), &mut rng).into_iter().collect();
    let mut seen = own.clone();
    for minute in 0..3 * 24 * 60 {
        let now = START + minute * 60;
        for id in guards.order(now, &gateways(9), &none(), &mut rng) {
            guards.failed(&id, now);
            seen.insert(id);
        }
    }
    let after = guards.order(START + 3 * DAY, &gateways(9), &none(), &mut rng);
    assert!(
        after.iter().take(GUARDS).all(|id| own.contains(id)),
        "guards come first once the network is back"
    );
}

#[test]
fn a_guard_that_fails_for_a_day_while_the_other_works_is_replaced() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    let order = guards.order(START, &gateways(9), &none(), &mut rng);
    let (bad, good) = (order[0].clone(), order[1].clone());
    for hour in 0..=24 {
        guards.failed(&bad, START + hour * 3600);
        guards.worked(&good);
    }
    let order = guards.order(START + DAY, &gateways(9), &none(), &mut rng);
    assert!(order.contains(&good) && !order.contains(&bad) && order.len() == GUARDS);
}

#[test]
fn doors_gateways_are_avoided_where_possible() {
    let mut rng = rng();
    let avoid: HashSet<_> = gateways(3).into_iter().collect();
    let mut guards = Guards::new();
    assert!(guards.order(START, &gateways(5), &avoid, &mut rng).iter().all(|id| !avoid.contains(id)));
    let mut guards = Guards::new();
    assert_eq!(guards.order(START, &gateways(3), &avoid, &mut rng).len(), GUARDS);
}

#[test]
fn a_lone_gateway_serves_alone_and_none_gives_none() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    assert!(guards.order(START, &[], &none(), &mut rng).is_empty());
    assert_eq!(guards.order(START, &gateways(1), &none(), &mut rng).len(), 1);
    assert_eq!(guards.order(START, &gateways(2), &none(), &mut rng).len(), 2);
}

#[test]
fn a_clock_from_the_future_pins_nobody() {
    let (mut guards, mut rng) = (Guards::new(), rng());
    guards.order(START + 10_000 * DAY, &gateways(9), &none(), &mut rng);
    guards.order(START, &gateways(9), &none(), &mut rng);
    assert!(guards.guards.iter().all(|guard| guard.keep_until <= START + KEEP_AT_MOST));
}

#[test]
fn foreign_bytes_are_refused() {
    for bad in ["", "{}", "[]", r#"{"version":2,"guards":[],"stand_in":null}"#] {
        assert!(Guards::from_bytes(bad.as_bytes()).is_err());
    }
    assert!(Guards::from_bytes(&vec![b' '; MAX_BYTES + 1]).is_err());
}

#[derive(Clone, Debug)]
enum Event {
    Order { listed: usize },
    Worked(prop::sample::Index),
    Failed(prop::sample::Index),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0usize..12).prop_map(|listed| Event::Order { listed }),
        any::<prop::sample::Index>().prop_map(Event::Worked),
        any::<prop::sample::Index>().prop_map(Event::Failed),
        (0u64..40 * DAY).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_what_is_read_is_written_again(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        place: prop::sample::Index,
        byte: u8,
    ) {
        let mut changed = br#"{"version":1,"guards":[{"id":"a","keep_until":9,"failing_since":null,"last_failure":0,"failures":0}],"stand_in":null}"#.to_vec();
        let place = place.index(changed.len());
        changed[place] = byte;
        for bytes in [noise, changed] {
            if let Ok(guards) = Guards::from_bytes(&bytes) {
                prop_assert_eq!(Guards::from_bytes(&guards.to_bytes()).unwrap(), guards);
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_state_stays_sound(seed: u64, events in vec(event(), 0..60)) {
        let (mut guards, mut rng) = (Guards::new(), StdRng::seed_from_u64(seed));
        let (all, mut now) = (gateways(12), START);
        for event in events {
            match event {
                Event::Order { listed } => {
                    let order = guards.order(now, &all[..listed], &none(), &mut rng);
                    prop_assert!(order.len() <= GUARDS + 1);
                    prop_assert_eq!(order.is_empty(), listed == 0);
                    prop_assert!(order.iter().all(|id| all[..listed].contains(id)));
                    prop_assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len());
                }
                Event::Worked(at) => guards.worked(at.get(&all)),
                Event::Failed(at) => guards.failed(at.get(&all), now),
                Event::Wait(seconds) => now += seconds,
            }
            prop_assert_eq!(&Guards::from_bytes(&guards.to_bytes()).unwrap(), &guards);
        }
    }
}
