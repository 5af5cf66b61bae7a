//! The desk: a request goes in, a reply comes out. It knows the rules and the store, and nothing of the mixnet.

mod digest;
mod held;
mod verifier;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::bell::Bell;
use bauta_protocol::bundle::{BUNDLE_LEN, Bundle, BundleError};
use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, PersonaKey, RelayId};
use bauta_protocol::limits::{BUNDLE_LIFETIME, HOLD, INTERVAL_MS};
use bauta_protocol::relay::{
    Class, Declined, Deposit, DepositReply, Describe, DescribeReply, Drain, DrainReply, Fetch, FetchReply,
    Fetched, Get, GetReply, News, Page, Publish, PublishReply, Put, PutReply, Refusal, Reply, Request,
};
use bauta_protocol::time::{Clock, Day, Timestamp};
use bauta_protocol::work::{check_deposit_gate, check_put_work};
use bauta_sphinx_client::SystemClock;
use futures::StreamExt as _;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::crowd::Crowd;
use crate::daily::{Daily, DailyError};
use crate::error::{RelayError, StorageError};
use crate::meter::{Levels, Meter};
use crate::policy::{Difficulty, ONLINE};
use crate::storage::{
    Arrival, Arrivals, DepositOutcome, Hour, PublishOutcome, PutOutcome, SealedBox, Storage, StoredBundle,
};
use crate::vault::Vault;
use digest::Digest;
use held::Held;
use verifier::{Claim, Verdict, Verifier};

/// Expired rows of each kind that one step of expiry removes: so few that a `put` does not wait for it noticeably.
const EXPIRY_STEP: u32 = 500;

/// The settings of a desk. A relay uses the default; tests shorten the times.
#[derive(Clone)]
pub struct DeskConfig {
    /// How long the reply to a `Get` of an absent box is held.
    pub hold: Duration,
    /// How many replies are held at most, the same part of them for each door: fewer than the requests that the mixnet
    /// side remembers, or it would forget where the answers go.
    pub held: usize,
    /// How many personas may be online before no new ones are taken.
    pub online: u64,
    /// How long an interval of the digest is.
    pub interval: Duration,
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
            online: ONLINE,
            interval: Duration::from_millis(INTERVAL_MS),
            verifier_queue: 16,
            clock: Arc::new(SystemClock),
            meter: Arc::new(Meter::off()),
        }
    }
}

/// Answers requests over a store.
pub struct Desk {
    storage: Arc<dyn Storage>,
    daily: Arc<Daily>,
    digest: Arc<Digest>,
    held: Arc<Held>,
    crowd: Arc<Crowd>,
    verifier: Verifier,
    hold: Duration,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
    waker: JoinHandle<()>,
    closer: JoinHandle<()>,
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
        let held = Held::new(config.held / doors.len().max(1));
        let crowd = Arc::new(Crowd::new(config.online));
        let arrivals = storage.arrivals();
        let daily = Arc::new(Daily::new(
            Arc::clone(&storage),
            identity,
            doors,
            rng,
            config.interval,
            Arc::clone(&crowd),
        ));
        let digest = Digest::open(
            Arc::clone(&storage),
            Arc::clone(&daily),
            Arc::clone(&config.clock),
            config.interval,
            Arc::clone(&crowd),
        );
        let digest = Arc::new(digest.await.map_err(RelayError::Digest)?);
        daily.of(config.clock.now().day()).await.map_err(|error| match error {
            DailyError::Storage(source) => RelayError::Descriptor(source),
            DailyError::Foreign(source) => RelayError::ForeignDescriptor(source),
            DailyError::Sign(source) => RelayError::Sign(source),
        })?;
        let waker = wake(
            arrivals,
            Arc::clone(&storage),
            Arc::clone(&held),
            Arc::clone(&digest),
            Arc::clone(&config.clock),
        );
        Ok(Self {
            daily,
            storage,
            closer: tokio::spawn(Arc::clone(&digest).run()),
            digest,
            held,
            crowd,
            waker: tokio::spawn(waker),
            verifier: Verifier::start(config.verifier_queue).map_err(RelayError::Thread)?,
            hold: config.hold,
            clock: config.clock,
            meter: config.meter,
        })
    }

    /// The relay whose desk this is.
    pub fn relay(&self) -> RelayId {
        self.daily.relay()
    }

    /// Answers a body of the class with a body of the class, as [`Self::answer_body_at`] the first door.
    pub async fn answer_body(&self, class: Class, body: Vec<u8>) -> Option<Vec<u8>> {
        self.answer_body_at(0, class, body).await
    }

    /// Answers a body of the class that came through a door. Anything that cannot be read is refused as malformed.
    /// `None`: what was asked for did not come, and nothing is said.
    pub async fn answer_body_at(&self, door: usize, class: Class, body: Vec<u8>) -> Option<Vec<u8>> {
        let decoded = Request::decode(class, &body);
        // A held request lives for minutes, and must not keep its body that long. Some bodies carry a capability.
        drop(Zeroizing::new(body));
        let reply = match decoded {
            Ok(request) => self.answer_at(door, request).await?,
            Err(_) => self.counted("unreadable", Reply::Refused(Refusal::Malformed)),
        };
        self.meter.exchanged(class);
        Some(reply.encode(class).unwrap_or_else(|error| {
            // No operation has a reply of the other class, so this is a fault of ours; the client must not wait for it.
            tracing::error!(%error, "A reply did not fit its class.");
            Reply::Busy.encode(class).unwrap_or_else(|_| vec![0; class.reply_len()])
        }))
    }

    /// Answers a request, as [`Self::answer_at`] the first door.
    pub async fn answer(&self, request: Request) -> Option<Reply> {
        self.answer_at(0, request).await
    }

    /// Answers a request that came through a door. A `Get` of an absent box takes until the box comes, or as long as the
    /// hold, and is not answered then; all others are answered at once.
    /// Dropping the future is safe at any time; what it began in the store is finished.
    pub async fn answer_at(&self, door: usize, request: Request) -> Option<Reply> {
        let operation = request.name();
        let answered = match request {
            Request::Put(put) => self.put(put).await.map(Reply::from),
            Request::Get(Get { id }) => match self.get(door, id).await {
                Ok(Some(sealed)) => Ok(GetReply::Box(sealed).into()),
                Ok(None) => {
                    self.meter.silent(operation);
                    return None;
                }
                Err(error) => Err(error),
            },
            // Boxes go by themselves.
            Request::Delete(_) => Ok(Reply::Done),
            Request::Deposit(deposit) => self.deposit(deposit).await.map(Reply::from),
            Request::Drain(Drain { cap, after }) => {
                self.drain(self.inbox(&cap.inbox_id()), after).await.map(Reply::from)
            }
            Request::Publish(Publish { bundle, inbox, known }) => {
                self.publish(&bundle, &inbox, known).await.map(Reply::from)
            }
            Request::Fetch(Fetch { persona }) => self.fetch(persona).await.map(Reply::from),
            Request::Describe(Describe) => self.describe().await.map(Reply::from),
            Request::News(News) => Ok(self.digest.news().await.into()),
            Request::Page(Page { index }) => Ok(self.digest.page(index).await.into()),
        };
        let reply = answered.unwrap_or_else(|error| {
            tracing::error!(%error, operation, "A request could not be answered; its sender will ask again.");
            Reply::Busy
        });
        Some(self.counted(operation, reply))
    }

    /// Removes some of what has expired, and returns how much. Call it until it returns zero, with pauses.
    ///
    /// # Errors
    /// [`StorageError`] if the store fails; nothing is lost then.
    pub async fn expire_some(&self) -> Result<usize, StorageError> {
        self.storage.expire(self.clock.now(), EXPIRY_STEP).await
    }

    /// Ends all holds, and holds nothing from now on.
    pub fn release_held(&self) {
        self.held.close();
    }

    /// Stores what only memory knows, before the store is closed. A crash instead does no harm: boxes that went out in
    /// the last seconds are listed once more.
    pub async fn finish(&self) {
        if let Err(error) = self.digest.flush().await {
            tracing::warn!(%error, "It could not be noted which boxes went out last.");
        }
    }

    /// What the desk holds at this moment.
    pub fn levels(&self) -> Levels {
        Levels {
            stored: self.storage.stored(),
            fill_permille: self.storage.fill_permille(),
            held: self.held.len(),
            online: self.crowd.online(),
            digest: self.digest.levels(),
            verifier_queue: self.verifier.waiting(),
        }
    }

    /// The metrics as Prometheus text, or `None` if they are switched off.
    pub fn render_metrics(&self) -> Option<String> {
        self.meter.render(self.levels())
    }

    async fn put(&self, put: Put) -> Result<PutReply, DailyError> {
        let Put { day, nonce, id, tag, sealed } = put;
        let now = self.clock.now();
        if !is_near(day, now.day()) {
            return Ok(Refusal::WrongDay.into());
        }
        if !check_put_work(&self.relay(), day, &id, nonce, self.digest.difficulty().put_bits) {
            return Ok(Refusal::WorkTooLow.into());
        }
        // Whoever waits gets the box before or after the store says that it is there.
        let awaited = self.held.is_wanted(&id);
        let stored = self.storage.put_box(id, tag, sealed, now).await.map_err(DailyError::Storage)?;
        if stored == PutOutcome::Stored && !awaited && !self.held.is_wanted(&id) {
            self.digest.came(tag);
        }
        Ok(match stored {
            PutOutcome::Stored | PutOutcome::Same => PutReply::Done,
            PutOutcome::Different => PutReply::Conflict,
            PutOutcome::Full => Refusal::QuotaExceeded.into(),
        })
    }

    async fn get(&self, door: usize, id: BoxId) -> Result<Option<SealedBox>, DailyError> {
        // Look, hold, look again: the wake comes from the store's news, so a box that came between the first look and the
        // hold has no news to come, and one that came after the hold does.
        if let Some(sealed) = self.look(id).await? {
            return Ok(Some(sealed));
        }
        let Some(mut hold) = self.held.hold(id, door) else {
            return Ok(None);
        };
        if let Some(sealed) = self.look(id).await? {
            return Ok(Some(sealed));
        }
        let woken = match tokio::time::timeout(self.hold, hold.woken()).await {
            Ok(woken) => woken,
            Err(_) => hold.end(),
        };
        Ok(woken.map(|sealed| Box::new(*sealed)))
    }

    async fn look(&self, id: BoxId) -> Result<Option<SealedBox>, DailyError> {
        let found = self.storage.get_box(id, self.clock.now()).await.map_err(DailyError::Storage)?;
        if found.is_some() {
            self.digest.went_out(id);
        }
        Ok(found)
    }

    async fn deposit(&self, deposit: Deposit) -> Result<DepositReply, DailyError> {
        let Deposit { inbox, day, gate_nonce, work_nonce, sealed } = deposit;
        let now = self.clock.now();
        if !is_near(day, now.day()) {
            return Ok(Refusal::WrongDay.into());
        }
        let relay = self.relay();
        if !check_deposit_gate(&relay, &inbox, day, sealed.as_slice(), gate_nonce) {
            return Ok(Refusal::WorkTooLow.into());
        }
        let name = self.inbox(&inbox);
        let seen = self.storage.deposit_seen(name, &sealed, now.day());
        if seen.await.map_err(DailyError::Storage)? {
            return Ok(DepositReply::Done);
        }
        let claim = Claim { relay, inbox, day, gate_nonce, work_nonce, sealed };
        let (work, sealed) = match self.verifier.measure(claim).await {
            Verdict::Measured(work, sealed) => (work, sealed),
            Verdict::Busy => return Ok(DepositReply::Declined(Declined::Busy)),
            Verdict::Spent => return Ok(Refusal::WorkTooLow.into()),
        };
        // What came in the last hour does not count yet: the sender was told what to do before.
        let load = self.storage.deposits_of_day(name, Hour::of(now)).await.map_err(DailyError::Storage)?;
        if work < self.digest.difficulty().for_inbox(load.settled) {
            return Ok(Refusal::WorkTooLow.into());
        }
        let stored = self.storage.deposit(name, sealed, work, now);
        Ok(match stored.await.map_err(DailyError::Storage)? {
            DepositOutcome::Stored => {
                if let Some(bell) = self.storage.bell(name, now.day()).await.map_err(DailyError::Storage)? {
                    self.digest.rang(Bell::from_bytes(&bell));
                }
                DepositReply::Done
            }
            DepositOutcome::Same => DepositReply::Done,
            // Nobody is told that an inbox is full: it would say that its owner is away.
            DepositOutcome::Outdone => DepositReply::Declined(Declined::Busy),
            DepositOutcome::Full => Refusal::QuotaExceeded.into(),
        })
    }

    async fn drain(&self, inbox: InboxId, after: u64) -> Result<DrainReply, DailyError> {
        let today = self.clock.now().day();
        let next = self.storage.drain(inbox, after, today).await.map_err(DailyError::Storage)?;
        Ok(next.map_or(DrainReply::Absent, DrainReply::Deposit))
    }

    async fn publish(
        &self,
        bytes: &[u8; BUNDLE_LEN],
        inbox: &Capability,
        known: Timestamp,
    ) -> Result<PublishReply, DailyError> {
        let now = self.clock.now();
        let bundle = match self.check_bundle(bytes, inbox, now) {
            Ok(bundle) => bundle,
            Err(refusal) => return Ok(refusal.into()),
        };
        let published = self
            .storage
            .publish(bundle, known, self.crowd.has_room(), now)
            .await
            .map_err(DailyError::Storage)?;
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
        let opened = vault.open(&sealed).and_then(|bytes| Bundle::from_bytes(&bytes).ok());
        let bundle = opened.ok_or(DailyError::Storage(StorageError::Damaged("a bundle")))?;
        let (name, hour) = (self.inbox(&bundle.inbox()), Hour::of(self.clock.now()));
        let load = self.storage.deposits_of_day(name, hour).await.map_err(DailyError::Storage)?;
        let asks = Difficulty::for_fill(self.storage.fill_permille());
        let deposit_bits = asks.for_inbox(load.all);
        Ok(FetchReply::Bundle(Fetched { bundle: Box::new(*bundle.as_bytes()), deposit_bits }))
    }

    async fn describe(&self) -> Result<DescribeReply, DailyError> {
        self.digest.close_due().await;
        let descriptor = self.daily.of(self.clock.now().day()).await?;
        Ok(DescribeReply::Descriptor(Box::new(*descriptor.as_bytes())))
    }

    /// The name of an inbox in the store: a hash, as with bundles.
    fn inbox(&self, inbox: &InboxId) -> InboxId {
        let hash = Sha256::new()
            .chain_update(b"bauta/relay/inbox/1")
            .chain_update(self.relay().as_bytes())
            .chain_update(inbox.as_bytes());
        InboxId(hash.finalize().into())
    }

    /// Checks a bundle as far as a relay can, and prepares it for the store.
    fn check_bundle(
        &self,
        bytes: &[u8; BUNDLE_LEN],
        inbox: &Capability,
        now: Timestamp,
    ) -> Result<StoredBundle, Refusal> {
        let bundle = Bundle::from_bytes(bytes).map_err(|error| match error {
            BundleError::BadSignature => Refusal::BadSignature,
            _ => Refusal::Malformed,
        })?;
        // Whoever could name another's inbox could hang a bell on it, and hear when its owner is written to.
        if bundle.relay().id != self.relay() || inbox.inbox_id() != bundle.inbox() {
            return Err(Refusal::Malformed);
        }
        // A bundle from the future has the same remedy as one that is too old: a correct clock, and a new bundle.
        bundle.check_fresh(now, Timestamp(0)).map_err(|_| Refusal::Expired)?;
        let vault = Vault::of(self.relay(), &bundle.persona());
        Ok(StoredBundle {
            name: vault.name(),
            version: bundle.version(),
            expiry: bundle.expiry(),
            forget: bundle.version().plus(BUNDLE_LIFETIME),
            inbox: self.inbox(&bundle.inbox()),
            bell: *Bell::of(inbox).as_bytes(),
            bytes: vault.seal(bytes).ok_or(Refusal::Malformed)?,
        })
    }

    fn counted(&self, operation: &'static str, reply: Reply) -> Reply {
        self.meter.answered(operation, &reply);
        reply
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.waker.abort();
        self.closer.abort();
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("relay", &self.relay()).finish_non_exhaustive()
    }
}

/// Whether work for `day` is taken today: a request made before midnight may come after it, and clocks differ.
fn is_near(day: Day, today: Day) -> bool {
    day.0.abs_diff(today.0) <= 1
}

/// Answers held requests when their box comes, whichever process stored it.
async fn wake(
    mut arrivals: Arrivals,
    storage: Arc<dyn Storage>,
    held: Arc<Held>,
    digest: Arc<Digest>,
    clock: Arc<dyn Clock>,
) {
    while let Some(arrival) = arrivals.next().await {
        let ids = match arrival {
            Arrival::Box(id) => Vec::from_iter(held.is_wanted(&id).then_some(id)),
            Arrival::Missed => held.wanted(),
        };
        for id in ids {
            match storage.get_box(id, clock.now()).await {
                Ok(Some(sealed)) => {
                    if held.wake(&id, &Arc::from(sealed)) {
                        digest.went_out(id);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    // Its reader hears nothing, and asks again.
                    tracing::error!(%error, "A box that came could not be read for those who wait for it.");
                }
            }
        }
    }
}
