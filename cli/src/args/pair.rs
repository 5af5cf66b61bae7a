//! `bauta pair …`

use bauta_ipc::Grant;
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// `bauta pair …`
#[derive(Debug, Subcommand)]
pub enum Pair {
    /// List the extensions that are, were or want to be paired
    List,
    /// Pair the extension that shows this code
    Approve {
        /// Six digits
        code: String,
        /// What it may do; may be given again [default: everything but persona.admin]
        #[arg(long = "grant", value_name = "GRANT", value_parser = grants())]
        grants: Vec<Grant>,
        /// A persona it may act for; may be given again [default: all]
        #[arg(long = "persona", value_name = "PERSONA")]
        personas: Vec<String>,
    },
    /// End a pairing, or refuse one that waits
    Revoke {
        /// The pairing's id, from bauta pair list
        id: String,
    },
}

/// The grants that an extension can have.
fn grants() -> impl TypedValueParser<Value = Grant> {
    let grants = || Grant::ALL.into_iter().filter(|grant| *grant != Grant::PersonaAdmin);
    PossibleValuesParser::new(grants().map(Grant::name)).try_map(move |name| {
        grants().find(|grant| grant.name() == name).ok_or_else(|| format!("there is no grant {name}"))
    })
}
