//! `network.json`: where a running local network is, for other processes.

use std::{net::SocketAddr, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    NetworkFileError, StoreError,
    store::{read_json, write_json},
};

/// The public side of a running network, without secrets. `docs/network-json.md` has the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFile {
    /// 1.
    pub version: u32,
    /// The base address of the nym-api routes, `http://127.0.0.1:PORT/api/`.
    pub api: String,
    /// All nodes: mixes first, then gateways.
    pub nodes: Vec<NodeEntry>,
    /// Bauta relays that serve on this network. Whoever starts them adds them.
    #[serde(default)]
    pub relays: Vec<RelayEntry>,
    /// The Nym address of an exit, which reaches servers of this machine; none if the network has no exit.
    #[serde(default)]
    pub exit: Option<String>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// The node's number in the topology.
    pub id: u32,
    /// What it does.
    pub role: NodeRole,
    /// The mix layer, 1 to 3; absent for gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u8>,
    /// Its Ed25519 identity, base58.
    pub identity: String,
    /// Where it takes Sphinx packets from other nodes.
    pub mix: SocketAddr,
    /// Where it takes clients; absent for mixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket: Option<SocketAddr>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// One of the three mix layers.
    Mix,
    /// Entry and exit of clients.
    Gateway,
}

/// A Bauta relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEntry {
    /// The relay id, base64url.
    pub id: String,
    /// The relay's address, `bauta-relay:…`.
    pub address: String,
}

impl NetworkFile {
    /// Reads a file and checks that it names nothing but this machine.
    ///
    /// # Errors
    /// [`NetworkFileError`] if there is no such file, it is damaged, of another version,
    /// or names an address that is not on loopback.
    pub fn read(path: &Path) -> Result<Self, NetworkFileError> {
        let failed = |source| NetworkFileError::Store { path: path.to_owned(), source };
        let file = read_json::<NetworkFile>(path).and_then(|file| {
            file.ok_or_else(|| StoreError::Io {
                action: "open",
                path: path.to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
            })
        });
        let file = file.map_err(failed)?;
        if file.version != 1 {
            return Err(NetworkFileError::Version { path: path.to_owned(), version: file.version });
        }
        match file.foreign_address() {
            Some(address) => Err(NetworkFileError::NotLocal { path: path.to_owned(), address }),
            None => Ok(file),
        }
    }

    /// Writes the file (mode 0600) in one step: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// [`NetworkFileError::Store`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), NetworkFileError> {
        write_json(path, self).map_err(|source| NetworkFileError::Store { path: path.to_owned(), source })
    }

    fn foreign_address(&self) -> Option<String> {
        let sockets = self.nodes.iter().flat_map(|node| [Some(node.mix), node.websocket]).flatten();
        let foreign = sockets.filter(|socket| !socket.ip().is_loopback()).map(|socket| socket.to_string());
        let api = (!is_loopback_api(&self.api)).then(|| self.api.clone());
        foreign.chain(api).next()
    }
}

fn is_loopback_api(url: &str) -> bool {
    url.strip_prefix("http://")
        .and_then(|rest| rest.split('/').next())
        .and_then(|host| host.parse::<SocketAddr>().ok())
        .is_some_and(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> NetworkFile {
        let node = |id, role, layer, websocket| NodeEntry {
            id,
            role,
            layer,
            identity: "6qidVK21zpHD298jdDa1RRpbRozP29ENVyqcSbm6hQrG".into(),
            mix: "127.0.0.1:20001".parse().unwrap(),
            websocket,
        };
        NetworkFile {
            version: 1,
            api: "http://127.0.0.1:20000/api/".into(),
            nodes: vec![
                node(1, NodeRole::Mix, Some(1), None),
                node(4, NodeRole::Gateway, None, Some("127.0.0.1:20002".parse().unwrap())),
            ],
            relays: vec![RelayEntry { id: "AAAA".into(), address: "bauta-relay:AAAA".into() }],
            exit: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.json");
        file().write(&path).unwrap();
        assert_eq!(NetworkFile::read(&path).unwrap(), file());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""role": "mix""#) && text.contains(r#""exit": null"#));
        std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
        assert_eq!(NetworkFile::read(&path).unwrap(), file(), "as some editors save it");
    }

    #[test]
    fn only_loopback_and_version_one_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.json");
        assert!(matches!(NetworkFile::read(&path), Err(NetworkFileError::Store { .. })));
        NetworkFile { version: 2, ..file() }.write(&path).unwrap();
        assert!(matches!(NetworkFile::read(&path), Err(NetworkFileError::Version { version: 2, .. })));
        for api in [
            "https://127.0.0.1:1/api/",
            "http://example.org/api/",
            "http://127.0.0.1@evil.example:80/",
            "",
            "http://10.0.0.1:80/",
        ] {
            NetworkFile { api: api.into(), ..file() }.write(&path).unwrap();
            assert!(matches!(NetworkFile::read(&path), Err(NetworkFileError::NotLocal { .. })), "{api}");
        }
        let mut foreign = file();
        foreign.nodes[1].websocket = Some("192.0.2.1:80".parse().unwrap());
        foreign.write(&path).unwrap();
        assert!(matches!(NetworkFile::read(&path), Err(NetworkFileError::NotLocal { .. })));
    }
}
