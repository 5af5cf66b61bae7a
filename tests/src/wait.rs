//! Waiting for a condition with a deadline, instead of for a time.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(50);

/// Looks at `condition` until it gives a value.
///
/// # Panics
/// When `deadline` has passed; the message names `what`.
pub fn eventually<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "after {deadline:?} still waiting for: {what}");
        std::thread::sleep(PERIOD);
    }
}
