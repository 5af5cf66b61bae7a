//! Addresses people exchange: `bauta:` for a persona, `bauta-relay:` for a relay.
//!
//! Both are URIs (RFC 3986) that fit a QR code, and end with a checksum, because a key with a wrong digit is often
//! another key and not an error. The part after `#` is not sent to a server when a browser opens the address.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::descriptor::all_differ;
use crate::error::{HasKind, Kind};
use crate::id::{DoorAddress, PersonaKey, RelayId, string_serde};
use crate::invite_seed::InviteSeed;
use crate::limits::{ADDRESS_DOORS, MAX_DOORS};

/// Characters of an address at most; a full invitation has 475.
const MAX_TEXT: usize = 1024;
const CHECK_LABEL: &str = "bauta/address-check/1";
const CHECK_LEN: usize = 8;
/// Characters of an invitation's secret.
const SEED_LEN: usize = 43;

/// A relay and its doors.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RelayAddress {
    /// The relay.
    pub id: RelayId,
    /// One to four Nym addresses.
    pub doors: Vec<DoorAddress>,
}

/// A persona, where it receives, and for an invitation the seed of its lanes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// The persona.
    pub persona: PersonaKey,
    /// Its relay, with at most two doors. A bare persona key has none.
    pub relay: Option<RelayAddress>,
    /// Secret: whoever has it can accept the invitation.
    pub seed: Option<InviteSeed>,
}

/// What is wrong with the text of an address, in words for the person who pasted it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// Longer than any address.
    #[error("this is too long to be an address: copy the address alone")]
    TooLong,
    /// Not one of the two schemes.
    #[error("an address begins with \"{0}:\": check that it was copied whole")]
    Scheme(&'static str),
    /// Broken as a URI.
    #[error("this is not a well-formed address: check that it was copied whole")]
    Form,
    /// The persona key is wrong.
    #[error(
        "the persona key in this address is damaged (66 hexadecimal digits are expected after \"bauta:\")"
    )]
    Persona,
    /// The relay id is wrong or missing.
    #[error(
        "the relay in this address is damaged or missing (43 characters are expected): copy the address again"
    )]
    Relay,
    /// A door is wrong.
    #[error(
        "a door in this address is damaged (128 characters are expected after \"door=\"): copy the address again"
    )]
    Door,
    /// Too few or too many doors.
    #[error("this address names {0} doors where 1 to {1} different ones are expected")]
    DoorCount(usize, usize),
    /// The invitation's secret is wrong.
    #[error(
        "the invitation's secret after \"#\" is damaged (43 characters are expected): ask for a new invitation"
    )]
    Seed,
    /// More is behind the invitation's secret, which is whole.
    #[error(
        "this invitation goes on after its end with \"{0}\", which some program added: copy it without that"
    )]
    Behind(String),
    /// An invitation without a relay cannot be answered.
    #[error("this invitation names no relay: ask for a new invitation")]
    SeedWithoutRelay,
    /// The checksum is missing or wrong.
    #[error("this address is damaged: a character is wrong or missing; copy it again, whole")]
    Check,
    /// A part this version does not know.
    #[error(
        "this address has a part named \"{0}\" that this version does not know: copy it without that, or update Bauta"
    )]
    UnknownPart(String),
}

impl HasKind for AddressError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownPart(_) => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

impl Address {
    /// The same address without the invitation's secret.
    #[must_use]
    pub fn without_seed(&self) -> Self {
        Self { seed: None, ..self.clone() }
    }
}

impl RelayAddress {
    fn body(&self) -> String {
        let doors = self.doors.iter().map(|door| format!("door={door}"));
        join_query(format!("bauta-relay:{}", self.id), doors)
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}{}check={}", separator(&body), check_of(&body, ""))
    }
}

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = parse_uri(text, "bauta-relay")?;
        let id = url.path().parse().map_err(|_| AddressError::Relay)?;
        let Query { relay, doors, check } = read_query(&url)?;
        if relay.is_some() {
            return Err(AddressError::UnknownPart("relay".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(AddressError::UnknownPart("#".to_owned()));
        }
        check_doors(&doors, MAX_DOORS)?;
        let address = Self { id, doors };
        verify(&address.body(), "", check)?;
        Ok(address)
    }
}

impl Address {
    fn body(&self) -> String {
        let relay = self.relay.iter().flat_map(|relay| {
            let doors = relay.doors.iter().take(ADDRESS_DOORS).map(|door| format!("door={door}"));
            std::iter::once(format!("relay={}", relay.id)).chain(doors)
        });
        join_query(format!("bauta:{}", self.persona), relay)
    }

    fn seed_text(&self) -> Zeroizing<String> {
        self.seed.as_ref().map(InviteSeed::to_text).unwrap_or_default()
    }
}

/// The seed, if there is one, is written in full: that is what an invitation is for. `Debug` hides it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (body, seed) = (self.body(), self.seed_text());
        write!(f, "{body}{}check={}", separator(&body), check_of(&body, &seed))?;
        if !seed.is_empty() {
            write!(f, "#{}", *seed)?;
        }
        Ok(())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = pasted(text);
        if let Ok(persona) = text.parse() {
            return Ok(Self { persona, relay: None, seed: None });
        }
        let url = parse_uri(text, "bauta")?;
        let persona = url.path().parse().map_err(|_| AddressError::Persona)?;
        let Query { relay, doors, check } = read_query(&url)?;
        let relay = match relay {
            Some(id) => {
                check_doors(&doors, ADDRESS_DOORS)?;
                Some(RelayAddress { id, doors })
            }
            None if doors.is_empty() => None,
            None => return Err(AddressError::Relay),
        };
        let (seed, behind) = match url.fragment() {
            None => (None, ""),
            Some(_) if relay.is_none() => return Err(AddressError::SeedWithoutRelay),
            Some(text) => read_seed(text).map(|(seed, behind)| (Some(seed), behind))?,
        };
        let address = Self { persona, relay, seed };
        let verified = verify(&address.body(), &address.seed_text(), check);
        match (behind.chars().next(), verified) {
            (None, verified) => verified.map(|()| address),
            // A dash or a letter may be more of a damaged secret, unless the address is whole without it.
            (Some(first), Err(_)) if is_secret(first) => Err(AddressError::Seed),
            (Some(_), _) => Err(AddressError::Behind(added_part(behind))),
        }
    }
}

/// The seed after `#`, and what follows it. Programs that write more behind a link do not look for a `#` in it, so their
/// parts come after the seed: then the secret is not to blame.
fn read_seed(text: &str) -> Result<(InviteSeed, &str), AddressError> {
    let end = text.find(|character| !is_secret(character)).unwrap_or(text.len()).min(SEED_LEN);
    let (secret, behind) = text.split_at_checked(end).unwrap_or((text, ""));
    Ok((InviteSeed::from_text(secret).ok_or(AddressError::Seed)?, behind))
}

/// The name of what some program added.
fn added_part(behind: &str) -> String {
    let part = behind.trim_start_matches(['&', '?', '#']);
    let name = part.split(['=', '&']).next().unwrap_or_default();
    let name = if name.is_empty() { behind } else { name };
    name.chars().take(40).collect()
}

fn is_secret(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn join_query(path: String, parts: impl Iterator<Item = String>) -> String {
    parts.fold(path, |body, part| format!("{body}{}{part}", separator(&body)))
}

fn separator(body: &str) -> char {
    if body.contains('?') { '&' } else { '?' }
}

/// Eight characters over everything else in the address, an invitation's secret included.
fn check_of(body: &str, seed: &str) -> String {
    let digest = Sha256::new()
        .chain_update(CHECK_LABEL)
        .chain_update(body)
        .chain_update("#")
        .chain_update(seed)
        .finalize();
    let mut check = BASE64URL_NOPAD.encode(&digest);
    check.truncate(CHECK_LEN);
    check
}

fn verify(body: &str, seed: &str, check: Option<String>) -> Result<(), AddressError> {
    if check.is_some_and(|check| check == check_of(body, seed)) { Ok(()) } else { Err(AddressError::Check) }
}

struct Query {
    relay: Option<RelayId>,
    doors: Vec<DoorAddress>,
    check: Option<String>,
}

/// A text without blanks and marks around it that nobody sees: editors and messengers add them.
fn pasted(text: &str) -> &str {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || matches!(c, '\u{feff}' | '\u{2060}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}')
    };
    text.trim_matches(is_unseen)
}

fn parse_uri(text: &str, scheme: &'static str) -> Result<Url, AddressError> {
    let text = pasted(text);
    if text.len() > MAX_TEXT {
        return Err(AddressError::TooLong);
    }
    let url = Url::parse(text).map_err(|_| AddressError::Scheme(scheme))?;
    if url.scheme() != scheme {
        return Err(AddressError::Scheme(scheme));
    }
    // `bauta://…` would hide the key in a host name.
    if !url.cannot_be_a_base() {
        return Err(AddressError::Form);
    }
    Ok(url)
}

fn read_query(url: &Url) -> Result<Query, AddressError> {
    let mut query = Query { relay: None, doors: Vec::new(), check: None };
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "relay" if query.relay.is_none() => {
                query.relay = Some(value.parse().map_err(|_| AddressError::Relay)?);
            }
            "relay" => return Err(AddressError::Relay),
            "door" => query.doors.push(value.parse().map_err(|_| AddressError::Door)?),
            "check" if query.check.is_none() => query.check = Some(value.into_owned()),
            "check" => return Err(AddressError::Check),
            other => return Err(AddressError::UnknownPart(other.chars().take(40).collect())),
        }
    }
    Ok(query)
}

fn check_doors(doors: &[DoorAddress], most: usize) -> Result<(), AddressError> {
    if doors.is_empty() || doors.len() > most || !all_differ(doors) {
        return Err(AddressError::DoorCount(doors.len(), most));
    }
    Ok(())
}

string_serde!(RelayAddress);
string_serde!(Address);
