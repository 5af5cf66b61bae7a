//! Randomness written in advance, in place of what the extension drew.

use std::convert::Infallible;

use bauta_protocol::mask::SecretKey;
use rand_core::{TryCryptoRng, TryRng};

use super::{Failure, World, hex_array};

/// Gives out the bytes it was made with, once.
#[derive(Default)]
pub(super) struct Script {
    bytes: Vec<u8>,
    given: usize,
}

impl Script {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The one ephemeral key of a post of version -37.
    pub(super) fn push_ephemeral(
        &mut self,
        world: &World<'_>,
        names: Option<&[String]>,
    ) -> Result<(), Failure> {
        match names {
            Some([name]) => {
                self.push(SecretKey::to_bytes(world.secret(name)?).as_slice());
                Ok(())
            }
            Some(names) => Err(format!("one ephemeral key is drawn, not {}", names.len())),
            None => Err("the ephemeral key is missing".to_owned()),
        }
    }

    /// The salts of a post of version -38.
    pub(super) fn push_salts(&mut self, salts: Option<&[String]>) -> Result<(), Failure> {
        for salt in salts.ok_or("the salts are missing")? {
            self.push(&hex_array::<16>(salt)?);
        }
        Ok(())
    }

    /// Everything was asked for, and nothing more.
    pub(super) fn check_used(&self) -> Result<(), Failure> {
        if self.given == self.bytes.len() {
            Ok(())
        } else {
            Err(format!("{} random bytes were drawn instead of {}", self.given, self.bytes.len()))
        }
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        // Past the end come ones, not zeros: zeros are not a key and would be drawn again for ever.
        let left = self.bytes.get(self.given..).unwrap_or_default();
        for (to, from) in to.iter_mut().zip(left.iter().copied().chain(std::iter::repeat(1))) {
            *to = from;
        }
        self.given += to.len();
        Ok(())
    }
}

impl TryCryptoRng for Script {}
