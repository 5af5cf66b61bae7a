//! What a local network is made of.

use std::{path::PathBuf, time::Duration};

use crate::ExitPolicy;

/// How to start a [`Localnet`](crate::Localnet).
#[derive(Clone, Debug)]
pub struct LocalnetConfig {
    /// Where keys, ports and registrations are kept (created with mode 0700).
    /// `None`: everything is thrown away at the end.
    pub dir: Option<PathBuf>,
    /// Gateways to run, 1 to [`LocalnetConfig::MAX_GATEWAYS`].
    /// A directory that already holds more runs all it holds.
    pub gateways: usize,
    /// What the exits connect to. By default there is no exit.
    pub exit: ExitPolicy,
    /// Exits to run, if the policy has any, 1 to [`LocalnetConfig::MAX_EXITS`]. Each is behind the next gateway.
    pub exits: usize,
    /// Seed of the random faults. Keys never come from it. By default from the operating system.
    pub seed: u64,
    /// Length of epochs and how many make a key rotation.
    pub epochs: Epochs,
    /// Bounds of what gateways keep.
    pub limits: Limits,
}

impl LocalnetConfig {
    /// The most gateways of one network.
    pub const MAX_GATEWAYS: usize = 64;
    /// The most exits of one network.
    pub const MAX_EXITS: usize = 16;
}

impl Default for LocalnetConfig {
    fn default() -> Self {
        LocalnetConfig {
            dir: None,
            gateways: 2,
            exit: ExitPolicy::Off,
            exits: 1,
            seed: rand::random(),
            epochs: Epochs::default(),
            limits: Limits::default(),
        }
    }
}

/// The clock of the network: epochs, and Sphinx key rotations made of epochs.
///
/// A Nym client reads it once, when it connects, and computes the rest itself:
/// it looks every eighth of an epoch whether the rotation id in the topology has changed,
/// and if so asks, one look later, for fresh reply blocks (SURBs) in place of those it holds.
/// While the topology's epoch is not the one it expects ("stuck"), it keeps SURBs for
/// `(per_rotation + 1) * duration` after their arrival; otherwise it drops those of another rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// Length of one epoch, at least one second. On the real network: one hour.
    pub duration: Duration,
    /// Epochs in one key rotation, at least 1. On the real network: 24.
    pub per_rotation: u32,
    /// Whether epochs follow the clock.
    /// If not, the epoch changes only with [`rotate_keys`](crate::Localnet::rotate_keys).
    pub automatic: bool,
}

impl Default for Epochs {
    fn default() -> Self {
        Epochs { duration: Duration::from_secs(3600), per_rotation: 1, automatic: false }
    }
}

impl Epochs {
    /// What the real network does: 24 epochs of an hour in each rotation.
    pub const MAINNET: Epochs =
        Epochs { duration: Duration::from_secs(3600), per_rotation: 24, automatic: true };
}

/// Bounds of what one gateway keeps for its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages kept for one client that is offline. More are not accepted (and not acknowledged).
    pub inbox_messages: usize,
    /// Bytes kept for all offline clients of one gateway.
    pub inbox_bytes: usize,
    /// How long a message is kept. On the real network: 24 hours.
    pub inbox_age: Duration,
    /// Messages queued towards one connected client.
    pub session_messages: usize,
    /// Clients a gateway remembers; beyond, the one absent longest is forgotten.
    pub registrations: usize,
    /// Connections a node keeps open on each of its ports.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            inbox_messages: 4096,
            inbox_bytes: 64 << 20,
            inbox_age: Duration::from_secs(24 * 3600),
            session_messages: 2048,
            registrations: 4096,
            connections: 1024,
        }
    }
}
