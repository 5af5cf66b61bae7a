//! Versions -38, -39 and -40: U+1F3BC (🎼) and a version, then fields in base64 with `|` between.

use super::{Encryption, Field, FieldError, ParseError, Payload, Signature, Version, author, iv};
use crate::mask::base64;
use crate::mask::cipher::{self, PostIv};
use crate::mask::id::ProfileId;
use crate::mask::jwk;
use crate::mask::key::{PostKey, PublicKey};

/// The key that wraps the post keys of public posts. It is the same in every copy of the extension.
pub(crate) const SHARED_KEY: [u8; 32] = [
    220, 23, 252, 4, 157, 217, 61, 35, 20, 51, 104, 224, 217, 56, 78, 13, 226, 238, 69, 16, 255, 251, 248,
    176, 64, 70, 158, 45, 215, 16, 94, 152,
];

const TAIL: &str = ":||";

/// What goes into a payload of version -38.
pub(crate) struct Written<'a> {
    pub(crate) author: Option<&'a ProfileId>,
    pub(crate) author_key: Option<&'a PublicKey>,
    pub(crate) public: bool,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) iv: &'a PostIv,
    pub(crate) data: Vec<u8>,
}

/// `None` when the author's name has characters outside Latin-1, which this version cannot carry.
pub(crate) fn write(payload: &Written<'_>) -> Option<String> {
    let mut text = format!(
        "🎼4/4|{}|{}|{}|_|{}|{}",
        base64::encode(&payload.wrapped_key),
        payload.iv.to_base64(),
        base64::encode(&payload.data),
        payload.author_key.map(|key| base64::encode(&key.to_compressed())).unwrap_or_default(),
        u8::from(payload.public),
    );
    if let Some(author) = payload.author {
        let latin: Option<Vec<u8>> = format!("{}/{}", author.network(), author.user())
            .chars()
            .map(|character| u8::try_from(character).ok())
            .collect();
        text.push('|');
        text.push_str(&base64::encode(&latin?));
    }
    text.push_str(TAIL);
    Some(text)
}

pub(super) fn parse(text: &str) -> Result<Payload, ParseError> {
    // `🎼4/4|wrapped key|IV|message|signature|author's key|public|author:||`, and in versions -39 and -40 the first four
    // fields only: the author's key and name are then empty, and the reader must know the author from elsewhere. A field
    // may be missing or broken, which leaves the others usable. Which error each has is the extension's choice, odd as it
    // is: in version -38 a missing field counts as empty, what is around keys must be base64 or is a broken key, and a
    // broken author is a text that cannot be decoded; in older versions a missing field is of the wrong type.
    let (version, header) = [(Version::V38, "4/4"), (Version::V39, "3/4|"), (Version::V40, "2/4|")]
        .into_iter()
        .find(|(_, header)| text.strip_prefix('🎼').is_some_and(|rest| rest.starts_with(header)))
        .ok_or(ParseError::UnknownVersion)?;
    let mark = header.trim_end_matches('|');
    let named = version == Version::V38;
    let body = text.strip_prefix('🎼').and_then(|rest| rest.strip_prefix(header)).unwrap_or_default();
    let mut fields = without_tail(body).split('|');
    if named {
        // What is between the mark and the first `|` does not matter.
        fields.next();
    }
    let mut needed = || if named { Some(fields.next().unwrap_or_default()) } else { fields.next() };
    let (wrapped, iv_text, data) = (needed(), needed(), needed());
    let signed = [wrapped, iv_text, data].map(Option::unwrap_or_default).join("|");
    let signature = fields.next();
    let author_key = fields.next().filter(|_| named).unwrap_or_default();
    let public = fields.next().filter(|_| named) == Some("1");
    let author = fields.next().filter(|_| named).unwrap_or_default();

    let around_key = |field: Option<&str>, what| match field {
        Some(field) if named => base64::decode(field).ok_or(FieldError::NotBase64Key(what)),
        field => bytes_of(field, what),
    };
    let iv = around_key(iv_text, "IV").and_then(|bytes| iv(&bytes));
    let wrapped = around_key(wrapped, "wrapped post key");
    let data = bytes_of(data, "encrypted message");
    let whole = iv.is_ok() && wrapped.is_ok() && data.is_ok();
    let signature = parse_signature(signature.filter(|_| whole), || format!("{mark}|{signed}"));
    let encryption = if public {
        Encryption::Public { key: open_shared(&iv, &wrapped), iv }
    } else {
        Encryption::EndToEnd { owners_key: wrapped, iv, ephemeral: Ok(Vec::new()) }
    };
    Ok(Payload {
        version,
        author: parse_author(author),
        author_key: parse_author_key(author_key),
        signature,
        encryption: Ok(encryption),
        data,
    })
}

/// Everything before the last tail. Without a tail the extension cuts the last character, so the same is done here.
fn without_tail(text: &str) -> &str {
    text.rsplit_once(TAIL).map(|(body, _)| body).unwrap_or_else(|| {
        let mut characters = text.chars();
        characters.next_back();
        characters.as_str()
    })
}

fn parse_signature(field: Option<&str>, signed: impl FnOnce() -> String) -> Field<Option<Signature>> {
    match field {
        None | Some("" | "_") => Ok(None),
        Some(signature) => {
            let signature = bytes_of(Some(signature), "signature")?;
            Ok(Some(Signature { signature, signed: signed().into_bytes() }))
        }
    }
}

fn parse_author(field: &str) -> Field<Option<ProfileId>> {
    if field.is_empty() {
        return Ok(None);
    }
    let latin: String = bytes_of(Some(field), "author")?.into_iter().map(char::from).collect();
    let (network, user) = latin.split_once('/').ok_or(FieldError::AuthorText)?;
    author(network, user).map_err(|_| FieldError::AuthorText)
}

fn parse_author_key(field: &str) -> Field<Option<PublicKey>> {
    if field.is_empty() {
        return Ok(None);
    }
    let bytes = base64::decode(field).ok_or(FieldError::NotBase64Key("author's key"))?;
    PublicKey::from_sec1(&bytes).map(Some).map_err(FieldError::Key)
}

fn open_shared(iv: &Field<PostIv>, wrapped: &Field<Vec<u8>>) -> Field<PostKey> {
    let iv = iv.as_ref().map_err(Clone::clone)?;
    let wrapped = wrapped.as_ref().map_err(Clone::clone)?;
    let jwk = cipher::open(&SHARED_KEY, &iv.0, wrapped).ok_or(FieldError::WrappedKey)?;
    jwk::read_wrapped_post_key(&jwk).ok_or(FieldError::WrappedKey)
}

fn bytes_of(field: Option<&str>, what: &'static str) -> Field<Vec<u8>> {
    base64::decode(field.ok_or(FieldError::Invalid(what))?).ok_or(FieldError::NotBase64(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::SecretKey;
    use proptest::prelude::*;

    #[test]
    fn versions() {
        let version = |text: &str| parse(text).map(|payload| payload.version);
        assert_eq!(version("🎼4/4|AA|AA|AA:||"), Ok(Version::V38));
        assert_eq!(version("🎼3/4|AA|AA|AA:||"), Ok(Version::V39));
        assert_eq!(version("🎼2/4|AA|AA|AA|_:||"), Ok(Version::V40));
        for text in ["🎼1/4|AA|AA|AA:||", "4/4|AA|AA|AA:||", "", "🎼"] {
            assert_eq!(version(text), Err(ParseError::UnknownVersion), "{text:?}");
        }
    }

    #[test]
    fn missing_fields_are_empty_in_the_last_version_and_of_no_type_before() {
        for text in ["🎼4/4", "🎼4/4|", "🎼4/4:||", "🎼4/4|:||", "🎼4/4|||:||"] {
            let payload = parse(text).unwrap();
            assert_eq!(payload.iv(), Err(FieldError::IvLength(0)), "{text}");
            assert_eq!((payload.data, payload.signature), (Ok(vec![]), Ok(None)), "{text}");
            let Ok(Encryption::EndToEnd { owners_key, .. }) = payload.encryption else { panic!("{text}") };
            assert_eq!(owners_key, Ok(vec![]));
        }
        for text in ["🎼3/4|:||", "🎼2/4|AA:||"] {
            let payload = parse(text).unwrap();
            assert_eq!(payload.iv(), Err(FieldError::Invalid("IV")), "{text}");
            assert_eq!(payload.data, Err(FieldError::Invalid("encrypted message")), "{text}");
        }
    }

    #[test]
    fn tails() {
        assert_eq!(without_tail("a:||b:||c"), "a:||b");
        assert_eq!(without_tail("abc"), "ab");
        assert_eq!(without_tail(""), "");
        let payload = parse("🎼4/4|AA|AA|AAAAé").unwrap();
        assert_eq!(payload.data, Ok(vec![0, 0, 0]));
    }

    #[test]
    fn broken_fields_have_their_own_errors() {
        let iv = "AAAAAAAAAAAAAAAAAAAAAA==";
        let payload = parse(&format!("🎼4/4|AA==|{iv}|AA==|*|*|0|*:||")).unwrap();
        assert_eq!(payload.author, Err(FieldError::NotBase64("author")));
        assert_eq!(payload.author_key, Err(FieldError::NotBase64Key("author's key")));
        assert_eq!(payload.signature, Err(FieldError::NotBase64("signature")));
        assert_eq!((payload.iv(), payload.data), (Ok(PostIv([0; 16])), Ok(vec![0])));
        for author in ["Ym9i", "Ym9iLw==", "YS9iL2M=", "YS9iCg=="] {
            let payload = parse(&format!("🎼4/4|AA==|{iv}|AA==|_||1|{author}:||")).unwrap();
            assert_eq!(payload.author, Err(FieldError::AuthorText), "{author}");
        }
        // A signature is read only where all that it covers is.
        let payload = parse("🎼4/4|*|*|*|*:||").unwrap();
        assert_eq!(payload.iv(), Err(FieldError::NotBase64Key("IV")));
        assert_eq!(
            (payload.data, payload.signature),
            (Err(FieldError::NotBase64("encrypted message")), Ok(None))
        );
        assert_eq!(parse("🎼4/4|AA==|AA==|AA==:||").unwrap().iv(), Err(FieldError::IvLength(1)));
        for old in ["🎼3/4|*|*|*:||", "🎼2/4|*|*|*:||"] {
            let payload = parse(old).unwrap();
            assert_eq!(payload.iv(), Err(FieldError::NotBase64("IV")));
            let Ok(Encryption::EndToEnd { owners_key, .. }) = payload.encryption else { panic!("{old}") };
            assert_eq!(owners_key, Err(FieldError::NotBase64("wrapped post key")));
        }
        let signed = parse(&format!("🎼4/4|AA==|{iv}|AA==|Bw==:||")).unwrap().signature.unwrap().unwrap();
        let covered = format!("4/4|AA==|{iv}|AA==").into_bytes();
        assert_eq!(signed, Signature { signature: vec![7], signed: covered });
    }

    proptest! {
        #[test]
        fn round_trip(iv: [u8; 16], data in prop::collection::vec(any::<u8>(), 1..50), named: bool, user in "[^/\n\r]{1,9}") {
            let public_key = SecretKey::from_bytes(&[7; 32]).unwrap().public();
            let author = ProfileId::new("minds.com", &user).unwrap();
            let (author, author_key) = if named { (Some(&author), Some(&public_key)) } else { (None, None) };
            let iv = PostIv(iv);
            let written = Written { author, author_key, public: false, wrapped_key: vec![1], iv: &iv, data: data.clone() };
            let latin = author.is_none() || user.chars().all(|character| u32::from(character) < 256);
            let text = write(&written);
            prop_assert_eq!(text.is_some(), latin);
            if let Some(text) = text {
                let parsed = parse(&text).unwrap();
                prop_assert_eq!(parsed.author, Ok(author.cloned()));
                prop_assert_eq!(parsed.author_key, Ok(author_key.copied()));
                prop_assert_eq!(parsed.data, Ok(data));
                prop_assert_eq!(parsed.encryption, Ok(Encryption::EndToEnd { owners_key: Ok(vec![1]), iv: Ok(iv), ephemeral: Ok(vec![]) }));
            }
        }
    }
}
