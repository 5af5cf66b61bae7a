//! No socket of this process, clients included, leaves the machine.

use std::{fs, net::Ipv4Addr};

use bauta_localnet::{Localnet, LocalnetConfig};

use crate::support::{connect, hear, send};

/// Local and remote address of each IPv4 socket of this process; IPv6 ones count as foreign.
fn sockets() -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let inodes: Vec<String> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(name.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "udp", "tcp6", "udp6"] {
        // A machine without IPv6 has no tables for it.
        let Ok(text) = fs::read_to_string(format!("/proc/self/net/{table}")) else { continue };
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if !inodes.iter().any(|inode| inode == fields[9]) {
                continue;
            }
            assert!(!table.ends_with('6'), "an IPv6 socket: {line}");
            found.push((address(fields[1]), address(fields[2])));
        }
    }
    found
}

/// `0100007F:4E20` is 127.0.0.1, port 20000, on a little-endian machine (proc(5)).
fn address(field: &str) -> Ipv4Addr {
    let word = u32::from_str_radix(field.split(':').next().unwrap(), 16).unwrap();
    Ipv4Addr::from(word.to_ne_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_is_on_loopback() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    send(&alice, *bob.nym_address(), "hello").await;
    hear(&mut bob, "hello").await;
    let sockets = sockets();
    // One api, five mix ports, two websockets; two clients and the hops between, both ends.
    assert!(sockets.len() >= 8 + 2 * 2 + 2 * 4, "{} sockets are found", sockets.len());
    for (local, remote) in sockets {
        assert!(local.is_loopback(), "{local}");
        assert!(remote.is_loopback() || remote.is_unspecified(), "{remote}");
    }
    net.stop().await;
}
