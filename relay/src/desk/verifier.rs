//! The one thread that checks the memory-hard work of deposits.
//!
//! Each check takes 32 MiB and tens of milliseconds, so there is one at a time and a short queue;
//! when that is full, the desk answers `Busy` and the sender tries again.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bauta_protocol::id::{InboxId, RelayId};
use bauta_protocol::time::Day;
use bauta_protocol::work::measure_deposit_work;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::storage::SealedHandshake;

/// Checks that one gate proof pays for.
///
/// Without a bound, whoever has passed the gate once could keep the verifier busy for ever with wrong work.
/// Some are left for a sender that worked for too low a difficulty, and tries again.
const TRIES_PER_GATE: u8 = 4;

/// Gate proofs that are remembered.
const REMEMBERED: usize = 1 << 14;

/// A deposit that has passed the gate.
pub(super) struct Claim {
    pub(super) relay: RelayId,
    pub(super) inbox: InboxId,
    pub(super) day: Day,
    pub(super) gate_nonce: u64,
    pub(super) work_nonce: u64,
    pub(super) sealed: SealedHandshake,
}

/// What the verifier found.
pub(super) enum Verdict {
    /// The work, in leading zero bits, and the deposit back.
    Measured(u8, SealedHandshake),
    /// The queue is full, or the relay is stopping.
    Busy,
    /// This gate proof has paid for all its checks.
    Spent,
}

pub(super) struct Verifier {
    // Measuring takes 32 MiB and tens of milliseconds, which an attacker would like to make us spend. Three bounds keep that
    // cheap: the gate, which costs the sender more than a check costs us; a count of checks per gate proof, since work
    // nonces are free to change; and one thread with a short queue, so that a flood makes deposits wait and nothing else.
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    gates: Mutex<Gates>,
}

struct Job {
    claim: Claim,
    reply: oneshot::Sender<(u8, SealedHandshake)>,
}

#[derive(Default)]
struct Gates {
    tries: HashMap<[u8; 32], u8>,
    by_age: VecDeque<[u8; 32]>,
}

impl Verifier {
    pub(super) fn start(queue: usize) -> Result<Self, std::io::Error> {
        let (queue, jobs) = mpsc::sync_channel::<Job>(queue.max(1));
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        thread::Builder::new().name("relay-verifier".into()).spawn(move || {
            while let Ok(Job { claim, reply }) = jobs.recv() {
                if reply.is_closed() {
                    left.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let Claim { relay, inbox, day, work_nonce, sealed, .. } = claim;
                let bits = measure_deposit_work(&relay, &inbox, day, sealed.as_slice(), work_nonce);
                left.fetch_sub(1, Ordering::Relaxed);
                let _ = reply.send((bits, sealed));
            }
        })?;
        Ok(Self { queue, waiting, gates: Mutex::default() })
    }

    /// Measures the work when its turn comes.
    pub(super) async fn measure(&self, claim: Claim) -> Verdict {
        let gate = gate_key(&claim);
        if !self.gates(|gates| gates.spend(gate)) {
            return Verdict::Spent;
        }
        let (reply, measured) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        match self.queue.try_send(Job { claim, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.gates(|gates| gates.refund(&gate));
                return Verdict::Busy;
            }
        }
        match measured.await {
            Ok((bits, sealed)) => Verdict::Measured(bits, sealed),
            Err(_) => Verdict::Busy,
        }
    }

    /// Deposits that wait or are being checked.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn gates<T>(&self, with: impl FnOnce(&mut Gates) -> T) -> T {
        with(&mut self.gates.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Gates {
    /// Uses up one of the checks that the gate proof pays for. `false` if none is left.
    fn spend(&mut self, gate: [u8; 32]) -> bool {
        if let Some(tries) = self.tries.get_mut(&gate) {
            let left = *tries < TRIES_PER_GATE;
            *tries = tries.saturating_add(u8::from(left));
            return left;
        }
        while self.by_age.len() >= REMEMBERED {
            let Some(oldest) = self.by_age.pop_front() else { break };
            self.tries.remove(&oldest);
        }
        self.by_age.push_back(gate);
        self.tries.insert(gate, 1);
        true
    }

    fn refund(&mut self, gate: &[u8; 32]) {
        if let Some(tries) = self.tries.get_mut(gate) {
            *tries = tries.saturating_sub(1);
        }
    }
}

/// Names a gate proof. The work nonce is not part of it: it costs nothing to change.
fn gate_key(claim: &Claim) -> [u8; 32] {
    Sha256::new()
        .chain_update(claim.inbox.as_bytes())
        .chain_update(claim.day.0.to_be_bytes())
        .chain_update(claim.gate_nonce.to_be_bytes())
        .chain_update(claim.sealed.as_slice())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use bauta_protocol::handshake::HANDSHAKE_LEN;

    use super::*;

    fn claim(work_nonce: u64) -> Claim {
        Claim {
            relay: RelayId([1; 32]),
            inbox: InboxId([2; 32]),
            day: Day(20_000),
            gate_nonce: 9,
            work_nonce,
            sealed: Box::new([3; HANDSHAKE_LEN]),
        }
    }

    #[tokio::test]
    async fn a_gate_pays_for_a_few_checks_only() {
        let verifier = Verifier::start(8).unwrap();
        for nonce in 0..u64::from(TRIES_PER_GATE) {
            assert!(matches!(verifier.measure(claim(nonce)).await, Verdict::Measured(..)));
        }
        assert!(matches!(verifier.measure(claim(99)).await, Verdict::Spent));
        let other = Claim { gate_nonce: 10, ..claim(0) };
        assert!(matches!(verifier.measure(other).await, Verdict::Measured(..)));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_costs_no_try() {
        let verifier = Arc::new(Verifier::start(1).unwrap());
        let many = (0..24u64).map(|name| {
            let verifier = Arc::clone(&verifier);
            tokio::spawn(async move { verifier.measure(Claim { gate_nonce: name, ..claim(0) }).await })
        });
        let mut busy = 0;
        for each in many.collect::<Vec<_>>() {
            busy += usize::from(matches!(each.await.unwrap(), Verdict::Busy));
        }
        assert!(busy > 0 && busy < 24, "{busy} of 24 were busy");
        assert_eq!(verifier.waiting(), 0);
        let tries = verifier.gates(|gates| gates.tries.values().filter(|tries| **tries > 0).count());
        assert_eq!(tries, 24 - busy);
    }

    #[test]
    fn remembered_gates_are_bounded() {
        let mut gates = Gates::default();
        for name in 0..(REMEMBERED as u64 + 10) {
            let mut gate = [0; 32];
            gate[..8].copy_from_slice(&name.to_be_bytes());
            assert!(gates.spend(gate));
        }
        assert_eq!(gates.tries.len(), REMEMBERED);
        assert_eq!(gates.by_age.len(), REMEMBERED);
    }
}
