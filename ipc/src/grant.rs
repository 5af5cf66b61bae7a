use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::{RpcError, codes};

/// What a connection may do, least first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Grant {
    /// See the daemon's status.
    #[serde(rename = "status.read")]
    StatusRead,
    /// Encrypt and open posts.
    #[serde(rename = "posts.use")]
    PostsUse,
    /// See personas and contacts.
    #[serde(rename = "contacts.read")]
    ContactsRead,
    /// Read messages and requests.
    #[serde(rename = "messages.read")]
    MessagesRead,
    /// Write and delete messages; add, invite, accept, block, keep and delete contacts.
    #[serde(rename = "messages.send")]
    MessagesSend,
    /// Make, export, publish and delete personas; stop the daemon.
    #[serde(rename = "persona.admin")]
    PersonaAdmin,
}

impl Grant {
    /// Every grant there is.
    pub const ALL: [Self; 6] = [
        Self::StatusRead,
        Self::PostsUse,
        Self::ContactsRead,
        Self::MessagesRead,
        Self::MessagesSend,
        Self::PersonaAdmin,
    ];

    /// The grant's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatusRead => "status.read",
            Self::PostsUse => "posts.use",
            Self::ContactsRead => "contacts.read",
            Self::MessagesRead => "messages.read",
            Self::MessagesSend => "messages.send",
            Self::PersonaAdmin => "persona.admin",
        }
    }
}

/// What a connection must hold to call a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// This grant.
    One(Grant),
    /// Any grant: what comes depends on which.
    Any,
}

impl Need {
    /// The grant's name on the wire, or `any`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One(grant) => grant.name(),
            Self::Any => "any",
        }
    }
}

impl Serialize for Need {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The grants of one listener's connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    grants: BTreeSet<Grant>,
}

impl Access {
    /// Everything: for the command line's socket, which only the same user can open.
    pub fn all() -> Self {
        Self::only(Grant::ALL)
    }

    /// These grants and no others.
    pub fn only(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { grants: grants.into_iter().collect() }
    }

    /// The grants, least first.
    pub fn grants(&self) -> impl Iterator<Item = Grant> + '_ {
        self.grants.iter().copied()
    }

    /// Whether `grant` is one of them.
    pub fn has(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether a method that needs this may run; otherwise `access.denied`.
    /// This is the only place that decides.
    pub fn check(&self, need: Need) -> Result<(), RpcError> {
        let message = match need {
            Need::One(grant) if self.has(grant) => return Ok(()),
            Need::Any if !self.grants.is_empty() => return Ok(()),
            Need::One(grant) => format!("This connection does not have the grant {}.", grant.name()),
            Need::Any => "This connection does not have any grant.".to_owned(),
        };
        Err(RpcError::new(&codes::ACCESS_DENIED, message)
            .hint("Use the bauta command, or pair again and ask for this grant."))
    }
}
