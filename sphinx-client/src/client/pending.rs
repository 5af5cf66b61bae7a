//! Exchanges that wait for their answer, in bounded memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bauta_protocol::relay::Class;
use tokio::sync::oneshot;

use crate::frame::{self, RequestDigest, Xid};

/// The most exchanges that wait at once. More would be a fault of the caller.
const MOST_WAITING: usize = 1024;

/// The exchanges under way, by their xid.
#[derive(Default)]
pub(super) struct Pending {
    entries: Mutex<HashMap<Xid, Entry>>,
}

struct Entry {
    request: RequestDigest,
    class: Class,
    answer: oneshot::Sender<Vec<u8>>,
}

/// One exchange under way. Forgotten when dropped.
pub(super) struct Waiting<'a> {
    pending: &'a Pending,
    xid: Xid,
    answer: oneshot::Receiver<Vec<u8>>,
}

impl Pending {
    /// Waits for the answer to this request. `None` if too many wait.
    pub(super) fn register(&self, xid: Xid, request: RequestDigest, class: Class) -> Option<Waiting<'_>> {
        let (answer, receiver) = oneshot::channel();
        let mut entries = self.lock();
        if entries.len() >= MOST_WAITING {
            return None;
        }
        entries.insert(xid.clone(), Entry { request, class, answer });
        Some(Waiting { pending: self, xid, answer: receiver })
    }

    /// Delivers a message to the exchange that waits for it. Returns whether one did.
    ///
    /// A second answer, an answer to another exchange and a forged one change nothing.
    pub(super) fn deliver(&self, message: &[u8]) -> bool {
        let Some(xid) = frame::claimed_xid(message) else {
            return false;
        };
        let mut entries = self.lock();
        let Some(entry) = entries.get(&xid).filter(|entry| frame::reply_len(entry.class) == message.len())
        else {
            return false;
        };
        let Some(body) = frame::open_reply(&xid, &entry.request, message) else {
            return false;
        };
        if let Some(entry) = entries.remove(&xid) {
            let _ = entry.answer.send(body.to_vec());
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Xid, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// The body of the answer. Cancel safe.
    pub(super) async fn answer(&mut self) -> Option<Vec<u8>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pending.lock().remove(&self.xid);
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::RelayId;

    use super::*;

    fn exchange(n: u8, class: Class) -> (Xid, Vec<u8>, RequestDigest) {
        let xid = Xid::new([n; 16]);
        let request = frame::seal_request(&xid, &RelayId([0; 32]), &vec![n; class.request_len()]).unwrap();
        let digest = RequestDigest::of(&request);
        (xid, request, digest)
    }

    #[tokio::test]
    async fn an_answer_reaches_its_exchange_once() {
        let pending = Pending::default();
        let (xid, _, digest) = exchange(1, Class::Small);
        let mut waiting = pending.register(xid.clone(), digest, Class::Small).unwrap();
        let reply = frame::seal_reply(&xid, &digest, &[7; 1088]).unwrap();
        assert!(pending.deliver(&reply));
        assert!(!pending.deliver(&reply), "a duplicate is ignored");
        assert_eq!(waiting.answer().await, Some(vec![7; 1088]));
    }

    #[tokio::test]
    async fn nothing_else_is_delivered() {
        let pending = Pending::default();
        let (xid, request, digest) = exchange(1, Class::Small);
        let (other, _, other_digest) = exchange(2, Class::Small);
        let _waiting = pending.register(xid.clone(), digest, Class::Small).unwrap();
        let mut forged = frame::seal_reply(&xid, &digest, &[7; 1088]).unwrap();
        forged[40] ^= 1;
        assert!(!pending.deliver(&forged));
        assert!(!pending.deliver(&request), "an echo of the request is no answer");
        assert!(!pending.deliver(&frame::seal_reply(&other, &other_digest, &[7; 1088]).unwrap()));
        assert!(!pending.deliver(&frame::seal_reply(&xid, &digest, &[7; 4096]).unwrap()), "another class");
        assert!(!pending.deliver(&[]));
        assert_eq!(pending.lock().len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let pending = Pending::default();
        let digest = RequestDigest::of(b"");
        let xid = |n: usize| Xid::new((n as u128).to_be_bytes());
        let waiting: Vec<_> =
            (0..MOST_WAITING).map(|n| pending.register(xid(n), digest, Class::Small).unwrap()).collect();
        assert!(pending.register(xid(MOST_WAITING), digest, Class::Small).is_none());
        drop(waiting);
        assert!(pending.lock().is_empty());
    }
}
