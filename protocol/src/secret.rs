//! Thirty-two secret bytes, and serialisation that leaves no copies behind.

use std::fmt;
use std::io::{self, Write};

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A secret of 32 bytes: boxed, so that moving it leaves no copy on the stack, and erased on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret32(Box<[u8; 32]>);

impl Secret32 {
    pub(crate) fn zero() -> Self {
        Self(Box::new([0; 32]))
    }

    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Self::zero();
        rng.fill_bytes(secret.0.as_mut_slice());
        secret
    }

    /// Copies `bytes`; the caller erases its own copy.
    pub(crate) fn from_ref(bytes: &[u8; 32]) -> Self {
        let mut secret = Self::zero();
        secret.0.copy_from_slice(bytes);
        secret
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret32 {}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(..)")
    }
}

impl Serialize for Secret32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_slice()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Secret32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes in base64url")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret32, E> {
                let mut secret = Secret32::zero();
                decode_exact(text, secret.as_mut()).map_err(E::custom)?;
                Ok(secret)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Decodes base64url text of exactly `out.len()` bytes, leaving nothing else in memory.
pub(crate) fn decode_exact(text: &str, out: &mut [u8]) -> Result<(), &'static str> {
    const WRONG: &str = "not base64url of the required length";
    if BASE64URL_NOPAD.decode_len(text.len()) != Ok(out.len()) {
        return Err(WRONG);
    }
    match BASE64URL_NOPAD.decode_mut(text.as_bytes(), out) {
        Ok(_) => Ok(()),
        Err(_) => {
            out.zeroize();
            Err(WRONG)
        }
    }
}

/// Serialises a state to JSON in a buffer that is erased on drop.
///
/// The length is counted first, so the buffer never grows: a growing buffer would leave copies of secrets behind.
///
/// # Errors
/// When the value cannot be represented in JSON; no state of this crate has that property.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(counter.0));
    serde_json::to_writer(&mut *bytes, value)?;
    Ok(bytes)
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_silence() {
        let secret = Secret32::from_ref(&[0xa5; 32]);
        let json = to_json(&secret).unwrap();
        assert_eq!(json.len(), 45);
        assert_eq!(serde_json::from_slice::<Secret32>(&json).unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "Secret32(..)");
        for bad in ["\"\"", "\"AAAA\"", "5", "\"*AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""] {
            assert!(serde_json::from_str::<Secret32>(bad).is_err(), "{bad}");
        }
    }
}
