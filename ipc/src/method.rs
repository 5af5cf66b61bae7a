use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Need, Reach};

/// Whether a call leads to traffic for this user, beyond the cover traffic that always flows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkUse {
    /// Nothing leaves the machine because of it.
    None,
    /// It returns at once; what follows is sent by the mixnet's own clock.
    Queued,
    /// It waits for an answer through the mixnet.
    Interactive,
}

/// One method of the API, as a type.
pub trait Method {
    /// Its name on the wire.
    const NAME: &'static str;
    /// What it does, in one sentence.
    const SUMMARY: &'static str;
    /// The grant it needs; `None` if it comes before there are grants.
    const GRANT: Option<Need>;
    /// What it does with personas.
    const REACH: Reach;
    /// Whether it leads to traffic.
    const NETWORK: NetworkUse;
    /// What it reveals, and to whom.
    const REVEALS: &'static str;
    /// Its parameters: an object on the wire.
    type Params: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// Its result: an object on the wire.
    type Result: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// A [`Method`] as a value, for lists and documents.
#[derive(Clone, Copy, Debug)]
pub struct MethodInfo {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The grant it needs; `None` if it comes before there are grants.
    pub grant: Option<Need>,
    /// What it does with personas.
    pub reach: Reach,
    /// Whether it leads to traffic.
    pub network: NetworkUse,
    /// What it reveals, and to whom.
    pub reveals: &'static str,
    /// The schema of its parameters.
    pub params: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of its result.
    pub result: fn(&mut SchemaGenerator) -> Schema,
}

impl MethodInfo {
    /// The description of `M`.
    pub const fn of<M: Method>() -> Self {
        Self {
            name: M::NAME,
            summary: M::SUMMARY,
            grant: M::GRANT,
            reach: M::REACH,
            network: M::NETWORK,
            reveals: M::REVEALS,
            params: |generator| generator.subschema_for::<M::Params>(),
            result: |generator| generator.subschema_for::<M::Result>(),
        }
    }
}
