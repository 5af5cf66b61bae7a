//! Names of networks, profiles, personas and posts in their text forms.

use std::fmt;
use std::str::FromStr;

use super::base64;
use super::cipher::PostIv;
use super::key::PublicKey;
use super::limits::MAX_ID;
use crate::error::{HasKind, Kind};

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It does not begin as it must.
    #[error("an identifier of this kind begins with {0:?}; check that all of it was copied")]
    Prefix(&'static str),
    /// A part is empty, too long, or has `/` or a line break.
    #[error(
        "a network name or user id may not be empty, hold '/' or a line break, or have over {MAX_ID} characters"
    )]
    Part,
    /// The key or IV is not base64 of the right length, or the key is not a point.
    #[error("the identifier holds no valid key or IV; check that all of it was copied")]
    Content,
    /// A key of the curve P-256.
    #[error("this persona has a P-256 key; only secp256k1 personas work, in the extension too")]
    P256,
}

impl HasKind for IdError {
    fn kind(&self) -> Kind {
        match self {
            Self::P256 => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

/// A social network that the extension knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// facebook.com
    Facebook,
    /// twitter.com, also known as x.com
    Twitter,
    /// instagram.com
    Instagram,
    /// minds.com
    Minds,
    /// Any other; it has no partitions on Gun.
    Unknown,
}

impl Network {
    /// The domain in identifiers and payloads; `localhost` for an unknown network.
    #[must_use]
    pub fn domain(self) -> &'static str {
        match self {
            Self::Facebook => "facebook.com",
            Self::Twitter => "twitter.com",
            Self::Instagram => "instagram.com",
            Self::Minds => "minds.com",
            Self::Unknown => "localhost",
        }
    }

    /// The network of a domain, in any case; `x.com` is Twitter.
    #[must_use]
    pub fn from_domain(domain: &str) -> Self {
        match normal_network(domain).as_str() {
            "facebook.com" => Self::Facebook,
            "twitter.com" => Self::Twitter,
            "instagram.com" => Self::Instagram,
            "minds.com" => Self::Minds,
            _ => Self::Unknown,
        }
    }

    /// The network behind a number that payloads of version -37 may carry instead of a domain.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Facebook),
            1 => Some(Self::Twitter),
            2 => Some(Self::Instagram),
            3 => Some(Self::Minds),
            _ => None,
        }
    }
}

/// A profile on a social network: `person:<network>/<userId>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileId {
    network: String,
    user: String,
}

impl ProfileId {
    /// The network is put in lower case and `x.com` becomes `twitter.com`; the user id is kept as it is.
    ///
    /// # Errors
    /// [`IdError::Part`].
    pub fn new(network: &str, user: &str) -> Result<Self, IdError> {
        let good = |part: &str| {
            !part.is_empty() && part.chars().count() <= MAX_ID && !part.contains(['/', '\n', '\r'])
        };
        // Checked after the change to lower case, which can make a name longer.
        let network = normal_network(network);
        if !good(&network) || !good(user) {
            return Err(IdError::Part);
        }
        Ok(Self { network, user: user.to_owned() })
    }

    /// The domain of the network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The user's id on it, case sensitive.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether this is the extension's word for "no profile".
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.network == "localhost" && self.user == "$unknown"
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "person:{}/{}", self.network, self.user)
    }
}

impl fmt::Debug for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProfileId(..)")
    }
}

impl FromStr for ProfileId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (network, user) = after(text, "person:")?.split_once('/').ok_or(IdError::Part)?;
        Self::new(network, user)
    }
}

/// A persona by its public key: `ec_key:secp256k1/<base64>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonaId(pub PublicKey);

impl fmt::Display for PersonaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ec_key:secp256k1/{}", without_slash(&base64::encode(&self.0.to_compressed())))
    }
}

impl FromStr for PersonaId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.starts_with("ec_key:p256/") {
            return Err(IdError::P256);
        }
        let bytes = bytes_of(after(text, "ec_key:secp256k1/")?)?;
        PublicKey::from_sec1(&bytes).map(Self).map_err(|_| IdError::Content)
    }
}

/// A post by its IV, as the extension's store of post keys names it: `post_iv:<network>/<base64>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PostIvId {
    /// The domain of the network.
    pub network: String,
    /// The IV of the post.
    pub iv: PostIv,
}

impl fmt::Display for PostIvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "post_iv:{}/{}", self.network, without_slash(&self.iv.to_base64()))
    }
}

impl FromStr for PostIvId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (network, iv) = after(text, "post_iv:")?.split_once('/').ok_or(IdError::Part)?;
        let network = normal_network(network);
        if network.is_empty() || network.chars().count() > MAX_ID {
            return Err(IdError::Part);
        }
        let iv = bytes_of(iv)?.try_into().map_err(|_| IdError::Content)?;
        Ok(Self { network, iv: PostIv(iv) })
    }
}

/// A post by the network's own id and its author: `post:<postID>/person:<network>/<userId>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PostId {
    /// The network's id of the post.
    pub post: String,
    /// The author.
    pub author: ProfileId,
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "post:{}/{}", self.post, self.author)
    }
}

impl FromStr for PostId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (post, author) = after(text, "post:")?.split_once('/').ok_or(IdError::Part)?;
        if post.is_empty() || post.chars().count() > MAX_ID {
            return Err(IdError::Part);
        }
        Ok(Self { post: post.to_owned(), author: author.parse()? })
    }
}

fn after<'t>(text: &'t str, prefix: &'static str) -> Result<&'t str, IdError> {
    text.strip_prefix(prefix).ok_or(IdError::Prefix(prefix))
}

fn normal_network(network: &str) -> String {
    match network.to_lowercase() {
        lower if lower == "x.com" => "twitter.com".to_owned(),
        lower => lower,
    }
}

fn without_slash(base64: &str) -> String {
    base64.replace('/', "|")
}

fn bytes_of(text: &str) -> Result<Vec<u8>, IdError> {
    // No key or IV in an identifier is longer than 65 bytes.
    if text.len() > 128 {
        return Err(IdError::Content);
    }
    base64::decode(&text.replace('|', "/")).ok_or(IdError::Content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::SecretKey;
    use proptest::prelude::*;

    #[test]
    fn networks_are_put_in_order() {
        assert_eq!(ProfileId::new("X.com", "Ann").unwrap().to_string(), "person:twitter.com/Ann");
        assert_eq!(Network::from_domain("Facebook.com"), Network::Facebook);
        // In lower case, this letter is two characters.
        assert_eq!(ProfileId::new(&"İ".repeat(MAX_ID - 1), "Ann"), Err(IdError::Part));
        assert!("person:localhost/$unknown".parse::<ProfileId>().unwrap().is_nobody());
        for bad in ["person:a", "person:/b", "person:a/", "person:a/b/c", "person:a/b\nc", "a/b", ""] {
            assert!(bad.parse::<ProfileId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn p256_is_named() {
        assert_eq!("ec_key:p256/AAAA".parse::<PersonaId>(), Err(IdError::P256));
    }

    proptest! {
        #[test]
        fn round_trip(secret in 1_u8..255, iv: [u8; 16], user in "[^/\n\r]{1,20}", post in "[^/]{1,20}") {
            let persona = PersonaId(SecretKey::from_bytes(&[secret; 32]).unwrap().public());
            prop_assert_eq!(persona.to_string().parse(), Ok(persona));
            prop_assert_eq!(persona.to_string().matches('/').count(), 1);
            let id = PostIvId { network: "minds.com".to_owned(), iv: PostIv(iv) };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let author = ProfileId::new("minds.com", &user).unwrap();
            prop_assert_eq!(author.to_string().parse(), Ok(author.clone()));
            let id = PostId { post, author };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_answered(text: String, rest: String) {
            for prefix in ["", "person:", "ec_key:secp256k1/", "post_iv:", "post:"] {
                let text = format!("{prefix}{text}/{rest}");
                let _ = text.parse::<ProfileId>();
                let _ = text.parse::<PersonaId>();
                let _ = text.parse::<PostIvId>();
                let _ = text.parse::<PostId>();
            }
        }
    }
}
