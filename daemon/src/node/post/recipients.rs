//! The readers and the author that a caller names for a post.

use bauta_ipc::{PostDelivery, RpcError, SocialNetwork, codes};
use bauta_protocol::mask::{Network, ProfileId};

use crate::node::network::network as mask_network;
use crate::node::{names, profile};
use crate::posts::{self, Delivery, Recipient, Recipients};
use crate::store::{ContactState, PersonaRow, StoreError, Tx};

/// Finds everybody who is named: contacts, known profiles, bare keys.
pub(super) fn recipients(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    to: &[String],
    delivery: Delivery,
) -> Result<Recipients, RpcError> {
    let mut found = Recipients::for_count(to.len(), delivery)?;
    for name in to {
        found.add(tx, persona, recipient(tx, persona, name)?)?;
    }
    Ok(found)
}

pub(super) fn delivery(asked: Option<PostDelivery>) -> Delivery {
    match asked.unwrap_or_default() {
        PostDelivery::Both => Delivery::Both,
        PostDelivery::Gun => Delivery::Gun,
        PostDelivery::Contacts => Delivery::Contacts,
    }
}

fn recipient(tx: &Tx<'_>, persona: &PersonaRow, name: &str) -> Result<Recipient, RpcError> {
    match names::contact(tx, persona, name) {
        Ok(contact) if contact.state == ContactState::Blocked => {
            Err(posts::PostError::Blocked(contact.name).into())
        }
        Ok(contact) => match contact.public {
            Some(key) => Ok(Recipient { name: contact.name, key }),
            None => {
                let message =
                    format!("The key of {} is not known yet: they have not answered.", contact.name);
                Err(RpcError::new(&codes::CONTACT_PENDING, message))
            }
        },
        Err(error) if error.is(&codes::CONTACT_UNKNOWN) => {
            if posts::is_p256(name) {
                return Err(RpcError::new(&codes::POST_CURVE, "This is a P-256 key, which nothing can use."));
            }
            if let Some(key) = names::persona_key(name) {
                return Ok(Recipient { name: key.to_string(), key });
            }
            if name.starts_with("person:") {
                let id = names::profile(name, None)?;
                let row = tx.profile(&id)?.ok_or_else(|| profile::unknown(&id))?;
                return Ok(Recipient { name: id.to_string(), key: row.persona });
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The profile that a post is to name, on the network it is for.
pub(super) fn own_name(text: &str, network: SocialNetwork) -> Result<ProfileId, RpcError> {
    let profile = names::profile(text, Some(network))?;
    if profile.network() == mask_network(network).domain() {
        return Ok(profile);
    }
    let message = format!("{profile} is not a profile of the network the post is for.");
    Err(RpcError::new(&codes::PROFILE_INVALID, message).hint("Name the network with --network."))
}

/// The persona's own profile on a network.
pub(super) fn own_profile(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    network: Network,
) -> Result<Option<ProfileId>, StoreError> {
    let profiles = tx.profiles_of(&persona.public)?;
    Ok(profiles.into_iter().map(|row| row.profile).find(|profile| profile.network() == network.domain()))
}
