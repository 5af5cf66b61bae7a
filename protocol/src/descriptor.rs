//! A relay's signed statement for one UTC day: its doors, the work it asks for, and where its digest was when the day
//! began.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{Reader, Short, base64};
use crate::digest::header::{HEADER_LEN, Header};
use crate::error::{HasKind, Kind};
use crate::id::{DoorAddress, PersonaKey, RelayId, hash};
use crate::limits::{DESCRIPTOR_LIFETIME, MAX_DEPOSIT_BITS, MAX_DOORS, MAX_PUT_BITS};
use crate::persona::{BadSecretKey, PersonaSecret, SIGNATURE_LEN};
use crate::time::{Day, Timestamp};

/// Bytes of a descriptor.
pub const DESCRIPTOR_LEN: usize = SIGNED_LEN + SIGNATURE_LEN;

const SIGNED_LEN: usize =
    PersonaKey::LEN + 4 + 1 + MAX_DOORS * DoorAddress::LEN + 1 + 1 + 1 + 1 + HEADER_LEN + 8;
const LABEL: &[u8] = b"bauta/descriptor/1";

/// A relay's secret identity key (secp256k1). Its id is SHA-256 of the compressed public key.
#[derive(Debug)]
pub struct RelayIdentity(PersonaSecret);

impl RelayIdentity {
    /// Draws a new identity.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(PersonaSecret::generate(rng))
    }

    /// Reads a secret scalar, big-endian.
    ///
    /// # Errors
    /// [`BadSecretKey`] for zero and for values not below the order of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadSecretKey> {
        PersonaSecret::from_bytes(bytes).map(Self)
    }

    /// The secret scalar, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.to_bytes()
    }

    /// The relay's id.
    pub fn id(&self) -> RelayId {
        RelayId(hash(&[self.0.public().as_bytes()]))
    }
}

/// Which descriptor of a relay somebody saw: its day and the hash of all its bytes.
/// Contacts exchange these, so that a relay which shows different doors to different clients is found out.
#[derive(Clone, Copy, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct DescriptorSeen {
    /// The descriptor's day.
    pub day: Day,
    /// SHA-256 of its bytes, signature included.
    #[serde(with = "base64")]
    pub hash: [u8; 32],
}

impl fmt::Debug for DescriptorSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DescriptorSeen(..)")
    }
}

/// A relay's signed descriptor. Every value of this type has a valid signature.
#[derive(Clone, Eq, PartialEq)]
pub struct Descriptor {
    bytes: Box<[u8; DESCRIPTOR_LEN]>,
    relay: RelayId,
    day: Day,
    doors: Vec<DoorAddress>,
    put_bits: u8,
    deposit_bits: u8,
    size: Size,
    takes_personas: bool,
    last_header: Option<Header>,
    expiry: Timestamp,
}

/// How many personas use a relay, as a power of ten: the exact number would say when somebody comes or goes.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Size(u8);

impl Size {
    /// The largest power of ten that is not above the number, from 1 to 10,000.
    pub fn of(personas: u64) -> Self {
        let power = personas.checked_ilog10().unwrap_or(0).min(u32::from(LARGEST));
        Self(u8::try_from(power).unwrap_or(LARGEST))
    }

    /// At least this many personas: 1, 10, 100, 1,000 or 10,000.
    pub fn personas(self) -> u32 {
        10u32.saturating_pow(u32::from(self.0))
    }
}

/// The power of ten of the largest size.
const LARGEST: u8 = 4;

/// What a relay puts into its descriptor.
#[derive(Clone, Debug)]
pub struct DescriptorTerms {
    /// The UTC day it is for.
    pub day: Day,
    /// One to four Nym addresses.
    pub doors: Vec<DoorAddress>,
    /// Leading zero bits asked of a put's work: at most [`MAX_PUT_BITS`].
    pub put_bits: u8,
    /// Leading zero bits asked of a deposit's Argon2id work: at most [`MAX_DEPOSIT_BITS`].
    pub deposit_bits: u8,
    /// How many personas use it.
    pub size: Size,
    /// Whether it takes personas that it does not know.
    pub takes_personas: bool,
    /// The last header of its digest before the day; `None` if there was none.
    pub last_header: Option<Header>,
    /// When it ends: at most eight days after its day begins.
    pub expiry: Timestamp,
}

/// Why bytes are not a descriptor, or one cannot be used or made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DescriptorError {
    /// Wrong length, door count, padding, key or lifetime, or more work than the rules allow.
    #[error("the relay's descriptor is malformed")]
    Malformed,
    /// It was signed by another relay than the one asked for.
    #[error("the descriptor belongs to another relay")]
    WrongRelay,
    /// The signature is invalid.
    #[error("the descriptor's signature is invalid")]
    BadSignature,
    /// It has ended.
    #[error("the relay's descriptor has expired")]
    Expired,
    /// The terms to be signed are out of bounds.
    #[error(
        "a descriptor needs one to four different doors, asks for no more work than the rules allow, and ends within eight days of its day"
    )]
    BadTerms,
    /// Signing failed, which no input can cause.
    #[error("could not sign the descriptor")]
    Signing,
}

impl HasKind for DescriptorError {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed => Kind::Malformed,
            Self::WrongRelay | Self::BadSignature => Kind::Forged,
            Self::Expired => Kind::Expired,
            Self::BadTerms => Kind::Usage,
            Self::Signing => Kind::Internal,
        }
    }
}

impl Descriptor {
    /// Signs the terms.
    ///
    /// # Errors
    /// [`DescriptorError::BadTerms`] when they are out of bounds.
    pub fn sign<R: CryptoRng + ?Sized>(
        identity: &RelayIdentity,
        terms: &DescriptorTerms,
        rng: &mut R,
    ) -> Result<Self, DescriptorError> {
        let mut bytes = Vec::with_capacity(DESCRIPTOR_LEN);
        bytes.extend_from_slice(identity.0.public().as_bytes());
        bytes.extend_from_slice(&terms.day.0.to_be_bytes());
        put_doors::<MAX_DOORS>(&mut bytes, &terms.doors).ok_or(DescriptorError::BadTerms)?;
        let size = terms.size.0;
        bytes.extend_from_slice(&[terms.put_bits, terms.deposit_bits, size, terms.takes_personas.into()]);
        bytes.extend_from_slice(&terms.last_header.map_or([0; HEADER_LEN], |header| header.encode()));
        bytes.extend_from_slice(&terms.expiry.0.to_be_bytes());
        let signature =
            identity.0.sign(&hash(&[LABEL, &bytes]), rng).map_err(|_| DescriptorError::Signing)?;
        bytes.extend_from_slice(&signature);
        Self::from_bytes(&bytes, identity.id()).map_err(|_| DescriptorError::BadTerms)
    }

    /// Reads a descriptor of the relay `expected` and verifies its signature. [`Self::check_fresh`] checks
    /// whether it is current.
    ///
    /// # Errors
    /// One variant of [`DescriptorError`] per cause.
    pub fn from_bytes(bytes: &[u8], expected: RelayId) -> Result<Self, DescriptorError> {
        let whole: Box<[u8; DESCRIPTOR_LEN]> =
            Box::new(bytes.try_into().map_err(|_| DescriptorError::Malformed)?);
        let mut reader = Reader::new(bytes);
        let key: [u8; PersonaKey::LEN] = reader.array()?;
        let relay = RelayId(hash(&[&key]));
        if relay != expected {
            return Err(DescriptorError::WrongRelay);
        }
        let key = PersonaKey::from_bytes(&key).map_err(|_| DescriptorError::Malformed)?;
        let day = Day(reader.u32()?);
        let doors = read_doors::<MAX_DOORS>(&mut reader).ok_or(DescriptorError::Malformed)?;
        let put_bits = reader.u8()?;
        let deposit_bits = reader.u8()?;
        let size = reader.u8()?;
        let takes_personas = reader.u8()?;
        let header = reader.slice(HEADER_LEN)?;
        let expiry = Timestamp(reader.u64()?);
        let signature = reader.array()?;
        let signed = bytes.get(..SIGNED_LEN).ok_or(DescriptorError::Malformed)?;
        key.verify(&hash(&[LABEL, signed]), &signature).map_err(|_| DescriptorError::BadSignature)?;
        if expiry <= day.start() || expiry > day.start().plus(DESCRIPTOR_LIFETIME) {
            return Err(DescriptorError::Malformed);
        }
        if put_bits > MAX_PUT_BITS || deposit_bits > MAX_DEPOSIT_BITS || size > LARGEST || takes_personas > 1
        {
            return Err(DescriptorError::Malformed);
        }
        let last_header = if header.iter().all(|byte| *byte == 0) {
            None
        } else {
            Some(Header::decode(header).map_err(|_| DescriptorError::Malformed)?)
        };
        Ok(Self {
            bytes: whole,
            relay,
            day,
            doors,
            put_bits,
            deposit_bits,
            size: Size(size),
            takes_personas: takes_personas == 1,
            last_header,
            expiry,
        })
    }

    /// Checks that the descriptor has not ended.
    ///
    /// # Errors
    /// [`DescriptorError::Expired`].
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), DescriptorError> {
        if now >= self.expiry { Err(DescriptorError::Expired) } else { Ok(()) }
    }

    /// The bytes as signed and sent.
    pub fn as_bytes(&self) -> &[u8; DESCRIPTOR_LEN] {
        &self.bytes
    }

    /// What contacts get to compare.
    pub fn seen(&self) -> DescriptorSeen {
        DescriptorSeen { day: self.day, hash: hash(&[self.bytes.as_slice()]) }
    }

    /// The relay that signed it.
    pub fn relay(&self) -> RelayId {
        self.relay
    }

    /// The UTC day it is for.
    pub fn day(&self) -> Day {
        self.day
    }

    /// One to four Nym addresses.
    pub fn doors(&self) -> &[DoorAddress] {
        &self.doors
    }

    /// Leading zero bits asked of a put's work.
    pub fn put_bits(&self) -> u8 {
        self.put_bits
    }

    /// Leading zero bits asked of a deposit's Argon2id work.
    pub fn deposit_bits(&self) -> u8 {
        self.deposit_bits
    }

    /// How many personas use the relay, roughly.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether the relay takes personas that it does not know.
    pub fn takes_personas(&self) -> bool {
        self.takes_personas
    }

    /// The last header of the relay's digest before the day; `None` if there was none.
    pub fn last_header(&self) -> Option<&Header> {
        self.last_header.as_ref()
    }

    /// When it ends.
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Descriptor({:?}, day {})", self.relay, self.day)
    }
}

impl From<Short> for DescriptorError {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// Whether two descriptors prove that one relay signed two different ones for the same day.
pub fn proves_equivocation(a: &Descriptor, b: &Descriptor) -> bool {
    a.relay == b.relay && a.day == b.day && a.bytes != b.bytes
}

/// Writes a count and `N` places for doors; unused places are zero. `None` unless 1..=N different doors.
pub(crate) fn put_doors<const N: usize>(bytes: &mut Vec<u8>, doors: &[DoorAddress]) -> Option<()> {
    if doors.is_empty() || doors.len() > N || !all_differ(doors) {
        return None;
    }
    bytes.push(u8::try_from(doors.len()).ok()?);
    for place in 0..N {
        bytes.extend_from_slice(doors.get(place).map_or(&[0; DoorAddress::LEN], |door| door.as_bytes()));
    }
    Some(())
}

/// The inverse of [`put_doors`]: `None` for anything it cannot have written.
pub(crate) fn read_doors<const N: usize>(reader: &mut Reader<'_>) -> Option<Vec<DoorAddress>> {
    let count = usize::from(reader.u8().ok()?);
    let mut doors = Vec::with_capacity(N);
    for place in 0..N {
        let door = DoorAddress(reader.array().ok()?);
        if place < count {
            doors.push(door);
        } else if door.0 != [0; DoorAddress::LEN] {
            return None;
        }
    }
    (count >= 1 && count <= N && all_differ(&doors)).then_some(doors)
}

/// Whether no door is there twice: a client that draws a door would favour it.
pub(crate) fn all_differ(doors: &[DoorAddress]) -> bool {
    doors.iter().enumerate().all(|(place, door)| !doors.iter().skip(place + 1).any(|other| other == door))
}
