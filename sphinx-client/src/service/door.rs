//! One Nym address of a service, kept open: same keys, same gateway, for ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nym_sdk::mixnet::{AnonymousSenderTag, CombinedReplyStorage};
use rand::Rng as _;
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;
use tokio::time::sleep;

use crate::clock::jittered;
use crate::guards::GatewayId;
use crate::link::{Link, Plan};
use crate::refusal::NoGateway;
use crate::storage::{Storage, no_reserve};
use crate::tuning::service_config;

use super::Core;
use super::door_file::DoorFile;
use super::stash::Stash;

/// How many gateways a new door tries before a pause.
const TRIES: usize = 3;
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How many probes in a row must be lost before a gateway that still accepts our packets is given up.
const LOST_PROBES: u32 = 2;

pub(super) struct Door {
    number: usize,
    file: DoorFile,
    /// Outlives the links: SURBs that came over one link can be used over the next.
    replies: CombinedReplyStorage,
    stash: Mutex<Stash>,
    link: Mutex<Option<Arc<Link>>>,
}

impl Door {
    pub(super) fn new(number: usize, file: DoorFile) -> Self {
        Self { number, file, replies: no_reserve(), stash: Mutex::default(), link: Mutex::default() }
    }

    /// The Nym address, once a gateway has taken the door in for the first time.
    pub(super) fn address(&self) -> Option<[u8; 96]> {
        self.file.address()
    }

    /// Sends a reply over the SURBs that came under this tag. Without a connection it is dropped: the request comes
    /// again, and so does the answer.
    pub(super) fn reply(&self, tag: AnonymousSenderTag, frame: Vec<u8>) {
        lock(&self.stash).give_back(&tag, &self.replies);
        let link = lock(&self.link).clone();
        if !link.is_some_and(|link| link.reply(tag, frame)) {
            tracing::debug!(
                door = self.number,
                "An answer was dropped: the door is closed or its queue full."
            );
        }
    }
}

/// Keeps a door open until the service is stopped.
pub(super) async fn run(core: Arc<Core>, number: usize) {
    let stop = core.stop.clone();
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = keep_open(&core, number) => {}
    }
    if let Some(link) = core.doors.get(number).and_then(|door| lock(&door.link).take()) {
        link.end();
    }
}

async fn keep_open(core: &Arc<Core>, number: usize) {
    let Some(door) = core.doors.get(number) else { return };
    let (first, most) = core.tuning.backoff;
    let mut pause = first;
    let mut attempt = 0u32;
    loop {
        // A gateway that lost its registrations refuses the stored one for ever. A new registration under the same keys
        // gives the same address, so every second attempt makes one, unless the gateway named another reason.
        let is_other = core.last_reason().is_some_and(|why| why > NoGateway::Refused);
        if attempt % 2 == 1 && !is_other {
            door.file.forget_registration();
        }
        attempt += 1;
        if let Some(link) = open(core, door).await {
            *lock(&door.link) = Some(Arc::clone(&link));
            core.note(None);
            core.connected.send_modify(|doors| *doors += 1);
            let worked = watch(core, door, &link).await;
            core.connected.send_modify(|doors| *doors -= 1);
            *lock(&door.link) = None;
            link.end();
            if worked {
                (pause, attempt) = (first, 0);
            }
        }
        tracing::info!(door = number, "A door is closed and will be opened again.");
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(most);
    }
}

/// Connects to the door's gateway, or for a new door to one that no other door has.
async fn open(core: &Arc<Core>, door: &Door) -> Option<Arc<Link>> {
    if let Some(gateway) = door.file.gateway() {
        return connect(core, door, gateway).await;
    }
    // New doors choose one after the other, so that each knows the others' gateways.
    let _turn = core.choosing.lock().await;
    let taken: HashSet<GatewayId> = core.doors.iter().filter_map(|other| other.file.gateway()).collect();
    let mut gateways = core.directory.entry_gateways().await.ok()?;
    gateways.shuffle(&mut OsRng);
    gateways.sort_by_key(|gateway| taken.contains(gateway));
    // Each that refuses has mostly registered the door already.
    for gateway in gateways.into_iter().take(TRIES) {
        if let Some(link) = connect(core, door, gateway).await {
            if let Err(error) = door.file.remember_gateway(link.gateway()) {
                tracing::error!(
                    door = door.number,
                    "The gateway of a new door cannot be stored: {error}. The door may have another address after a restart."
                );
            }
            return Some(link);
        }
    }
    None
}

async fn connect(core: &Arc<Core>, door: &Door, gateway: GatewayId) -> Option<Arc<Link>> {
    let plan = Plan {
        network: &core.network,
        directory: &core.directory,
        config: service_config(core.traffic),
        tuning: core.tuning,
        gateway,
    };
    let storage = Storage::new(door.file.clone(), door.file.clone(), door.replies.clone());
    let (weak, number) = (Arc::downgrade(core), door.number);
    let link = Link::connect(plan, storage, move |message| {
        if let Some(core) = weak.upgrade() {
            core.on_message(number, message);
        }
    });
    link.await
        .inspect_err(|error| {
            tracing::debug!(door = number, "A gateway did not take the door: {error:?}");
            core.note(Some(NoGateway::of(error)));
        })
        .ok()
}

/// Watches a connection until it has to be replaced. Whether a probe ever came back over it.
async fn watch(core: &Arc<Core>, door: &Door, link: &Arc<Link>) -> bool {
    // The SDK remembers each message that it ever assembled; a new client with the same keys starts empty.
    let renew_at = core.tuning.renew_after.mul_f64(OsRng.gen_range(0.8..1.0));
    let mut worked = false;
    let mut lost = 0;
    let probing = async {
        // A service rarely sends first: only its own probes show that its gateway is gone.
        loop {
            if link.probe(core.tuning.probe_timeout).await {
                (worked, lost) = (true, 0);
            } else {
                lost += 1;
            }
            if lost >= LOST_PROBES || link.age() >= renew_at {
                break;
            }
            sleep(jittered(core.tuning.probe_every)).await;
        }
    };
    let sweeping = async {
        loop {
            sleep(SWEEP_EVERY).await;
            let now = Instant::now();
            lock(&door.stash).sweep(now, &door.replies);
            core.ledger().expire(now);
        }
    };
    tokio::select! {
        () = link.ended() => {}
        () = probing => {}
        () = sweeping => {}
    }
    worked
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
