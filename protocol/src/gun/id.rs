//! Ids of messages, and a memory of those seen recently.

use std::collections::{HashSet, VecDeque};

use rand_core::CryptoRng;

use super::MAX_NAME;

/// The id of a message. Peers ignore a message whose id they saw in the last nine seconds.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(String);

impl MessageId {
    /// A random id: nine letters and digits, as Gun makes them.
    #[must_use]
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        const CHARACTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut text = String::new();
        while text.len() < 9 {
            let mut byte = [0];
            rng.fill_bytes(&mut byte);
            // 248 = 4 × 62: taking higher bytes too would favour the first characters.
            let drawn = CHARACTERS.get(usize::from(byte[0]) % 62).filter(|_| byte[0] < 248);
            text.extend(drawn.map(|character| char::from(*character)));
        }
        Self(text)
    }

    /// An id from a frame; `None` when it is empty or longer than [`MAX_NAME`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= MAX_NAME).then(|| Self(text.to_owned()))
    }

    /// The id as in a frame.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ids seen recently, up to a fixed number.
#[derive(Clone, Debug)]
pub struct Seen {
    capacity: usize,
    lifetime: f64,
    names: HashSet<MessageId>,
    order: VecDeque<(f64, MessageId)>,
}

impl Seen {
    /// How long Gun remembers ids, in milliseconds.
    pub const LIFETIME: f64 = 9000.0;

    /// Remembers up to `capacity` ids for [`Self::LIFETIME`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, lifetime: Self::LIFETIME, names: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether the id is new at `now`, in milliseconds of a clock that does not run backwards. From then on it is not.
    pub fn is_new(&mut self, id: &MessageId, now: f64) -> bool {
        while let Some((since, _)) = self.order.front() {
            if self.order.len() < self.capacity && now - since < self.lifetime {
                break;
            }
            if let Some((_, oldest)) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
        let new = self.names.insert(id.clone());
        if new {
            self.order.push_back((now, id.clone()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::new(text).unwrap()
    }

    #[test]
    fn a_name_is_new_once() {
        let mut seen = Seen::new(3);
        assert!(seen.is_new(&id("a"), 0.0));
        assert!(!seen.is_new(&id("a"), 8999.0));
        assert!(seen.is_new(&id("a"), 9000.0));
        for name in ["b", "c", "d", "e"] {
            assert!(seen.is_new(&id(name), 9001.0));
        }
        assert!(seen.names.len() <= 3 && seen.order.len() <= 3);
        assert!(!seen.is_new(&id("e"), 9002.0));
    }

    #[test]
    fn names_are_random_and_of_nine_characters() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (a, b) = (MessageId::random(&mut rng), MessageId::random(&mut rng));
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 9);
        assert_eq!(MessageId::new(""), None);
        assert_eq!(MessageId::new(&"a".repeat(MAX_NAME + 1)), None);
    }
}
