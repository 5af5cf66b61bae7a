//! Keys of personas that are made or imported, and the addresses they get.

use bauta_ipc::{RpcError, codes};
use bauta_protocol::address::{Address, RelayAddress};
use bauta_protocol::bundle::IdentitySecret;
use bauta_protocol::id::Capability;
use bauta_protocol::mask::{self, SecretKey};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;

use super::names;
use crate::engine::{fresh_prekeys, relay_doors};
use crate::random;
use crate::store::{PersonaRow, Recovery, StoreError, Tx};

/// The key of a persona that is to be made.
pub(super) struct NewKey {
    secret: PersonaSecret,
    recovery: Recovery,
}

impl NewKey {
    pub(super) fn new(secret: &SecretKey, recovery: Recovery) -> Self {
        Self { secret: secret.into(), recovery }
    }
}

/// A key that recovery words lead to. Takes some milliseconds.
pub(super) fn draw() -> Result<NewKey, RpcError> {
    let drawn = mask::Persona::generate(&mut random::rng())
        .map_err(|error| RpcError::new(&codes::INTERNAL, error.to_string()))?;
    Ok(NewKey::new(&drawn.key, Recovery { words: drawn.words, local_key: drawn.local_key }))
}

/// Adds a persona with its inbox at one of the relays, and its first prekeys.
///
/// # Errors
/// `relay.apart` when `apart` asks for a relay that no other persona uses, and no such relay is known.
pub(super) fn make(
    tx: &Tx<'_>,
    name: &str,
    key: NewKey,
    apart: bool,
    now: Timestamp,
) -> Result<PersonaRow, RpcError> {
    let name = names::check_name(name)?;
    if tx.persona_named(name)?.is_some() {
        return Err(RpcError::new(
            &codes::PERSONA_EXISTS,
            format!("There is a persona called \"{name}\" already."),
        ));
    }
    let mut relays: Vec<_> =
        tx.relays()?.into_iter().filter(|relay| relay.configured && !relay.equivocated).collect();
    if apart && !relays.is_empty() {
        let used: Vec<_> = tx.personas()?.into_iter().map(|persona| persona.relay).collect();
        relays.retain(|relay| !used.contains(&relay.id));
        if relays.is_empty() {
            return Err(RpcError::new(&codes::RELAY_APART, codes::RELAY_APART.meaning));
        }
    }
    let relay = relays.get(random::below(relays.len())).ok_or_else(|| {
        RpcError::new(&codes::RELAY_NONE, "A persona needs a relay that keeps its inbox, and none is known.")
    })?;
    let mut rng = random::rng();
    let identity = IdentitySecret::generate(&mut rng);
    let inbox = Capability::generate(&mut rng);
    let id = tx.add_persona(name, &key.secret, &crate::engine::pack(&identity)?, &inbox, relay.id, now)?;
    tx.add_recovery(id, &key.recovery)?;
    let row = tx.persona(id)?;
    fresh_prekeys(tx, &row, now)?;
    Ok(row)
}

pub(super) fn address(tx: &Tx<'_>, row: &PersonaRow) -> Result<Address, StoreError> {
    let relay = RelayAddress { id: row.relay, doors: relay_doors(tx, row.id, row.relay)? };
    Ok(Address { persona: row.public, relay: Some(relay), seed: None })
}
