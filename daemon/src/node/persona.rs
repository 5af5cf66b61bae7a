//! Personas: made, listed, shown, exported, published.

use bauta_ipc::{
    ExportedPersona, NewPersona, OptionalPersona, Persona, PersonaDetail, PersonaList, PersonaRef, Published,
    PublishedBundle, RpcError, Secret, codes,
};
use bauta_protocol::address::{Address, RelayAddress};
use bauta_protocol::bundle::IdentitySecret;
use bauta_protocol::id::Capability;
use bauta_protocol::mask::{self, SecretKey};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::profile_text::profile_line;
use bauta_protocol::time::Timestamp;
use data_encoding::HEXLOWER;

use super::import::new_key;
use super::{Node, names};
use crate::engine::{fresh_prekeys, new_prekeys, relay_doors};
use crate::random;
use crate::store::{PersonaRow, Recovery, StoreError, Tx};
use crate::view::utc;

impl Node {
    pub(super) async fn new_persona(&self, params: NewPersona) -> Result<Persona, RpcError> {
        let now = self.shared.time.now();
        let drawing = tokio::task::spawn_blocking(draw).await;
        let key =
            drawing.map_err(|_| RpcError::new(&codes::INTERNAL, "Drawing a key came to a sudden end."))??;
        let (id, shown) = self
            .shared
            .store
            .run(move |tx| {
                let row = make(tx, &params.name, key, now)?;
                Ok::<_, RpcError>((row.id, show(tx, &row)?))
            })
            .await?;
        self.start_persona(id, shown.name.clone());
        Ok(shown)
    }

    pub(super) async fn list_personas(&self) -> Result<PersonaList, RpcError> {
        let list = self.shared.store.run(|tx| {
            let personas = tx.personas()?.iter().map(|row| show(tx, row)).collect::<Result<_, _>>()?;
            Ok::<_, RpcError>(PersonaList { personas })
        });
        list.await
    }

    pub(super) async fn show_persona(&self, params: PersonaRef) -> Result<PersonaDetail, RpcError> {
        let (row, address, published) = self
            .shared
            .store
            .run(move |tx| {
                let row = names::persona(tx, Some(&params.persona))?;
                let address = address(tx, &row)?.to_string();
                let published = tx.published_prekeys(row.id)?;
                Ok::<_, RpcError>((row, address, published))
            })
            .await?;
        Ok(PersonaDetail {
            public_key: row.public.to_string(),
            address,
            profile_text: profile_line(&row.public),
            created_at: utc(row.created_at),
            state: self.persona_connection(row.id).0,
            relays: vec![row.relay.to_string()],
            published: published.map(|bundle| PublishedBundle {
                version: utc(bundle.version),
                expires_at: utc(bundle.expires_at),
                published_at: utc(bundle.published_at.unwrap_or(bundle.made_at)),
            }),
            name: row.name,
        })
    }

    pub(super) async fn export_persona(&self, params: PersonaRef) -> Result<ExportedPersona, RpcError> {
        let exported = self.shared.store.run(move |tx| {
            let row = names::persona(tx, Some(&params.persona))?;
            let key = SecretKey::from_bytes(&row.secret.to_bytes())
                .map_err(|_| StoreError::Damaged("a persona's secret"))?;
            let mask_key = mask::Persona { key, local_key: None, words: None }.to_key_string();
            let mask_key = mask_key.map_err(|error| RpcError::new(&codes::INTERNAL, error.to_string()))?;
            let words = tx.recovery(row.id)?.words;
            Ok::<_, RpcError>(ExportedPersona {
                public_key: row.public.to_string(),
                secret_key: Secret::new(HEXLOWER.encode(row.secret.to_bytes().as_slice())),
                mask_key: Secret::new(mask_key.to_string()),
                words: words.map(|words| Secret::new(words.words.to_string())),
                name: row.name,
            })
        });
        exported.await
    }

    pub(super) async fn publish_persona(&self, params: OptionalPersona) -> Result<Published, RpcError> {
        let now = self.shared.time.now();
        let published = self.shared.store.run(move |tx| {
            let row = names::persona(tx, params.persona.as_deref())?;
            let version = utc(new_prekeys(tx, &row, now)?.version);
            Ok::<_, RpcError>(Published { persona: row.name, version })
        });
        published.await
    }
}

/// The key of a persona that is to be made.
pub(super) struct NewKey {
    pub(super) secret: PersonaSecret,
    pub(super) recovery: Recovery,
}

/// A key that recovery words lead to.
fn draw() -> Result<NewKey, RpcError> {
    let drawn = mask::Persona::generate(&mut random::rng())
        .map_err(|error| RpcError::new(&codes::INTERNAL, error.to_string()))?;
    new_key(&drawn.key, Recovery { words: drawn.words, local_key: drawn.local_key })
}

pub(super) fn make(tx: &Tx<'_>, name: &str, key: NewKey, now: Timestamp) -> Result<PersonaRow, RpcError> {
    let name = names::check_name(name)?;
    if tx.persona_named(name)?.is_some() {
        return Err(RpcError::new(
            &codes::PERSONA_EXISTS,
            format!("There is a persona called \"{name}\" already."),
        ));
    }
    let relays: Vec<_> =
        tx.relays()?.into_iter().filter(|relay| relay.configured && !relay.equivocated).collect();
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
    let relay = RelayAddress { id: row.relay, doors: relay_doors(tx, row.relay)? };
    Ok(Address { persona: row.public, relay: Some(relay), seed: None })
}

fn show(tx: &Tx<'_>, row: &PersonaRow) -> Result<Persona, StoreError> {
    Ok(Persona {
        name: row.name.clone(),
        public_key: row.public.to_string(),
        address: address(tx, row)?.to_string(),
    })
}
