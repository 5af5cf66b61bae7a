//! Which methods a connection may call, and which parts of the answers it may see.

// Access has two halves, and both are closed by default. Grants say which methods a connection may call at all. A limit
// to personas says whom they may be about, and is kept in one of four ways, as the method's row says (`Reach`):
//
// - The parameter `persona` is checked, and filled in where only one persona is possible. This happens to the JSON, before
//   the parameters are read: the method itself cannot tell a limited caller from another, so it cannot forget the limit.
// - The list `personas` is checked in the same way, and the limit is written into it where the caller gives none. The
//   status is such an answer: it is a sum over personas, and what was added up cannot be taken apart again.
// - The answer is cut to what the caller may see, between the method and the JSON.
// - The method is refused, because it acts on the home as a whole.
//
// A refusal does not say whether a persona of that name exists, and it is the same for a name that is not a text.
// The tests try every method, with every form of the parameter, against what comes back (`ipc/tests/all/scope.rs`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::frame::Call;
use crate::pairing::{Proven, revoked};
use crate::reach::{self, View};
use crate::{Access, Event, Grant, MethodInfo, Reach, RpcError, codes};

/// What a connection holds.
#[derive(Clone)]
pub(super) enum Scope {
    /// The access of the user's own programs.
    Owner(Access),
    /// That of an extension that has proven nothing yet.
    Stranger,
    /// That of a paired extension.
    Paired(Proven),
}

impl Scope {
    /// Whether the call may run; otherwise why not. For a session limited to one persona, that persona is filled in.
    /// With [`Access::check`], this is the only place that decides.
    pub(super) fn permit(&self, method: &MethodInfo, call: &mut Call) -> Result<(), RpcError> {
        match (self, method.grant) {
            (Self::Owner(_), None) => {
                let message = format!("{} is for extensions behind the bridge.", method.name);
                Err(RpcError::new(&codes::REQUEST_METHOD, message))
            }
            (Self::Owner(access), Some(need)) => access.check(need),
            (Self::Paired(proven), _) if proven.revoked.is_cancelled() => Err(revoked()),
            (Self::Stranger | Self::Paired(_), None) => Ok(()),
            (Self::Stranger, Some(_)) => {
                Err(RpcError::new(&codes::ACCESS_UNPAIRED, "This connection has proven no pairing yet."))
            }
            (Self::Paired(proven), Some(need)) => {
                Access::only(proven.grants.iter().copied()).check(need)?;
                match &proven.personas {
                    None => Ok(()),
                    Some(personas) => narrow(personas, method, call),
                }
            }
        }
    }

    /// Waits until the pairing is revoked; for ever if there is none.
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

    /// What the connection may see of results; none: all of them.
    pub(super) fn view(&self) -> Option<View<'_>> {
        match self {
            Self::Paired(proven) => Some(View { personas: proven.personas.as_deref() }),
            Self::Owner(_) | Self::Stranger => None,
        }
    }

    /// Whether the connection may see an event.
    pub(super) fn sees(&self, event: &Event) -> bool {
        let grant = event.body.grant();
        match self {
            Self::Owner(access) => access.has(grant),
            Self::Stranger => false,
            Self::Paired(proven) => {
                let view = View { personas: proven.personas.as_deref() };
                proven.grants.contains(&grant) && reach::sees(view, event)
            }
        }
    }
}

fn narrow(personas: &BTreeSet<String>, method: &MethodInfo, call: &mut Call) -> Result<(), RpcError> {
    match method.reach {
        Reach::Cut => return Ok(()),
        Reach::Named | Reach::Listed | Reach::Among => {}
        Reach::Any => {
            let message = format!("This pairing is limited to some personas, and {} is not.", method.name);
            return Err(RpcError::new(&codes::ACCESS_DENIED, message)
                .hint("Use the bauta command, or pair again for all personas."));
        }
    }
    let Some(params) = call.params.as_object_mut() else { return Ok(()) };
    let allows = |name: &Value| name.as_str().is_some_and(|name| personas.contains(name));
    let named = params.get("persona").filter(|name| !name.is_null()).cloned();
    if named.as_ref().is_some_and(|name| !allows(name)) {
        return Err(unknown());
    }
    if matches!(method.reach, Reach::Listed | Reach::Among) {
        let listed = match (named, params.get("personas")) {
            (Some(name), _) => Value::Array(vec![name]),
            (None, None | Some(Value::Null)) => personas.iter().cloned().map(Value::String).collect(),
            (None, Some(Value::Array(names))) if names.iter().all(allows) => return Ok(()),
            (None, Some(_)) => return Err(unknown()),
        };
        params.insert("personas".to_owned(), listed);
        return Ok(());
    }
    match (named, personas.first(), personas.len()) {
        (Some(_), ..) => Ok(()),
        (None, Some(only), 1) => {
            params.insert("persona".to_owned(), Value::String(only.clone()));
            Ok(())
        }
        (None, ..) => {
            let message = "This pairing is limited to some personas, and none was named.";
            Err(RpcError::new(&codes::PERSONA_CHOICE, message))
        }
    }
}

/// The answer does not show whether such a persona exists.
fn unknown() -> RpcError {
    RpcError::new(&codes::PERSONA_UNKNOWN, "This pairing has no persona of that name.")
}
