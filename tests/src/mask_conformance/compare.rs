//! Comparing what was read with what a vector file says should be read.

use bauta_protocol::mask::{
    DecryptError, Encryption, Field, FieldError, Meta, Opened, ParseError, Payload, PublicKey, Record,
    TypedMessage, Wire,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::{Failure, hex, hex_array, to_hex};

/// A message to be encoded; its metadata stay text, because their order counts.
#[derive(Deserialize)]
pub(super) struct MessageIn {
    #[serde(rename = "type")]
    kind: String,
    content: Option<String>,
    items: Option<Vec<MessageIn>>,
    meta: Option<Box<RawValue>>,
}

impl MessageIn {
    pub(super) fn to_message(&self) -> Result<TypedMessage, Failure> {
        let meta = match &self.meta {
            Some(meta) => Meta::from_json(meta.get()).map_err(|error| error.to_string())?,
            None => Meta::default(),
        };
        match (self.kind.as_str(), &self.content, &self.items) {
            ("text", Some(content), _) => Ok(TypedMessage::Text { content: content.clone(), meta }),
            ("tuple", _, Some(items)) => {
                let items = items.iter().map(Self::to_message).collect::<Result<_, _>>()?;
                Ok(TypedMessage::Tuple { items, meta })
            }
            _ => Err(format!("not in the schema: message of type {:?}", self.kind)),
        }
    }
}

/// A payload as a vector file writes it.
#[derive(Deserialize)]
pub(super) struct WireIn {
    payload_hex: Option<String>,
    payload_text: Option<String>,
}

impl WireIn {
    pub(super) fn to_wire(&self) -> Result<Wire, Failure> {
        match (&self.payload_hex, &self.payload_text) {
            (Some(bytes), None) => hex(bytes).map(Wire::Binary),
            (None, Some(text)) => Ok(Wire::Text(text.clone())),
            _ => Err("not in the schema: one of payload_hex and payload_text is needed".to_owned()),
        }
    }
}

/// A record as a vector file writes it.
#[derive(Deserialize)]
pub(super) struct RecordIn {
    pub(super) recipient_public_compressed_hex: Option<String>,
    encrypted_post_key_hex: String,
    iv_to_be_published_hex: Option<String>,
    ephemeral_public_key_uncompressed_hex: Option<String>,
}

impl RecordIn {
    pub(super) fn to_record(&self) -> Result<Record, Failure> {
        let ephemeral = self
            .ephemeral_public_key_uncompressed_hex
            .as_deref()
            .map(|key| PublicKey::from_sec1(&hex(key)?).map_err(|error| error.to_string()));
        Ok(Record {
            encrypted_key: hex(&self.encrypted_post_key_hex)?,
            salt: self.iv_to_be_published_hex.as_deref().map(hex_array).transpose()?,
            ephemeral: ephemeral.transpose()?,
        })
    }

    /// The records that are any; a reader drops the others when they come from a relay.
    pub(super) fn usable(records: &[Self]) -> Vec<Record> {
        records.iter().filter_map(|record| record.to_record().ok()).collect()
    }
}

/// What came of trying to read a payload.
pub(super) enum Read {
    NotParsed(ParseError),
    NotOpened(DecryptError),
    Opened(Box<Opened>),
}

/// Compares with a result: `ok`, `decrypt_error`, `parse_error` or `thrown`.
pub(super) fn check_result(what: &str, expected: &Json, read: &Read) -> Result<(), Failure> {
    if expected.get("thrown").is_some() {
        return match read {
            Read::Opened(_) => Err(format!("{what}: an error was expected, but it opened")),
            _ => Ok(()),
        };
    }
    if let Some(message) = expected.get("ok") {
        let opened = match read {
            Read::Opened(opened) => opened,
            Read::NotParsed(error) => return Err(format!("{what}: not parsed: {error}")),
            Read::NotOpened(error) => return Err(format!("{what}: not opened: {error}")),
        };
        check_message(what, message, &opened.message)?;
        return match expected.get("post_key_hex").and_then(Json::as_str) {
            Some(key) if key != to_hex(opened.post_key.as_bytes()) => {
                Err(format!("{what}: another post key"))
            }
            _ => Ok(()),
        };
    }
    let ours = match read {
        Read::NotParsed(error) => ("parse_error", parse_error_kind(error)),
        Read::NotOpened(error) => ("decrypt_error", decrypt_error_kind(error)),
        Read::Opened(_) => return Err(format!("{what}: an error was expected, but it opened")),
    };
    let (name, kind) = ours;
    match expected.get(name) {
        Some(error) => check_kind(what, error, kind),
        None => Err(format!("{what}: got {name} {kind}, expected {expected}")),
    }
}

/// Compares a decoded message; missing and empty metadata count as equal.
pub(super) fn check_message(what: &str, expected: &Json, message: &TypedMessage) -> Result<(), Failure> {
    let ours = message_json(message).ok_or_else(|| format!("{what}: the metadata are no JSON"))?;
    if same_message(expected, &ours) {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}, got {ours}"))
    }
}

fn message_json(message: &TypedMessage) -> Option<Json> {
    let meta = |meta: &Meta| serde_json::from_str::<Json>(&meta.to_json()?).ok();
    Some(match message {
        TypedMessage::Text { content, meta: own } => {
            json!({"type": "text", "content": content, "meta": meta(own)?})
        }
        TypedMessage::Tuple { items, meta: own } => {
            let items = items.iter().map(message_json).collect::<Option<Vec<_>>>()?;
            json!({"type": "tuple", "items": items, "meta": meta(own)?})
        }
        TypedMessage::Unknown(_) => json!({"type": "unknown"}),
    })
}

fn same_message(a: &Json, b: &Json) -> bool {
    let (kind_a, kind_b) = (a.get("type"), b.get("type"));
    if kind_b.and_then(Json::as_str) == Some("unknown") {
        return !matches!(kind_a.and_then(Json::as_str), Some("text" | "tuple"));
    }
    let empty = Json::Object(Map::new());
    let meta = |message: &Json| message.get("meta").filter(|meta| !meta.is_null()).unwrap_or(&empty).clone();
    let items = |message: &Json| message.get("items").and_then(Json::as_array).cloned().unwrap_or_default();
    let (items_a, items_b) = (items(a), items(b));
    kind_a == kind_b
        && a.get("content") == b.get("content")
        && same(&meta(a), &meta(b))
        && items_a.len() == items_b.len()
        && items_a.iter().zip(&items_b).all(|(a, b)| same_message(a, b))
}

/// Equal as JavaScript values: numbers by value, members in any order.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Compares with `parsed`: `{"ok": fields}`, `{"err": [...]}` or `{"thrown": [...]}`.
pub(super) fn check_parsed(expected: &Json, ours: &Result<Payload, ParseError>) -> Result<(), Failure> {
    if let Some(error) = expected.get("err") {
        return match ours {
            Ok(_) => Err("parsed: an error was expected, but it parsed".to_owned()),
            Err(ours) => check_kind("parsed", error, parse_error_kind(ours)),
        };
    }
    if expected.get("thrown").is_some() {
        return match ours {
            Ok(payload) if !has_broken_field(payload) => {
                Err("parsed: no error at all was reported".to_owned())
            }
            _ => Ok(()),
        };
    }
    let expected = expected.get("ok").ok_or("not in the schema: parsed")?;
    let ours = ours.as_ref().map_err(|error| format!("parsed: {error}"))?;
    let part = |name: &str| expected.get(name).unwrap_or(&Json::Null);
    if *part("version") != json!(ours.version.number()) {
        return Err(format!("version: expected {}, got {}", part("version"), ours.version.number()));
    }
    check_field("author", part("author"), &ours.author, |author| match author {
        Some(author) => json!({"network": author.network(), "userId": author.user()}),
        None => Json::Null,
    })?;
    check_field("author_public_key", part("author_public_key"), &ours.author_key, |key| {
        key.as_ref().map_or(Json::Null, key_json)
    })?;
    check_field("signature", part("signature"), &ours.signature, |signature| match signature {
        Some(found) => {
            json!({"signature_hex": to_hex(&found.signature), "signee_hex": to_hex(&found.signed)})
        }
        None => Json::Null,
    })?;
    check_field("encrypted", part("encrypted"), &ours.data, |data| json!(to_hex(data)))?;
    check_encryption(part("encryption"), &ours.encryption)
}

fn check_encryption(expected: &Json, ours: &Field<Encryption>) -> Result<(), Failure> {
    let part = |name: &str| expected.get(name).unwrap_or(&Json::Null);
    match ours {
        Err(_) => check_field("encryption", expected, ours, |_| Json::Null),
        Ok(Encryption::Public { key, iv }) => {
            if *part("type") != "public" {
                return Err(format!("encryption: got a public post, expected {expected}"));
            }
            check_field("aes_key", part("aes_key"), key, |key| json!(to_hex(key.as_bytes())))?;
            check_field("iv", part("iv"), iv, |iv| json!(to_hex(&iv.0)))
        }
        Ok(Encryption::EndToEnd { owners_key, iv, ephemeral }) => {
            if *part("type") != "E2E" {
                return Err(format!("encryption: got an end-to-end post, expected {expected}"));
            }
            check_field("owners_aes_key_encrypted", part("owners_aes_key_encrypted"), owners_key, |key| {
                json!(to_hex(key))
            })?;
            check_field("iv", part("iv"), iv, |iv| json!(to_hex(&iv.0)))?;
            let keys = part("ephemeral_public_keys");
            let Ok(ephemeral) = ephemeral else {
                return check_field("ephemeral_public_keys", keys, ephemeral, |_| Json::Null);
            };
            if keys.as_object().map(Map::len) != Some(ephemeral.len()) {
                return Err(format!("ephemeral_public_keys: got {}, expected {keys}", ephemeral.len()));
            }
            ephemeral.iter().try_for_each(|ephemeral| {
                let expected = keys.get(&ephemeral.curve).unwrap_or(&Json::Null);
                check_field("ephemeral key", expected, &ephemeral.key, key_json)
            })
        }
    }
}

fn check_field<T>(
    what: &str,
    expected: &Json,
    ours: &Field<T>,
    show: impl Fn(&T) -> Json,
) -> Result<(), Failure> {
    match ours {
        Ok(value) if *expected == show(value) => Ok(()),
        Ok(value) => Err(format!("{what}: expected {expected}, got {}", show(value))),
        Err(_) if expected.get("thrown").is_some() => Ok(()),
        Err(error) => match expected.get("err") {
            Some(expected) => check_kind(what, expected, field_error_kind(error)),
            None => Err(format!("{what}: expected {expected}, got the error: {error}")),
        },
    }
}

fn key_json(key: &PublicKey) -> Json {
    json!({"algr": 2, "public_compressed_hex": to_hex(&key.to_compressed())})
}

fn has_broken_field(payload: &Payload) -> bool {
    let encryption = match &payload.encryption {
        Err(_) => true,
        Ok(Encryption::Public { key, iv }) => key.is_err() || iv.is_err(),
        Ok(Encryption::EndToEnd { owners_key, iv, ephemeral }) => {
            let keys =
                ephemeral.as_ref().is_ok_and(|keys| keys.iter().all(|ephemeral| ephemeral.key.is_ok()));
            owners_key.is_err() || iv.is_err() || !keys
        }
    };
    encryption
        || payload.author.is_err()
        || payload.author_key.is_err()
        || payload.signature.is_err()
        || payload.data.is_err()
}

/// The words with which the extension's errors begin, and their kinds.
const KINDS: [(&str, &str); 13] = [
    ("Payload decoded, but it violates the schema.", "InvalidPayload"),
    ("Failed to decode the payload.", "DecodeFailed"),
    ("Unsupported payload version.", "UnknownVersion"),
    ("Payload includes an unknown enum member.", "UnknownEnumMember"),
    ("Encountered an invalid CryptoKey.", "InvalidCryptoKey"),
    ("Unsupported crypto algorithm.", "UnsupportedAlgorithm"),
    ("IV length must be 16.", "InvalidIVLength"),
    ("Payload is broken.", "PayloadBroken"),
    ("Post key found, but decryption failed.", "DecryptFailed"),
    ("Payload decrypted, but it's inner TypedMessage is broken.", "PayloadDecryptedButTypedMessageBroken"),
    ("No valid key is found. Likely this post is not shared with you", "NotShareTarget"),
    ("Cannot found author's public key", "AuthorPublicKeyNotFound"),
    ("Failed decrypt as the author of this payload.", "CannotDecryptAsAuthor"),
];

fn check_kind(what: &str, expected: &Json, ours: &str) -> Result<(), Failure> {
    let first = expected.get(0).and_then(Json::as_str).unwrap_or_default();
    let words = first.strip_prefix("[@masknet/encryption] ").unwrap_or(first);
    match KINDS.iter().find(|(start, _)| words == *start) {
        Some((_, kind)) if *kind == ours => Ok(()),
        Some((_, kind)) => Err(format!("{what}: expected the error {kind}, got {ours}")),
        None => Err(format!("{what}: not in the schema: the error {first:?}")),
    }
}

fn parse_error_kind(error: &ParseError) -> &'static str {
    match error {
        ParseError::Invalid(_) | ParseError::TooLarge => "InvalidPayload",
        ParseError::Pack(_) => "DecodeFailed",
        ParseError::UnknownVersion => "UnknownVersion",
    }
}

fn field_error_kind(error: &FieldError) -> &'static str {
    match error {
        FieldError::Invalid(_) => "InvalidPayload",
        FieldError::NotBase64(_) | FieldError::AuthorText => "DecodeFailed",
        FieldError::UnknownNetwork(_) => "UnknownEnumMember",
        FieldError::NotBase64Key(_) | FieldError::Key(_) | FieldError::WrappedKey | FieldError::P256 => {
            "InvalidCryptoKey"
        }
        FieldError::UnknownCurve(_) => "UnsupportedAlgorithm",
        FieldError::IvLength(_) => "InvalidIVLength",
    }
}

fn decrypt_error_kind(error: &DecryptError) -> &'static str {
    match error {
        DecryptError::Broken(_) => "PayloadBroken",
        DecryptError::Damaged => "DecryptFailed",
        DecryptError::Message(_) => "PayloadDecryptedButTypedMessageBroken",
        DecryptError::NotShared | DecryptError::Changed | DecryptError::TooManyRecords => "NotShareTarget",
        DecryptError::NoAuthorKey => "AuthorPublicKeyNotFound",
        DecryptError::NotAuthor => "CannotDecryptAsAuthor",
    }
}
