use bauta_protocol::digest::set::Tag;
use proptest::prelude::*;

use super::*;
use crate::store::{CapabilityId, ContactId, OutboxId, PrekeysId, SessionId};

const RELAY: RelayId = RelayId([1; 32]);

fn want(lane: u64, index: u64) -> Wanted {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&lane.to_be_bytes());
    id[8..16].copy_from_slice(&index.to_be_bytes());
    Wanted { index, id: BoxId(id), tag: Tag([5; 8]) }
}

fn lane(number: u64, active: bool) -> Lane {
    Lane {
        of: LaneOf::Session(SessionId::from(i64::try_from(number).unwrap())),
        relay: RELAY,
        wanted: (0..8).map(|index| want(number, index)).collect(),
        active,
    }
}

fn any_due() -> impl Strategy<Value = Due> {
    (
        prop::collection::vec(any::<bool>(), 0..40),
        prop::collection::vec(any::<bool>(), 0..5),
        0i64..4,
        0i64..4,
        0i64..4,
        any::<bool>(),
        0i64..4,
    )
        .prop_map(|(lanes, puts, acks, deposits, joins, publish, deletes)| Due {
            lanes: lanes.iter().zip(0..).map(|(active, number)| lane(number, *active)).collect(),
            acks: (0..acks).map(SessionId::from).collect(),
            puts: puts
                .iter()
                .zip(0..)
                .map(|(again, row)| DueBox { row: OutboxId::from(row), again: *again, urgent: false })
                .collect(),
            deposits: (0..deposits).map(SessionId::from).collect(),
            joins: (0..joins).map(ContactId::from).collect(),
            describes: if publish { vec![RELAY] } else { Vec::new() },
            publish: publish.then_some(PrekeysId::from(1)),
            own: publish,
            deletes: (0..deletes).map(CapabilityId::from).collect(),
        })
}

/// Notes a step as under way; false when it was already.
fn start(step: Step, under_way: &mut UnderWay) -> bool {
    match step {
        Step::Get { want, .. } => under_way.gets.insert(want.id),
        Step::Put(row) => under_way.puts.insert(row),
        Step::Deposit(id) => under_way.deposits.insert(id),
        Step::Join(id) => under_way.joins.insert(id),
        Step::Describe(relay) => under_way.describes.insert(relay),
        Step::Publish(_) => !std::mem::replace(&mut under_way.publish, true),
        Step::Own => !std::mem::replace(&mut under_way.own, true),
        Step::Delete(row) => under_way.deletes.insert(row),
        Step::Ack(_) | Step::Loop => true,
    }
}

proptest! {
    /// Nothing is started twice, an idle lane has one get, and in the end everything that is due was started.
    #[test]
    fn everything_due_is_started_once(due in any_due(), seed: u64) {
        let mut due = due;
        let mut state = seed;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut under_way = UnderWay::default();
        let mut ticks = 0;
        loop {
            let step = choose(&due, &under_way, &mut draw);
            prop_assert!(start(step, &mut under_way), "{step:?} was under way");
            match step {
                Step::Ack(session) => due.acks.retain(|one| *one != session),
                Step::Loop => break,
                _ => {}
            }
            ticks += 1;
            prop_assert!(ticks < 2000);
        }
        for lane in &due.lanes {
            let asked = lane.wanted.iter().filter(|want| under_way.gets.contains(&want.id)).count();
            prop_assert_eq!(asked, if lane.active { 8 } else { 1 });
            prop_assert!(under_way.gets.contains(&lane.wanted[0].id));
        }
        prop_assert!(due.acks.is_empty());
        prop_assert_eq!(under_way.puts.len(), due.puts.len());
        prop_assert_eq!(under_way.deposits.len(), due.deposits.len());
        prop_assert_eq!(under_way.joins.len(), due.joins.len());
        prop_assert_eq!(under_way.deletes.len(), due.deletes.len());
        prop_assert_eq!(under_way.publish, due.publish.is_some());
        prop_assert_eq!(under_way.own, due.own);
    }

    /// However many lanes there are, the other errands get their turn.
    #[test]
    fn no_kind_waits_for_ever(lanes in 1u64..200, seed: u64) {
        let due = Due {
            lanes: (0..lanes).map(|number| lane(number, true)).collect(),
            deletes: vec![CapabilityId::from(7)],
            ..Due::default()
        };
        let under_way = UnderWay::default();
        let mut state = seed | 1;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).unwrap() % below
        };
        let found = (0..2000).any(|_| choose(&due, &under_way, &mut draw) == Step::Delete(CapabilityId::from(7)));
        prop_assert!(found);
    }
}

#[test]
fn boxes_are_put_in_the_order_they_were_sealed() {
    let puts = [3, 5, 9].map(|row| DueBox { row: OutboxId::from(row), again: false, urgent: false }).to_vec();
    let due = Due { puts, ..Due::default() };
    let mut under_way = UnderWay::default();
    for row in [3, 5, 9] {
        let step = choose(&due, &under_way, |_| 0);
        assert_eq!(step, Step::Put(OutboxId::from(row)));
        assert!(start(step, &mut under_way));
    }
    assert_eq!(choose(&due, &under_way, |_| 0), Step::Loop);
}

#[test]
fn a_full_house_starts_nothing_more() {
    let due = Due {
        puts: (0..40).map(|row| DueBox { row: OutboxId::from(row), again: false, urgent: false }).collect(),
        lanes: (0..400).map(|number| lane(number, true)).collect(),
        ..Due::default()
    };
    let mut under_way = UnderWay::default();
    for _ in 0..4000 {
        let step = choose(&due, &under_way, |below| below - 1);
        if step == Step::Loop {
            break;
        }
        assert!(start(step, &mut under_way));
    }
    assert_eq!(under_way.puts.len(), MOST_PUTS);
    assert_eq!(under_way.gets.len(), MOST_GETS);
}
