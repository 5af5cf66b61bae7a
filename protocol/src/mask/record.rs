//! Records: the post key, encrypted for one recipient, as Gun relays store it.

use rand_core::CryptoRng;
use serde_json::{Map, Number, Value as Json};

use super::base64;
use super::key::{KeyError, PublicKey};
use super::limits::MAX_RECORD_KEY;
use super::payload::Version;
use crate::error::{HasKind, Kind};
use crate::time::Timestamp;

/// The number of secp256k1 among the curves.
const SECP256K1: u64 = 2;

/// One recipient's copy of a post key. Nothing in it names the recipient; readers try to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The encrypted post key: 48 bytes in version -37, 138 before.
    pub encrypted_key: Vec<u8>,
    /// Before version -37: the salt; without one the post's IV takes its place.
    pub salt: Option<[u8; 16]>,
    /// In version -37, for recipients that were appended later: the key to use instead of the payload's.
    pub ephemeral: Option<PublicKey>,
}

impl Record {
    /// The properties of the record's Gun node, as a relay stores them.
    #[must_use]
    pub fn to_properties(&self, version: Version) -> Map<String, Json> {
        let mut node = Map::new();
        let mut set = |name: &str, value: Json| node.insert(name.to_owned(), value);
        let encrypted_key = Json::String(base64::encode(&self.encrypted_key));
        if version == Version::V37 {
            set("e", encrypted_key);
            if let Some(key) = &self.ephemeral {
                set("c", Json::Number(Number::from(SECP256K1)));
                set("k", Json::String(base64::encode(&key.to_uncompressed())));
            }
        } else {
            set("encryptedKey", encrypted_key);
            if let Some(salt) = &self.salt {
                set("salt", Json::String(base64::encode(salt)));
            }
        }
        node
    }

    /// Reads the properties of a Gun node. Anybody can write one, so an error is not a reason to give up on the others.
    ///
    /// # Errors
    /// Every [`RecordError`].
    pub fn from_properties(node: &Map<String, Json>, version: Version) -> Result<Self, RecordError> {
        let current = version == Version::V37;
        let name = if current { "e" } else { "encryptedKey" };
        let encrypted_key = bytes_of(node, name)?.ok_or(RecordError::Property(name))?;
        let salt = if current { None } else { bytes_of(node, "salt")? };
        let salt = salt.map(|salt| salt.try_into().map_err(|_| RecordError::Property("salt"))).transpose()?;
        let ephemeral = if current { bytes_of(node, "k")? } else { None };
        let ephemeral = match ephemeral {
            Some(_) if node.get("c").and_then(Json::as_f64) != Some(SECP256K1 as f64) => {
                return Err(RecordError::Curve);
            }
            Some(key) => Some(PublicKey::from_sec1(&key).map_err(RecordError::Key)?),
            None => None,
        };
        Ok(Self { encrypted_key, salt, ephemeral })
    }
}

/// Why a Gun node is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A property is absent, too long or not base64.
    #[error("the property {0:?} of the record is missing or damaged")]
    Property(&'static str),
    /// The ephemeral key is of another curve.
    #[error("the record's key is not a secp256k1 key")]
    Curve,
    /// The ephemeral key cannot be used.
    #[error("the record's key cannot be used")]
    Key(#[source] KeyError),
}

impl HasKind for RecordError {
    fn kind(&self) -> Kind {
        match self {
            Self::Curve => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

/// A name for a new record's node: the time in base 36 and 12 random characters.
#[must_use]
pub fn record_soul<R: CryptoRng + ?Sized>(now: Timestamp, rng: &mut R) -> String {
    // Gun's own generator leaves out the letter Y; a soul with one would show which program wrote it.
    const CHARACTERS: &[u8; 61] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXZabcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    let mut time = now.0;
    while time > 0 || digits.is_empty() {
        digits.push(char::from_digit((time % 36) as u32, 36).unwrap_or('0'));
        time /= 36;
    }
    let mut soul: String = digits.into_iter().rev().collect();
    while soul.len() < 20 {
        let mut byte = [0];
        rng.fill_bytes(&mut byte);
        // 244 = 4 × 61: taking higher bytes too would favour the first characters.
        if let Some(character) = CHARACTERS.get(usize::from(byte[0]) % 61).filter(|_| byte[0] < 244) {
            soul.push(char::from(*character));
        }
    }
    soul
}

/// A base64 property; `None` when it is absent or null.
fn bytes_of(node: &Map<String, Json>, name: &'static str) -> Result<Option<Vec<u8>>, RecordError> {
    match node.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.len() <= MAX_RECORD_KEY * 4 / 3 + 4 => {
            base64::decode(text).map(Some).ok_or(RecordError::Property(name))
        }
        Some(_) => Err(RecordError::Property(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::SecretKey;
    use proptest::prelude::*;

    fn node(json: &str) -> Map<String, Json> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rubbish_is_refused() {
        for bad in [
            "{}",
            r#"{"e":5}"#,
            r#"{"e":"*"}"#,
            r#"{"encryptedKey":"AA=="}"#,
            r#"{"e":"AA==","k":"AA=="}"#,
            r#"{"e":"AA==","k":"AA==","c":1}"#,
            r#"{"e":"AA==","k":"AA==","c":2}"#,
        ] {
            assert!(Record::from_properties(&node(bad), Version::V37).is_err(), "{bad}");
        }
        let long = format!(r#"{{"e":"{}"}}"#, "A".repeat(MAX_RECORD_KEY * 2));
        assert_eq!(Record::from_properties(&node(&long), Version::V37), Err(RecordError::Property("e")));
        let salt = node(r#"{"encryptedKey":"AA==","salt":"AA=="}"#);
        assert_eq!(Record::from_properties(&salt, Version::V38), Err(RecordError::Property("salt")));
    }

    #[test]
    fn souls_look_like_the_extensions() {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let soul = record_soul(Timestamp(1_795_219_099_721), &mut rng);
        assert_eq!(soul.len(), 20);
        assert!(soul.starts_with("mwpn3mm"), "{soul}");
        assert!(soul.bytes().all(|byte| byte.is_ascii_alphanumeric() && byte != b'Y'));
    }

    proptest! {
        #[test]
        fn round_trip(encrypted_key in prop::collection::vec(any::<u8>(), 0..200), salt: Option<[u8; 16]>, later: bool) {
            let ephemeral = later.then(|| SecretKey::from_bytes(&[7; 32]).unwrap().public());
            let old = Record { encrypted_key: encrypted_key.clone(), salt, ephemeral: None };
            prop_assert_eq!(Record::from_properties(&old.to_properties(Version::V38), Version::V38), Ok(old));
            let new = Record { encrypted_key, salt: None, ephemeral };
            prop_assert_eq!(Record::from_properties(&new.to_properties(Version::V37), Version::V37), Ok(new));
        }

        #[test]
        fn any_node_is_answered(e: String, k: String, c: i64) {
            let node: Map<_, _> = [
                ("e".to_owned(), Json::from(e.clone())),
                ("encryptedKey".to_owned(), Json::from(e)),
                ("k".to_owned(), Json::from(k.clone())),
                ("salt".to_owned(), Json::from(k)),
                ("c".to_owned(), Json::from(c)),
            ]
            .into_iter()
            .collect();
            for version in [Version::V37, Version::V38, Version::V39, Version::V40] {
                let _ = Record::from_properties(&node, version);
            }
        }
    }
}
