use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bauta_ipc::{Exit, RpcError, codes};
use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig, RelayEntry};
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::{Network, Traffic};
use serde_json::json;

use crate::args;
use crate::{Context, LogTarget, Progress, failure, interrupted, start_logging};

/// `bauta localnet`: `network.json` is there while everything runs.
pub(super) async fn run(args: args::Localnet, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    let stop = interrupted()?;
    let place = Place::open(args.dir)?;
    let file = place.path().join("network.json");
    // Its appearance tells others that all is ready: one that a killed run has left behind must go first.
    remove(&file)?;

    let progress = Progress::begin(&context.out, log);
    progress.phase(&format!("Starting three mixes, {} gateways and an exit", args.gateways));
    let config = LocalnetConfig {
        dir: Some(place.path().join("mixnet")),
        gateways: args.gateways.into(),
        exit: if args.exit_allow.is_empty() {
            ExitPolicy::Loopback
        } else {
            ExitPolicy::Only(args.exit_allow)
        },
        ..LocalnetConfig::default()
    };
    let localnet = Localnet::start(config).await.map_err(|error| failed(&error))?;
    progress.phase("Starting the relay");
    let started = tokio::select! {
        () = stop.cancelled() => Err(RpcError::new(&codes::INTERRUPTED, "Interrupted while starting.")),
        relay = start_relay(&localnet, place.path().join("relay")) => relay,
    };
    let outcome = match started {
        Ok(relay) => serve(&localnet, relay, &file, progress, context, stop.cancelled()).await,
        Err(error) => Err(error),
    };
    localnet.stop().await;
    outcome.map(|()| Exit::Ok)
}

async fn serve(
    localnet: &Localnet,
    relay: Relay,
    file: &Path,
    progress: Progress,
    context: &Context,
    stop: impl Future<Output = ()>,
) -> Result<(), RpcError> {
    let address = relay.address();
    let mut described = localnet.network_file();
    described.relays.push(RelayEntry { id: address.id.to_string(), address: address.to_string() });
    let announced = described.write(file).map_err(|error| failed(&error)).and_then(|()| {
        progress.say(&format!(
            "Everything runs ({}). A daemon on it: bauta --home DIR up --network {}",
            progress.elapsed(),
            file.display()
        ));
        drop(progress);
        let network = file.display().to_string();
        let report = json!({
            "network": network,
            "api": described.api,
            "relay": address.to_string(),
            "exit": described.exit,
        });
        context.out.show(&report, |_| network.clone())
    });
    if announced.is_ok() {
        stop.await;
    }
    let removed = remove(file);
    let stopped = relay.stop().await.map_err(|error| failure(&error, &codes::RELAY_FAILED));
    announced.and(removed).and(stopped)
}

/// A relay on a local network, quick because nobody hides there.
async fn start_relay(localnet: &Localnet, data: PathBuf) -> Result<Relay, RpcError> {
    let network = Network::local(&localnet.api_url()).map_err(|error| failure(&error, &codes::INTERNAL))?;
    let config =
        RelayConfig { data, network, traffic: Traffic::Test, doors: 2, metrics: None, observer: None };
    Relay::start(config).await.map_err(|error| failure(&error, &codes::RELAY_FAILED))
}

fn failed(error: &dyn std::error::Error) -> RpcError {
    RpcError::of(&codes::LOCALNET_FAILED, error)
}

fn remove(file: &Path) -> Result<(), RpcError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RpcError::new(&codes::FILE_FAILED, format!("{} cannot be removed: {error}.", file.display())))
        }
        _ => Ok(()),
    }
}

/// The directory of a network: the user's, or one that goes with the network.
enum Place {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Place {
    fn open(dir: Option<PathBuf>) -> Result<Self, RpcError> {
        let failed = |error: io::Error| {
            RpcError::new(&codes::FILE_FAILED, format!("The directory cannot be made: {error}."))
        };
        match dir {
            Some(dir) => {
                fs::create_dir_all(&dir).map_err(failed)?;
                Ok(Self::Kept(std::path::absolute(dir).map_err(failed)?))
            }
            None => tempfile::Builder::new()
                .prefix("bauta-localnet-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(failed),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}
