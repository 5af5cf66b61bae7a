//! Profiles of social networks and the persona keys behind them.

use async_trait::async_trait;
use bauta_ipc::{Empty, Profile, ProfileApi, ProfileList, ProfileRef, RpcError, SetProfile, codes};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::ProfileId;
use bauta_protocol::time::Timestamp;

use super::view::utc;
use super::{Node, names};
use crate::engine::announce;
use crate::posts;
use crate::store::{Learned, PersonaRow, ProfileRow, ProfileSource, StoreError, Tx};

#[async_trait]
impl ProfileApi for Node {
    async fn profile_list(&self, _: Empty) -> Result<ProfileList, RpcError> {
        let list = self.shared.store.run(|tx| {
            let profiles =
                tx.profiles()?.iter().map(|row| show(tx, row)).collect::<Result<_, StoreError>>()?;
            Ok::<_, RpcError>(ProfileList { profiles })
        });
        list.await
    }

    async fn profile_set(&self, params: SetProfile) -> Result<Profile, RpcError> {
        let now = self.shared.time.now();
        let set = self.shared.store.run(move |tx| {
            let profile = names::profile(&params.profile, None)?;
            let key = key_of(tx, params.persona.as_deref(), &params.of)?;
            let known = tx.profile(&profile)?;
            if let Some(known) = known.filter(|known| known.persona != key && !params.replace) {
                let message = format!("{} is known with another persona key, {}.", profile, known.persona);
                return Err(RpcError::new(&codes::PROFILE_CHANGED, message));
            }
            let row = ProfileRow {
                profile,
                persona: key,
                nickname: None,
                source: ProfileSource::Hand,
                learned_at: now,
            };
            tx.put_profile(&row)?;
            tx.settle_profile(&row.profile)?;
            let shown = show(tx, &row)?;
            announce::profile_learned(tx, &row.profile, now)?;
            Ok(shown)
        });
        set.await
    }

    async fn profile_forget(&self, params: ProfileRef) -> Result<Empty, RpcError> {
        let gone = self.shared.store.run(move |tx| {
            let profile = names::profile(&params.profile, None)?;
            if tx.forget_profile(&profile)? { Ok(Empty {}) } else { Err(unknown(&profile)) }
        });
        gone.await
    }
}

/// Learns the author's key that a post shows for the profile on whose page it was found. Another key than the known one
/// changes nothing and comes back as a warning.
pub(super) fn learn(
    tx: &Tx<'_>,
    profile: &ProfileId,
    key: PersonaKey,
    source: ProfileSource,
    now: Timestamp,
) -> Result<Option<RpcError>, StoreError> {
    match tx.learn_profile(profile, key, source, now)? {
        Learned::Same => Ok(None),
        Learned::New(row) => {
            announce::profile_learned(tx, &row.profile, now)?;
            Ok(None)
        }
        Learned::Other { known, first } => {
            if first {
                announce::profile_changed(tx, &known.profile, now)?;
            }
            Ok(Some(changed(&known, &key)))
        }
    }
}

/// The warning that a post shows another key than the known one.
pub(super) fn changed(known: &ProfileRow, other: &PersonaKey) -> RpcError {
    let message = format!(
        "WARNING: this post says it is by {}, but shows another persona key ({other}) than the one known for that \
         profile ({}). It may be a new persona of theirs, or somebody who pretends to be them.",
        known.profile, known.persona
    );
    RpcError::new(&codes::PROFILE_CHANGED, message)
}

pub(super) fn unknown(profile: &ProfileId) -> RpcError {
    RpcError::new(&codes::PROFILE_UNKNOWN, format!("No persona key is known for {profile}."))
}

/// Who has a key: an own persona, or a contact of any of them.
pub(super) fn name_of(tx: &Tx<'_>, key: &PersonaKey) -> Result<Option<String>, StoreError> {
    let personas = tx.personas()?;
    if let Some(own) = personas.iter().find(|persona| persona.public == *key) {
        return Ok(Some(own.name.clone()));
    }
    for persona in personas {
        if let Some(contact) = tx.contact_of(persona.id, key)? {
            return Ok(Some(contact.name));
        }
    }
    Ok(None)
}

/// The key of a persona of this home, of a contact, or the text itself if it is a key.
fn key_of(tx: &Tx<'_>, persona: Option<&str>, of: &str) -> Result<PersonaKey, RpcError> {
    if let Some(own) = tx.persona_named(of)? {
        return Ok(own.public);
    }
    if let Some(key) = names::persona_key(of) {
        return Ok(key);
    }
    if posts::is_p256(of) {
        return Err(RpcError::new(&codes::POST_CURVE, "This is a P-256 key, which nothing can use."));
    }
    let acting: PersonaRow = names::persona(tx, persona)?;
    let contact = names::contact(tx, &acting, of)?;
    contact.public.ok_or_else(|| {
        RpcError::new(&codes::CONTACT_PENDING, "The contact's key is not known yet: they have not answered.")
    })
}

pub(super) fn show(tx: &Tx<'_>, row: &ProfileRow) -> Result<Profile, StoreError> {
    Ok(Profile {
        profile: row.profile.to_string(),
        public_key: row.persona.to_string(),
        source: match row.source {
            ProfileSource::Seen => bauta_ipc::ProfileSource::Seen,
            ProfileSource::Text => bauta_ipc::ProfileSource::Text,
            ProfileSource::Hand => bauta_ipc::ProfileSource::Hand,
            ProfileSource::Backup => bauta_ipc::ProfileSource::Backup,
        },
        since: utc(row.learned_at),
        name: name_of(tx, &row.persona)?,
        other_key: tx.doubt(&row.profile)?.map(|key| key.to_string()),
    })
}
