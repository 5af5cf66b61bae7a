//! The status of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::limits::PAGE_BYTES;
use bauta_ipc::{
    ConnectionState, PersonaStatus, RelayStatus, RpcError, Status, StatusApi, StatusOf, codes, shorten,
};
use bauta_protocol::descriptor::Size;
use bauta_protocol::time::Timestamp;
use bauta_sphinx_client::{NoGateway, State as Connection};

use super::outside::Outside;
use super::view::{self, utc};
use super::{Node, moved};
use crate::engine::{announce, relay_doors, relay_size};
use crate::store::{Doubt, PersonaId, Reason, StoreError};

/// A stored message without a receipt is shown after this long.
const UNRECEIVED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long invalid answers of a relay are shown.
const INVALID_ANSWERS_SHOWN: Duration = Duration::from_secs(60 * 60);

/// How long it is shown that conversations began again.
const RESTARTS_SHOWN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the store knows for the status.
#[derive(Default)]
struct Kept {
    personas: Vec<(PersonaId, String, u64, u64)>,
    relays: Vec<KeptRelay>,
    suspects: Vec<bauta_protocol::id::RelayId>,
    invalid: Vec<bauta_protocol::id::RelayId>,
    queued: u64,
    unreceived: u64,
    unpublished: u64,
    /// Why the last of these is.
    stuck: Option<Reason>,
    restarted: Vec<String>,
    lost_requests: u64,
    moved_at: Option<Timestamp>,
    /// Personas that another home has, and since when that is known.
    elsewhere: Vec<(String, Timestamp)>,
}

/// A relay of these personas, or of the settings.
struct KeptRelay {
    id: bauta_protocol::id::RelayId,
    doors: usize,
    size: Option<Size>,
    /// It did not show two descriptors for one day.
    is_used: bool,
}

#[async_trait]
impl StatusApi for Node {
    async fn status_get(&self, params: StatusOf) -> Result<Status, RpcError> {
        let now = self.shared.time.now();
        let is_whole = params.personas.is_none();
        let is_full = self.shared.store.is_full().await;
        let kept = match self.kept(now, params.personas).await {
            Err(StoreError::Full) => Kept::default(),
            kept => kept?,
        };
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
        let known = kept.relays.iter().any(|relay| relay.is_used);
        let (state, phase, since) = self.overall(&personas, &kept.elsewhere, known, now);
        let relays: Vec<RelayStatus> = kept
            .relays
            .iter()
            .map(|relay| RelayStatus {
                id: relay.id.to_string(),
                doors: u32::try_from(relay.doors).unwrap_or(u32::MAX),
                personas: relay.size.map(Size::personas),
                // An answer may have been another persona's.
                last_exchange: self.shared.last_answer(relay.id).filter(|_| is_whole).map(utc),
            })
            .collect();
        let mut status = Status {
            state,
            phase,
            since,
            last_exchange: match is_whole {
                true => {
                    kept.relays.iter().filter_map(|relay| self.shared.last_answer(relay.id)).max().map(utc)
                }
                false => personas.iter().filter_map(|persona| persona.last_exchange).max(),
            },
            traffic: self.traffic.to_string(),
            traffic_note: self.traffic.bandwidth_note(),
            network: self.network.clone(),
            gun: self.outside.as_ref().map(Outside::status).unwrap_or_default(),
            health: self.health(&kept, state, is_full, is_whole),
            personas,
            relays,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            queued: kept.queued,
            unlisted: 0,
        };
        status.unlisted = shorten(&mut status.personas, PAGE_BYTES / 4)
            .saturating_add(shorten(&mut status.relays, PAGE_BYTES / 4))
            .saturating_add(shorten(&mut status.health, PAGE_BYTES / 4));
        Ok(status)
    }
}

impl Node {
    async fn kept(&self, now: Timestamp, only: Option<Vec<String>>) -> Result<Kept, StoreError> {
        let long_ago =
            Timestamp(now.0.saturating_sub(u64::try_from(UNRECEIVED.as_millis()).unwrap_or(u64::MAX)));
        let kept = self.shared.store.run(move |tx| {
            let mut personas = Vec::new();
            let mut used = Vec::new();
            let mut elsewhere = Vec::new();
            let (mut queued, mut unreceived, mut unpublished, mut lost_requests) = (0, 0, 0, 0_u64);
            let mut stuck = None;
            for row in tx.personas()? {
                if only.as_ref().is_some_and(|only| !only.contains(&row.name)) {
                    continue;
                }
                let own = tx.queued(row.id)?;
                elsewhere.extend(tx.elsewhere_at(row.id)?.map(|at| (row.name.clone(), at)));
                personas.push((row.id, row.name, tx.count_requests(row.id)?, own));
                queued += own;
                unreceived += tx.unreceived(row.id, long_ago)?;
                unpublished += tx.count_stuck_publications(row.id)?;
                stuck = tx.stuck_publication(row.id)?.or(stuck);
                lost_requests = lost_requests.saturating_add(tx.lost_requests(row.id)?);
                for relay in tx.relays_of(row.id)? {
                    let size = relay_size(tx, row.id, relay)?;
                    used.push((relay, relay_doors(tx, row.id, relay)?.len(), size));
                }
            }
            let mut most = BTreeMap::new();
            for (relay, doors, size) in used {
                let known = most.entry(relay).or_insert((doors, size));
                *known = (doors.max(known.0), size.max(known.1));
            }
            let mut relays = Vec::new();
            for row in tx.relays()? {
                let known = most.get(&row.id).copied();
                if (row.configured && only.is_none()) || known.is_some() {
                    let (doors, size) = known.unwrap_or((row.doors.len(), None));
                    relays.push(KeptRelay { id: row.id, doors, size, is_used: !row.equivocated });
                }
            }
            Ok(Kept {
                personas,
                relays,
                suspects: tx.suspect_relays()?,
                invalid: tx.invalid_relays(now.minus(INVALID_ANSWERS_SHOWN))?,
                queued,
                unreceived,
                unpublished,
                stuck,
                // It names contacts, and does not say whose.
                restarted: match only {
                    None => tx.restarted(now.minus(RESTARTS_SHOWN))?,
                    Some(_) => Vec::new(),
                },
                lost_requests,
                moved_at: moved::moved_at(tx)?,
                elsewhere,
            })
        });
        kept.await
    }

    /// The state of a persona's connection, and what is happening.
    pub(super) fn persona_connection(&self, persona: PersonaId) -> (ConnectionState, Option<String>) {
        match self.actors().personas.get(&persona) {
            Some(actor) if !actor.has_ended() => view::connection(announce::connection(&actor.state().phase)),
            _ => (ConnectionState::Off, None),
        }
    }

    fn overall(
        &self,
        personas: &[PersonaStatus],
        elsewhere: &[(String, Timestamp)],
        relay_known: bool,
        now: Timestamp,
    ) -> (ConnectionState, Option<String>, bauta_ipc::Utc) {
        // One that is not used here says nothing about the others.
        let is_here = |persona: &&PersonaStatus| elsewhere.iter().all(|(name, _)| *name != persona.name);
        let all = personas.iter();
        let here = all.clone().filter(is_here).max_by_key(|persona| badness(persona.state));
        if let Some(worst) = here.or_else(|| all.max_by_key(|persona| badness(persona.state))) {
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

    /// Why no gateway takes the connection of one of these personas, or the one without a persona, the most telling of
    /// the reasons.
    fn no_gateway(&self, personas: &[(PersonaId, String, u64, u64)]) -> Option<NoGateway> {
        let actors = self.actors();
        let named = personas.iter().filter_map(|(id, ..)| actors.personas.get(id)).map(|actor| actor.state());
        let all = named.chain(actors.nameless.as_ref().map(|nameless| nameless.state()));
        all.filter_map(|connection| connection.no_gateway).max()
    }

    fn since(&self, connection: Option<&Connection>, now: Timestamp) -> Timestamp {
        match connection {
            Some(connection) => ago(now, connection.since.elapsed()),
            None => self.opened_at,
        }
    }

    /// `is_whole`: of the home as a whole, with what is not about a persona.
    fn health(&self, kept: &Kept, state: ConnectionState, is_full: bool, is_whole: bool) -> Vec<RpcError> {
        let mut health: Vec<RpcError> = kept.moved_at.map(moved::moved).into_iter().collect();
        health.extend(kept.elsewhere.iter().map(|(_, at)| view::elsewhere(*at)));
        if is_full {
            health.push(RpcError::from(StoreError::Full));
        }
        if !kept.relays.iter().any(|relay| relay.is_used) {
            health.push(RpcError::new(
                &codes::RELAY_NONE,
                "No relay is known, so nothing can be sent or received.",
            ));
        }
        // What gateways say is shown at once; that none answers may pass.
        let why = self.no_gateway(&kept.personas);
        match why.filter(|why| why.is_refusal() || state == ConnectionState::Lost) {
            Some(why) => health.push(view::no_gateway(why)),
            None if state == ConnectionState::Lost => health.push(view::no_gateway(NoGateway::Unreachable)),
            None => {}
        }
        for KeptRelay { id, is_used, .. } in &kept.relays {
            if !is_used {
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
            let which = match kept.restarted.len() {
                1 => format!("The conversation with \"{first}\" begins"),
                several => format!("{several} conversations begin"),
            };
            let why = "one side was set back to an older copy, or restored from a backup";
            health.push(RpcError::new(&codes::CONTACT_RESTARTED, format!("{which} again: {why}.")));
        }
        if kept.lost_requests > 0 {
            let message =
                format!("{} requests of strangers were dropped, because too many came.", kept.lost_requests);
            health.push(RpcError::new(&codes::CONTACT_REQUESTS_LOST, message));
        }
        if kept.unpublished > 0 {
            let mut message = format!("{} keys of posts could not be published yet.", kept.unpublished);
            if let Some(why) = kept.stuck {
                message = format!("{message} {}", view::reason(why).message);
            }
            health.push(RpcError::new(&codes::POST_TIMEOUT, message));
        }
        // Its words name a directory of the user.
        health.extend(self.schedule.failure().filter(|_| is_whole));
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
