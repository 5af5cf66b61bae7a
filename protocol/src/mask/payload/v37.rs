//! Version -37: one byte, maybe a signature, and a MessagePack array of seven elements (docs/mask.md, "Cryptography").

use super::{Encryption, Ephemeral, Field, FieldError, ParseError, Payload, Signature, Version, author, iv};
use crate::mask::cipher::PostIv;
use crate::mask::id::{Network, ProfileId};
use crate::mask::key::{PostKey, PublicKey};
use crate::mask::limits::{MAX_EPHEMERAL_KEYS, MAX_NODES};
use crate::mask::pack::{self, PackError, Value, as_text, as_whole, element};

/// The curves' numbers. The extension has one for P-256, but cannot import such a key.
const SECP256K1: i64 = 2;
const P256: i64 = 1;

/// Kinds of encryption.
const PUBLIC: i64 = 0;
const END_TO_END: i64 = 1;

const SIGNATURE_LENGTH: usize = 32;

/// What goes into a payload.
pub(crate) struct Written<'a> {
    pub(crate) author: Option<&'a ProfileId>,
    pub(crate) author_key: Option<&'a PublicKey>,
    pub(crate) iv: &'a PostIv,
    pub(crate) encryption: WrittenEncryption<'a>,
    pub(crate) data: Vec<u8>,
}

pub(crate) enum WrittenEncryption<'a> {
    Public(&'a PostKey),
    EndToEnd { owners_key: Vec<u8>, ephemeral: &'a PublicKey },
}

pub(crate) fn write(payload: Written<'_>) -> Result<Vec<u8>, PackError> {
    let bin = |bytes: &[u8]| Value::Binary(bytes.to_vec());
    let (network, user) = match payload.author {
        Some(author) => (pack::text(author.network()), pack::text(author.user())),
        None => (Value::Nil, Value::Nil),
    };
    let (curve, key) = match payload.author_key {
        Some(key) => (Value::from(SECP256K1), bin(&key.to_compressed())),
        None => (Value::Nil, Value::Nil),
    };
    let encryption = match payload.encryption {
        WrittenEncryption::Public(key) => vec![PUBLIC.into(), bin(key.as_bytes()), bin(&payload.iv.0)],
        WrittenEncryption::EndToEnd { owners_key, ephemeral } => vec![
            END_TO_END.into(),
            Value::Binary(owners_key),
            bin(&payload.iv.0),
            // The extension writes the curve as the text "2".
            Value::Map(vec![(pack::text(&SECP256K1.to_string()), bin(&ephemeral.to_compressed()))]),
        ],
    };
    let body = vec![
        Value::from(0),
        network,
        user,
        curve,
        key,
        Value::Array(encryption),
        Value::Binary(payload.data),
    ];
    let mut bytes = vec![0];
    bytes.extend(pack::write(&Value::Array(body))?);
    Ok(bytes)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Payload, ParseError> {
    // Only what leaves nothing to read is an error of the whole: the container's first byte, MessagePack that is cut off,
    // out of bounds or followed by more bytes, a body that is not an array, another version. Everything else is an error
    // of its field. The extension draws the line in the same place, except that a key that is not a point makes it throw
    // and lose the post (docs/mask.md, "Where Bauta differs from the extension").
    //
    // Numbers may arrive as floats and as text, because JavaScript wrote them: `as_whole` takes both number types, and the
    // curves of ephemeral keys are map keys such as "2". No program has ever written a signature; one that is there is
    // skipped and kept, not verified.
    let (signature, body) = match bytes.split_first() {
        Some((0, body)) => (None, body),
        Some((1, rest)) => {
            let (signature, body) =
                rest.split_at_checked(SIGNATURE_LENGTH).ok_or(ParseError::Pack(PackError::Truncated))?;
            (Some(Signature { signature: signature.to_vec(), signed: body.to_vec() }), body)
        }
        _ => return Err(ParseError::Invalid("it begins with neither 0 nor 1")),
    };
    let Value::Array(body) = pack::read(body, MAX_NODES).map_err(ParseError::Pack)? else {
        return Err(ParseError::Invalid("its body is not an array"));
    };
    if as_whole(element(&body, 0)) != Some(0) {
        return Err(ParseError::UnknownVersion);
    }
    Ok(Payload {
        version: Version::V37,
        author: parse_author(element(&body, 1), element(&body, 2)),
        author_key: parse_author_key(element(&body, 3), element(&body, 4)),
        signature: Ok(signature),
        encryption: parse_encryption(element(&body, 5)),
        data: bytes_of(element(&body, 6), "encrypted message"),
    })
}

fn parse_author(network: &Value, user: &Value) -> Field<Option<ProfileId>> {
    let user_text = as_text(user);
    if network.is_nil() || user.is_nil() || user_text.as_deref() == Some("") {
        return Ok(None);
    }
    let network = match (as_text(network), as_whole(network)) {
        (Some(domain), _) => domain.into_owned(),
        (None, Some(number)) => {
            let known = Network::from_number(number).ok_or(FieldError::UnknownNetwork(number))?;
            known.domain().to_owned()
        }
        (None, None) => return Err(FieldError::Invalid("author's network")),
    };
    author(&network, &user_text.ok_or(FieldError::Invalid("author's id"))?)
}

fn parse_author_key(curve: &Value, key: &Value) -> Field<Option<PublicKey>> {
    if curve.is_nil() || key.is_nil() {
        return Ok(None);
    }
    let number = as_whole(curve).ok_or_else(|| FieldError::UnknownCurve("of no number".to_owned()))?;
    parse_key(number, key).map(Some)
}

fn parse_key(curve: i64, key: &Value) -> Field<PublicKey> {
    match curve {
        SECP256K1 => PublicKey::from_sec1(&bytes_of(key, "public key")?).map_err(FieldError::Key),
        P256 => Err(FieldError::P256),
        other => Err(FieldError::UnknownCurve(other.to_string())),
    }
}

fn parse_encryption(encryption: &Value) -> Field<Encryption> {
    const WHAT: &str = "encryption";
    let Value::Array(parts) = encryption else { return Err(FieldError::Invalid(WHAT)) };
    match as_whole(element(parts, 0)) {
        Some(PUBLIC) => Ok(Encryption::Public {
            key: bytes_of(element(parts, 1), "post key")
                .and_then(|key| PostKey::from_bytes(&key).map_err(FieldError::Key)),
            iv: bytes_of(element(parts, 2), "IV").and_then(|bytes| iv(&bytes)),
        }),
        Some(END_TO_END) => Ok(Encryption::EndToEnd {
            owners_key: bytes_of(element(parts, 1), "author's copy of the post key"),
            iv: bytes_of(element(parts, 2), "IV").and_then(|bytes| iv(&bytes)),
            ephemeral: parse_ephemeral(element(parts, 3)),
        }),
        _ => Err(FieldError::Invalid(WHAT)),
    }
}

fn parse_ephemeral(keys: &Value) -> Field<Vec<Ephemeral>> {
    const WHAT: &str = "list of ephemeral keys";
    let Value::Map(keys) = keys else { return Err(FieldError::Invalid(WHAT)) };
    if keys.len() > MAX_EPHEMERAL_KEYS {
        return Err(FieldError::Invalid(WHAT));
    }
    let parse = |(curve, key): &(Value, Value)| {
        let curve = match (as_whole(curve), as_text(curve)) {
            (Some(number), _) => number.to_string(),
            (None, Some(text)) => text.into_owned(),
            (None, None) => return Err(FieldError::Invalid(WHAT)),
        };
        let key = match curve.parse() {
            Ok(number) => parse_key(number, key),
            Err(_) => Err(FieldError::UnknownCurve(curve.chars().take(32).collect())),
        };
        Ok(Ephemeral { curve, key })
    };
    keys.iter().map(parse).collect()
}

fn bytes_of(value: &Value, what: &'static str) -> Field<Vec<u8>> {
    match value {
        Value::Binary(bytes) => Ok(bytes.clone()),
        _ => Err(FieldError::Invalid(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::SecretKey;
    use crate::mask::key::KeyError;
    use proptest::prelude::*;

    fn body(change: impl FnOnce(&mut Vec<Value>)) -> Result<Payload, ParseError> {
        let mut body = vec![
            0.into(),
            "minds.com".into(),
            "ann".into(),
            2.into(),
            Value::Binary(SecretKey::from_bytes(&[7; 32]).unwrap().public().to_compressed().to_vec()),
            Value::Array(vec![0.into(), Value::Binary(vec![1; 32]), Value::Binary(vec![2; 16])]),
            Value::Binary(vec![3; 20]),
        ];
        change(&mut body);
        let mut bytes = vec![0];
        bytes.extend(pack::write(&Value::Array(body)).unwrap());
        parse(&bytes)
    }

    fn author_of(network: impl Into<Value>, user: impl Into<Value>) -> Field<Option<ProfileId>> {
        let (network, user) = (network.into(), user.into());
        body(|body| {
            body[1] = network;
            body[2] = user;
        })
        .unwrap()
        .author
    }

    #[test]
    fn containers() {
        assert!(matches!(parse(&[]), Err(ParseError::Invalid(_))));
        assert!(matches!(parse(&[2, 0x97]), Err(ParseError::Invalid(_))));
        assert!(matches!(parse(&[1, 0, 0]), Err(ParseError::Pack(_))));
        assert!(matches!(parse(&[0]), Err(ParseError::Pack(_))));
        assert!(matches!(parse(&[0, 0x80]), Err(ParseError::Invalid(_))));
        assert_eq!(parse(&[0, 0x90]), Err(ParseError::UnknownVersion));
        assert_eq!(body(|body| body[0] = 1.into()), Err(ParseError::UnknownVersion));
        let signed = [vec![1], vec![9; 32], vec![0x91, 0]].concat();
        let signature = parse(&signed).unwrap().signature.unwrap().unwrap();
        assert_eq!(signature, Signature { signature: vec![9; 32], signed: vec![0x91, 0] });
    }

    #[test]
    fn authors() {
        let ann = ProfileId::new("twitter.com", "Ann").unwrap();
        for network in [Value::from("twitter.com"), "X.com".into(), 1.into(), Value::F64(1.0)] {
            assert_eq!(author_of(network, "Ann"), Ok(Some(ann.clone())));
        }
        assert_eq!(author_of(Value::Nil, "Ann"), Ok(None));
        assert_eq!(author_of("twitter.com", ""), Ok(None));
        assert_eq!(author_of("twitter.com", Value::Nil), Ok(None));
        assert_eq!(author_of("localhost", "$unknown"), Ok(None));
        assert_eq!(author_of(9, "Ann"), Err(FieldError::UnknownNetwork(9)));
        assert_eq!(author_of("a/b", "Ann"), Err(FieldError::Invalid("author")));
        assert_eq!(author_of("minds.com", 5), Err(FieldError::Invalid("author's id")));
        assert_eq!(author_of(true, "Ann"), Err(FieldError::Invalid("author's network")));
    }

    #[test]
    fn author_keys() {
        let key_of = |curve: Value, key: Value| {
            body(|body| {
                body[3] = curve;
                body[4] = key;
            })
            .unwrap()
            .author_key
        };
        let public = SecretKey::from_bytes(&[7; 32]).unwrap().public();
        assert_eq!(key_of(2.into(), Value::Binary(public.to_uncompressed().to_vec())), Ok(Some(public)));
        assert_eq!(key_of(Value::Nil, Value::Binary(vec![])), Ok(None));
        assert_eq!(key_of(2.into(), Value::Nil), Ok(None));
        assert_eq!(key_of(1.into(), Value::Binary(vec![2; 33])), Err(FieldError::P256));
        assert_eq!(key_of(7.into(), Value::Binary(vec![])), Err(FieldError::UnknownCurve("7".to_owned())));
        assert_eq!(key_of(2.into(), Value::Binary(vec![5; 33])), Err(FieldError::Key(KeyError::Form)));
    }

    #[test]
    fn encryption_fields() {
        let encryption = |parts: Vec<Value>| body(|body| body[5] = Value::Array(parts)).unwrap().encryption;
        let bin = |byte: u8, length: usize| Value::Binary(vec![byte; length]);
        let Ok(Encryption::Public { key, iv }) = encryption(vec![0.into(), bin(1, 16), bin(2, 15)]) else {
            panic!("not public")
        };
        assert_eq!((key.is_ok(), iv), (true, Err(FieldError::IvLength(15))));
        let Ok(Encryption::Public { key, .. }) = encryption(vec![0.into(), bin(1, 31), bin(2, 16)]) else {
            panic!("not public")
        };
        assert_eq!(key, Err(FieldError::Key(KeyError::Length(31))));
        assert!(encryption(vec![2.into()]).is_err());
        assert!(encryption(vec![]).is_err());
        let keys =
            Value::Map(vec![(2.into(), bin(5, 33)), ("1".into(), bin(2, 33)), ("x".into(), bin(2, 33))]);
        let Ok(Encryption::EndToEnd { ephemeral, .. }) =
            encryption(vec![1.into(), bin(1, 48), bin(2, 16), keys])
        else {
            panic!("not end to end")
        };
        let errors: Vec<_> =
            ephemeral.unwrap().into_iter().map(|ephemeral| ephemeral.key.unwrap_err()).collect();
        assert_eq!(
            errors,
            [FieldError::Key(KeyError::Form), FieldError::P256, FieldError::UnknownCurve("x".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn round_trip(secret in 1_u8..255, iv: [u8; 16], data: Vec<u8>, owners_key: Vec<u8>, public: bool, named: bool) {
            let public_key = SecretKey::from_bytes(&[secret; 32]).unwrap().public();
            let author = ProfileId::new("minds.com", "ann").unwrap();
            let (iv, key) = (PostIv(iv), PostKey::from_bytes(&[4; 32]).unwrap());
            let encryption = if public {
                WrittenEncryption::Public(&key)
            } else {
                WrittenEncryption::EndToEnd { owners_key: owners_key.clone(), ephemeral: &public_key }
            };
            let (author, author_key) = if named { (Some(&author), Some(&public_key)) } else { (None, None) };
            let bytes = write(Written { author, author_key, iv: &iv, encryption, data: data.clone() }).unwrap();
            let parsed = parse(&bytes).unwrap();
            prop_assert_eq!(parsed.author, Ok(author.cloned()));
            prop_assert_eq!(parsed.author_key, Ok(author_key.copied()));
            prop_assert_eq!(parsed.data, Ok(data));
            let expected = if public {
                Encryption::Public { key: Ok(key), iv: Ok(iv) }
            } else {
                let ephemeral = Ok(vec![Ephemeral { curve: "2".to_owned(), key: Ok(public_key) }]);
                Encryption::EndToEnd { owners_key: Ok(owners_key), iv: Ok(iv), ephemeral }
            };
            prop_assert_eq!(parsed.encryption, Ok(expected));
        }
    }
}
