//! Keys as JSON Web Keys (RFC 7517) in the form that WebCrypto exports.

use zeroize::Zeroizing;

use super::base64;
use super::json;
use super::key::{KeyError, LocalKey, PostKey, PublicKey, SecretKey};
use super::pack::{Value, Wiped, as_text, map, member, text};
use crate::error::{HasKind, Kind};

/// Why a JSON Web Key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Neither a JSON object nor a MessagePack map.
    #[error("this is not a JSON Web Key; check that all of it was copied")]
    NotAKey,
    /// A P-256 key.
    #[error("this is a P-256 key; only secp256k1 keys (\"crv\":\"K-256\") work, in the extension too")]
    P256,
    /// A key of another curve or kind.
    #[error("the key is for {0:?}; a secp256k1 key (\"crv\":\"K-256\") is needed")]
    Curve(String),
    /// A member is absent or not base64url of the right length.
    #[error("the member {0:?} of the key is missing or damaged")]
    Member(&'static str),
    /// The members are numbers, but not those of a key.
    #[error("the numbers in the key do not make a key")]
    Key(#[source] KeyError),
    /// The public half is that of another private key.
    #[error("the public and the private half of the key do not belong together")]
    Mismatch,
}

impl HasKind for JwkError {
    fn kind(&self) -> Kind {
        match self {
            Self::P256 | Self::Curve(_) => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

/// The public key as JSON, members in the extension's order.
#[must_use]
pub fn public_jwk(public: &PublicKey) -> String {
    let (x, y) = public.coordinates();
    let (x, y) = (base64::encode_url(&x), base64::encode_url(&y));
    format!(
        r#"{{"crv":"K-256","ext":true,"x":"{x}","y":"{y}","key_ops":["deriveKey","deriveBits"],"kty":"EC"}}"#
    )
}

/// The private key as JSON, members in the extension's order.
#[must_use]
pub fn private_jwk(secret: &SecretKey) -> Zeroizing<String> {
    let d = Zeroizing::new(base64::encode_url(secret.to_bytes().as_slice()));
    let public = public_jwk(&secret.public());
    Zeroizing::new(format!(r#"{},"d":"{}"}}"#, public.trim_end_matches('}'), d.as_str()))
}

/// The local key as JSON, members in the extension's order.
#[must_use]
pub fn local_key_jwk(key: &LocalKey) -> Zeroizing<String> {
    aes_jwk(key.as_bytes(), r#""encrypt","decrypt""#)
}

/// The JSON in which posts of version -38 wrap their post key for one recipient or the author.
/// It names both key operations: with fewer, the extension refuses the key.
#[must_use]
pub fn wrapped_post_key(key: &PostKey) -> Zeroizing<String> {
    aes_jwk(key.as_bytes(), r#""encrypt","decrypt""#)
}

/// The same for a public post, which lists the operations in the other order.
pub(crate) fn wrapped_public_post_key(key: &PostKey) -> Zeroizing<String> {
    aes_jwk(key.as_bytes(), r#""decrypt","encrypt""#)
}

fn aes_jwk(key: &[u8], operations: &str) -> Zeroizing<String> {
    let k = Zeroizing::new(base64::encode_url(key));
    Zeroizing::new(format!(
        r#"{{"alg":"A256GCM","ext":true,"k":"{}","key_ops":[{operations}],"kty":"oct"}}"#,
        k.as_str()
    ))
}

/// Reads a wrapped post key; key operations and member order do not matter.
///
/// The extension itself wraps keys that list `decrypt` alone when it adds recipients, and then refuses to import them
/// (docs/mask.md, "Where Bauta differs from the extension"). Ignoring the list opens those posts too.
pub(crate) fn read_wrapped_post_key(bytes: &[u8]) -> Option<PostKey> {
    let value = Wiped(json::read(std::str::from_utf8(bytes).ok()?, 64)?);
    read_aes(&value.0).ok()
}

pub(crate) fn public_value(public: &PublicKey) -> Value {
    let (x, y) = public.coordinates();
    map([
        ("crv", text("K-256")),
        ("ext", Value::Boolean(true)),
        ("x", text(&base64::encode_url(&x))),
        ("y", text(&base64::encode_url(&y))),
        ("key_ops", Value::Array(vec![text("deriveKey"), text("deriveBits")])),
        ("kty", text("EC")),
    ])
}

pub(crate) fn private_value(secret: &SecretKey) -> Value {
    let mut value = public_value(&secret.public());
    if let Value::Map(members) = &mut value {
        let d = Zeroizing::new(base64::encode_url(secret.to_bytes().as_slice()));
        members.push((text("d"), text(&d)));
    }
    value
}

pub(crate) fn aes_value(key: &[u8]) -> Value {
    let k = Zeroizing::new(base64::encode_url(key));
    map([
        ("alg", text("A256GCM")),
        ("ext", Value::Boolean(true)),
        ("k", text(&k)),
        ("key_ops", Value::Array(vec![text("encrypt"), text("decrypt")])),
        ("kty", text("oct")),
    ])
}

/// Reads a public key, and ignores a private half.
pub(crate) fn read_public(value: &Value) -> Result<PublicKey, JwkError> {
    check_curve(value)?;
    PublicKey::from_coordinates(&*number(value, "x")?, &*number(value, "y")?).map_err(JwkError::Key)
}

/// Reads a private key, and checks that the public half belongs to it.
pub(crate) fn read_private(value: &Value) -> Result<SecretKey, JwkError> {
    check_curve(value)?;
    let secret = SecretKey::from_bytes(&*number(value, "d")?).map_err(JwkError::Key)?;
    let public_given = member(value, "x").is_some() || member(value, "y").is_some();
    if public_given && read_public(value)? != secret.public() {
        return Err(JwkError::Mismatch);
    }
    Ok(secret)
}

/// Reads a symmetric key.
pub(crate) fn read_aes(value: &Value) -> Result<PostKey, JwkError> {
    let text = member(value, "k").and_then(as_text).ok_or(JwkError::Member("k"))?;
    let bytes = Zeroizing::new(base64::decode_url(&text).ok_or(JwkError::Member("k"))?);
    PostKey::from_bytes(&bytes).map_err(JwkError::Key)
}

/// Reads a symmetric key of 32 bytes.
pub(crate) fn read_local(value: &Value) -> Result<LocalKey, JwkError> {
    let key = read_aes(value)?;
    key.full().map(LocalKey::from_bytes).ok_or(JwkError::Member("k"))
}

fn check_curve(value: &Value) -> Result<(), JwkError> {
    if !value.is_map() {
        return Err(JwkError::NotAKey);
    }
    match member(value, "crv").and_then(as_text).as_deref() {
        Some("K-256" | "secp256k1") => Ok(()),
        Some("P-256") => Err(JwkError::P256),
        Some(other) => Err(JwkError::Curve(other.chars().take(32).collect())),
        None => Err(JwkError::Member("crv")),
    }
}

/// A big-endian number of 32 bytes. The extension drops leading zero bytes when it exports a private key, so about one key
/// in 256 is shorter; it is padded on the left.
fn number(value: &Value, name: &'static str) -> Result<Zeroizing<[u8; 32]>, JwkError> {
    let damaged = || JwkError::Member(name);
    let text = member(value, name).and_then(as_text).ok_or_else(damaged)?;
    let bytes = Zeroizing::new(base64::decode_url(&text).ok_or_else(damaged)?);
    let mut number = Zeroizing::new([0; 32]);
    if bytes.is_empty() || bytes.len() > number.len() {
        return Err(damaged());
    }
    for (to, from) in number.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<SecretKey, JwkError> {
        read_private(&json::read(json, 100).unwrap())
    }

    #[test]
    fn short_numbers_are_padded() {
        let mut bytes = [3; 32];
        bytes[0] = 0;
        bytes[1] = 0;
        let secret = SecretKey::from_bytes(&bytes).unwrap();
        let d = base64::encode_url(&bytes[2..]);
        assert_eq!(read(&format!(r#"{{"crv":"K-256","d":"{d}"}}"#)), Ok(secret));
    }

    #[test]
    fn wrong_keys_are_named() {
        let jwk = private_jwk(&SecretKey::from_bytes(&[9; 32]).unwrap());
        assert_eq!(read(&jwk.replace("K-256", "P-256")), Err(JwkError::P256));
        assert_eq!(read(&jwk.replace("K-256", "P-384")), Err(JwkError::Curve("P-384".to_owned())));
        assert_eq!(read(&jwk.replace("\"d\"", "\"e\"")), Err(JwkError::Member("d")));
        assert_eq!(read("[]"), Err(JwkError::NotAKey));
        let other = private_jwk(&SecretKey::from_bytes(&[8; 32]).unwrap());
        let d = |jwk: &str| jwk.split("\"d\":\"").nth(1).unwrap().trim_end_matches("\"}").to_owned();
        assert_eq!(read(&jwk.replace(&d(&jwk), &d(&other))), Err(JwkError::Mismatch));
    }

    #[test]
    fn key_operations_do_not_matter() {
        let key = PostKey::from_bytes(&[5; 32]).unwrap();
        let text = wrapped_post_key(&key).replace("\"encrypt\",", "");
        assert_eq!(read_wrapped_post_key(text.as_bytes()), Some(key));
        assert_eq!(wrapped_post_key(&PostKey::from_bytes(&[5; 32]).unwrap()).len(), 122);
    }

    proptest! {
        #[test]
        fn round_trip(byte in 1_u8..255) {
            let secret = SecretKey::from_bytes(&[byte; 32]).unwrap();
            prop_assert_eq!(read(&private_jwk(&secret)), Ok(secret.clone()));
            let public = read_public(&json::read(&public_jwk(&secret.public()), 100).unwrap());
            prop_assert_eq!(public, Ok(secret.public()));
        }

        #[test]
        fn any_json_is_answered(text: String, x: String) {
            let _ = read_wrapped_post_key(text.as_bytes());
            if let Some(value) = json::read(&format!(r#"{{"crv":"K-256","d":{x:?},"x":{x:?}}}"#), 100) {
                let _ = read_private(&value);
                let _ = read_public(&value);
            }
        }
    }
}
