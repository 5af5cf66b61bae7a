use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn timer(seconds: u32) -> Option<Timer> {
    Some(Timer::new(seconds).unwrap())
}

/// What is on its way from one side to the other.
#[derive(Clone, Copy)]
enum Sent {
    Wish(Wish),
    /// A message: the time it carries, and what its writer knew of its reader's wishes.
    Text(Option<Timer>, Wish),
    /// The other side's wish was heard.
    Heard(Timestamp),
}

/// What happens next, to one side of the two.
#[derive(Clone, Copy, Debug)]
enum Step {
    Want(Option<u32>),
    Write,
    /// The next of what is on its way to it arrives, or one out of turn, and perhaps once more later.
    Take {
        place: usize,
        again: bool,
    },
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let want = prop_oneof![Just(None), (Timer::MIN..90).prop_map(Some)];
    let step = prop_oneof![
        2 => want.prop_map(Step::Want),
        3 => Just(Step::Write),
        6 => (0usize..4, any::<bool>()).prop_map(|(place, again)| Step::Take { place, again }),
    ];
    (0usize..2, step)
}

#[derive(Default)]
struct Pair {
    sides: [Agreement; 2],
    /// What is on its way to each.
    on_the_way: [Vec<Sent>; 2],
    /// All that each wanted so far, and not at first: everything for ever.
    wanted: [Vec<Option<Timer>>; 2],
    /// The clock of each, which may stand still or go back.
    clocks: [u64; 2],
}

impl Pair {
    fn say(&mut self, who: usize) {
        let wish = self.sides[who].own;
        self.on_the_way[1 - who].push(Sent::Wish(wish));
    }

    fn take(&mut self, who: usize, sent: Sent, in_turn: bool) -> Result<(), TestCaseError> {
        let now = Timestamp(self.clocks[who]);
        let before = self.sides[who];
        match sent {
            Sent::Wish(wish) => {
                self.sides[who].hear(wish);
                self.on_the_way[1 - who].push(Sent::Heard(wish.at));
            }
            Sent::Heard(at) => self.sides[who].confirm(at),
            Sent::Text(carried, known) => {
                let stays = self.sides[who].receive(carried, now);
                let least = self.wanted[who].iter().min_by_key(|one| one.map_or(u32::MAX, Timer::seconds));
                let least = least.copied().flatten();
                if let Some(stays) = stays {
                    prop_assert!(Some(stays) >= carried && carried.is_some(), "less than was named");
                    prop_assert!(least.is_some_and(|least| stays >= least), "less than was agreed");
                }
                // Before this side is told that its last wish was heard, whatever arrives in turn may rest on an older one.
                if in_turn && (!before.told || known.at >= before.own.at) {
                    prop_assert_eq!(stays, carried, "another time than its writer saw");
                }
                if self.sides[who].own != before.own {
                    self.say(who);
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn both_sides_come_to_the_same(steps in vec(step(), 0..60), clocks: [u8; 2], reorders: bool) {
        let mut pair = Pair { clocks: clocks.map(u64::from), ..Pair::default() };
        for (who, step) in steps {
            match step {
                Step::Want(seconds) => {
                    let wanted = seconds.and_then(Timer::new);
                    pair.sides[who].wish(wanted, Timestamp(pair.clocks[who]));
                    pair.wanted[who].push(wanted);
                    pair.say(who);
                }
                Step::Write => {
                    let side = pair.sides[who];
                    pair.on_the_way[1 - who].push(Sent::Text(side.in_force(), side.theirs));
                }
                Step::Take { place, again } => {
                    let place = if reorders { place } else { 0 };
                    if place < pair.on_the_way[who].len() {
                        let sent = pair.on_the_way[who].remove(place);
                        pair.take(who, sent, !reorders)?;
                        if again && reorders {
                            pair.on_the_way[who].push(sent);
                        }
                    }
                    // Now and then a clock is set back.
                    pair.clocks[who] = if again { pair.clocks[who] / 2 } else { pair.clocks[who] + 1 };
                }
            }
        }
        for _ in 0..10_000 {
            let Some(who) = (0..2).find(|who| !pair.on_the_way[*who].is_empty()) else { break };
            let sent = pair.on_the_way[who].remove(0);
            pair.take(who, sent, !reorders)?;
        }
        prop_assert!(pair.on_the_way.iter().all(Vec::is_empty), "it goes on for ever");
        let [one, other] = pair.sides;
        prop_assert_eq!((one.own, one.theirs), (other.theirs, other.own));
        prop_assert_eq!(one.in_force(), other.in_force());
        prop_assert!(one.told && other.told, "they know that they do");
    }
}

#[test]
fn a_message_stays_as_long_as_the_one_who_wants_that_longest() {
    let mut side = Agreement::default();
    assert_eq!((side.in_force(), side.told), (None, true));
    side.wish(timer(60), Timestamp(5));
    assert_eq!((side.in_force(), side.told), (None, false), "one alone agrees with nobody");
    assert!(side.hear(Wish { timer: timer(90), at: Timestamp(1) }));
    assert_eq!(side.in_force(), timer(90));
    assert!(!side.hear(Wish { timer: None, at: Timestamp(1) }), "said before");
    assert!(!side.hear(Wish { timer: timer(90), at: Timestamp(2) }), "nothing new");
    assert!(side.hear(Wish { timer: timer(30), at: Timestamp(3) }));
    assert_eq!(side.in_force(), timer(60));
    side.confirm(Timestamp(4));
    assert!(!side.told);
    side.confirm(Timestamp(5));
    assert!(side.told);
}

#[test]
fn what_is_on_its_way_stays_as_its_writer_saw() {
    let mut side = Agreement::default();
    side.wish(timer(60), Timestamp(5));
    side.confirm(Timestamp(5));
    side.wish(None, Timestamp(5));
    assert_eq!(side.own.at, Timestamp(6), "later than before, whatever the clock says");
    assert_eq!(side.receive(timer(60), Timestamp(9)), timer(60));
    assert_eq!(side.receive(timer(30), Timestamp(9)), timer(60), "nobody agreed to less");
    assert_eq!(side.receive(None, Timestamp(9)), None);
    side.confirm(Timestamp(6));
    assert_eq!(side.receive(timer(60), Timestamp(9)), None);
    assert!(!side.told && side.own == Wish { timer: None, at: Timestamp(9) }, "they think something else");
}

#[test]
fn timers_have_bounds() {
    for out in [0, 29, Timer::MAX + 1, u32::MAX] {
        assert_eq!(Timer::new(out), None);
    }
    assert_eq!(Timer::new(30).unwrap().duration(), Duration::from_secs(30));
    assert_eq!(Timer::new(Timer::MAX).unwrap().seconds(), 31_557_600);
}
