//! Messages that wait for one client.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::Limits;

/// Oldest first. The caller holds the count of bytes over all inboxes of the gateway.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Inbox {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a message if there is room.
    pub(crate) fn put(&mut self, message: Vec<u8>, total: &mut usize, limits: &Limits) -> bool {
        self.expire(total, limits.inbox_age);
        let full = self.messages.len() >= limits.inbox_messages
            || total.saturating_add(message.len()) > limits.inbox_bytes;
        if full {
            return false;
        }
        self.bytes += message.len();
        *total += message.len();
        self.messages.push_back((Instant::now(), message));
        true
    }

    /// Takes everything that is not too old.
    pub(crate) fn take(&mut self, total: &mut usize, age: Duration) -> Vec<Vec<u8>> {
        self.expire(total, age);
        *total = total.saturating_sub(self.bytes);
        self.bytes = 0;
        self.messages.drain(..).map(|(_, message)| message).collect()
    }

    /// Drops what is older than `age`.
    pub(crate) fn expire(&mut self, total: &mut usize, age: Duration) {
        while self.messages.front().is_some_and(|(since, _)| since.elapsed() >= age) {
            if let Some((_, message)) = self.messages.pop_front() {
                self.bytes -= message.len();
                *total = total.saturating_sub(message.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn caps_hold_per_client_and_over_all() {
        let limits = Limits { inbox_messages: 2, inbox_bytes: 25, ..Limits::default() };
        let (mut one, mut two, mut total) = (Inbox::default(), Inbox::default(), 0);
        assert!(one.put(vec![1; 10], &mut total, &limits));
        assert!(one.put(vec![2; 10], &mut total, &limits));
        assert!(!one.put(vec![3; 1], &mut total, &limits), "two messages are enough");
        assert!(!two.put(vec![4; 6], &mut total, &limits), "26 bytes are too many");
        assert!(two.put(vec![4; 5], &mut total, &limits));
        assert_eq!(total, 25);
        assert_eq!(one.take(&mut total, DAY), [vec![1; 10], vec![2; 10]]);
        assert_eq!((total, one.bytes(), two.bytes()), (5, 0, 5));
        assert!(one.put(vec![3; 20], &mut total, &limits));
    }

    #[test]
    fn old_messages_go() {
        let limits = Limits { inbox_age: Duration::ZERO, ..Limits::default() };
        let (mut inbox, mut total) = (Inbox::default(), 0);
        assert!(inbox.put(vec![1; 10], &mut total, &limits));
        assert!(inbox.put(vec![2; 10], &mut total, &limits));
        assert_eq!(total, 10, "the first went when the second came");
        assert!(inbox.take(&mut total, Duration::ZERO).is_empty());
        assert_eq!((total, inbox.bytes()), (0, 0));
    }
}
