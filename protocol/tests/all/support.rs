//! A repeatable generator, people with prekeys, and a relay that keeps boxes. Shared with the fuzz targets.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{Bundle, IdentitySecret, Prekeys};
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::handshake::{self, Initiated, Responded};
use bauta_protocol::id::{BoxId, Capability, DoorAddress};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::session::{OutgoingBox, Session};
use bauta_protocol::time::Timestamp;
use rand_core::{TryCryptoRng, TryRng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// SHA-256 in counter mode over a name; remembers what it gave.
pub struct FixedRng {
    name: &'static str,
    counter: u64,
    pub drawn: Vec<Vec<u8>>,
}

pub fn rng(name: &'static str) -> FixedRng {
    FixedRng { name, counter: 0, drawn: Vec::new() }
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
            let block = Sha256::new()
                .chain_update(b"bauta/test/1")
                .chain_update(self.name)
                .chain_update(self.counter.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.counter += 1;
        }
        self.drawn.push(out.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

pub struct Person {
    pub persona: PersonaSecret,
    pub prekeys: Prekeys,
}

impl Person {
    pub fn bundle(&self) -> &Bundle {
        self.prekeys.bundle()
    }
}

pub fn doors(count: u8) -> Vec<DoorAddress> {
    (1..=count).map(|number| DoorAddress([number; 96])).collect()
}

pub fn relay_and_descriptor(rng: &mut FixedRng) -> (RelayAddress, Descriptor) {
    let identity = RelayIdentity::generate(rng);
    let terms = DescriptorTerms {
        day: NOW.day(),
        doors: doors(2),
        put_bits: 8,
        deposit_bits: 2,
        size: Size::of(1),
        takes_personas: true,
        last_header: None,
        expiry: Timestamp(NOW.day().start().0 + 2 * DAY_MS),
    };
    let descriptor = Descriptor::sign(&identity, &terms, rng).unwrap();
    (RelayAddress { id: identity.id(), doors: doors(2) }, descriptor)
}

pub fn person(name: &'static str) -> Person {
    person_at(name, NOW)
}

pub fn person_at(name: &'static str, now: Timestamp) -> Person {
    let mut rng = rng(name);
    let persona = PersonaSecret::generate(&mut rng);
    let identity = IdentitySecret::generate(&mut rng);
    let inbox = Capability::generate(&mut rng);
    let (relay, descriptor) = relay_and_descriptor(&mut rng);
    let prekeys =
        Prekeys::generate(&persona, &identity, &inbox, &relay, descriptor.seen(), now, &mut rng).unwrap();
    Person { persona, prekeys }
}

pub fn seen(byte: u8) -> DescriptorSeen {
    DescriptorSeen { day: NOW.day(), hash: [byte; 32] }
}

/// Alice's first message to Bob.
pub fn first_contact(content: &[u8]) -> (Initiated, Person) {
    let (alice, bob) = (person("alice"), person("bob"));
    let mut rng = rng("begin");
    let begun = handshake::initiate(
        &alice.persona,
        &alice.prekeys,
        bob.bundle(),
        None,
        content,
        Some(seen(7)),
        NOW,
        &mut rng,
    );
    (begun.unwrap(), bob)
}

/// Alice's session, Bob's answer to her handshake.
pub fn begin(content: &[u8]) -> (Session, Responded) {
    let (begun, bob) = first_contact(content);
    let answer = handshake::respond([&bob.prekeys], None, &begun.handshake, NOW, &mut rng("answer")).unwrap();
    (begun.session, answer)
}

pub fn pair() -> (Session, Session) {
    let (alice, answer) = begin(b"hello");
    (alice, answer.session)
}

pub fn json<T: Serialize>(state: &T) -> String {
    String::from_utf8(bauta_protocol::to_json(state).unwrap().to_vec()).unwrap()
}

pub fn restore<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// What the relay keeps, with the rules of `put` and `delete`.
#[derive(Default)]
pub struct Boxes {
    stored: BTreeMap<BoxId, Box<[u8; BOX_LEN]>>,
    deleted: BTreeSet<BoxId>,
}

#[derive(Debug, Eq, PartialEq)]
pub enum Put {
    Done,
    Conflict,
}

impl Boxes {
    pub fn put(&mut self, sealed: &OutgoingBox) -> Put {
        if self.deleted.contains(&sealed.id) {
            return Put::Done;
        }
        match self.stored.get(&sealed.id) {
            Some(bytes) if *bytes != sealed.bytes => Put::Conflict,
            _ => {
                self.stored.insert(sealed.id, sealed.bytes.clone());
                Put::Done
            }
        }
    }

    pub fn get(&self, id: &BoxId) -> Option<&[u8; BOX_LEN]> {
        self.stored.get(id).map(|bytes| &**bytes)
    }

    pub fn delete(&mut self, cap: &Capability) {
        self.stored.remove(&cap.box_id());
        self.deleted.insert(cap.box_id());
    }

    /// The relay loses one box.
    pub fn lose(&mut self, which: usize) {
        if !self.stored.is_empty() {
            let id = *self.stored.keys().nth(which % self.stored.len()).unwrap();
            self.stored.remove(&id);
        }
    }
}
