//! Addresses people exchange: `bauta:` for a persona, `bauta-relay:` for a relay.
//!
//! Both are URIs (RFC 3986) that fit a QR code. What stands after `#` never leaves a browser or a shell by itself.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::descriptor::{MAX_DOORS, all_differ};
use crate::error::{HasKind, Kind};
use crate::id::{DoorAddress, PersonaKey, RelayId, string_serde};
use crate::invitation::InviteSeed;

/// Most doors a persona's address keeps: two fit a QR code, and one lost gateway still leaves a way in.
pub const ADDRESS_DOORS: usize = 2;

const MAX_TEXT: usize = 1024;

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
    /// An invitation without a relay cannot be answered.
    #[error("this invitation names no relay: ask for a new invitation")]
    SeedWithoutRelay,
    /// A part this version does not know.
    #[error("this address has a part named \"{0}\" that this version does not know: update Bauta")]
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

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bauta-relay:{}", self.id)?;
        for (place, door) in self.doors.iter().enumerate() {
            write!(f, "{}door={door}", if place == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = parse_uri(text, "bauta-relay")?;
        let id = url.path().parse().map_err(|_| AddressError::Relay)?;
        let (relay, doors) = read_query(&url)?;
        if relay.is_some() {
            return Err(AddressError::UnknownPart("relay".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(AddressError::UnknownPart("#".to_owned()));
        }
        check_doors(&doors, MAX_DOORS)?;
        Ok(Self { id, doors })
    }
}

/// The seed, if there is one, is written in full: that is what an invitation is for. `Debug` hides it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bauta:{}", self.persona)?;
        if let Some(relay) = &self.relay {
            write!(f, "?relay={}", relay.id)?;
            for door in relay.doors.iter().take(ADDRESS_DOORS) {
                write!(f, "&door={door}")?;
            }
        }
        if let Some(seed) = &self.seed {
            write!(f, "#{}", *seed.to_text())?;
        }
        Ok(())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if let Ok(persona) = text.parse() {
            return Ok(Self { persona, relay: None, seed: None });
        }
        let url = parse_uri(text, "bauta")?;
        let persona = url.path().parse().map_err(|_| AddressError::Persona)?;
        let (relay, doors) = read_query(&url)?;
        let relay = match relay {
            Some(id) => {
                check_doors(&doors, ADDRESS_DOORS)?;
                Some(RelayAddress { id, doors })
            }
            None if doors.is_empty() => None,
            None => return Err(AddressError::Relay),
        };
        let seed = match url.fragment() {
            None => None,
            Some(_) if relay.is_none() => return Err(AddressError::SeedWithoutRelay),
            Some(text) => Some(InviteSeed::from_text(text).ok_or(AddressError::Seed)?),
        };
        Ok(Self { persona, relay, seed })
    }
}

fn parse_uri(text: &str, scheme: &'static str) -> Result<Url, AddressError> {
    let text = text.trim();
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

fn read_query(url: &Url) -> Result<(Option<RelayId>, Vec<DoorAddress>), AddressError> {
    let (mut relay, mut doors) = (None, Vec::new());
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "relay" if relay.is_none() => relay = Some(value.parse().map_err(|_| AddressError::Relay)?),
            "relay" => return Err(AddressError::Relay),
            "door" => doors.push(value.parse().map_err(|_| AddressError::Door)?),
            other => return Err(AddressError::UnknownPart(other.chars().take(40).collect())),
        }
    }
    Ok((relay, doors))
}

fn check_doors(doors: &[DoorAddress], most: usize) -> Result<(), AddressError> {
    if doors.is_empty() || doors.len() > most || !all_differ(doors) {
        return Err(AddressError::DoorCount(doors.len(), most));
    }
    Ok(())
}

string_serde!(RelayAddress);
string_serde!(Address);
