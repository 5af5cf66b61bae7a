//! Comments under posts, read only.
//! All comments under one post are sealed with one key and one nonce, so after the second one neither their secrecy
//! nor their integrity holds. What is read here may have been made by anybody who read two of them.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::base64;
use super::cipher::{self, PostIv};
use super::limits::MAX_PAYLOAD;
use crate::error::{HasKind, Kind};

const START: &str = "🎶2/4|";
const TAIL: &str = ":||";
const ROUNDS: u32 = 100_000;

/// Why a comment cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommentError {
    /// There is none in the text.
    #[error("there is no encrypted comment in this text")]
    None,
    /// The comment in the text is cut off, too large or not base64.
    #[error("the comment is damaged or was cut off")]
    Damaged,
    /// It belongs to another post, or was changed.
    #[error("the comment does not open with this post; it belongs to another one or was changed")]
    NotForPost,
}

impl HasKind for CommentError {
    fn kind(&self) -> Kind {
        match self {
            Self::None => Kind::NotFound,
            Self::Damaged => Kind::Malformed,
            Self::NotForPost => Kind::Forged,
        }
    }
}

/// Reads the first comment in `text`, with the IV and the decrypted text of the post it belongs to.
/// Takes 200,000 SHA-256 blocks.
///
/// # Errors
/// Every [`CommentError`].
pub fn decrypt_comment(text: &str, iv: &PostIv, post: &str) -> Result<String, CommentError> {
    let (_, rest) = text.split_once(START).ok_or(CommentError::None)?;
    let (sealed, _) = rest.split_once(TAIL).ok_or(CommentError::Damaged)?;
    if sealed.len() > MAX_PAYLOAD {
        return Err(CommentError::Damaged);
    }
    let sealed = base64::decode(sealed).ok_or(CommentError::Damaged)?;
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2_hmac::<Sha256>(post.as_bytes(), &iv.0, ROUNDS, key.as_mut());
    let comment = cipher::open(&key, &iv.0, &sealed).ok_or(CommentError::NotForPost)?;
    Ok(String::from_utf8_lossy(&comment).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_is_wrong() {
        let read = |text: &str| decrypt_comment(text, &PostIv([0; 16]), "post");
        assert_eq!(read("words"), Err(CommentError::None));
        assert_eq!(read("🎶2/4|AA=="), Err(CommentError::Damaged));
        assert_eq!(read("🎶2/4|*:||"), Err(CommentError::Damaged));
        assert_eq!(read("🎶2/4|AA==:||"), Err(CommentError::NotForPost));
    }
}
