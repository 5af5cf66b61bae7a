//! Profiles of social networks and the persona keys behind them.

use async_trait::async_trait;
use bauta_ipc::limits::MAX_PAGE;
use bauta_ipc::{
    Empty, ListAll, Profile, ProfileApi, ProfileList, ProfileRef, RpcError, SetProfile, codes, page,
};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::ProfileId;

use super::{Node, names, view};
use crate::engine::announce;
use crate::posts::{self, OtherKey};
use crate::store::{PersonaRow, ProfileRow, ProfileSource, Tx};

#[async_trait]
impl ProfileApi for Node {
    async fn profile_list(&self, params: ListAll) -> Result<ProfileList, RpcError> {
        let list = self.shared.store.run(move |tx| {
            let after = names::place(params.after.as_deref(), |after| after.parse().ok())?;
            let rows = tx.profiles_after(after.as_ref(), MAX_PAGE.saturating_add(1))?;
            let (profiles, last) = page(&rows, MAX_PAGE, |row| view::profile(tx, row))?;
            let next = last.map(|row| row.profile.to_string());
            Ok::<_, RpcError>(ProfileList { profiles, next })
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
            let shown = view::profile(tx, &row)?;
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

/// The warning that a post shows another key than the known one.
pub(super) fn changed(other: &OtherKey) -> RpcError {
    let OtherKey { known, shown } = other;
    let message = format!(
        "WARNING: this post says it is by {}, but shows another persona key ({shown}) than the one known for that \
         profile ({}). It may be a new persona of theirs, or somebody who pretends to be them.",
        known.profile, known.persona
    );
    RpcError::new(&codes::PROFILE_CHANGED, message)
}

pub(super) fn unknown(profile: &ProfileId) -> RpcError {
    RpcError::new(&codes::PROFILE_UNKNOWN, format!("No persona key is known for {profile}."))
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
