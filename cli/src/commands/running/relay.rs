//! `bauta relay`

use std::net::SocketAddr;
use std::path::PathBuf;

use bauta_ipc::{Exit, RpcError, codes};
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::Traffic;
use clap::Args;
use serde_json::json;

use super::network::{self, NetworkArg, SLOW};
use super::profiles;
use crate::{Context, LogTarget, Progress, failure, interrupted, start_logging};

#[derive(Args, Debug)]
pub(crate) struct RelayArgs {
    /// Directory for its identity, doors and boxes
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// "mainnet", or a network.json written by bauta localnet
    #[arg(long, value_name = "NETWORK", default_value = "mainnet")]
    network: NetworkArg,
    /// Number of doors, each on a gateway of its own where there are enough
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    doors: u8,
    /// Serve Prometheus metrics at this loopback address
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Traffic profile; "test" makes the relay quick on a local network
    #[arg(long, value_name = "PROFILE", default_value = "full", value_parser = profiles())]
    traffic: Traffic,
}

/// Prints the relay's address when it is up, and serves until a signal.
pub(crate) async fn run(args: RelayArgs, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    let stop = interrupted()?;
    let chosen = network::choose(&args.network, Some(args.traffic))?;
    let progress = Progress::begin(&context.out, log);
    progress.phase("Opening the doors: connecting to gateways");
    let config = RelayConfig {
        data: args.data,
        network: chosen.network,
        traffic: args.traffic,
        doors: args.doors.into(),
        metrics: args.metrics,
        observer: None,
    };
    let starting = Relay::start(config);
    tokio::pin!(starting);
    let relay = loop {
        tokio::select! {
            () = stop.cancelled() => return Err(RpcError::new(&codes::INTERRUPTED, "Interrupted while starting.")),
            started = &mut starting => break started.map_err(|error| failure(&error, &codes::RELAY_FAILED))?,
            () = tokio::time::sleep(SLOW) => {
                progress.phase("Opening the doors: still connecting; check this machine's connection");
            }
        }
    };
    progress.say(&format!("The relay is up ({}). Daemons use it with --relay ADDRESS.", progress.elapsed()));
    drop(progress);
    let address = relay.address().to_string();
    let metrics = relay.metrics_address().map(|metrics| metrics.to_string());
    context.out.show(&json!({"address": address, "metrics": metrics}), |_| address.clone())?;
    stop.cancelled().await;
    relay.stop().await.map_err(|error| failure(&error, &codes::RELAY_FAILED))?;
    Ok(Exit::Ok)
}
