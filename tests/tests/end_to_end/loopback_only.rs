//! Where a daemon connects to: its gateways, the directory and its own socket, and nothing else.
//!
//! Mixnet, relay and daemons run in a network namespace that has only a loopback device, and every `connect`, `sendto`
//! and `sendmsg` of one daemon is recorded.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bauta_localnet::NetworkFile;
use bauta_tests::process::Process;
use bauta_tests::program::{ACT_AS_BAUTA, Program};
use bauta_tests::wait::eventually;

const SOON: Duration = Duration::from_secs(180);

/// A command inside a fresh network namespace that has only `lo`, up.
fn isolated(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", &format!("ip link set lo up && exec {script}")]);
    command
}

/// Why this machine cannot run the test, if so.
fn obstacle() -> Option<String> {
    let run = |command: &mut Command| command.output().map(|o| o.status.success()).unwrap_or(false);
    if !run(&mut isolated("true")) {
        return Some("no network namespaces for this user".into());
    }
    if !run(Command::new("strace").args(["-f", "-o", "/dev/null", "true"])) {
        return Some("strace is missing or may not trace".into());
    }
    None
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// Asks a daemon to end. A traced one outlives the tracer that is killed.
struct Down<'a>(&'a Program, &'a Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.0.run(self.1, &["down"]);
    }
}

#[test]
fn the_daemon_talks_to_its_network_only() {
    if let Some(obstacle) = obstacle() {
        println!("skipped: {obstacle}");
        return;
    }
    let program = Program::new(env!("CARGO_BIN_EXE_chaos"));
    let dir = tempfile::tempdir().unwrap();
    let bauta = quoted(program.path());
    let net = dir.path().join("net");
    let with_environment = |mut command: Command| {
        command.env(ACT_AS_BAUTA, "1");
        command
    };

    let script = format!("{bauta} localnet --dir {} --gateways 2", quoted(&net));
    let localnet = Process::start(with_environment(isolated(&script)), &dir.path().join("localnet.log"));
    let network_file = net.join("network.json");
    eventually("network.json", SOON, || network_file.exists().then_some(()));
    let network = NetworkFile::read(&network_file).unwrap();

    let enter = |arguments: &str| {
        let mut command = Command::new("nsenter");
        let pid = localnet.id();
        command.args([
            &format!("--user=/proc/{pid}/ns/user"),
            &format!("--net=/proc/{pid}/ns/net"),
            "sh",
            "-c",
        ]);
        command.arg(format!("exec {arguments}"));
        with_environment(command)
    };
    let homes = ["alice", "bob"].map(|name| dir.path().join(name));
    let trace = dir.path().join("trace");
    let up = |home: &Path| {
        format!(
            "{bauta} --home {} up --network {} --unlock keyfile --traffic test",
            quoted(home),
            quoted(&network_file)
        )
    };
    let traced = format!(
        "strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o {} {}",
        quoted(&trace),
        up(&homes[0])
    );
    let _alice = Process::start(enter(&traced), &dir.path().join("alice.log"));
    let _bob = Process::start(enter(&up(&homes[1])), &dir.path().join("bob.log"));
    let _down = homes.each_ref().map(|home| Down(&program, home));
    for home in &homes {
        eventually("a daemon that is ready", SOON, || {
            let status = program.run(home, &["status"]);
            (status.code == 0 && status.json()["state"] == "ready").then_some(())
        });
    }

    // Everything a daemon does on the network: publish, invite, add, send, receive.
    for home in &homes {
        program.run(home, &["persona", "new", "me"]).ok();
        program.run(home, &["persona", "publish"]).ok();
    }
    let invitation = program.run(&homes[0], &["contact", "invite", "--name", "bob"]).ok();
    program.run(&homes[1], &["contact", "add", "alice", invitation["address"].as_str().unwrap()]).ok();
    eventually("the newcomer", SOON, || {
        let list = program.run(&homes[0], &["contact", "list"]).ok();
        list.as_array().unwrap().iter().any(|c| c["name"] == "bob").then_some(())
    });
    program.run(&homes[0], &["send", "bob", "over loopback", "--wait", "delivered"]).ok();
    program.run(&homes[1], &["send", "alice", "and back", "--wait", "delivered"]).ok();

    let peers = peers(&std::fs::read_to_string(&trace).unwrap());
    println!("peers of the daemon: {peers:?}");
    let mut allowed: BTreeSet<_> =
        network.nodes.iter().filter_map(|n| n.websocket.map(|a| a.to_string())).collect();
    allowed.insert(authority(&network.api));
    let foreign: Vec<_> =
        peers.iter().filter(|peer| !allowed.contains(*peer) && !own_socket(peer, &homes[0])).collect();
    assert!(foreign.is_empty(), "unexpected peers {foreign:?}; allowed are {allowed:?}");
    assert!(
        peers.iter().any(|peer| peer.starts_with("127.0.0.1:")),
        "the trace shows no connection at all: {peers:?}"
    );
}

/// `host:port` of an URL.
fn authority(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

/// AF_UNIX peers that are this daemon's own, or a local service the C library asks (a name service, a log).
fn own_socket(peer: &str, home: &Path) -> bool {
    peer.strip_prefix("unix:").is_some_and(|path| path.starts_with(&*home.to_string_lossy()))
}

/// Every address in a trace: `127.0.0.1:80`, `[::1]:80`, `unix:/path`, or the family's name.
fn peers(trace: &str) -> BTreeSet<String> {
    let between = |line: &str, start: &str, end: &str| -> Option<String> {
        let rest = line.split_once(start)?.1;
        Some(rest.split_once(end)?.0.to_owned())
    };
    let mut peers = BTreeSet::new();
    for line in trace.lines().filter(|line| line.contains("sa_family=")) {
        let family = between(line, "sa_family=", ",").or_else(|| between(line, "sa_family=", "}")).unwrap();
        let peer = match family.as_str() {
            "AF_INET" => {
                let port = between(line, "htons(", ")").unwrap();
                format!("{}:{port}", between(line, "inet_addr(\"", "\"").unwrap())
            }
            "AF_INET6" => {
                let port = between(line, "htons(", ")").unwrap();
                format!("[{}]:{port}", between(line, "inet_pton(AF_INET6, \"", "\"").unwrap())
            }
            "AF_UNIX" => format!(
                "unix:{}",
                between(line, "sun_path=", "\"}").unwrap_or_default().trim_matches(['"', '@'])
            ),
            other => other.to_owned(),
        };
        peers.insert(peer);
    }
    peers
}

#[test]
fn a_trace_is_read() {
    let trace = r#"
12 connect(9, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS
12 connect(9, {sa_family=AF_UNIX, sun_path="/home/x/run/bauta.sock"}, 110) = 0
12 connect(9, {sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0
12 sendto(9, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("9.9.9.9")}, 16) = 1
12 sendto(9, "x", 1, MSG_NOSIGNAL, NULL, 0) = 1
"#;
    let expected = ["127.0.0.1:8080", "9.9.9.9:53", "[::1]:53", "unix:/home/x/run/bauta.sock"];
    assert_eq!(peers(trace).into_iter().collect::<Vec<_>>(), expected);
}
