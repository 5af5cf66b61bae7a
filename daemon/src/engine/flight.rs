//! One exchange from its errand to its answer: work, encoding, the mixnet, decoding.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::bundle::BUNDLE_LEN;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, Capability, InboxId, PersonaKey, RelayId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::relay::{
    AnswerError, Ask, Delete, DeleteReply, Deposit, DepositReply, Describe, DescribeReply, Drain, DrainReply,
    Fetch, FetchReply, Get, GetReply, Publish, PublishReply, Put, PutReply, Reply, Request,
};
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::work::{DepositWork, find_deposit_work, find_put_work};
use bauta_sphinx_client::{ExchangeError, Pace, Patience};

use super::exchanger::Exchanger;
use super::plan::LaneOf;
use super::terms::Terms;
use super::work::{Kind, search};
use crate::store::{CapabilityId, ContactId, OutboxId, PrekeysId, SessionId};

/// What is asked of a relay.
#[derive(Clone)]
pub(super) enum Errand {
    Put {
        row: OutboxId,
        id: BoxId,
        tag: Tag,
        bytes: Box<[u8; BOX_LEN]>,
    },
    Get {
        of: LaneOf,
        index: u64,
        id: BoxId,
    },
    Delete {
        row: CapabilityId,
        cap: Capability,
        attempts: u32,
    },
    /// `bits`: the work that the inbox asks for, where the contact's bundle came with it.
    Deposit {
        session: SessionId,
        inbox: InboxId,
        bits: Option<u8>,
        handshake: Box<[u8; HANDSHAKE_LEN]>,
    },
    Drain {
        cap: Capability,
        after: u64,
    },
    Publish {
        prekeys: PrekeysId,
        bundle: Box<[u8; BUNDLE_LEN]>,
        inbox: Capability,
        known: Timestamp,
    },
    Fetch {
        contact: ContactId,
        persona: PersonaKey,
    },
    /// The persona's own bundle.
    Own {
        persona: PersonaKey,
    },
    Describe,
    LoopPut {
        slot: u64,
        id: BoxId,
        tag: Tag,
        bytes: Box<[u8; BOX_LEN]>,
    },
    LoopGet {
        slot: u64,
        id: BoxId,
    },
    LoopDelete {
        slot: u64,
        cap: Capability,
    },
}

/// The result of an exchange whose reply is an `R`.
pub(super) type Answer<R> = Result<R, Missed>;

/// An errand that has come back from a relay.
pub(super) struct Landed {
    pub(super) relay: RelayId,
    pub(super) landing: Landing,
}

/// Each errand with the only kind of reply that belongs to it.
pub(super) enum Landing {
    Put { row: OutboxId, answer: Answer<PutReply> },
    Get { of: LaneOf, index: u64, id: BoxId, answer: Answer<GetReply> },
    Delete { row: CapabilityId, attempts: u32, answer: Answer<DeleteReply> },
    Deposit { session: SessionId, answer: Answer<DepositReply> },
    Drain { answer: Answer<DrainReply> },
    Publish { prekeys: PrekeysId, answer: Answer<PublishReply> },
    Fetch { contact: ContactId, answer: Answer<FetchReply> },
    Own { answer: Answer<FetchReply> },
    Describe { answer: Answer<DescribeReply> },
    LoopPut { slot: u64, answer: Answer<PutReply> },
    LoopGet { slot: u64, answer: Answer<GetReply> },
    LoopDelete { slot: u64, answer: Answer<DeleteReply> },
}

/// Why an errand has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missed {
    #[error("{0}")]
    Exchange(ExchangeError),
    #[error("{0}")]
    Invalid(AnswerError),
    #[error("the work was not finished")]
    Work,
}

/// What an exchange shows about the relay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// It answered what it was asked.
    Answer,
    /// It gave an invalid answer.
    Invalid,
    /// It did not answer.
    Nothing,
}

/// Runs an errand to its end. Dropping the future stops it, its search for work included, which takes `longest` at most.
pub(super) async fn fly(
    exchanger: Arc<dyn Exchanger>,
    errand: Errand,
    terms: Terms,
    pace: Pace,
    longest: Duration,
    today: Day,
) -> Landed {
    let relay = terms.target.id;
    let flight = Flight { exchanger: exchanger.as_ref(), terms: &terms, pace, longest, today };
    let landing = match errand {
        Errand::Put { row, id, tag, bytes } => {
            Landing::Put { row, answer: flight.put(id, tag, bytes, false).await }
        }
        Errand::Get { of, index, id } => {
            Landing::Get { of, index, id, answer: flight.ask(Get { id }, false).await }
        }
        Errand::Delete { row, cap, attempts } => {
            Landing::Delete { row, attempts, answer: flight.ask(Delete { cap }, false).await }
        }
        Errand::Deposit { session, inbox, bits, handshake } => {
            Landing::Deposit { session, answer: flight.deposit(inbox, bits, handshake).await }
        }
        Errand::Drain { cap, after } => {
            Landing::Drain { answer: flight.ask(Drain { cap, after }, false).await }
        }
        Errand::Publish { prekeys, bundle, inbox, known } => {
            let publish = Publish { bundle, inbox, known };
            Landing::Publish { prekeys, answer: flight.ask(publish, false).await }
        }
        Errand::Fetch { contact, persona } => {
            Landing::Fetch { contact, answer: flight.ask(Fetch { persona }, false).await }
        }
        Errand::Own { persona } => Landing::Own { answer: flight.ask(Fetch { persona }, false).await },
        Errand::Describe => Landing::Describe { answer: flight.ask(Describe, false).await },
        Errand::LoopPut { slot, id, tag, bytes } => {
            Landing::LoopPut { slot, answer: flight.put(id, tag, bytes, true).await }
        }
        Errand::LoopGet { slot, id } => Landing::LoopGet { slot, answer: flight.ask(Get { id }, true).await },
        Errand::LoopDelete { slot, cap } => {
            Landing::LoopDelete { slot, answer: flight.ask(Delete { cap }, true).await }
        }
    };
    Landed { relay, landing }
}

/// The circumstances of one exchange.
struct Flight<'a> {
    exchanger: &'a dyn Exchanger,
    terms: &'a Terms,
    pace: Pace,
    /// How long a search for work may take.
    longest: Duration,
    today: Day,
}

impl Flight<'_> {
    /// `own`: the exchange is cover and serves nobody.
    async fn put(&self, id: BoxId, tag: Tag, sealed: Box<[u8; BOX_LEN]>, own: bool) -> Answer<PutReply> {
        let (relay, day, bits) = (self.terms.target.id, self.today, self.terms.put_bits);
        let nonce = search(Kind::Put, self.longest, move |stop| find_put_work(&relay, day, &id, bits, stop));
        let nonce = nonce.await.ok_or(Missed::Work)?;
        self.ask(Put { day, nonce, id, tag, sealed }, own).await
    }

    async fn deposit(
        &self,
        inbox: InboxId,
        bits: Option<u8>,
        sealed: Box<[u8; HANDSHAKE_LEN]>,
    ) -> Answer<DepositReply> {
        let (relay, day) = (self.terms.target.id, self.today);
        let bits = bits.unwrap_or(self.terms.deposit_bits);
        let worked_for = sealed.clone();
        let work = search(Kind::Deposit, self.longest, move |stop| {
            find_deposit_work(&relay, &inbox, day, worked_for.as_slice(), bits, stop)
        });
        let DepositWork { gate_nonce, work_nonce } = work.await.ok_or(Missed::Work)?;
        self.ask(Deposit { inbox, day, gate_nonce, work_nonce, sealed }, false).await
    }

    async fn ask<A: Ask>(&self, ask: A, own: bool) -> Answer<A::Reply> {
        let request: Request = ask.into();
        let (class, name) = (request.class(), request.name());
        let held = matches!(request, Request::Get(_));
        let body = request.encode();
        drop(request);
        let patience = if held {
            Patience { deadline: self.pace.hold_deadline, resend_after: self.pace.hold_resend_after }
        } else {
            Patience { deadline: self.pace.exchange_deadline, resend_after: self.pace.resend_after }
        };
        let answer = self.exchanger.exchange(&self.terms.target, class, &body, patience);
        let reply = Reply::decode(class, &answer.await.map_err(Missed::Exchange)?);
        let reply = reply.map_err(|error| Missed::Invalid(error.into()))?;
        tracing::debug!(request = name, reply = reply.name(), own, "An exchange ended.");
        A::Reply::try_from(reply).map_err(|error| Missed::Invalid(error.into()))
    }
}

impl Landing {
    /// What this shows about the relay.
    pub(super) fn heard(&self) -> Heard {
        match self {
            Self::Put { answer, .. } | Self::LoopPut { answer, .. } => heard(answer),
            Self::Get { answer, .. } | Self::LoopGet { answer, .. } => heard(answer),
            Self::Delete { answer, .. } | Self::LoopDelete { answer, .. } => heard(answer),
            Self::Deposit { answer, .. } => heard(answer),
            Self::Drain { answer } => heard(answer),
            Self::Publish { answer, .. } => heard(answer),
            Self::Fetch { answer, .. } | Self::Own { answer } => heard(answer),
            Self::Describe { answer } => heard(answer),
        }
    }
}

fn heard<R>(answer: &Answer<R>) -> Heard {
    match answer {
        Ok(_) => Heard::Answer,
        Err(missed) => {
            tracing::debug!("An exchange had no answer: {missed}.");
            match missed {
                Missed::Invalid(_) => Heard::Invalid,
                Missed::Exchange(_) | Missed::Work => Heard::Nothing,
            }
        }
    }
}

/// The shortest pause after an answer that says nothing: a relay that does not hold a get is not asked in a circle.
pub(super) const EMPTY_ANSWER_PAUSE: Duration = Duration::from_millis(500);
