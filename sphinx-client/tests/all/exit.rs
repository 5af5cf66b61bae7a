//! Streams through exits to servers on loopback.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bauta_localnet::{Epochs, ExitPolicy, Localnet, LocalnetConfig};
use bauta_sphinx_client::{ExitAddress, ExitStream, Exits, Mixnet, OpenError, Traffic};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::*;

const SOON: Duration = Duration::from_secs(180);
/// Longer than a stream waits before it gives itself up.
const STALLED: Duration = Duration::from_secs(200);

pub async fn net_with_exits(exit: ExitPolicy, exits: usize, gateways: usize) -> Localnet {
    log();
    Localnet::start(LocalnetConfig { gateways, exit, exits, ..Default::default() }).await.unwrap()
}

fn fixed(net: &Localnet) -> Vec<ExitAddress> {
    net.exits().iter().map(|exit| exit.address().parse().unwrap()).collect()
}

/// A TCP server on loopback that runs `serve` for each connection, and counts those open.
struct Server {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    peers: Arc<std::sync::Mutex<Vec<SocketAddr>>>,
}

impl Server {
    async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, peers) = (Arc::<AtomicUsize>::default(), Arc::<std::sync::Mutex<Vec<_>>>::default());
        let (count, seen) = (Arc::clone(&open), Arc::clone(&peers));
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                seen.lock().unwrap().push(peer);
                count.fetch_add(1, Ordering::SeqCst);
                let (connection, count) = (serve(stream), Arc::clone(&count));
                tokio::spawn(async move {
                    connection.await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, open, peers }
    }

    async fn echo() -> Self {
        Self::start(|mut stream| async move {
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        })
        .await
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

pub async fn open(exits: &Exits, port: u16) -> ExitStream {
    timeout(SOON, exits.open("127.0.0.1", port)).await.unwrap().unwrap()
}

/// Writes and reads at once, as `bytes` are more than either side keeps.
async fn there_and_back(stream: ExitStream, bytes: &[u8]) -> ExitStream {
    try_there_and_back(stream, bytes).await.unwrap()
}

async fn try_there_and_back(stream: ExitStream, bytes: &[u8]) -> std::io::Result<ExitStream> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut back = Vec::with_capacity(bytes.len());
    let writing = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    // On a busy machine it takes long; it continues while bytes arrive.
    let reading = async {
        while back.len() < bytes.len() {
            let mut some = (&mut reader).take((bytes.len() - back.len()) as u64);
            let read = timeout(STALLED, some.read_buf(&mut back));
            let read = read.await.expect("bytes come back, or the stream fails")?;
            assert!(read > 0, "the stream ended after {} bytes", back.len());
            assert!(bytes.starts_with(&back), "the same bytes in the same order");
        }
        Ok(())
    };
    tokio::try_join!(writing, reading)?;
    Ok(reader.unsplit(writer))
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_over_an_exit_of_the_directory() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(Vec::new());
    assert!(exits.nym_address().is_none(), "nothing is connected before it is needed");
    let stream = open(&exits, server.port()).await;
    assert_eq!(exits.streams(), Some(1));
    let stream = there_and_back(stream, b"hello").await;
    there_and_back(stream, &noise(3000)).await;
    until("the server's side is closed", || server.open() == 0).await;
    until("the stream is forgotten", || exits.streams().is_none_or(|open| open == 0)).await;
    exits.stop().await;
    assert_eq!(exits.open("127.0.0.1", server.port()).await.unwrap_err(), OpenError::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_share_a_client_and_do_not_mix() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let streams = (1..=4usize).map(|n| {
        let (exits, port) = (exits.clone(), server.port());
        tokio::spawn(async move { there_and_back(open(&exits, port).await, &noise(n * 5000)).await })
    });
    let streams: Vec<_> = streams.collect();
    let mut open = Vec::new();
    for stream in streams {
        open.push(stream.await.unwrap());
    }
    assert_eq!(exits.streams(), Some(4));
    exits.stop().await;
    for mut stream in open {
        assert!(
            timeout(SOON, stream.read(&mut [0; 1])).await.unwrap().is_err(),
            "stopping ends every stream"
        );
    }
}

/// What becomes of `bytes` there and back while packets are lost: whether all came.
async fn all_or_a_clear_end(exits: &Exits, port: u16, bytes: &[u8]) -> bool {
    let stream = match timeout(SOON, exits.open("127.0.0.1", port)).await.unwrap() {
        Ok(stream) => stream,
        // The opening is a packet too.
        Err(error) => {
            assert_eq!(error, OpenError::Timeout);
            return false;
        }
    };
    match try_there_and_back(stream, bytes).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
            false
        }
    }
}

/// The SDK of an exit sometimes loses a piece for good. What is asked of a stream then: it ends with an error, it never
/// hangs, and no byte that was read is a wrong one. How often all comes through is a matter of luck, the less the more
/// pieces there are; so much is tried a few times, and little until it has come through.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_right_both_ways_while_packets_are_lost() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 3).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(Vec::new());
    drop(open(&exits, server.port()).await);
    for mix in net.mixes() {
        mix.set_drop(30);
    }
    for _ in 0..2 {
        all_or_a_clear_end(&exits, server.port(), &noise(200_000)).await;
    }
    let mut tries = 0;
    while !all_or_a_clear_end(&exits, server.port(), &noise(10_000)).await {
        tries += 1;
        assert!(tries < 20, "nothing comes through");
    }
    assert!(net.stats().total().dropped > 0);
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_reached_by_name() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let body = "x".repeat(20_000);
    let page = body.clone();
    let server = Server::start(move |mut stream| {
        let page = page.clone();
        async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                request.push(byte);
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(page.as_bytes()).await.unwrap();
        }
    })
    .await;
    let exits = mixnet(&net).exits(Vec::new());
    let mut stream = timeout(SOON, exits.open("localhost", server.port())).await.unwrap().unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // The server closes: that is the end of the stream.
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(&body));
    assert!(stream.write_all(b"more").await.is_err(), "the end of one side is the end of both");
    drop(stream);
    until("the stream is forgotten", || exits.streams().is_none_or(|open| open == 0)).await;
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_dead_ports_have_their_own_errors() {
    let server = Server::echo().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = free.local_addr().unwrap();
    drop(free);
    let net = net_with_exits(ExitPolicy::Only(vec![server.address, dead]), 1, 2).await;
    let other = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let outcome = async |host: &str, port| timeout(SOON, exits.open(host, port)).await.unwrap().map(drop);
    assert_eq!(outcome("127.0.0.1", other.port()).await, Err(OpenError::Refused));
    assert_eq!(outcome("example.org", 443).await, Err(OpenError::Refused));
    assert_eq!(outcome("10.0.0.1", 80).await, Err(OpenError::Refused));
    assert_eq!(outcome("127.0.0.1", dead.port()).await, Err(OpenError::Unreachable));
    assert_eq!(outcome("no host", 80).await, Err(OpenError::Host));
    assert_eq!(outcome("127.0.0.1", server.port()).await, Ok(()));
    assert_eq!(other.peers.lock().unwrap().len(), 0);
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_exit_there_is_an_error() {
    let net = net(2).await;
    let exits = mixnet(&net).exits(Vec::new());
    assert_eq!(timeout(SOON, exits.open("127.0.0.1", 80)).await.unwrap().unwrap_err(), OpenError::NoExit);
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_that_is_gone_is_replaced_and_comes_back() {
    let net = net_with_exits(ExitPolicy::Loopback, 2, 5).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    there_and_back(open(&exits, server.port()).await, b"over the first").await;
    net.exits()[0].stop().await;
    let start = Instant::now();
    there_and_back(open(&exits, server.port()).await, b"over the second").await;
    let slow = start.elapsed();
    let start = Instant::now();
    there_and_back(open(&exits, server.port()).await, b"over the second at once").await;
    assert!(start.elapsed() < slow / 2, "the failure is remembered: {slow:?}, then {:?}", start.elapsed());

    // The same address works again after a restart; and it is used when the other is gone.
    let address = net.exits()[0].address();
    net.exits()[0].start().await.unwrap();
    assert!(net.exits()[0].is_up() && net.exits()[0].address() == address);
    net.exits()[1].stop().await;
    there_and_back(open(&exits, server.port()).await, b"over the first again").await;
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_one_side_ends_both() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let mut stream = open(&exits, server.port()).await;
    stream.write_all(b"one").await.unwrap();
    let mut back = [0; 3];
    timeout(SOON, stream.read_exact(&mut back)).await.unwrap().unwrap();
    timeout(SOON, stream.shutdown()).await.unwrap().unwrap();
    assert_eq!(stream.read(&mut back).await.unwrap(), 0);
    assert!(stream.write_all(b"two").await.is_err());
    until("the server's side is closed", || server.open() == 0).await;

    // Dropping does the same, after what was written.
    let lines = Arc::<std::sync::Mutex<Vec<u8>>>::default();
    let sink = Arc::clone(&lines);
    let server = Server::start(move |mut stream| {
        let sink = Arc::clone(&sink);
        async move {
            let mut read = Vec::new();
            let _ = stream.read_to_end(&mut read).await;
            sink.lock().unwrap().extend(read);
        }
    })
    .await;
    let mut stream = open(&exits, server.port()).await;
    stream.write_all(&noise(30_000)).await.unwrap();
    drop(stream);
    until("everything written arrives", || *lines.lock().unwrap() == noise(30_000)).await;
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_closed_when_idle_and_made_anew() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let stream = there_and_back(open(&exits, server.port()).await, b"first").await;
    let first = exits.nym_address().unwrap();
    // Not while a stream is open, however quiet.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stream = there_and_back(stream, b"still there").await;
    assert!(exits.nym_address() == Some(first));
    drop(stream);
    until("the client is closed", || exits.nym_address().is_none()).await;
    assert_eq!(exits.streams(), None);
    there_and_back(open(&exits, server.port()).await, b"second").await;
    assert!(exits.nym_address().is_some_and(|address| address != first), "another identity");
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_fails_in_bounded_memory() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    const PIECE: usize = 16 << 10;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let server = Server::start(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            while stream.write_all(&[7; PIECE]).await.is_ok() {
                count.fetch_add(PIECE, Ordering::Relaxed);
            }
        }
    })
    .await;
    let exits = mixnet(&net).exits(fixed(&net));
    let mut stream = open(&exits, server.port()).await;
    // The stream ends, and the exit gets the end.
    until("the server's side is closed", || server.open() == 0).await;
    let mut buffer = vec![0; 64 << 10];
    let error = timeout(SOON, stream.read(&mut buffer)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("than was read"), "{error}");
    // A stream keeps 4 MiB. What the exit took beside it, it kept in its memory.
    let written = written.load(Ordering::Relaxed);
    assert!(written < 256 << 20, "the exit took {written} bytes");
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_their_gateway_and_new_ones_take_another() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 5).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let mut stream = there_and_back(open(&exits, server.port()).await, b"before").await;
    let first = exits.gateway().unwrap();
    assert_ne!(first, net.exits()[0].gateway(), "where there is a choice, no exit's gateway becomes a guard");
    net.gateways().iter().find(|gateway| gateway.identity() == first).unwrap().stop().await;
    stream.write_all(b"anyone there?").await.unwrap();
    let lost = timeout(SOON, stream.read(&mut [0; 1])).await.expect("a dead gateway is noticed");
    assert!(lost.is_err());
    there_and_back(open(&exits, server.port()).await, b"after").await;
    assert_ne!(exits.gateway().unwrap(), first);
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_socket_leads_from_the_client_to_the_server() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let stream = there_and_back(open(&exits, server.port()).await, b"who are you?").await;
    assert_eq!(server.peers.lock().unwrap().len(), 1);
    // The exit made the only connection: when it is gone, so is the connection, though the client lives.
    net.exits()[0].stop().await;
    until("the server's side is closed", || server.open() == 0).await;
    assert!(exits.nym_address().is_some());
    drop(stream);
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_lives_through_rotations_of_the_mixes_keys() {
    log();
    // An eighth of an epoch is how often the SDK looks for a rotation.
    let epochs = Epochs { duration: Duration::from_secs(8), ..Epochs::default() };
    let config = LocalnetConfig { exit: ExitPolicy::Loopback, epochs, ..Default::default() };
    let net = Localnet::start(config).await.unwrap();
    let server = Server::echo().await;
    let exits = mixnet(&net).exits(fixed(&net));
    let mut stream = open(&exits, server.port()).await;
    for _ in 0..3 {
        net.rotate_keys().await.unwrap();
        // Both sides have moved on before the next: as many seconds as a topology may be old, and bytes went through.
        let begun = Instant::now();
        let mut trips = 0;
        while trips < 10 || begun.elapsed() < Duration::from_secs(5) {
            stream = there_and_back(stream, &noise(500)).await;
            trips += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_full_profile_carries_streams_too() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = Server::echo().await;
    let mixnet = Mixnet::new(network(&net), Traffic::Full, Arc::new(Keeper::default())).unwrap();
    let exits = mixnet.exits(Vec::new());
    there_and_back(open(&exits, server.port()).await, &noise(20_000)).await;
    exits.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ways_out_share_no_client_no_tag_and_no_exit() {
    let net = net_with_exits(ExitPolicy::Loopback, 3, 4).await;
    let server = Server::echo().await;
    let mixnet = mixnet(&net);
    let ways: Vec<Exits> = (0..3).map(|_| mixnet.exits(Vec::new())).collect();
    let mut streams = Vec::new();
    // Two streams each, begun at the same time.
    let opening = ways.iter().flat_map(|way| [open(way, server.port()), open(way, server.port())]);
    for stream in futures::future::join_all(opening).await {
        streams.push(there_and_back(stream, &noise(5000)).await);
    }
    let addresses: HashSet<_> = ways.iter().map(|way| way.nym_address().unwrap().0).collect();
    assert_eq!(addresses.len(), 3);
    let mut tags = HashSet::new();
    for exit in net.exits() {
        let senders = exit.senders();
        assert_eq!(senders.values().copied().collect::<Vec<_>>(), [2], "one client, with both its streams");
        tags.extend(senders.into_keys());
    }
    assert_eq!(tags.len(), 3);
    drop(streams);
    for way in &ways {
        until("idle clients are closed", || way.nym_address().is_none()).await;
    }
    // Each comes back to its own exit, under a new tag.
    for way in &ways {
        open(way, server.port()).await;
    }
    for exit in net.exits() {
        assert_eq!(exit.senders().len(), 2);
    }
    for way in ways {
        way.stop().await;
    }
}

/// Nine ways out, and a stream of each of the eight that may be in use at a time.
async fn as_many_as_there_may_be(server: &Server) -> (Localnet, Vec<Exits>, Vec<ExitStream>) {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let mixnet = mixnet(&net);
    let ways: Vec<Exits> = (0..9).map(|_| mixnet.exits(fixed(&net))).collect();
    let mut streams = Vec::new();
    for way in &ways[..8] {
        streams.push(open(way, server.port()).await);
    }
    (net, ways, streams)
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_out_beyond_the_most_wait_for_one_that_is_idle() {
    let server = Server::echo().await;
    let (_net, ways, mut streams) = as_many_as_there_may_be(&server).await;
    let refused = timeout(SOON, ways[8].open("127.0.0.1", server.port())).await.unwrap();
    assert_eq!(refused.unwrap_err(), OpenError::Busy);
    streams.pop();
    let start = Instant::now();
    while let Err(error) = ways[8].open("127.0.0.1", server.port()).await {
        assert!(error == OpenError::Busy && start.elapsed() < SOON, "{error}");
    }
    for way in ways {
        way.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_ended_leave_their_places() {
    let server = Server::echo().await;
    let (net, ways, mut streams) = as_many_as_there_may_be(&server).await;
    for gateway in net.gateways() {
        gateway.stop().await;
    }
    // Each notices its loss when it sends.
    for stream in &mut streams {
        let _ = stream.write_all(b"lost").await;
    }
    until("all have lost their gateway", || ways.iter().all(|way| way.nym_address().is_none())).await;
    for gateway in net.gateways() {
        gateway.start().await.unwrap();
    }
    let start = Instant::now();
    while let Err(error) = ways[8].open("127.0.0.1", server.port()).await {
        assert!(error != OpenError::Busy && start.elapsed() < SOON, "{error}");
    }
    for way in ways {
        way.stop().await;
    }
}
