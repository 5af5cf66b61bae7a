//! What the API shows of posts and of their settings.

use bauta_ipc::{PostSettings, PostState, PublishedPost, RpcError, codes};
use bauta_protocol::mask::PostIv;
use data_encoding::BASE64;

use crate::posts::Settings;

/// An IV from a caller.
pub(super) fn iv_of(text: &str) -> Result<PostIv, RpcError> {
    let bytes = BASE64.decode(text.trim().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(PostIv)
        .ok_or_else(|| RpcError::new(&codes::REQUEST_PARAMS, "The IV of a post is the base64 of 16 bytes."))
}

/// A post for which nothing was ever to be published.
pub(super) fn without_keys(iv: PostIv) -> PublishedPost {
    PublishedPost { iv: iv.to_base64(), state: PostState::Published, published: 0, keys: 0, error: None }
}

/// The settings, with what they cost.
pub(super) fn settings(settings: Settings) -> PostSettings {
    let (bits, seconds) = (settings.bits(), settings.spread().as_secs());
    let cost = match settings.block() {
        1 => format!(
            "One look-up per post and network, at once; Gun relays, and others connected to them, see {bits} bits about \
             the reader."
        ),
        block => format!(
            "{block} look-ups per post and network, each over its own connection at a random time within {seconds} s, \
             so a post that was not opened before waits up to {seconds} s; Gun relays, and others connected to them, \
             see {bits} of 12 bits about the reader."
        ),
    };
    PostSettings {
        block: Some(settings.block()),
        spread_seconds: Some(u32::try_from(seconds).unwrap_or(u32::MAX)),
        cost: Some(cost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_stated() {
        let shown = settings(Settings::default());
        let cost = shown.cost.unwrap();
        assert!(cost.contains("10 of 12 bits") && cost.contains("4 look-ups"), "{cost}");
        assert_eq!((shown.block, shown.spread_seconds), (Some(4), Some(8)));
    }

    #[test]
    fn an_iv_is_the_base64_of_sixteen_bytes() {
        let iv = PostIv([7; 16]);
        assert_eq!(iv_of(&format!(" {} ", iv.to_base64())).unwrap(), iv);
        for wrong in ["", "AAAA", "no base64", &BASE64.encode(&[7; 17])] {
            assert!(iv_of(wrong).unwrap_err().is(&codes::REQUEST_PARAMS), "{wrong}");
        }
    }
}
