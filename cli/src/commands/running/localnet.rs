//! `bauta localnet`

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bauta_ipc::{Exit, RpcError, codes};
use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig, RelayEntry};
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::{Network, Traffic};
use clap::Args;
use serde_json::json;

use super::WorkDir;
use crate::{Context, LogTarget, Progress, failure, interrupted, start_logging};

#[derive(Args, Debug)]
pub(crate) struct LocalnetArgs {
    /// Directory for keys, the relay's data and network.json [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Number of gateways
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    gateways: u8,
    /// Server on this machine that the network's exit may connect to; may be given several times
    /// [default: every port of 127.0.0.0/8]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    exit_allow: Vec<SocketAddr>,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected something like 127.0.0.1:8765".to_owned())?;
    if address.is_ipv4() && address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the exit of a local network reaches 127.0.0.0/8 only".to_owned())
    }
}

/// `network.json` exists while everything runs.
pub(crate) async fn run(args: LocalnetArgs, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    let stop = interrupted()?;
    let dir = WorkDir::open(args.dir, "localnet")?;
    let file = dir.path().join("network.json");
    // Others take the file as the sign that all is ready: one that a killed run left must go first.
    remove(&file)?;

    let progress = Progress::begin(&context.out, log);
    progress.phase(&format!("Starting three mixes, {} gateways and an exit", args.gateways));
    let config = LocalnetConfig {
        dir: Some(dir.path().join("mixnet")),
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
        relay = start_relay(&localnet, dir.path().join("relay")) => relay,
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
            "Everything runs ({}). Start a daemon on it: bauta --home DIR up --network {}",
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

/// A relay on a local network, with the quick traffic profile because nobody hides there.
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
