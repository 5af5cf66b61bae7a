//! `GET /metrics` on a loopback address, for Prometheus on the same machine.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::error::RelayError;

/// A metrics endpoint that listens.
pub(crate) struct Exporter {
    /// Where it listens, with the port that was given out.
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exporter {
    pub(crate) async fn start(
        address: SocketAddr,
        desk: Arc<Desk>,
        stop: CancellationToken,
    ) -> Result<Self, RelayError> {
        if !address.ip().is_loopback() {
            return Err(RelayError::MetricsNotLoopback(address));
        }
        let failed = |source| RelayError::Metrics { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let router = Router::new().route("/metrics", get(metrics)).with_state(desk);
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::warn!(%error, "The metrics endpoint ended; the relay continues without it.");
            }
        });
        Ok(Self { address, task })
    }

    /// Ends the endpoint. A scraper that keeps its connection open does not delay the stop.
    pub(crate) async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn metrics(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    // A web page that has its own name point to 127.0.0.1 would otherwise read this through the visitor's browser.
    if !headers.get(header::HOST).is_some_and(|host| is_local(host.as_bytes())) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match desk.render_metrics() {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn is_local(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use bauta_protocol::descriptor::RelayIdentity;
    use bauta_protocol::id::DoorAddress;
    use getrandom::SysRng;
    use rand_core::UnwrapErr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::desk::DeskConfig;
    use crate::meter::Meter;
    use crate::sqlite::{SqliteOptions, SqliteStorage};

    async fn desk(home: &std::path::Path, meter: Meter) -> Arc<Desk> {
        let store = SqliteStorage::open(&home.join("relay.db"), SqliteOptions::default()).unwrap();
        let identity = RelayIdentity::from_bytes(&[7; 32]).unwrap();
        let config = DeskConfig { meter: Arc::new(meter), ..DeskConfig::default() };
        let doors = vec![DoorAddress([1; 96])];
        let rng = Box::new(UnwrapErr(SysRng));
        Arc::new(Desk::open(Arc::new(store), identity, doors, rng, config).await.unwrap())
    }

    async fn fetch(address: SocketAddr, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_are_served_to_this_machine_only() {
        let home = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let desk = desk(home.path(), Meter::on()).await;
        let address = "127.0.0.1:0".parse().unwrap();
        let exporter = Exporter::start(address, Arc::clone(&desk), stop.clone()).await.unwrap();
        let local = exporter.address.to_string();
        let answer = fetch(exporter.address, "/metrics", &local).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("bauta_relay_fill_ratio 0"));
        assert!(fetch(exporter.address, "/metrics", "rebound.example").await.starts_with("HTTP/1.1 403"));
        assert!(fetch(exporter.address, "/", &local).await.starts_with("HTTP/1.1 404"));
        let gone = exporter.address;
        stop.cancel();
        exporter.end().await;
        assert!(TcpStream::connect(gone).await.is_err());
        let open = Exporter::start("0.0.0.0:0".parse().unwrap(), desk, stop).await;
        assert!(matches!(open, Err(RelayError::MetricsNotLoopback(_))));
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        for host in ["127.0.0.1:9000", "127.0.0.1", "localhost:9000", "localhost", "[::1]:9000"] {
            assert!(is_local(host.as_bytes()), "{host}");
        }
        for host in ["example.org:9000", "example.org", "10.0.0.1:9000", "localhost.example.org", ""] {
            assert!(!is_local(host.as_bytes()), "{host}");
        }
        assert!(!is_local(&[0xff, 0xfe]));
    }
}
