use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// Parameters of `unlock`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UnlockStore {
    /// The passphrase, where the home is protected by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
}

/// Parameters of `config.get`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SettingRef {
    /// Its name, as in `config.list`.
    pub key: String,
}

/// Parameters of `config.set`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ChangeSetting {
    /// Its name, as in `config.list`.
    pub key: String,
    /// Its values from now on, in place of those before. Empty: the default again.
    #[serde(default)]
    pub values: Vec<String>,
}

/// From when on a changed setting holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applies {
    /// At once.
    Now,
    /// From the daemon's next start on.
    Start,
}

/// One setting of the home. Result of `config.get` and `config.set`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its values: those that were set, or else the default.
    pub values: Vec<String>,
    /// Whether it was set, by `config.set` or at a start.
    pub is_set: bool,
    /// From when on a change holds.
    pub applies: Applies,
    /// What it is, in a sentence.
    pub meaning: String,
}

/// Result of `config.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SettingList {
    /// Every setting there is, by name.
    pub settings: Vec<Setting>,
}
