//! A session in a store: it is loaded only if its parts are consistent.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{STATE_VERSION, Session};
use crate::limits::MAX_CONTENT;

// `Session` derives both directions as inherent functions; these are the traits, and the checks that the derived ones lack.

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let session = Self::deserialize(deserializer)?;
        if session.version != STATE_VERSION {
            return Err(D::Error::custom("a newer version stored this session"));
        }
        let Self { send, receive, ahead, partial, acked, .. } = &session;
        let sound = *acked <= send.next_index()
            && ahead.keys().all(|index| receive.was_accepted(*index))
            && partial.as_ref().is_none_or(|partial| partial.0.len() <= MAX_CONTENT);
        if sound { Ok(session) } else { Err(D::Error::custom("a stored session contradicts itself")) }
    }
}
