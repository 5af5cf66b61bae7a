//! The status of the daemon.

use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::{ConnectionState, Empty, PersonaStatus, RelayStatus, RpcError, Status, StatusApi, codes};
use bauta_protocol::time::Timestamp;
use bauta_sphinx_client::State as Connection;

use super::Node;
use super::outside::Outside;
use super::view::{self, utc};
use crate::engine::{announce, relay_doors};
use crate::store::{Doubt, PersonaId, StoreError};

/// A stored message without a receipt is shown after this long.
const UNRECEIVED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long invalid answers of a relay are shown.
const INVALID_ANSWERS_SHOWN: Duration = Duration::from_secs(60 * 60);

/// How long it is shown that conversations began again.
const RESTARTS_SHOWN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the store knows for the status.
struct Kept {
    personas: Vec<(PersonaId, String, u64, u64)>,
    relays: Vec<(bauta_protocol::id::RelayId, usize, bool)>,
    suspects: Vec<bauta_protocol::id::RelayId>,
    invalid: Vec<bauta_protocol::id::RelayId>,
    queued: u64,
    unreceived: u64,
    unpublished: u64,
    restarted: Vec<String>,
    lost_requests: u64,
}

#[async_trait]
impl StatusApi for Node {
    async fn status_get(&self, _: Empty) -> Result<Status, RpcError> {
        let now = self.shared.time.now();
        let kept = self.kept(now).await?;
        let mut personas = Vec::new();
        for (id, name, requests, queued) in &kept.personas {
            let (state, phase) = self.persona_connection(*id);
            let connection = self.actors().personas.get(id).map(|actor| actor.state());
            personas.push(PersonaStatus {
                name: name.clone(),
                state,
                phase,
                since: utc(self.since(connection.as_ref(), now)),
                last_exchange: connection.and_then(|connection| last_exchange(&connection, now)).map(utc),
                requests: *requests,
                queued: *queued,
            });
        }
        let known = kept.relays.iter().any(|(_, _, used)| *used);
        let (state, phase, since) = self.overall(&personas, known, now);
        let relays: Vec<RelayStatus> = kept
            .relays
            .iter()
            .map(|(id, doors, _)| RelayStatus {
                id: id.to_string(),
                doors: u32::try_from(*doors).unwrap_or(u32::MAX),
                last_exchange: self.shared.last_answer(*id).map(utc),
            })
            .collect();
        Ok(Status {
            state,
            phase,
            since,
            last_exchange: kept
                .relays
                .iter()
                .filter_map(|(id, _, _)| self.shared.last_answer(*id))
                .max()
                .map(utc),
            traffic: self.traffic.to_string(),
            traffic_note: self.traffic.bandwidth_note(),
            network: self.network.clone(),
            gun: self.outside.as_ref().map(Outside::status).unwrap_or_default(),
            health: Self::health(&kept, state),
            personas,
            relays,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            queued: kept.queued,
        })
    }
}

impl Node {
    async fn kept(&self, now: Timestamp) -> Result<Kept, StoreError> {
        let long_ago =
            Timestamp(now.0.saturating_sub(u64::try_from(UNRECEIVED.as_millis()).unwrap_or(u64::MAX)));
        let kept = self.shared.store.run(move |tx| {
            let mut personas = Vec::new();
            let mut lost_requests = 0_u64;
            let mut used = Vec::new();
            for row in tx.personas()? {
                personas.push((row.id, row.name, tx.count_requests(row.id)?, tx.queued(Some(row.id))?));
                lost_requests = lost_requests.saturating_add(tx.lost_requests(row.id)?);
                for relay in tx.relays_of(row.id)? {
                    used.push((relay, relay_doors(tx, row.id, relay)?.len()));
                }
            }
            let mut relays = Vec::new();
            for row in tx.relays()? {
                let known = used.iter().filter(|(relay, _)| *relay == row.id).map(|(_, doors)| *doors).max();
                if row.configured || known.is_some() {
                    relays.push((row.id, known.unwrap_or(row.doors.len()), !row.equivocated));
                }
            }
            Ok(Kept {
                personas,
                relays,
                suspects: tx.suspect_relays()?,
                invalid: tx.invalid_relays(now.minus(INVALID_ANSWERS_SHOWN))?,
                queued: tx.queued(None)?,
                unreceived: tx.unreceived(long_ago)?,
                unpublished: tx.count_stuck_publications()?,
                restarted: tx.restarted(now.minus(RESTARTS_SHOWN))?,
                lost_requests,
            })
        });
        kept.await
    }

    /// The state of a persona's connection, and what is happening.
    pub(super) fn persona_connection(&self, persona: PersonaId) -> (ConnectionState, Option<String>) {
        match self.actors().personas.get(&persona) {
            Some(actor) => view::connection(announce::connection(&actor.state().phase)),
            None => (ConnectionState::Off, None),
        }
    }

    fn overall(
        &self,
        personas: &[PersonaStatus],
        relay_known: bool,
        now: Timestamp,
    ) -> (ConnectionState, Option<String>, bauta_ipc::Utc) {
        if let Some(worst) = personas.iter().max_by_key(|persona| badness(persona.state)) {
            return (worst.state, worst.phase.clone(), worst.since);
        }
        let connection = self.actors().nameless.as_ref().map(|nameless| nameless.state());
        match connection {
            // Without a relay there is nobody to exchange with.
            Some(connection) if relay_known => {
                let (state, phase) = view::connection(announce::connection(&connection.phase));
                (state, phase, utc(self.since(Some(&connection), now)))
            }
            _ => (ConnectionState::Off, None, utc(self.opened_at)),
        }
    }

    fn since(&self, connection: Option<&Connection>, now: Timestamp) -> Timestamp {
        match connection {
            Some(connection) => ago(now, connection.since.elapsed()),
            None => self.opened_at,
        }
    }

    fn health(kept: &Kept, state: ConnectionState) -> Vec<RpcError> {
        let mut health = Vec::new();
        if !kept.relays.iter().any(|(_, _, usable)| *usable) {
            health.push(RpcError::new(
                &codes::RELAY_NONE,
                "No relay is known, so nothing can be sent or received.",
            ));
        }
        if state == ConnectionState::Lost {
            health
                .push(RpcError::new(&codes::NETWORK_UNREACHABLE, "No gateway of the mixnet can be reached."));
        }
        for (id, _, usable) in &kept.relays {
            if !usable {
                health.push(view::doubt(*id, Doubt::Dishonest));
            } else if kept.suspects.contains(id) {
                health.push(view::doubt(*id, Doubt::Suspect));
            }
            if kept.invalid.contains(id) {
                let message = format!("The relay {id} sent invalid answers or forged bundles.");
                health.push(RpcError::new(&codes::RELAY_NONSENSE, message));
            }
        }
        if kept.unreceived > 0 {
            let (count, days) = (kept.unreceived, UNRECEIVED.as_secs() / 86_400);
            let message =
                format!("{count} messages are stored at a relay and were not received for {days} days.");
            health.push(RpcError::new(&codes::MESSAGE_UNRECEIVED, message));
        }
        if let Some(first) = kept.restarted.first() {
            let message = match kept.restarted.len() {
                1 => format!(
                    "The conversation with \"{first}\" begins again: one side was set back to an older copy."
                ),
                several => {
                    format!("{several} conversations begin again: one side was set back to an older copy.")
                }
            };
            health.push(RpcError::new(&codes::CONTACT_RESTARTED, message));
        }
        if kept.lost_requests > 0 {
            let message =
                format!("{} requests of strangers were dropped, because too many came.", kept.lost_requests);
            health.push(RpcError::new(&codes::CONTACT_REQUESTS_LOST, message));
        }
        if kept.unpublished > 0 {
            let message = format!("{} keys of posts could not be published yet.", kept.unpublished);
            health.push(RpcError::new(&codes::POST_TIMEOUT, message));
        }
        health
    }
}

/// The order in which one persona's state is shown for all.
fn badness(state: ConnectionState) -> u8 {
    match state {
        ConnectionState::Ready => 0,
        ConnectionState::Off => 1,
        ConnectionState::Degraded => 2,
        ConnectionState::Connecting => 3,
        ConnectionState::Lost => 4,
        ConnectionState::Locked => 5,
    }
}

fn last_exchange(connection: &Connection, now: Timestamp) -> Option<Timestamp> {
    connection.last_exchange.map(|at| ago(now, at.elapsed()))
}

fn ago(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
}
