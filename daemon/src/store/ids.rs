//! The ids of rows. Each table has its own type, so that a contact's id cannot be used in place of a session's.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

macro_rules! row_ids {
    ($($(#[$about:meta])* $name:ident,)+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
            pub(crate) struct $name(pub(super) i64);

            #[cfg(test)]
            impl From<i64> for $name {
                fn from(id: i64) -> Self {
                    Self(id)
                }
            }

            impl ToSql for $name {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(ToSqlOutput::from(self.0))
                }
            }

            impl FromSql for $name {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    value.as_i64().map(Self)
                }
            }
        )+
    };
}

row_ids! {
    PersonaId,
    ContactId,
    /// What messages belong to. Today each contact has exactly one.
    ConversationId,
    SessionId,
    /// Grows over all conversations of a home: it is the order of arrival, and a cursor in the API.
    MessageSeq,
    /// A box in the outbox.
    OutboxId,
    InviteId,
    PrekeysId,
    RequestId,
    ProfileRowId,
    /// A box that was read, to be deleted at its relay.
    CapabilityId,
    /// A recipient's key of a post.
    PublicationId,
}

impl PersonaId {
    /// As a label for logs.
    pub(crate) fn label(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

macro_rules! cursors {
    ($($name:ident),+) => {
        $(
            impl $name {
                /// As a cursor of the API.
                pub(crate) fn cursor(self) -> u64 {
                    u64::try_from(self.0).unwrap_or(0)
                }

                /// From a cursor of the API; one past the end counts as the end.
                pub(crate) fn from_cursor(cursor: u64) -> Self {
                    Self(i64::try_from(cursor).unwrap_or(i64::MAX))
                }
            }
        )+
    };
}

cursors!(PersonaId, ContactId, RequestId, MessageSeq);

impl MessageSeq {
    /// Before the first message.
    pub(crate) const START: Self = Self(0);
    /// After the last message.
    pub(crate) const END: Self = Self(i64::MAX);
}
