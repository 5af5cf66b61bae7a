//! Pairing on a connection: what an extension does before it has grants, and what the user approves.

use std::collections::BTreeSet;

use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use super::{Connection, guarded};
use crate::frame::{Call, write_notification};
use crate::limits::MAX_PAIRED_PERSONAS as MAX_PERSONAS;
use crate::methods::{self, PairRequest, SessionBegin};
use crate::pairing::Outcome;
use crate::server::Service;
use crate::server::scope::Scope;
use crate::{ApprovePairing, ListAll, Method, Pairing, PairingDesk, RpcError, codes};

impl<R: AsyncRead + Unpin> Connection<R> {
    /// The calls of an extension before it has grants. They run one after the other: each is quick.
    pub(super) async fn pair(&mut self, call: Call) -> bool {
        let (Some(desk), Some(origin)) = (self.context.service.desk.clone(), self.origin.clone()) else {
            return self.answer(Some(&call.id), &Err(methods::unknown(&call.method))).await;
        };
        let challenge = self.challenge.take();
        match call.method.as_str() {
            PairRequest::NAME => {
                let asked = methods::read(call.params).and_then(|params| desk.request(&origin, params));
                let answer = asked.and_then(|asked| Ok((methods::write(&asked.answer)?, asked.outcome)));
                let (answer, outcome) = match answer {
                    Ok((answer, outcome)) => (Ok(answer), Some(outcome)),
                    Err(error) => (Err(error), None),
                };
                let alive = self.answer(Some(&call.id), &answer).await;
                if let Some(outcome) = outcome {
                    let telling = tell(outcome, self.out.clone());
                    if let Some(before) = self.asked.replace(tokio::spawn(telling)) {
                        before.abort();
                    }
                }
                alive
            }
            SessionBegin::NAME => {
                let begun = async { desk.challenge(&origin, methods::read(call.params)?).await };
                let answer = match guarded(&call.method, begun).await {
                    Ok((challenge, answer)) => {
                        self.challenge = Some(challenge);
                        methods::write(&answer)
                    }
                    Err(error) => Err(error),
                };
                self.answer(Some(&call.id), &answer).await
            }
            _ if matches!(self.scope, Scope::Paired(_)) => {
                let message = "This connection has proven its pairing already.";
                self.answer(Some(&call.id), &Err(RpcError::new(&codes::SESSION_REFUSED, message))).await
            }
            _ => {
                let proven = async { desk.prove(&origin, challenge, methods::read(call.params)?).await };
                let answer = match guarded(&call.method, proven).await {
                    Ok((proven, answer)) => {
                        self.proof.send_replace(Some(proven.revoked.clone()));
                        self.seat.belongs_to(&proven.id);
                        self.scope = Scope::Paired(proven);
                        methods::write(&answer)
                    }
                    Err(error) => Err(error),
                };
                self.answer(Some(&call.id), &answer).await
            }
        }
    }
}

/// Checks the personas' names before the code is used up.
pub(super) async fn approve(
    service: &Service,
    desk: &PairingDesk,
    params: ApprovePairing,
) -> Result<Pairing, RpcError> {
    if let Some(named) = &params.personas {
        if named.is_empty() || named.len() > MAX_PERSONAS {
            let message = format!("A pairing is for all personas, or for 1 to {MAX_PERSONAS} of them.");
            return Err(RpcError::new(&codes::REQUEST_PARAMS, message));
        }
        let mut missing: BTreeSet<&str> = named.iter().map(String::as_str).collect();
        let mut after = None;
        while !missing.is_empty() {
            let page = service.api()?.persona_list(ListAll { after }).await?;
            for persona in &page.personas {
                missing.remove(persona.name.as_str());
            }
            if page.next.is_none() && !missing.is_empty() {
                return Err(RpcError::new(&codes::PERSONA_UNKNOWN, "One of the personas does not exist."));
            }
            after = page.next;
        }
    }
    desk.approve(params).await
}

/// Sends an extension the outcome of the pairing it requested.
async fn tell(outcome: Outcome, out: mpsc::Sender<Vec<u8>>) {
    let (method, params) = match outcome.wait().await {
        Ok(approved) => ("pair.approved", methods::write(&approved)),
        Err(refused) => ("pair.refused", methods::write(&refused)),
    };
    if let Ok(params) = params {
        let _ = out.send(write_notification(method, &params)).await;
    }
}
