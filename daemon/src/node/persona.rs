//! Personas: made, listed, shown, exported, published.

use async_trait::async_trait;
use bauta_ipc::limits::MAX_PAGE;
use bauta_ipc::{
    Empty, ExportedPersona, ListAll, NewPersona, OptionalPersona, Persona, PersonaApi, PersonaDetail,
    PersonaList, PersonaRef, Published, PublishedBundle, RpcError, Secret, codes, page,
};
use bauta_protocol::mask::{self, SecretKey};
use bauta_protocol::profile_text::profile_line;
use data_encoding::HEXLOWER;

use super::key::{address, draw, make};
use super::view::utc;
use super::{Node, names};
use crate::engine::publish_now;
use crate::store::{PersonaId, PersonaRow, StoreError, Tx};

#[async_trait]
impl PersonaApi for Node {
    async fn persona_new(&self, params: NewPersona) -> Result<Persona, RpcError> {
        let now = self.shared.time.now();
        let drawing = tokio::task::spawn_blocking(draw).await;
        let key =
            drawing.map_err(|_| RpcError::new(&codes::INTERNAL, "Drawing a key came to a sudden end."))??;
        let (id, shown) = self
            .shared
            .store
            .run(move |tx| {
                let row = make(tx, &params.name, key, params.apart, now)?;
                Ok::<_, RpcError>((row.id, show(tx, &row)?))
            })
            .await?;
        self.start_persona(id);
        Ok(shown)
    }

    async fn persona_list(&self, params: ListAll) -> Result<PersonaList, RpcError> {
        let list = self.shared.store.run(move |tx| {
            let after = names::place(params.after.as_deref(), |after| after.parse().ok())?.unwrap_or(0);
            let rows = tx.personas_after(PersonaId::from_cursor(after), MAX_PAGE.saturating_add(1))?;
            let (personas, last) = page(&rows, MAX_PAGE, |row| show(tx, row))?;
            let next = last.map(|row| row.id.cursor().to_string());
            Ok::<_, RpcError>(PersonaList { personas, next })
        });
        list.await
    }

    async fn persona_show(&self, params: PersonaRef) -> Result<PersonaDetail, RpcError> {
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

    async fn persona_export(&self, params: PersonaRef) -> Result<ExportedPersona, RpcError> {
        let exported = self.shared.store.run(move |tx| {
            let row = names::persona(tx, Some(&params.persona))?;
            let key = SecretKey::from(&row.secret);
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

    async fn persona_connect(&self, params: PersonaRef) -> Result<Empty, RpcError> {
        let found = self.shared.store.run(move |tx| names::sender(tx, Some(&params.persona)));
        let persona = found.await?.id;
        self.put_in_use(persona).await?;
        if let Some(actor) = self.actors().personas.get(&persona) {
            actor.connect_now();
        }
        Ok(Empty {})
    }

    async fn persona_publish(&self, params: OptionalPersona) -> Result<Published, RpcError> {
        let now = self.shared.time.now();
        let published = self.shared.store.run(move |tx| {
            let row = names::sender(tx, params.persona.as_deref())?;
            let version = utc(publish_now(tx, &row, now)?.version);
            Ok::<_, RpcError>(Published { persona: row.name, version })
        });
        published.await
    }
}

fn show(tx: &Tx<'_>, row: &PersonaRow) -> Result<Persona, StoreError> {
    Ok(Persona {
        name: row.name.clone(),
        public_key: row.public.to_string(),
        address: address(tx, row)?.to_string(),
    })
}
