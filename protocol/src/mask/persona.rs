//! Personas from what Mask shows its users: recovery words, a private-key string, a JSON Web Key.

use std::fmt;

use bip39::{Language, Mnemonic};
use pbkdf2::pbkdf2_hmac;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::base64;
use super::json::{self, without_byte_order_mark};
use super::jwk::{self, JwkError};
use super::key::{LocalKey, PublicKey, SecretKey};
use super::limits::MAX_KEY_TEXT;
use super::pack::{self, Wiped};
use crate::error::{HasKind, Kind};

/// Where the extension derives a persona's key (BIP 32, BIP 44): the first Ethereum address of the same words.
pub(crate) const PATH: &str = "m/44'/60'/0'/0/0";

const LOCAL_KEY_ROUNDS: u32 = 100_000;

/// A persona with its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persona {
    /// The private key.
    pub key: SecretKey,
    /// The local key; a persona imported from its private key alone has none,
    /// so it cannot write posts for recipients in version -38.
    pub local_key: Option<LocalKey>,
    /// The recovery words, if it came from them.
    pub words: Option<Words>,
}

/// Recovery words (BIP 39, English) and how a key is derived from them.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    /// The words with one space between.
    pub words: Zeroizing<String>,
    /// The derivation path.
    pub path: String,
    /// Whether they need a password too; the extension never asks for one.
    pub with_password: bool,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(..)")
    }
}

impl Persona {
    /// A new persona with twelve recovery words. Draws 16 bytes.
    ///
    /// # Errors
    /// [`PersonaError::Derivation`], with negligible probability.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, PersonaError> {
        let mut entropy = Zeroizing::new([0; 16]);
        rng.fill_bytes(entropy.as_mut());
        let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy.as_slice())
            .map_err(|_| PersonaError::Derivation)?;
        Self::from_mnemonic(&mnemonic, "", PATH)
    }

    /// From recovery words; white space and capital letters do not matter.
    ///
    /// # Errors
    /// What is wrong with the words.
    pub fn from_words(words: &str, password: &str) -> Result<Self, PersonaError> {
        Self::from_words_at(words, password, PATH)
    }

    /// From the private-key string that the extension shows: base64 of a JSON Web Key in MessagePack.
    ///
    /// # Errors
    /// [`PersonaError::KeyString`], [`PersonaError::Jwk`], [`PersonaError::TooLong`].
    pub fn from_key_string(text: &str) -> Result<Self, PersonaError> {
        check_length(text)?;
        let bytes =
            Zeroizing::new(base64::decode(without_byte_order_mark(text)).ok_or(PersonaError::KeyString)?);
        let value = Wiped(pack::read(&bytes, 64).map_err(|_| PersonaError::KeyString)?);
        Self::from_key(jwk::read_private(&value.0))
    }

    /// From a JSON Web Key in JSON.
    ///
    /// # Errors
    /// [`PersonaError::Jwk`], [`PersonaError::TooLong`].
    pub fn from_jwk(text: &str) -> Result<Self, PersonaError> {
        check_length(text)?;
        let value =
            Wiped(json::read(without_byte_order_mark(text), 64).ok_or(PersonaError::Jwk(JwkError::NotAKey))?);
        Self::from_key(jwk::read_private(&value.0))
    }

    /// The private-key string that the extension imports.
    ///
    /// # Errors
    /// [`PersonaError::Derivation`] if the library refuses to write it.
    pub fn to_key_string(&self) -> Result<Zeroizing<String>, PersonaError> {
        let value = Wiped(jwk::private_value(&self.key));
        let bytes = Zeroizing::new(pack::write(&value.0).map_err(|_| PersonaError::Derivation)?);
        Ok(Zeroizing::new(base64::encode(&bytes)))
    }

    pub(crate) fn from_words_at(words: &str, password: &str, path: &str) -> Result<Self, PersonaError> {
        [words, password, path].into_iter().try_for_each(check_length)?;
        let words = Zeroizing::new(without_byte_order_mark(words).to_lowercase());
        let words = Zeroizing::new(words.split_whitespace().collect::<Vec<_>>().join(" "));
        let mnemonic =
            Mnemonic::parse_in(Language::English, words.as_str()).map_err(|error| match error {
                bip39::Error::BadWordCount(count) => PersonaError::WordCount(count),
                bip39::Error::UnknownWord(index) => PersonaError::UnknownWord(index + 1),
                _ => PersonaError::Checksum,
            })?;
        Self::from_mnemonic(&mnemonic, password, path)
    }

    fn from_mnemonic(mnemonic: &Mnemonic, password: &str, path: &str) -> Result<Self, PersonaError> {
        let words = Zeroizing::new(mnemonic.to_string());
        let seed = Zeroizing::new(mnemonic.to_seed(password));
        let steps = path.parse().map_err(|_| PersonaError::Derivation)?;
        let child = bip32::XPrv::derive_from_path(&*seed, &steps).map_err(|_| PersonaError::Derivation)?;
        let scalar = Zeroizing::new(child.to_bytes());
        let key = SecretKey::from_bytes(&scalar).map_err(|_| PersonaError::Derivation)?;
        let local_key = Some(derive_local_key(&key.public(), &words));
        let words = Words { words, path: path.to_owned(), with_password: !password.is_empty() };
        Ok(Self { key, local_key, words: Some(words) })
    }

    fn from_key(key: Result<SecretKey, JwkError>) -> Result<Self, PersonaError> {
        Ok(Self { key: key.map_err(PersonaError::Jwk)?, local_key: None, words: None })
    }
}

/// The local key: PBKDF2 over the public key's coordinates, with the words as salt (docs/mask.md, "Personas and backups").
fn derive_local_key(public: &PublicKey, words: &str) -> LocalKey {
    let (x, y) = public.coordinates();
    let password = base64::encode_url(&x) + &base64::encode_url(&y);
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2_hmac::<Sha256>(password.as_bytes(), words.as_bytes(), LOCAL_KEY_ROUNDS, key.as_mut());
    LocalKey::from_bytes(&key)
}

fn check_length(text: &str) -> Result<(), PersonaError> {
    if text.len() > MAX_KEY_TEXT { Err(PersonaError::TooLong) } else { Ok(()) }
}

/// Why no persona can be made of a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonaError {
    /// Recovery words come in groups of three, from 12 to 24.
    #[error("there are {0} words; recovery words are 12, 15, 18, 21 or 24")]
    WordCount(usize),
    /// A word that is not in the English list, counted from 1.
    #[error("word {0} is not a recovery word; check its spelling")]
    UnknownWord(usize),
    /// All words exist, but their checksum is wrong.
    #[error("these words do not belong together; one is wrong or two are swapped")]
    Checksum,
    /// Not a private-key string of the extension.
    #[error("this is not a private key as Mask shows it; check that all of it was copied")]
    KeyString,
    /// The key itself cannot be used.
    #[error("the key cannot be used")]
    Jwk(#[source] JwkError),
    /// Longer than [`MAX_KEY_TEXT`].
    #[error("this is too long for a key or for recovery words")]
    TooLong,
    /// The path gives no key; with the usual path the odds are 1 in 2^127.
    #[error("no key can be derived from these words; use others")]
    Derivation,
}

impl HasKind for PersonaError {
    fn kind(&self) -> Kind {
        match self {
            Self::Jwk(error) => error.kind(),
            Self::Derivation => Kind::Internal,
            _ => Kind::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn spelling_is_forgiven() {
        let persona = Persona::from_words(WORDS, "").unwrap();
        let shouted = format!("  {}\n", WORDS.to_uppercase().replace(' ', "\t "));
        assert_eq!(Persona::from_words(&shouted, "").unwrap(), persona);
        assert_ne!(Persona::from_words(WORDS, "password").unwrap().key, persona.key);
        assert_eq!(persona.words.unwrap().words.as_str(), WORDS);
    }

    #[test]
    fn a_byte_order_mark_does_not_matter() {
        let persona = Persona::from_words(WORDS, "").unwrap();
        let (key, jwk) = (persona.to_key_string().unwrap(), jwk::private_jwk(&persona.key));
        for before in ["\u{feff}", "\n\u{feff}", "\u{feff}\u{feff} "] {
            let marked = |text: &str| format!("{before}{text}\r\n");
            assert_eq!(Persona::from_words(&marked(WORDS), "").unwrap(), persona);
            assert_eq!(Persona::from_key_string(&marked(&key)).unwrap().key, persona.key);
            assert_eq!(Persona::from_jwk(&marked(&jwk)).unwrap().key, persona.key);
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let wrong = |words: &str| Persona::from_words(words, "").unwrap_err();
        assert_eq!(wrong("legal winner"), PersonaError::WordCount(2));
        assert_eq!(wrong(&WORDS.replace("sausage", "sausagge")), PersonaError::UnknownWord(6));
        assert_eq!(wrong(&WORDS.replace("yellow", "year")), PersonaError::Checksum);
        assert_eq!(wrong(&"a".repeat(MAX_KEY_TEXT + 1)), PersonaError::TooLong);
        assert_eq!(Persona::from_key_string("AAAA").unwrap_err(), PersonaError::KeyString);
        assert_eq!(Persona::from_key_string("*").unwrap_err(), PersonaError::KeyString);
        assert_eq!(Persona::from_key_string("gA==").unwrap_err(), PersonaError::Jwk(JwkError::Member("crv")));
        assert_eq!(Persona::from_jwk("{").unwrap_err(), PersonaError::Jwk(JwkError::NotAKey));
    }

    #[test]
    fn a_new_persona_comes_back_from_its_words() {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let persona = Persona::generate(&mut rng).unwrap();
        let words = persona.words.clone().unwrap();
        assert_eq!(words.words.split(' ').count(), 12);
        assert_eq!(Persona::from_words(&words.words, "").unwrap(), persona);
        assert_eq!(format!("{words:?}"), "Words(..)");
    }

    proptest! {
        #[test]
        fn keys_round_trip(byte in 1_u8..255) {
            let key = SecretKey::from_bytes(&[byte; 32]).unwrap();
            let persona = Persona { key, local_key: None, words: None };
            prop_assert_eq!(Persona::from_key_string(&persona.to_key_string().unwrap()), Ok(persona.clone()));
            prop_assert_eq!(Persona::from_jwk(&jwk::private_jwk(&persona.key)), Ok(persona));
        }

        #[test]
        fn any_text_is_answered(text: String, bytes: Vec<u8>) {
            let _ = Persona::from_words(&text, "");
            let _ = Persona::from_jwk(&text);
            let _ = Persona::from_key_string(&text);
            let _ = Persona::from_key_string(&base64::encode(&bytes));
        }
    }
}
