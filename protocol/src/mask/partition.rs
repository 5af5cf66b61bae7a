//! Where records are on Gun. Two characters of a slow hash name the post, and two more the reader's key,
//! so many posts and readers share a partition: a reader fetches it whole and tries each record.
//!
//! The reader's tag is the same for every post they open, and a question is seen by the relay and by peers to whom it is
//! passed on. So a look-up asks for a whole block of tags (docs/mask.md, "Publishing and looking up").

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;

use super::base64;
use super::cipher::PostIv;
use super::id::{Network, ProfileId};
use super::jwk;
use super::key::PublicKey;

const IV_SALT: &str = "9283464d-ee4e-4e8d-a7f3-cf392a88133f";
const V38_SALT: &str = "10198a2f-205f-45a6-9987-3488c80113d0";
const V37_SALT: &str = "ace7ab0c-5507-4bdd-9d43-e4249a48e720";
const ROUNDS: u32 = 100_000;

/// Two base64 characters, so 12 bits.
/// Computing one takes 200,000 SHA-256 blocks, about 10 ms. Those of keys never change: store them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(u16);

impl Tag {
    /// The number of tags.
    pub const COUNT: u16 = 1 << 12;

    /// The tag of a post.
    #[must_use]
    pub fn of_post(iv: &PostIv) -> Self {
        Self::hash(&iv.to_base64(), IV_SALT)
    }

    /// The tag of a reader's key in version -37.
    #[must_use]
    pub fn of_key_v37(key: &PublicKey) -> Self {
        Self::hash(&coordinates(key), V37_SALT)
    }

    /// The tag of a reader's key in version -38.
    #[must_use]
    pub fn of_key_v38(key: &PublicKey) -> Self {
        Self::hash(&coordinates(key), V38_SALT)
    }

    /// The tag of a reader's key in version -39, which hashed the whole JSON.
    #[must_use]
    pub fn of_key_v39(key: &PublicKey) -> Self {
        Self::hash(&jwk::public_jwk(key).replace(r#","deriveBits""#, ""), V38_SALT)
    }

    /// The number of this tag, below [`COUNT`](Self::COUNT).
    #[must_use]
    pub fn index(self) -> u16 {
        self.0
    }

    /// The tag with this number; `None` from [`COUNT`](Self::COUNT) on.
    #[must_use]
    pub fn from_index(index: u16) -> Option<Self> {
        (index < Self::COUNT).then_some(Self(index))
    }

    /// The two characters; `/` and `+` may be among them.
    #[must_use]
    pub fn characters(self) -> String {
        base64::encode(&(self.0 << 4).to_be_bytes()).chars().take(2).collect()
    }

    fn hash(data: &str, salt: &str) -> Self {
        // The extension derives 64 bytes and uses two characters, which depend on the first two bytes only. PBKDF2 makes its
        // output block by block, so deriving two bytes gives the same two at half the cost.
        let mut bytes = [0; 2];
        pbkdf2_hmac::<Sha256>(data.as_bytes(), salt.as_bytes(), ROUNDS, &mut bytes);
        Self(u16::from_be_bytes(bytes) >> 4)
    }
}

/// The soul of the set that records of version -37 are written to and read from. `None` for a network without partitions.
#[must_use]
pub fn v37_set(network: Network, post: Tag, key: Tag) -> Option<String> {
    let network = match network {
        Network::Facebook => "37-fb",
        Network::Twitter => "37-tw",
        Network::Instagram => "37-ins",
        Network::Minds => "37-minds",
        Network::Unknown => return None,
    };
    Some(format!("{network}-{}-{}", post.characters(), key.characters()))
}

/// Where a record of version -38 is written: a soul, and its property that links to the set.
/// The set itself has the soul `soul/property`.
#[must_use]
pub fn v38_path(network: Network, post: Tag, key: Tag) -> Option<[String; 2]> {
    Some([format!("{}{}", hint(network)?, post.characters()), key.characters()])
}

/// All places that are read for records of version -38, or of version -39 with that version's tag of the key.
/// The second is an old layout that nothing writes any more.
#[must_use]
pub fn v38_paths(network: Network, post: Tag, key: Tag) -> Vec<[String; 2]> {
    let old = hint(network).map(|hint| [format!("{hint}-{}", post.characters()), key.characters()]);
    v38_path(network, post, key).into_iter().chain(old).collect()
}

/// Where the one record of a reader is in version -40: properties to follow, one link after the other.
///
/// The last one is the reader's user name in clear, so asking for it tells a Gun relay who reads the post.
#[must_use]
pub fn v40_path(iv: &PostIv, reader: &ProfileId) -> [String; 4] {
    ["maskbook".to_owned(), "posts".to_owned(), iv.to_base64(), reader.user().to_owned()]
}

fn hint(network: Network) -> Option<&'static str> {
    match network {
        Network::Facebook => Some(""),
        Network::Twitter => Some("twitter-"),
        Network::Instagram => Some("instagram-"),
        Network::Minds => Some("minds-"),
        Network::Unknown => None,
    }
}

/// Both coordinates in base64url, one after the other: 86 characters.
fn coordinates(key: &PublicKey) -> String {
    let (x, y) = key.coordinates();
    base64::encode_url(&x) + &base64::encode_url(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_has_its_own_characters() {
        let all: std::collections::HashSet<String> =
            (0..Tag::COUNT).map(|index| Tag::from_index(index).unwrap().characters()).collect();
        assert_eq!(all.len(), usize::from(Tag::COUNT));
        assert!(all.iter().all(|characters| characters.len() == 2));
        assert_eq!(Tag::from_index(0).unwrap().characters(), "AA");
        assert_eq!(Tag::from_index(4095).unwrap().characters(), "//");
        assert_eq!(Tag::from_index(4096), None);
    }

    #[test]
    fn networks_have_their_places() {
        let (post, key) = (Tag(0), Tag(1));
        assert_eq!(v37_set(Network::Instagram, post, key).as_deref(), Some("37-ins-AA-AB"));
        assert_eq!(v37_set(Network::Unknown, post, key), None);
        assert_eq!(v38_path(Network::Facebook, post, key).unwrap(), ["AA", "AB"]);
        assert_eq!(v38_paths(Network::Minds, post, key), [["minds-AA", "AB"], ["minds--AA", "AB"]]);
        assert!(v38_paths(Network::Unknown, post, key).is_empty());
        let reader = ProfileId::new("facebook.com", "1").unwrap();
        assert_eq!(v40_path(&PostIv([0; 16]), &reader)[2..], ["AAAAAAAAAAAAAAAAAAAAAA==", "1"]);
    }
}
