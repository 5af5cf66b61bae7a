//! The code of a pairing: one at a time, three tries, two minutes, and not too many in a row.

// Six digits are few: what keeps them safe is how often somebody can guess. A guess costs a try, three wrong ones end the
// code, and five codes are drawn in ten minutes at most: fifteen guesses in a million, in ten minutes in which the user
// sees what is going on. Only the user types codes, on the command's socket; an extension cannot guess, but it could ask
// for code after code until a mistyped one is its own. So one waits at a time, and whoever comes second is refused and
// not told anything of the first.
//
// The extension shows the code and the user types it into Bauta's own command, not the other way round. A request that the
// user did not make has no code in front of the user, so it is not approved by mistake.
//
// Times come in from outside, and so does chance, so that a property test can hold this against its rules.

use std::collections::VecDeque;
use std::time::Duration;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::limits::{CODE_MS, CODE_TRIES, CODES_MS, MAX_CODES};
use crate::{RpcError, codes};

/// How long a code can be typed.
pub(super) const LIFETIME: Duration = Duration::from_millis(CODE_MS);
/// The time in which [`MAX_CODES`] count.
const WINDOW: Duration = Duration::from_millis(CODES_MS);

/// Draws random bytes.
pub(super) type Draw<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), RpcError>;

/// Codes, and what waits for one. Times are durations since any fixed moment.
pub(super) struct Codes<T> {
    waiting: Option<Waiting<T>>,
    asked: VecDeque<Duration>,
}

struct Waiting<T> {
    code: Zeroizing<String>,
    ends: Duration,
    tries: u8,
    what: T,
}

/// The result of typing a code.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict<T> {
    /// It is right; this waited for it.
    Right(T),
    /// It is wrong; this many tries are left.
    Wrong(u8),
    /// It is wrong, and that was the last try: this waits no longer.
    Spent(T),
    /// No code waits.
    None,
}

impl<T> Codes<T> {
    pub(super) fn new() -> Self {
        Self { waiting: None, asked: VecDeque::new() }
    }

    /// Draws a code for `what`.
    pub(super) fn ask(
        &mut self,
        now: Duration,
        what: T,
        draw: Draw<'_>,
    ) -> Result<Zeroizing<String>, RpcError> {
        if self.waiting(now).is_some() {
            let message = "Another extension waits for its code to be typed.";
            return Err(RpcError::new(&codes::PAIR_PENDING, message));
        }
        while self.asked.front().is_some_and(|then| now.saturating_sub(*then) >= WINDOW) {
            self.asked.pop_front();
        }
        if self.asked.len() >= MAX_CODES {
            return Err(RpcError::new(&codes::PAIR_LIMIT, "Too many codes were asked for."));
        }
        let code = six_digits(draw)?;
        self.asked.push_back(now);
        let ends = now.saturating_add(LIFETIME);
        self.waiting = Some(Waiting { code: code.clone(), ends, tries: CODE_TRIES, what });
        Ok(code)
    }

    /// What waits, unless it has waited too long.
    pub(super) fn waiting(&mut self, now: Duration) -> Option<&T> {
        self.waiting.take_if(|waiting| now >= waiting.ends);
        self.waiting.as_ref().map(|waiting| &waiting.what)
    }

    /// Somebody typed a code.
    pub(super) fn typed(&mut self, now: Duration, code: &str) -> Verdict<T> {
        self.waiting(now);
        let Some(mut waiting) = self.waiting.take() else { return Verdict::None };
        if bool::from(waiting.code.as_bytes().ct_eq(code.as_bytes())) {
            return Verdict::Right(waiting.what);
        }
        waiting.tries = waiting.tries.saturating_sub(1);
        if waiting.tries == 0 {
            return Verdict::Spent(waiting.what);
        }
        let left = waiting.tries;
        self.waiting = Some(waiting);
        Verdict::Wrong(left)
    }

    /// Drops what waits, if it matches.
    pub(super) fn withdraw(&mut self, meant: impl FnOnce(&T) -> bool) {
        self.waiting.take_if(|waiting| meant(&waiting.what));
    }
}

/// A number from 000000 to 999999, uniformly distributed.
fn six_digits(draw: Draw<'_>) -> Result<Zeroizing<String>, RpcError> {
    const ALL: u32 = 1_000_000;
    loop {
        let mut bytes = Zeroizing::new([0; 4]);
        draw(bytes.as_mut_slice())?;
        let number = u32::from_le_bytes(*bytes);
        // Numbers beyond the last whole million would make small codes more likely.
        if number < u32::MAX - u32::MAX % ALL {
            return Ok(Zeroizing::new(format!("{:06}", number % ALL)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A generator that counts, so that tests know its codes.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), RpcError> {
        let mut number = 0_u32;
        move |bytes| {
            number += 1;
            bytes.copy_from_slice(&number.to_le_bytes());
            Ok(())
        }
    }

    #[test]
    fn the_right_code_works_once() {
        let (mut codes, mut draw) = (Codes::new(), counting());
        let code = codes.ask(seconds(0), 'a', &mut draw).unwrap();
        assert_eq!(*code, "000001");
        assert!(codes.ask(seconds(1), 'b', &mut draw).unwrap_err().is(&codes::PAIR_PENDING));
        assert_eq!(codes.typed(seconds(2), &code), Verdict::Right('a'));
        assert_eq!(codes.typed(seconds(2), &code), Verdict::None);
    }

    #[test]
    fn three_wrong_ones_end_it() {
        let (mut codes, mut draw) = (Codes::new(), counting());
        codes.ask(seconds(0), 'a', &mut draw).unwrap();
        for (code, verdict) in
            [("000002", Verdict::Wrong(2)), ("", Verdict::Wrong(1)), ("0000010", Verdict::Spent('a'))]
        {
            assert_eq!(codes.typed(seconds(1), code), verdict);
        }
        assert_eq!(codes.typed(seconds(1), "000001"), Verdict::None);
    }

    #[test]
    fn two_minutes_end_it() {
        let (mut codes, mut draw) = (Codes::new(), counting());
        let code = codes.ask(seconds(0), 'a', &mut draw).unwrap();
        assert_eq!(codes.waiting(seconds(119)), Some(&'a'));
        assert_eq!(codes.typed(seconds(120), &code), Verdict::None);
        assert!(codes.ask(seconds(120), 'b', &mut draw).is_ok());
    }

    #[test]
    fn what_is_withdrawn_is_gone() {
        let (mut codes, mut draw) = (Codes::new(), counting());
        let code = codes.ask(seconds(0), 'a', &mut draw).unwrap();
        codes.withdraw(|what| *what == 'b');
        assert!(codes.waiting(seconds(0)).is_some());
        codes.withdraw(|what| *what == 'a');
        assert_eq!(codes.typed(seconds(0), &code), Verdict::None);
    }

    #[test]
    fn codes_are_uniform_and_six_digits() {
        let mut draws = [u32::MAX, 4_294_000_000, 4_293_999_999].into_iter();
        let mut draw = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&draws.next().unwrap().to_le_bytes());
            Ok(())
        };
        assert_eq!(*six_digits(&mut draw).unwrap(), "999999");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask,
        Right,
        Wrong,
        Withdraw,
        Pass(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Ask), 1 => Just(Step::Right), 3 => Just(Step::Wrong), 1 => Just(Step::Withdraw),
            2 => (0_u64..200).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// The state machine against a second implementation of its rules.
        #[test]
        fn the_rules_hold_in_any_order(steps in prop::collection::vec(any_step(), 0..80)) {
            let (mut machine, mut draw) = (Codes::new(), counting());
            let (mut now, mut asked) = (0_u64, Vec::<u64>::new());
            // The code, when it was drawn, and how many wrong ones were typed since.
            let mut open: Option<(String, u64, u8)> = None;
            for step in steps {
                if open.as_ref().is_some_and(|(_, since, _)| now - since >= 120) {
                    open = None;
                }
                match step {
                    Step::Pass(by) => now += by,
                    Step::Ask => {
                        let lately = asked.iter().filter(|then| now - **then < 600).count();
                        match machine.ask(seconds(now), now, &mut draw) {
                            Ok(code) => {
                                prop_assert!(open.is_none() && lately < 5 && code.len() == 6);
                                open = Some((code.to_string(), now, 0));
                                asked.push(now);
                            }
                            Err(error) if error.is(&codes::PAIR_PENDING) => prop_assert!(open.is_some()),
                            Err(_) => prop_assert!(open.is_none() && lately >= 5),
                        }
                    }
                    Step::Right => {
                        let code = open.as_ref().map_or("123456", |(code, ..)| code).to_owned();
                        let expected = open.take().map_or(Verdict::None, |(_, since, _)| Verdict::Right(since));
                        prop_assert_eq!(machine.typed(seconds(now), &code), expected);
                    }
                    Step::Wrong => {
                        let verdict = machine.typed(seconds(now), "wrong!");
                        let expected = match &mut open {
                            None => Verdict::None,
                            Some((_, since, 2)) => Verdict::Spent(*since),
                            Some((_, _, wrong)) => {
                                *wrong += 1;
                                Verdict::Wrong(3 - *wrong)
                            }
                        };
                        if matches!(expected, Verdict::Spent(_)) {
                            open = None;
                        }
                        prop_assert_eq!(verdict, expected);
                    }
                    Step::Withdraw => {
                        machine.withdraw(|_| true);
                        open = None;
                    }
                }
            }
        }
    }
}
