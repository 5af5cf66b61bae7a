//! The desk: a request goes in, a reply comes out. It knows the rules and the store, and nothing of the mixnet.

mod held;
mod verifier;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::bundle::{BUNDLE_LEN, Bundle, BundleError};
use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, PersonaKey, RelayId};
use bauta_protocol::limits::{BUNDLE_LIFETIME, HOLD};
use bauta_protocol::relay::{
    Class, Declined, Delete, DeleteReply, Deposit, DepositReply, Describe, DescribeReply, Drain, DrainReply,
    Fetch, FetchReply, Get, GetReply, Publish, PublishReply, Put, PutReply, Refusal, Reply, Request,
};
use bauta_protocol::time::{Clock, Day, Timestamp};
use bauta_protocol::work::{check_deposit_gate, check_put_work};
use bauta_sphinx_client::SystemClock;
use futures::StreamExt as _;
use rand_core::CryptoRng;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::daily::{Daily, DailyError};
use crate::error::{RelayError, StorageError};
use crate::meter::{Levels, Meter};
use crate::policy::Difficulty;
use crate::storage::{
    Arrival, Arrivals, DepositOutcome, PublishOutcome, PutOutcome, SealedBox, Storage, StoredBundle,
};
use crate::vault::Vault;
use held::Held;
use verifier::{Claim, Verdict, Verifier};

/// Expired rows of each kind that one step of expiry removes: so few that a `put` does not wait for it noticeably.
const EXPIRY_STEP: u32 = 500;

/// The settings of a desk. A relay uses the default; tests shorten the times.
#[derive(Clone)]
pub struct DeskConfig {
    /// How long the reply to a `Get` of an absent box is held.
    pub hold: Duration,
    /// How many replies are held at most: fewer than the requests that the mixnet side remembers, or it would forget
    /// where the answers go.
    pub held: usize,
    /// The most deposits that wait for the verifier.
    pub verifier_queue: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The counters. The store should have the same.
    pub meter: Arc<Meter>,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            hold: HOLD,
            held: 24_000,
            verifier_queue: 16,
            clock: Arc::new(SystemClock),
            meter: Arc::new(Meter::off()),
        }
    }
}

/// Answers requests over a store.
pub struct Desk {
    storage: Arc<dyn Storage>,
    daily: Daily,
    held: Arc<Held>,
    verifier: Verifier,
    hold: Duration,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
    waker: JoinHandle<()>,
}

impl Desk {
    /// Opens the desk, and makes today's descriptor if there is none. `doors` are named in descriptors yet to be made.
    ///
    /// # Errors
    /// [`RelayError::Descriptor`], [`RelayError::ForeignDescriptor`] and [`RelayError::Sign`] if there can be no
    /// descriptor for today, [`RelayError::Thread`] if the verifier's thread does not start.
    pub async fn open(
        storage: Arc<dyn Storage>,
        identity: RelayIdentity,
        doors: Vec<DoorAddress>,
        rng: Box<dyn CryptoRng + Send>,
        config: DeskConfig,
    ) -> Result<Self, RelayError> {
        let held = Held::new(config.held);
        let arrivals = storage.arrivals();
        let waker = wake(arrivals, Arc::clone(&storage), Arc::clone(&held), Arc::clone(&config.clock));
        let desk = Self {
            daily: Daily::new(Arc::clone(&storage), identity, doors, rng),
            storage,
            held,
            waker: tokio::spawn(waker),
            verifier: Verifier::start(config.verifier_queue).map_err(RelayError::Thread)?,
            hold: config.hold,
            clock: config.clock,
            meter: config.meter,
        };
        desk.daily.of(desk.clock.now().day()).await.map_err(|error| match error {
            DailyError::Storage(source) => RelayError::Descriptor(source),
            DailyError::Foreign(source) => RelayError::ForeignDescriptor(source),
            DailyError::Sign(source) => RelayError::Sign(source),
        })?;
        Ok(desk)
    }

    /// The relay whose desk this is.
    pub fn relay(&self) -> RelayId {
        self.daily.relay()
    }

    /// Answers a body of the class with a body of the class. Anything that cannot be read is refused as malformed.
    pub async fn answer_body(&self, class: Class, body: Vec<u8>) -> Vec<u8> {
        let decoded = Request::decode(class, &body);
        // A held request lives for minutes, and must not keep its body that long. Some bodies carry a capability.
        drop(Zeroizing::new(body));
        let reply = match decoded {
            Ok(request) => self.answer(request).await,
            Err(_) => self.counted("unreadable", Reply::Refused(Refusal::Malformed)),
        };
        self.meter.exchanged(class);
        reply.encode(class).unwrap_or_else(|error| {
            // No operation has a reply of the other class, so this is a fault of ours; the client must not wait for it.
            tracing::error!(%error, "A reply did not fit its class.");
            Reply::Busy.encode(class).unwrap_or_else(|_| vec![0; class.body_len()])
        })
    }

    /// Answers a request. A `Get` of an absent box takes as long as the hold, all others are answered at once.
    /// Dropping the future is safe at any time; what it began in the store is finished.
    pub async fn answer(&self, request: Request) -> Reply {
        let operation = request.name();
        let answered = match request {
            Request::Put(put) => self.put(put).await.map(Reply::from),
            Request::Get(Get { id }) => self.get(id).await.map(Reply::from),
            Request::Delete(Delete { cap }) => self.delete(&cap).await.map(Reply::from),
            Request::Deposit(deposit) => self.deposit(deposit).await.map(Reply::from),
            Request::Drain(Drain { cap, after }) => self.drain(cap.inbox_id(), after).await.map(Reply::from),
            Request::Publish(Publish { bundle }) => self.publish(&bundle).await.map(Reply::from),
            Request::Fetch(Fetch { persona }) => self.fetch(persona).await.map(Reply::from),
            Request::Describe(Describe) => self.describe().await.map(Reply::from),
        };
        let reply = answered.unwrap_or_else(|error| {
            tracing::error!(%error, operation, "A request could not be answered; its sender will ask again.");
            Reply::Busy
        });
        self.counted(operation, reply)
    }

    /// Removes some of what has expired, and returns how much. Call it until it returns zero, with pauses.
    ///
    /// # Errors
    /// [`StorageError`] if the store fails; nothing is lost then.
    pub async fn expire_some(&self) -> Result<usize, StorageError> {
        self.storage.expire(self.clock.now(), EXPIRY_STEP).await
    }

    /// Answers all held requests with `Absent`, and holds none from now on.
    pub fn release_held(&self) {
        self.held.close();
    }

    /// What the desk holds at this moment.
    pub fn levels(&self) -> Levels {
        Levels {
            stored: self.storage.stored(),
            fill_permille: self.storage.fill_permille(),
            held: self.held.len(),
            verifier_queue: self.verifier.waiting(),
        }
    }

    /// The metrics as Prometheus text, or `None` if they are switched off.
    pub fn render_metrics(&self) -> Option<String> {
        self.meter.render(self.levels())
    }

    async fn put(&self, put: Put) -> Result<PutReply, DailyError> {
        let Put { day, nonce, id, sealed } = put;
        let today = self.clock.now().day();
        let Some(difficulty) = self.difficulty(day, today).await? else {
            return Ok(Refusal::WrongDay.into());
        };
        if !check_put_work(&self.relay(), day, &id, nonce, difficulty.put_bits) {
            return Ok(Refusal::WorkTooLow.into());
        }
        let stored = self.storage.put_box(id, sealed, today).await.map_err(DailyError::Storage)?;
        Ok(match stored {
            PutOutcome::Stored | PutOutcome::Same | PutOutcome::Deleted => PutReply::Done,
            PutOutcome::Different => PutReply::Conflict,
            PutOutcome::Full => Refusal::QuotaExceeded.into(),
        })
    }

    async fn get(&self, id: BoxId) -> Result<GetReply, DailyError> {
        // Look, hold, look again: the wake comes from the store's news, so a box that came between the first look and the
        // hold has no news to come, and one that came after the hold does.
        if let Some(sealed) = self.look(id).await? {
            return Ok(GetReply::Box(sealed));
        }
        let Some(mut hold) = self.held.hold(id) else {
            return Ok(GetReply::Absent);
        };
        if let Some(sealed) = self.look(id).await? {
            return Ok(GetReply::Box(sealed));
        }
        Ok(match tokio::time::timeout(self.hold, hold.woken()).await {
            Ok(Some(sealed)) => GetReply::Box(Box::new(*sealed)),
            Ok(None) | Err(_) => GetReply::Absent,
        })
    }

    async fn look(&self, id: BoxId) -> Result<Option<SealedBox>, DailyError> {
        self.storage.get_box(id, self.clock.now().day()).await.map_err(DailyError::Storage)
    }

    async fn delete(&self, cap: &Capability) -> Result<DeleteReply, DailyError> {
        let today = self.clock.now().day();
        self.storage.delete_box(cap.box_id(), today).await.map_err(DailyError::Storage)?;
        Ok(DeleteReply::Done)
    }

    async fn deposit(&self, deposit: Deposit) -> Result<DepositReply, DailyError> {
        let Deposit { inbox, day, gate_nonce, work_nonce, sealed } = deposit;
        let now = self.clock.now();
        let Some(difficulty) = self.difficulty(day, now.day()).await? else {
            return Ok(Refusal::WrongDay.into());
        };
        let relay = self.relay();
        if !check_deposit_gate(&relay, &inbox, day, sealed.as_slice(), gate_nonce) {
            return Ok(Refusal::WorkTooLow.into());
        }
        let seen = self.storage.deposit_seen(inbox, &sealed, now.day());
        if seen.await.map_err(DailyError::Storage)? {
            return Ok(DepositReply::Done);
        }
        let claim = Claim { relay, inbox, day, gate_nonce, work_nonce, sealed };
        let (work, sealed) = match self.verifier.measure(claim).await {
            Verdict::Measured(work, sealed) => (work, sealed),
            Verdict::Busy => return Ok(DepositReply::Declined(Declined::Busy)),
            Verdict::Spent => return Ok(Refusal::WorkTooLow.into()),
        };
        if work < difficulty.deposit_bits {
            return Ok(Refusal::WorkTooLow.into());
        }
        let stored = self.storage.deposit(inbox, sealed, work, now);
        Ok(match stored.await.map_err(DailyError::Storage)? {
            DepositOutcome::Stored | DepositOutcome::Same => DepositReply::Done,
            DepositOutcome::Full => Refusal::QuotaExceeded.into(),
        })
    }

    async fn drain(&self, inbox: InboxId, after: u64) -> Result<DrainReply, DailyError> {
        let today = self.clock.now().day();
        let next = self.storage.drain(inbox, after, today).await.map_err(DailyError::Storage)?;
        Ok(next.map_or(DrainReply::Absent, DrainReply::Deposit))
    }

    async fn publish(&self, bytes: &[u8; BUNDLE_LEN]) -> Result<PublishReply, DailyError> {
        let now = self.clock.now();
        let bundle = match check_bundle(bytes, self.relay(), now) {
            Ok(bundle) => bundle,
            Err(refusal) => return Ok(refusal.into()),
        };
        let published = self.storage.publish(bundle, now).await.map_err(DailyError::Storage)?;
        Ok(match published {
            PublishOutcome::Stored | PublishOutcome::Same => PublishReply::Done,
            PublishOutcome::Stale => Refusal::Stale.into(),
            PublishOutcome::Different => PublishReply::Conflict,
            PublishOutcome::Full => Refusal::QuotaExceeded.into(),
        })
    }

    async fn fetch(&self, persona: PersonaKey) -> Result<FetchReply, DailyError> {
        let vault = Vault::of(self.relay(), &persona);
        let found = self.storage.bundle(vault.name(), self.clock.now()).await.map_err(DailyError::Storage)?;
        let Some(sealed) = found else {
            return Ok(FetchReply::Absent);
        };
        let opened = vault.open(&sealed).and_then(|bytes| bytes.try_into().ok());
        let bundle = opened.ok_or(DailyError::Storage(StorageError::Damaged("a bundle")))?;
        Ok(FetchReply::Bundle(bundle))
    }

    async fn describe(&self) -> Result<DescribeReply, DailyError> {
        let descriptor = self.daily.of(self.clock.now().day()).await?;
        Ok(DescribeReply::Descriptor(Box::new(*descriptor.as_bytes())))
    }

    /// What work for `day` must show, or `None` if no work for that day is taken today.
    ///
    /// A day to either side is allowed: a request made before midnight may come after it, and clocks differ.
    async fn difficulty(&self, day: Day, today: Day) -> Result<Option<Difficulty>, DailyError> {
        if day.0.abs_diff(today.0) > 1 {
            return Ok(None);
        }
        self.daily.difficulty(day, today).await.map(Some)
    }

    fn counted(&self, operation: &'static str, reply: Reply) -> Reply {
        self.meter.answered(operation, &reply);
        reply
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.waker.abort();
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("relay", &self.relay()).finish_non_exhaustive()
    }
}

/// Answers held requests when their box comes, whichever process stored it.
async fn wake(mut arrivals: Arrivals, storage: Arc<dyn Storage>, held: Arc<Held>, clock: Arc<dyn Clock>) {
    while let Some(arrival) = arrivals.next().await {
        let ids = match arrival {
            Arrival::Box(id) => Vec::from_iter(held.is_wanted(&id).then_some(id)),
            Arrival::Missed => held.wanted(),
        };
        for id in ids {
            match storage.get_box(id, clock.now().day()).await {
                Ok(Some(sealed)) => held.wake(&id, &Arc::from(sealed)),
                Ok(None) => {}
                Err(error) => {
                    // Its reader gets `Absent` at the end of the hold, and asks again.
                    tracing::error!(%error, "A box that came could not be read for those who wait for it.");
                }
            }
        }
    }
}

/// Checks a bundle as far as a relay can, and prepares it for the store.
fn check_bundle(bytes: &[u8; BUNDLE_LEN], relay: RelayId, now: Timestamp) -> Result<StoredBundle, Refusal> {
    let bundle = Bundle::from_bytes(bytes).map_err(|error| match error {
        BundleError::BadSignature => Refusal::BadSignature,
        _ => Refusal::Malformed,
    })?;
    if bundle.relay().id != relay {
        return Err(Refusal::Malformed);
    }
    // A bundle from the future has the same remedy as one that is too old: a correct clock, and a new bundle.
    bundle.check_fresh(now, Timestamp(0)).map_err(|_| Refusal::Expired)?;
    let vault = Vault::of(relay, &bundle.persona());
    Ok(StoredBundle {
        name: vault.name(),
        version: bundle.version(),
        expiry: bundle.expiry(),
        forget: bundle.version().plus(BUNDLE_LIFETIME),
        bytes: vault.seal(bytes).ok_or(Refusal::Malformed)?,
    })
}
