//! What a connection may call, and what of the answers it may see.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::frame::Call;
use crate::pairing::{Proven, revoked};
use crate::{Access, Event, EventBody, Grant, MethodInfo, RpcError, codes};

/// What a connection holds.
#[derive(Clone)]
pub(super) enum Scope {
    /// Of the user's own programs.
    Owner(Access),
    /// Of an extension that has proven nothing yet.
    Stranger,
    /// Of a paired extension.
    Paired(Proven),
}

/// How a method treats personas.
enum Reach {
    /// It acts for the persona that `persona` names.
    Named,
    /// It tells nothing of a persona, or what it tells is cut to the allowed ones.
    Cut,
    /// It may touch any persona: not for a session that is limited to some.
    Any,
}

impl Scope {
    /// Whether the call may run; otherwise why not. A session limited to one persona has that one put in.
    /// With [`Access::check`], this is the only place that decides.
    pub(super) fn permit(&self, method: &MethodInfo, call: &mut Call) -> Result<(), RpcError> {
        match (self, method.grant) {
            (Self::Owner(_), None) => {
                let message = format!("{} is for extensions behind the bridge.", method.name);
                Err(RpcError::new(&codes::REQUEST_METHOD, message))
            }
            (Self::Owner(access), Some(grant)) => access.check(grant),
            (Self::Paired(proven), _) if proven.revoked.is_cancelled() => Err(revoked()),
            (Self::Stranger | Self::Paired(_), None) => Ok(()),
            (Self::Stranger, Some(_)) => {
                Err(RpcError::new(&codes::ACCESS_UNPAIRED, "This connection has proven no pairing yet."))
            }
            (Self::Paired(proven), Some(grant)) => {
                Access::only(proven.grants.iter().copied()).check(grant)?;
                match &proven.personas {
                    None => Ok(()),
                    Some(personas) => narrow(personas, method, call),
                }
            }
        }
    }

    /// Waits until the pairing is revoked; for ever where there is none.
    pub(super) async fn revoked(&self) {
        match self {
            Self::Paired(proven) => proven.revoked.cancelled().await,
            Self::Owner(_) | Self::Stranger => std::future::pending().await,
        }
    }

    /// The grants, least first.
    pub(super) fn grants(&self) -> Vec<Grant> {
        match self {
            Self::Owner(access) => access.grants().collect(),
            Self::Stranger => Vec::new(),
            Self::Paired(proven) => proven.grants.iter().copied().collect(),
        }
    }

    /// Takes out of a result what the connection may not see.
    pub(super) fn cut(&self, method: &str, result: &mut Value) {
        let Self::Paired(proven) = self else { return };
        if method == "status.get"
            && let Some(gun) = result.get_mut("gun").and_then(Value::as_object_mut)
        {
            // Its path is a secret that stands for the right to use it.
            gun.remove("endpoint");
        }
        let Some(personas) = &proven.personas else { return };
        if let "status.get" | "persona.list" = method
            && let Some(list) = result.get_mut("personas").and_then(Value::as_array_mut)
        {
            list.retain(|persona| {
                persona.get("name").and_then(Value::as_str).is_some_and(|name| personas.contains(name))
            });
            let queued: u64 =
                list.iter().filter_map(|persona| persona.get("queued").and_then(Value::as_u64)).sum();
            if let Some(all) = result.get_mut("queued") {
                *all = queued.into();
            }
        }
    }

    /// Whether the connection may see an event.
    pub(super) fn sees(&self, event: &Event) -> bool {
        let Self::Paired(Proven { personas: Some(personas), .. }) = self else { return true };
        let persona = match &event.body {
            EventBody::MessageReceived { message } => &message.persona,
            EventBody::MessageState { persona, .. }
            | EventBody::PersonaPublished { persona, .. }
            | EventBody::PostState { persona, .. }
            | EventBody::StatusChanged { persona: Some(persona), .. } => persona,
            EventBody::ContactRequest { request } => &request.persona,
            EventBody::ContactAdded { contact } | EventBody::ContactChanged { contact, .. } => {
                &contact.persona
            }
            EventBody::StatusChanged { persona: None, .. } | EventBody::Health { .. } => return true,
            // Profiles and look-ups belong to the home as a whole.
            EventBody::PostLookup { .. }
            | EventBody::ProfileLearned { .. }
            | EventBody::ProfileChanged { .. }
            | EventBody::Unknown => return false,
        };
        personas.contains(persona)
    }
}

fn narrow(personas: &Arc<BTreeSet<String>>, method: &MethodInfo, call: &mut Call) -> Result<(), RpcError> {
    match reach(method.name) {
        Reach::Cut => return Ok(()),
        Reach::Named => {}
        Reach::Any => {
            let message = format!("This pairing is limited to some personas, and {} is not.", method.name);
            return Err(RpcError::new(&codes::ACCESS_DENIED, message)
                .hint("Use the bauta command, or pair again for all personas."));
        }
    }
    let only = match (personas.first(), personas.len()) {
        (Some(only), 1) => Some(only),
        _ => None,
    };
    let Some(params) = call.params.as_object_mut() else { return Ok(()) };
    match (params.get("persona"), only) {
        (Some(Value::String(name)), _) if personas.contains(name) => Ok(()),
        (None | Some(Value::Null), Some(only)) => {
            params.insert("persona".to_owned(), Value::String(only.clone()));
            Ok(())
        }
        (None | Some(Value::Null), None) => {
            let message = "This pairing is limited to some personas, and none was named.";
            Err(RpcError::new(&codes::PERSONA_CHOICE, message))
        }
        // Whether there is such a persona is not told.
        (Some(_), _) => {
            Err(RpcError::new(&codes::PERSONA_UNKNOWN, "This pairing has no persona of that name."))
        }
    }
}

/// Whatever is not listed may touch any persona.
fn reach(method: &str) -> Reach {
    match method {
        "persona.show" | "contact.add" | "contact.list" | "contact.show" | "contact.invite"
        | "contact.requests" | "contact.accept" | "contact.block" | "contact.verify" | "message.send"
        | "message.inbox" | "message.history" | "post.encrypt" | "post.append" => Reach::Named,
        // The id of an own message is known to nobody but who sent it.
        "status.get" | "persona.list" | "event.subscribe" | "message.wait" => Reach::Cut,
        _ => Reach::Any,
    }
}
