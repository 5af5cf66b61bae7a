//! One exchange from its errand to its answer: work, encoding, the mixnet, decoding.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bauta_protocol::BOX_LEN;
use bauta_protocol::bundle::BUNDLE_LEN;
use bauta_protocol::id::{BoxId, Capability, InboxId, PersonaKey, RelayId};
use bauta_protocol::relay::{Reply, Request, WireError};
use bauta_protocol::time::Day;
use bauta_protocol::work::{find_deposit_work, find_put_work};
use bauta_sphinx_client::{ExchangeError, Pace, Patience};

use super::exchanger::Exchanger;
use super::plan::LaneOf;
use super::terms::Terms;
use crate::store::{CapabilityId, ContactId, OutboxId, PrekeysId, SessionId};

/// What is asked of a relay.
#[derive(Clone)]
pub(super) enum Errand {
    Put { row: OutboxId, id: BoxId, bytes: Box<[u8; BOX_LEN]> },
    Get { of: LaneOf, index: u64, id: BoxId },
    Delete { row: CapabilityId, cap: Capability, attempts: u32 },
    Deposit { session: SessionId, inbox: InboxId, handshake: Vec<u8> },
    Drain { cap: Capability, after: u64 },
    Publish { prekeys: PrekeysId, bundle: Box<[u8; BUNDLE_LEN]> },
    Fetch { contact: ContactId, persona: PersonaKey },
    Describe,
    LoopPut { slot: u64, id: BoxId, bytes: Box<[u8; BOX_LEN]> },
    LoopGet { slot: u64, id: BoxId },
    LoopDelete { slot: u64, cap: Capability },
}

/// An errand that has come back.
pub(super) struct Landed {
    pub(super) errand: Errand,
    pub(super) relay: RelayId,
    pub(super) outcome: Result<Reply, Missed>,
}

/// Why an errand has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missed {
    #[error("{0}")]
    Exchange(ExchangeError),
    #[error("the relay's answer cannot be read: {0}")]
    Unreadable(WireError),
    #[error("the relay answered what was not asked")]
    Unfitting,
    #[error("the work was not finished")]
    Work,
}

/// Runs an errand to its end. Dropping the future stops it, its search for work included.
pub(super) async fn fly(
    exchanger: Arc<dyn Exchanger>,
    errand: Errand,
    terms: Terms,
    pace: Pace,
    today: Day,
) -> Landed {
    let relay = terms.target.id;
    let outcome = exchange(exchanger.as_ref(), &errand, &terms, pace, today).await;
    Landed { errand, relay, outcome }
}

async fn exchange(
    exchanger: &dyn Exchanger,
    errand: &Errand,
    terms: &Terms,
    pace: Pace,
    today: Day,
) -> Result<Reply, Missed> {
    let held = matches!(errand, Errand::Get { .. } | Errand::LoopGet { .. });
    let request = request(errand.clone(), terms, today).await?;
    let (class, name) = (request.class(), request.name());
    let body = request.encode();
    drop(request);
    let patience = if held {
        Patience { deadline: pace.hold_deadline, resend_after: pace.hold_resend_after }
    } else {
        Patience { deadline: pace.exchange_deadline, resend_after: pace.resend_after }
    };
    let answer = exchanger.exchange(&terms.target, class, &body, patience).await.map_err(Missed::Exchange)?;
    let reply = Reply::decode(class, &answer).map_err(Missed::Unreadable)?;
    let own = matches!(errand, Errand::LoopPut { .. } | Errand::LoopGet { .. } | Errand::LoopDelete { .. });
    tracing::debug!(request = name, reply = reply.name(), own, "An exchange ended.");
    if fits(errand, &reply) { Ok(reply) } else { Err(Missed::Unfitting) }
}

/// Whether an answer belongs to what was asked.
fn fits(errand: &Errand, reply: &Reply) -> bool {
    match reply {
        Reply::Busy | Reply::Refused(_) => true,
        Reply::Done => matches!(
            errand,
            Errand::Put { .. }
                | Errand::Delete { .. }
                | Errand::Deposit { .. }
                | Errand::Publish { .. }
                | Errand::LoopPut { .. }
                | Errand::LoopDelete { .. }
        ),
        Reply::Conflict => {
            matches!(errand, Errand::Put { .. } | Errand::Publish { .. } | Errand::LoopPut { .. })
        }
        Reply::Absent => matches!(
            errand,
            Errand::Get { .. } | Errand::Drain { .. } | Errand::Fetch { .. } | Errand::LoopGet { .. }
        ),
        Reply::Box(_) => matches!(errand, Errand::Get { .. } | Errand::LoopGet { .. }),
        Reply::Deposit { .. } => matches!(errand, Errand::Drain { .. }),
        Reply::Bundle(_) => matches!(errand, Errand::Fetch { .. }),
        Reply::Descriptor(_) => matches!(errand, Errand::Describe),
    }
}

async fn request(errand: Errand, terms: &Terms, today: Day) -> Result<Request, Missed> {
    let relay = terms.target.id;
    Ok(match errand {
        Errand::Put { id, bytes, .. } | Errand::LoopPut { id, bytes, .. } => {
            let bits = terms.put_bits;
            let nonce = search(move |stop| find_put_work(&relay, today, &id, bits, stop)).await?;
            Request::Put { day: today, nonce, id, sealed: bytes }
        }
        Errand::Get { id, .. } | Errand::LoopGet { id, .. } => Request::Get { id },
        Errand::Delete { cap, .. } | Errand::LoopDelete { cap, .. } => Request::Delete { cap },
        Errand::Deposit { inbox, handshake, .. } => {
            let (bits, sealed) = (terms.deposit_bits, handshake.clone());
            let work =
                search(move |stop| find_deposit_work(&relay, &inbox, today, &sealed, bits, stop)).await?;
            Request::Deposit {
                inbox,
                day: today,
                gate_nonce: work.gate_nonce,
                work_nonce: work.work_nonce,
                sealed: handshake,
            }
        }
        Errand::Drain { cap, after } => Request::Drain { cap, after },
        Errand::Publish { bundle, .. } => Request::Publish { bundle },
        Errand::Fetch { persona, .. } => Request::Fetch { persona },
        Errand::Describe => Request::Describe,
    })
}

/// Searches on a thread for blocking work, and stops when nobody waits any more.
async fn search<T: Send + 'static>(
    find: impl FnOnce(&AtomicBool) -> Option<T> + Send + 'static,
) -> Result<T, Missed> {
    struct StopOnDrop(Arc<AtomicBool>);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let guard = StopOnDrop(Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&guard.0);
    let found = tokio::task::spawn_blocking(move || find(&stop)).await;
    drop(guard);
    found.ok().flatten().ok_or(Missed::Work)
}

impl Landed {
    /// Whether the relay gave an answer to what it was asked.
    pub(super) fn answered(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Whether the relay gave an answer that is none.
    pub(super) fn is_nonsense(&self) -> bool {
        matches!(self.outcome, Err(Missed::Unreadable(_) | Missed::Unfitting))
    }
}

/// The shortest pause after an answer that says nothing: a relay that does not hold a get is not asked in a circle.
pub(super) const EMPTY_ANSWER_PAUSE: Duration = Duration::from_millis(500);
