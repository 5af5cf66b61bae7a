//! People, sessions and invitations that the targets attack, made once and always the same.

use std::convert::Infallible;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{IdentitySecret, Prekeys};
use bauta_protocol::descriptor::DescriptorSeen;
use bauta_protocol::handshake::{Initiated, Responded, initiate, respond};
use bauta_protocol::id::{Capability, DoorAddress, RelayId};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;
use rand_core::{TryCryptoRng, TryRng};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// When everything happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// SHA-256 in counter mode over a name.
pub struct FixedRng(&'static str, u64);

/// The generator of a name.
pub fn rng(name: &'static str) -> FixedRng {
    FixedRng(name, 0)
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let block = Sha256::new().chain_update(self.0).chain_update(self.1.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.1 += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

/// A person with prekeys.
pub fn person(name: &'static str) -> (PersonaSecret, Prekeys) {
    let mut rng = rng(name);
    let persona = PersonaSecret::generate(&mut rng);
    let identity = IdentitySecret::generate(&mut rng);
    let inbox = Capability::generate(&mut rng);
    let relay = RelayAddress { id: RelayId([1; 32]), doors: vec![DoorAddress([1; 96])] };
    let seen = DescriptorSeen { day: NOW.day(), hash: [1; 32] };
    let prekeys = Prekeys::generate(&persona, &identity, &inbox, &relay, seen, NOW, &mut rng).unwrap();
    (persona, prekeys)
}

/// Alice's first message to Bob.
pub fn first_contact() -> (Initiated, Prekeys) {
    let ((alice, mine), (_, bob)) = (person("alice"), person("bob"));
    let begun = initiate(&alice, &mine, bob.bundle(), None, b"hi", None, NOW, &mut rng("hs")).unwrap();
    (begun, bob)
}

/// Both ends of a conversation.
pub fn conversation() -> (Initiated, Responded) {
    let (begun, bob) = first_contact();
    let answer = respond([&bob], None, &begun.handshake, NOW, &mut rng("answer")).unwrap();
    (begun, answer)
}

/// A state as JSON.
pub fn json<T: Serialize>(state: &T) -> serde_json::Value {
    serde_json::from_slice(&bauta_protocol::to_json(state).unwrap()).unwrap()
}

/// `template` with the fuzzer's bytes over it from a place the fuzzer chose (its first two bytes).
pub fn overwrite(template: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = template.to_vec();
    let Some((place, data)) = data.split_first_chunk::<2>() else { return bytes };
    let place = usize::from(u16::from_be_bytes(*place)) % template.len().max(1);
    for (byte, from) in bytes.iter_mut().skip(place).zip(data) {
        *byte = *from;
    }
    bytes
}
