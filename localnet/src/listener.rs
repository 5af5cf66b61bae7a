//! Sockets on loopback, and the loop that accepts connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use rand::Rng;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Below the range from which systems draw the ports of outgoing connections, wherever that begins:
/// a stopped node must find its port free again.
const PORTS: Range<u16> = 20_000..32_000;
/// Where Linux says from which ports it draws.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Ports that other programs may count on are left alone.
const LEAST_PORT: u16 = 2_000;
/// So few ports below the range are not worth having.
const LEAST_CHOICE: u16 = 1_000;
/// How long a restarted node waits for its port.
const REBIND_PATIENCE: Duration = Duration::from_secs(5);
const REBIND_PAUSE: Duration = Duration::from_millis(20);
/// After an error that `accept` repeats at once, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The loopback address with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Keeps other local networks, of this process or another, from drawing a port while its node is down:
/// each takes the UDP port of the same number first. Nothing is sent or received there.
#[derive(Debug)]
pub(crate) struct Mark {
    _socket: Option<UdpSocket>,
}

impl Mark {
    fn on(port: u16) -> io::Result<Self> {
        Ok(Mark { _socket: Some(UdpSocket::bind(loopback(port))?) })
    }

    /// Marks a port that is ours in any case.
    pub(crate) fn try_on(port: u16) -> Self {
        Mark { _socket: UdpSocket::bind(loopback(port)).ok() }
    }
}

/// Binds a free port.
pub(crate) async fn bind_any() -> io::Result<(TcpListener, Mark)> {
    let ports = ports(std::fs::read_to_string(EPHEMERAL).ok().as_deref());
    for _ in 0..1_000 {
        let port = rand::thread_rng().gen_range(ports.clone());
        let Ok(mark) = Mark::on(port) else { continue };
        match TcpListener::bind(loopback(port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done.map(|listener| (listener, mark)),
        }
    }
    Ok((TcpListener::bind(loopback(0)).await?, Mark { _socket: None }))
}

/// The ports to draw from, given what Linux says.
fn ports(ephemeral: Option<&str>) -> Range<u16> {
    let lowest = ephemeral.and_then(|text| text.split_whitespace().next()?.parse::<u16>().ok());
    match lowest {
        Some(lowest) if (LEAST_PORT + LEAST_CHOICE..PORTS.end).contains(&lowest) => {
            PORTS.start.min(lowest / 2).max(LEAST_PORT)..lowest
        }
        _ => PORTS,
    }
}

/// Binds a port that was this node's before, waiting for it a little.
pub(crate) async fn bind_again(port: u16) -> io::Result<TcpListener> {
    let deadline = Instant::now() + REBIND_PATIENCE;
    loop {
        match TcpListener::bind(loopback(port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                sleep(REBIND_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// The tasks of a node while it is up. Cancelling ends all of them.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Scope {
    pub(crate) fn child_of(parent: &CancellationToken) -> Self {
        Scope { token: parent.child_token(), tracker: TaskTracker::new() }
    }

    /// Runs a task until it ends or the scope does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tracker.spawn(async move {
            token.run_until_cancelled(task).await;
        });
    }

    pub(crate) fn is_over(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends all tasks and waits until their sockets are closed.
    pub(crate) async fn end(&self) {
        self.token.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Accepts connections and runs each in a task of its own; at most `limit` at a time, more are closed.
    pub(crate) fn accept<F>(
        &self,
        listener: TcpListener,
        limit: usize,
        serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let scope = self.clone();
        self.spawn(async move {
            let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                // Without it Nagle's algorithm adds up to 40 ms to small writes; failure only costs time.
                let _ = stream.set_nodelay(true);
                let connection = serve(stream);
                scope.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_drawn_below_those_of_outgoing_connections() {
        assert_eq!(ports(Some("32768\t60999\n")), PORTS);
        assert_eq!(ports(None), PORTS);
        assert_eq!(ports(Some("garbage")), PORTS);
        assert_eq!(ports(Some("16000 65535")), 8_000..16_000);
        assert_eq!(ports(Some("3000 65535")), 2_000..3_000);
        // If there is no room below, a node may find its port in use.
        assert_eq!(ports(Some("1024 65535")), PORTS);
        for lowest in 0..=u16::MAX {
            assert!(!ports(Some(&format!("{lowest} 65535"))).is_empty());
        }
    }

    #[tokio::test]
    async fn a_drawn_port_is_free_for_its_node_again() {
        let (listener, mark) = bind_any().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(Mark::on(port).is_err(), "nobody else draws it meanwhile");
        bind_again(port).await.unwrap();
        drop(mark);
        Mark::on(port).unwrap();
    }
}
