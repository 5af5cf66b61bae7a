//! Base64 as browsers read it (WHATWG Infra, "forgiving-base64 decode") and as everybody writes it (RFC 4648).

use data_encoding::{BASE64, BASE64_MIME_PERMISSIVE, BASE64URL_NOPAD};
use zeroize::Zeroize;

/// Standard alphabet, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// URL alphabet, without padding.
pub(crate) fn encode_url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Standard alphabet: ASCII white space is skipped, padding may be missing, loose bits at the end do not matter.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    decode_as(text, |byte| byte)
}

/// URL alphabet, as forgiving as [`decode`].
pub(crate) fn decode_url(text: &str) -> Option<Vec<u8>> {
    decode_as(text, |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        b'+' | b'/' => b'!',
        other => other,
    })
}

fn decode_as(text: &str, standard: impl Fn(u8) -> u8) -> Option<Vec<u8>> {
    // Room for the padding, so that no half-filled copy of a secret is left behind by growing.
    let mut digits = Vec::with_capacity(text.len().saturating_add(3));
    digits.extend(text.bytes().filter(|byte| !is_space(*byte)).map(standard));
    if digits.len().is_multiple_of(4) {
        for _ in 0..2 {
            if digits.last() == Some(&b'=') {
                digits.pop();
            }
        }
    }
    let well_formed = !digits.contains(&b'=') && digits.len() % 4 != 1;
    while !digits.len().is_multiple_of(4) {
        digits.push(b'=');
    }
    let bytes = well_formed.then(|| BASE64_MIME_PERMISSIVE.decode(&digits).ok()).flatten();
    digits.zeroize();
    bytes
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forgives_what_browsers_forgive() {
        for text in ["TQ==", "TQ", "T Q\n=\t=", "TR==", "TR"] {
            assert_eq!(decode(text).as_deref(), Some(&b"M"[..]), "{text:?}");
        }
        assert_eq!(decode("").as_deref(), Some(&b""[..]));
        assert_eq!(decode_url("-_-_").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
    }

    #[test]
    fn refuses_what_browsers_refuse() {
        for text in ["A", "AAAAA", "TQ=", "T=Q=", "TQ===", "TQ==TQ==", "-_==", "TQ.=", "é", "====", "TWFu="]
        {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode_url("+/+/"), None);
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode(encode(&bytes).trim_end_matches('=')), Some(bytes.clone()));
            prop_assert_eq!(decode_url(&encode_url(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let _ = decode(&text);
            let _ = decode_url(&text);
        }
    }
}
