//! Waiting until the keys of a post are published.

use std::time::Duration;

use bauta_ipc::methods::PostWait;
use bauta_ipc::{Client, Exit, MAX_WAIT_MS, PostDelivery, PostState, RpcError, WaitForPost, codes};
use clap::{Args, ValueEnum};
use tokio::time::Instant;

use crate::commands::duration;
use crate::{Context, LogTarget, Progress};

/// How far the keys of a post must have come before the command returns.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Publishing {
    /// Return when the keys of the post have reached this state
    #[arg(long, value_name = "STATE", default_value = "published")]
    wait: Wait,
    /// How long to wait; after that the keys stay queued
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    timeout: Duration,
}

/// How the keys of a post reach its recipients.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Delivering {
    /// Send no key to contacts by message; everyone looks it up at the Gun relays, as users of Mask do
    #[arg(long, conflicts_with = "no_gun")]
    gun_only: bool,
    /// Send the keys only to contacts by message; no Gun relay learns of the post
    #[arg(long)]
    no_gun: bool,
}

impl From<Delivering> for PostDelivery {
    fn from(delivering: Delivering) -> Self {
        match delivering {
            Delivering { gun_only: true, .. } => Self::Gun,
            Delivering { no_gun: true, .. } => Self::Contacts,
            Delivering { .. } => Self::Both,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Wait {
    /// Stored on this machine's disk
    Queued,
    /// Read back from a Gun relay
    Published,
}

/// Waits until the keys of a post are published. Keys that are late stay queued, and the post is valid all the same.
pub(super) async fn published(
    client: &Client,
    iv: &str,
    publishing: Publishing,
    context: &Context,
) -> Result<(bool, Exit), RpcError> {
    if publishing.wait == Wait::Queued {
        return Ok((false, Exit::Ok));
    }
    let progress = context.out.may_animate().then(|| Progress::begin(&context.out, LogTarget::default()));
    if let Some(progress) = &progress {
        progress.phase("Publishing the keys");
    }
    let deadline = Instant::now() + publishing.timeout;
    let outcome = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let params = WaitForPost { iv: iv.to_owned(), timeout_ms: millis(left), ..WaitForPost::default() };
        match client.call::<PostWait>(&params).await {
            Err(error) if error.is(&codes::POST_TIMEOUT) && left > Duration::from_millis(MAX_WAIT_MS) => {}
            outcome => break outcome,
        }
    };
    drop(progress);
    match outcome {
        Ok(post) if post.state == PostState::Published => Ok((true, Exit::Ok)),
        Ok(post) => {
            let told = post.error.map_or_else(
                || "The keys were not published, and are no longer tried.".to_owned(),
                |error| error.message,
            );
            context.out.note(&told);
            Ok((false, Exit::Network))
        }
        Err(error) if error.is(&codes::POST_TIMEOUT) => {
            context.out.note(&error.message);
            context
                .out
                .note("  They stay queued and are published when possible; paste the post now or later.");
            Ok((false, Exit::Network))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(MAX_WAIT_MS).min(MAX_WAIT_MS)
}
