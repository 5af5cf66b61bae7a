use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Read messages, requests and events.
    #[serde(rename = "messages.read")]
    MessagesRead,
    /// Write messages; add, invite, accept and block contacts.
    #[serde(rename = "messages.send")]
    MessagesSend,
    /// Make, export and publish personas; stop the daemon.
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

    /// Whether a method that needs `grant` may run; otherwise `access.denied`.
    /// This is the only place that decides.
    pub fn check(&self, grant: Grant) -> Result<(), RpcError> {
        if self.grants.contains(&grant) {
            return Ok(());
        }
        Err(RpcError::new(
            &codes::ACCESS_DENIED,
            format!("This connection does not have the grant {}.", grant.name()),
        )
        .hint("Use the bauta command, or pair again and ask for this grant."))
    }
}
