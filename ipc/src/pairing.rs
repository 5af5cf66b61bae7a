//! Pairing: how an extension behind the bridge gets its grants, and proves in each session that it has them.
//!
//! The extension shows a code that the daemon drew, and the user types it into `bauta pair approve`.
//! From then on the extension's key identifies it: each session signs a fresh challenge.

mod codes;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::codes::{Codes, LIFETIME, Verdict};
use crate::codes as error;
use crate::limits::{MAX_NAME, MAX_PAGE, MAX_PAIRINGS};
use crate::page::page;
use crate::{
    ApprovePairing, Empty, Grant, ListAll, Pairing, PairingApproved, PairingList, PairingRef, PairingState,
    ProveSession, RequestPairing, RequestedPairing, RpcError, Secret, Session, SessionChallenge, Utc,
};

/// An approved pairing, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PairingRecord {
    /// 32 hex digits.
    pub id: String,
    /// The extension, as the bridge named it when the pairing was asked for.
    pub origin: String,
    /// What it calls itself.
    pub label: String,
    /// Its public key: an uncompressed point of P-256, 65 bytes (SEC 1, 2.3.3).
    pub key: Vec<u8>,
    /// What it may do; never `persona.admin`.
    pub grants: Vec<Grant>,
    /// The personas it may act for; `None`: all.
    pub personas: Option<Vec<String>>,
    /// When it was approved.
    pub since: Utc,
    /// When a session of it last began or ended.
    pub last_used: Option<Utc>,
    /// Whether it was revoked since.
    pub revoked: bool,
}

/// Where pairings are kept. What a function returned is durable.
#[async_trait]
pub trait Pairings: Send + Sync + 'static {
    /// Adds one; its id is new. Of the revoked ones, those past the last [`MAX_PAIRINGS`] may be forgotten.
    async fn add(&self, pairing: PairingRecord) -> Result<(), RpcError>;

    /// All of them, in order of approval.
    async fn all(&self) -> Result<Vec<PairingRecord>, RpcError>;

    /// One of them.
    async fn find(&self, id: &str) -> Result<Option<PairingRecord>, RpcError>;

    /// Marks one as revoked, permanently; does nothing if there is none.
    async fn revoke(&self, id: &str) -> Result<(), RpcError>;

    /// Keeps when a pairing was last used; does nothing if there is no such pairing.
    async fn note_use(&self, id: &str, at: Utc) -> Result<(), RpcError>;

    /// Durably forgets a pairing; one that is unknown is no error.
    async fn forget(&self, id: &str) -> Result<(), RpcError>;
}

/// Time and randomness; tests replace them.
pub trait PairingWorld: Send + Sync + 'static {
    /// The time since any fixed moment; never runs backwards.
    fn passed(&self) -> Duration;

    /// The time.
    fn now(&self) -> Utc;

    /// Fills the bytes at random.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RpcError>;
}

/// The clocks and the generator of the operating system.
#[derive(Debug)]
pub struct SystemWorld {
    start: Instant,
}

impl Default for SystemWorld {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl PairingWorld for SystemWorld {
    fn passed(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this crate knows no other; tests use a world of their own"
    )]
    fn now(&self) -> Utc {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Utc::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), RpcError> {
        getrandom::fill(bytes).map_err(|error| {
            let message = format!("The operating system gives no random numbers: {error}.");
            RpcError::new(&error::INTERNAL, message)
        })
    }
}

/// Where extensions ask, the user approves, and sessions are proven. One per daemon.
pub struct PairingDesk {
    pairings: Arc<dyn Pairings>,
    world: Arc<dyn PairingWorld>,
    state: Mutex<State>,
}

struct State {
    codes: Codes<Candidate>,
    sessions: BTreeMap<String, Sessions>,
}

/// The sessions of one pairing.
#[derive(Default)]
struct Sessions {
    /// Cancelled when the pairing is revoked.
    revoked: CancellationToken,
    /// Each session holds it, too.
    alive: Arc<()>,
}

/// A request that waits for its code to be typed. Dropping it without an answer refuses it.
struct Candidate {
    id: String,
    origin: String,
    label: String,
    key: Vec<u8>,
    grants: BTreeSet<Grant>,
    approved: oneshot::Sender<PairingApproved>,
}

/// A pairing that was requested. Dropping it withdraws the request.
pub(crate) struct Asked {
    pub(crate) answer: RequestedPairing,
    pub(crate) outcome: Outcome,
}

pub(crate) struct Outcome {
    desk: Arc<PairingDesk>,
    id: String,
    approved: oneshot::Receiver<PairingApproved>,
}

impl Outcome {
    /// The outcome: an approval, or a refusal after a third wrong code or too long a time.
    pub(crate) async fn wait(mut self) -> Result<PairingApproved, PairingRef> {
        let refused = PairingRef { id: self.id.clone() };
        match tokio::time::timeout(LIFETIME, &mut self.approved).await {
            Ok(Ok(approved)) => Ok(approved),
            Ok(Err(_)) | Err(_) => Err(refused),
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.desk.state().codes.withdraw(|candidate| candidate.id == self.id);
    }
}

/// A challenge that was not used yet.
pub(crate) struct OpenChallenge {
    id: String,
    bytes: [u8; proof::CHALLENGE],
}

/// What a proven connection may do.
#[derive(Clone)]
pub(crate) struct Proven {
    pub(crate) id: String,
    pub(crate) grants: BTreeSet<Grant>,
    pub(crate) personas: Option<Arc<BTreeSet<String>>>,
    pub(crate) revoked: CancellationToken,
    _alive: Arc<()>,
}

impl PairingDesk {
    /// A desk over these pairings.
    pub fn new(pairings: Arc<dyn Pairings>, world: Arc<dyn PairingWorld>) -> Arc<Self> {
        let state = State { codes: Codes::new(), sessions: BTreeMap::new() };
        Arc::new(Self { pairings, world, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `pair.request` of an extension.
    pub(crate) fn request(self: &Arc<Self>, origin: &str, params: RequestPairing) -> Result<Asked, RpcError> {
        let label = params.label.trim();
        let length = label.chars().count();
        if length == 0 || length > MAX_NAME || label.chars().any(char::is_control) {
            let message =
                format!("A label has 1 to {MAX_NAME} characters, none of them a control character.");
            return Err(RpcError::new(&error::REQUEST_PARAMS, message));
        }
        if params.grants.contains(&Grant::PersonaAdmin) {
            return Err(never_granted());
        }
        let mut grants: BTreeSet<Grant> = params.grants.into_iter().collect();
        if grants.is_empty() {
            grants.extend(Grant::ALL.into_iter().filter(|grant| *grant != Grant::PersonaAdmin));
        }
        let key = proof::read_key(&params.key)?;
        let mut bytes = [0; 16];
        self.world.fill(&mut bytes)?;
        let id = data_encoding::HEXLOWER.encode(&bytes);
        let (approved, outcome) = oneshot::channel();
        let (origin, label) = (origin.to_owned(), label.to_owned());
        let candidate = Candidate { id: id.clone(), origin, label, key, grants, approved };
        let now = self.world.passed();
        let code = self.state().codes.ask(now, candidate, &mut |bytes| self.world.fill(bytes))?;
        let lifetime = u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX);
        let expires_at = Utc::from_millis(self.world.now().millis().saturating_add(lifetime));
        Ok(Asked {
            answer: RequestedPairing { id: id.clone(), code: Secret::new(code.to_string()), expires_at },
            outcome: Outcome { desk: Arc::clone(self), id, approved: outcome },
        })
    }

    /// `pair.approve` of the user. The personas are known to exist.
    pub(crate) async fn approve(&self, params: ApprovePairing) -> Result<Pairing, RpcError> {
        if params.grants.contains(&Grant::PersonaAdmin) {
            return Err(never_granted());
        }
        let mut in_force = self.pairings.all().await?;
        in_force.retain(|pairing| !pairing.revoked);
        if in_force.len() >= MAX_PAIRINGS {
            return Err(RpcError::new(&error::PAIR_LIMIT, "Too many extensions are paired.")
                .hint("Revoke one: bauta pair revoke ID"));
        }
        let verdict = self.state().codes.typed(self.world.passed(), params.code.reveal().trim());
        let candidate = match verdict {
            Verdict::Right(candidate) => candidate,
            Verdict::Wrong(left) => {
                let tries = if left == 1 { "1 try is" } else { "2 tries are" };
                let message = format!("The code is wrong; {tries} left.");
                return Err(RpcError::new(&error::PAIR_CODE, message));
            }
            Verdict::Spent(_) => {
                let message = "The code is wrong for the third time, so the extension was refused.";
                return Err(RpcError::new(&error::PAIR_CODE, message));
            }
            Verdict::None => {
                return Err(RpcError::new(&error::PAIR_CODE, "No extension waits for a code."));
            }
        };
        let mut grants: BTreeSet<Grant> = params.grants.into_iter().collect();
        if grants.is_empty() {
            grants = candidate.grants;
        }
        let record = PairingRecord {
            id: candidate.id,
            origin: candidate.origin,
            label: candidate.label,
            key: candidate.key,
            grants: grants.into_iter().collect(),
            personas: params.personas,
            since: self.world.now(),
            last_used: None,
            revoked: false,
        };
        self.pairings.add(record.clone()).await?;
        let approved = PairingApproved { id: record.id.clone(), grants: record.grants.clone() };
        // If the extension has disconnected, it learns of it in its next session.
        let _ = candidate.approved.send(approved);
        // An extension that asks for other grants has its key already, and would keep those of before beside the new.
        for old in in_force {
            if old.key == record.key && old.origin == record.origin {
                self.forget(PairingRef { id: old.id }).await?;
            }
        }
        Ok(shown(record))
    }

    /// `pair.list`.
    pub(crate) async fn list(&self, params: ListAll) -> Result<PairingList, RpcError> {
        let mut pairings: Vec<Pairing> = self.pairings.all().await?.into_iter().map(shown).collect();
        for pairing in &mut pairings {
            if self.is_connected(&pairing.id) {
                pairing.last_used = Some(self.world.now());
            }
        }
        if let Some(waiting) = self.state().codes.waiting(self.world.passed()) {
            pairings.push(Pairing {
                id: waiting.id.clone(),
                state: PairingState::Pending,
                origin: waiting.origin.clone(),
                label: waiting.label.clone(),
                grants: waiting.grants.iter().copied().collect(),
                personas: None,
                since: None,
                last_used: None,
            });
        }
        let rest = match &params.after {
            None => Some(pairings.as_slice()),
            Some(after) => pairings
                .iter()
                .position(|pairing| pairing.id == *after)
                .and_then(|place| pairings.get(place.saturating_add(1)..)),
        };
        let rest = rest.ok_or_else(|| {
            RpcError::new(&error::REQUEST_PARAMS, "There is no place of that name in the list any more.")
        })?;
        let (page, last) = page(rest, MAX_PAGE, |pairing| Ok::<_, RpcError>(pairing.clone()))?;
        Ok(PairingList { next: last.map(|last| last.id.clone()), pairings: page })
    }

    /// `pair.revoke`: of an approved pairing, or of one that waits. Its sessions end at once.
    pub(crate) async fn revoke(&self, params: PairingRef) -> Result<Pairing, RpcError> {
        let Some(mut record) = self.pairings.find(&params.id).await? else {
            return self.refuse(&params.id);
        };
        self.pairings.revoke(&record.id).await?;
        // Only after the revocation is durable: a session that is being proven either sees it or has its token already.
        if let Some(sessions) = self.state().sessions.remove(&record.id) {
            sessions.revoked.cancel();
        }
        record.revoked = true;
        Ok(shown(record))
    }

    /// `pair.forget`: as [`Self::revoke`], and nothing shows any more that it was there.
    pub(crate) async fn forget(&self, params: PairingRef) -> Result<Empty, RpcError> {
        let id = self.revoke(params).await?.id;
        self.pairings.forget(&id).await?;
        Ok(Empty {})
    }

    /// Revokes every pairing that is limited to personas among which is this one: another persona may get its name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn revoke_limited_to(&self, persona: &str) -> Result<(), RpcError> {
        for record in self.pairings.all().await? {
            let limited = record.personas.iter().flatten().any(|name| name == persona);
            if limited && !record.revoked {
                self.revoke(PairingRef { id: record.id }).await?;
            }
        }
        Ok(())
    }

    fn refuse(&self, id: &str) -> Result<Pairing, RpcError> {
        let mut refused = None;
        self.state().codes.withdraw(|candidate| {
            let meant = candidate.id == id;
            if meant {
                refused = Some(Pairing {
                    id: candidate.id.clone(),
                    state: PairingState::Revoked,
                    origin: candidate.origin.clone(),
                    label: candidate.label.clone(),
                    grants: Vec::new(),
                    personas: None,
                    since: None,
                    last_used: None,
                });
            }
            meant
        });
        refused.ok_or_else(|| RpcError::new(&error::PAIR_UNKNOWN, "There is no pairing with that id."))
    }

    /// `session.challenge` of an extension.
    pub(crate) async fn challenge(
        &self,
        origin: &str,
        params: PairingRef,
    ) -> Result<(OpenChallenge, SessionChallenge), RpcError> {
        self.valid(&params.id, origin).await?;
        let mut bytes = [0; proof::CHALLENGE];
        self.world.fill(&mut bytes)?;
        let challenge = SessionChallenge { challenge: proof::to_base64url(&bytes) };
        Ok((OpenChallenge { id: params.id, bytes }, challenge))
    }

    /// `session.prove` of an extension. The challenge is used up, whatever the outcome.
    pub(crate) async fn prove(
        &self,
        origin: &str,
        challenge: Option<OpenChallenge>,
        params: ProveSession,
    ) -> Result<(Proven, Session), RpcError> {
        let challenge = challenge.filter(|challenge| challenge.id == params.id).ok_or_else(|| {
            let message = "There is no challenge for this pairing that was not used.";
            RpcError::new(&error::SESSION_REFUSED, message)
        })?;
        // Before the pairing is read, so that a revocation in between is not missed.
        let (revoked, alive) = {
            let mut state = self.state();
            let sessions = state.sessions.entry(params.id.clone()).or_default();
            (sessions.revoked.child_token(), Arc::clone(&sessions.alive))
        };
        let record = self.valid(&params.id, origin).await?;
        if !proof::is_proof(&record.key, &challenge.bytes, origin, &params.signature) {
            return Err(RpcError::new(&error::SESSION_REFUSED, "The signature is wrong."));
        }
        let grants: BTreeSet<Grant> =
            record.grants.into_iter().filter(|grant| *grant != Grant::PersonaAdmin).collect();
        let session = Session {
            grants: grants.iter().copied().collect(),
            personas: record.personas.clone(),
            label: record.label,
            since: record.since,
            last_used: record.last_used,
        };
        self.pairings.note_use(&record.id, self.world.now()).await?;
        let personas = record.personas.map(|names| Arc::new(names.into_iter().collect()));
        Ok((Proven { id: record.id, grants, personas, revoked, _alive: alive }, session))
    }

    /// A session has ended.
    pub(crate) async fn leave(&self, session: &Proven) {
        // A store that is closed meanwhile has the time at which the session began.
        let _ = self.pairings.note_use(&session.id, self.world.now()).await;
    }

    /// Whether there is a session of this pairing.
    fn is_connected(&self, id: &str) -> bool {
        self.state().sessions.get(id).is_some_and(|sessions| Arc::strong_count(&sessions.alive) > 1)
    }

    /// The pairing, if it was approved, not revoked, and is of this origin.
    async fn valid(&self, id: &str, origin: &str) -> Result<PairingRecord, RpcError> {
        let found = if id.len() <= 64 { self.pairings.find(id).await? } else { None };
        match found {
            None => Err(RpcError::new(&error::ACCESS_UNPAIRED, "This extension is not paired.")),
            Some(record) if record.origin != origin => {
                Err(RpcError::new(&error::ACCESS_ORIGIN, "The pairing is another extension's."))
            }
            Some(record) if record.revoked => Err(revoked()),
            Some(record) => Ok(record),
        }
    }
}

fn never_granted() -> RpcError {
    RpcError::new(&error::PAIR_GRANT, "No extension gets the grant persona.admin.")
}

/// The error for a revoked extension.
pub(crate) fn revoked() -> RpcError {
    RpcError::new(&error::ACCESS_REVOKED, "The pairing was revoked.")
}

/// Whether this is an origin in the bridge's form: `chrome-extension://` or `firefox-extension://`, an id, a slash.
pub(crate) fn is_origin(text: &str) -> bool {
    let id = text.strip_prefix("chrome-extension://").or_else(|| text.strip_prefix("firefox-extension://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-{}".contains(&byte);
    id.and_then(|id| id.strip_suffix('/'))
        .is_some_and(|id| !id.is_empty() && id.len() <= 80 && id.bytes().all(plain))
}

fn shown(record: PairingRecord) -> Pairing {
    Pairing {
        id: record.id,
        state: if record.revoked { PairingState::Revoked } else { PairingState::Paired },
        origin: record.origin,
        label: record.label,
        grants: record.grants,
        personas: record.personas,
        since: Some(record.since),
        last_used: record.last_used,
    }
}
