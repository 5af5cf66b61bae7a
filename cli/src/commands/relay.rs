use bauta_ipc::{Exit, RpcError, codes};
use bauta_relay::{Relay, RelayConfig};
use serde_json::json;

use super::network::{self, SLOW};
use crate::args;
use crate::{Context, LogTarget, Progress, failure, interrupted, start_logging};

/// `bauta relay`: prints its address when it is up, and serves until a signal.
pub(super) async fn run(args: args::Relay, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    let stop = interrupted()?;
    let chosen = network::choose(&args.network, args.traffic)?;
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
