//! What a network with a directory keeps: keys, ports and registrations, in files of mode 0600.

use std::{
    io,
    path::{Path, PathBuf},
};

use bauta_private_file::{self as private_file, ReadError};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::StoreError;

/// No file of ours is larger.
const MAX_FILE: u64 = 16 << 20;

/// The directory of one network.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    dir: PathBuf,
}

impl Store {
    /// Opens the directory, creating it if need be, and closes it to other users.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        private_file::close_dir(dir).map_err(|source| io_error("create", dir, source))?;
        Ok(Store { dir: dir.to_owned() })
    }

    /// The network of an earlier run.
    pub(crate) fn load(&self) -> Result<Option<SavedNetwork>, StoreError> {
        let path = self.dir.join("network-keys.json");
        let Some(saved) = read_json::<SavedNetwork>(&path)? else { return Ok(None) };
        match saved.version {
            1 => Ok(Some(saved)),
            version => Err(damaged(&path, format!("version {version} is unknown"))),
        }
    }

    pub(crate) fn save(&self, network: &SavedNetwork) -> Result<(), StoreError> {
        write_json(&self.dir.join("network-keys.json"), network)
    }

    /// The clients of one gateway.
    pub(crate) fn load_clients(&self, node: u32) -> Result<Vec<SavedClient>, StoreError> {
        let path = self.clients_path(node);
        Ok(read_json::<SavedClients>(&path)?.map(|saved| saved.clients).unwrap_or_default())
    }

    pub(crate) fn save_clients(&self, node: u32, clients: Vec<SavedClient>) -> Result<(), StoreError> {
        write_json(&self.clients_path(node), &SavedClients { clients })
    }

    /// Where an exit's Nym client keeps its keys.
    pub(crate) fn exit_dir(&self, number: usize) -> Result<PathBuf, StoreError> {
        Ok(Store::open(&self.dir.join(format!("exit-{number}")))?.dir)
    }

    fn clients_path(&self, node: u32) -> PathBuf {
        self.dir.join(format!("clients-{node}.json"))
    }
}

/// Everything that must stay the same over a restart, but the clients.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedNetwork {
    pub(crate) version: u32,
    pub(crate) api_port: u16,
    pub(crate) epoch: u32,
    /// Milliseconds since the Unix epoch.
    pub(crate) epoch_started: i64,
    pub(crate) nodes: Vec<SavedNode>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedNode {
    pub(crate) id: u32,
    pub(crate) mix_port: u16,
    /// Gateways only.
    pub(crate) websocket_port: Option<u16>,
    pub(crate) identity: Secret,
    pub(crate) sphinx: SavedKey,
    pub(crate) previous_sphinx: Option<SavedKey>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedKey {
    pub(crate) rotation: u32,
    pub(crate) secret: Secret,
}

#[derive(Serialize, Deserialize)]
struct SavedClients {
    clients: Vec<SavedClient>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SavedClient {
    /// The client's identity, as its address in Sphinx packets.
    #[serde(with = "hex32")]
    pub(crate) address: [u8; 32],
    pub(crate) key: Secret,
}

/// 32 secret bytes, in files as hex.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret(pub(crate) [u8; 32]);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(HEXLOWER.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex32::deserialize(deserializer).map(Secret)
    }
}

mod hex32 {
    use super::{Deserialize, Deserializer, HEXLOWER, Serializer, Zeroizing};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = HEXLOWER.decode(text.as_bytes()).map(Zeroizing::new).ok();
        bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
            .ok_or_else(|| serde::de::Error::custom("expected 64 hex digits"))
    }
}

/// Reads a JSON file of bounded size; `None` if there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let text = private_file::read(path, MAX_FILE).map_err(|error| match error {
        ReadError::Io(source) => io_error("read", path, source),
        error => damaged(path, error.to_string()),
    })?;
    let Some(text) = text else { return Ok(None) };
    // Whoever edits such a file may have an editor that puts a byte order mark before it.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    // The position is safe to show, the content is not: it may be a key.
    serde_json::from_slice(text)
        .map(Some)
        .map_err(|error| damaged(path, format!("line {}, column {}", error.line(), error.column())))
}

/// Writes a JSON file of mode 0600; a crash leaves the old one or the new one.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(value)
        .map(Zeroizing::new)
        .map_err(|error| io_error("write", path, error.into()))?;
    private_file::write(path, &text).map_err(|source| io_error("write", path, source))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

fn damaged(path: &Path, what: String) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn clients_come_back_and_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net");
        let store = Store::open(&path).unwrap();
        assert!(store.load().unwrap().is_none());
        assert!(store.load_clients(4).unwrap().is_empty());
        let client = SavedClient { address: [1; 32], key: Secret([2; 32]) };
        store.save_clients(4, vec![client]).unwrap();
        let clients = store.load_clients(4).unwrap();
        assert_eq!((clients[0].address, clients[0].key.0), ([1; 32], [2; 32]));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("clients-4.json")), 0o600);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn an_open_directory_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Store::open(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_an_error_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for text in ["", "{", "[]", r#"{"clients":[{"address":"abc","key":"5ec7e7"}]}"#] {
            fs::write(store.clients_path(4), text).unwrap();
            let error = store.load_clients(4).map(drop).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{text}");
            assert!(!error.to_string().contains("5ec7e7"));
        }
        fs::write(
            store.dir.join("network-keys.json"),
            r#"{"version":2,"api_port":1,"epoch":1,"epoch_started":0,"nodes":[]}"#,
        )
        .unwrap();
        assert!(matches!(store.load().map(drop), Err(StoreError::Damaged { .. })));
    }
}
