//! `bauta pair`

use bauta_ipc::methods::{PairApprove, PairForget, PairList, PairRevoke};
use bauta_ipc::{
    ApprovePairing, Client, Exit, Grant, ListAll, Pairing, PairingRef, PairingState, RpcError, Secret,
};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::{Context, Output, ago, agreed, plain_table, printable};

#[derive(Debug, Subcommand)]
pub(crate) enum PairCommand {
    /// List extensions that are paired, were paired, or ask to be
    List,
    /// Pair the extension that shows this code
    Approve {
        /// Code of six digits
        code: String,
        /// What the extension may do; may be given several times [default: what it asks for]
        #[arg(long = "grant", value_name = "GRANT", value_parser = grants())]
        grants: Vec<Grant>,
        /// Persona that it may act as; may be given several times [default: all]
        #[arg(long = "persona", value_name = "PERSONA")]
        personas: Vec<String>,
        /// Do not show who asks and ask before, as on a terminal
        #[arg(long)]
        yes: bool,
    },
    /// End a pairing, or refuse a request for one
    Revoke {
        /// Id of the pairing, from bauta pair list
        id: String,
    },
    /// End a pairing and forget that it was there
    Forget {
        /// Id of the pairing, from bauta pair list
        id: String,
    },
}

impl PairCommand {
    /// The code among the arguments.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Approve { code, .. } => Some(code),
            Self::List | Self::Revoke { .. } | Self::Forget { .. } => None,
        }
    }
}

/// The grants that an extension can have.
fn grants() -> impl TypedValueParser<Value = Grant> {
    let grants = || Grant::ALL.into_iter().filter(|grant| *grant != Grant::PersonaAdmin);
    PossibleValuesParser::new(grants().map(Grant::name)).try_map(move |name| {
        grants().find(|grant| grant.name() == name).ok_or_else(|| format!("there is no grant {name}"))
    })
}

pub(super) async fn run(command: PairCommand, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        PairCommand::List => {
            let list = client.all::<PairList>(ListAll::default()).await?;
            out.show(&list, |list| table(list))?;
            if list.is_empty() && !out.is_json() {
                out.note("No extension is paired. Approve the code that an extension shows: bauta pair approve CODE");
            }
        }
        PairCommand::Approve { code, grants, personas, yes } => {
            if !yes && !is_meant(&client, out, &grants, &personas).await? {
                out.note("Nothing was paired.");
                return Ok(Exit::Ok);
            }
            let personas = (!personas.is_empty()).then_some(personas);
            let params = ApprovePairing { code: Secret::new(code), grants, personas };
            let pairing = client.call::<PairApprove>(&params).await?;
            out.show(&pairing, |pairing| {
                format!(
                    "Paired: {} ({}). It may: {}.",
                    printable(&pairing.label),
                    printable(&pairing.origin),
                    grants_of(pairing)
                )
            })?;
        }
        PairCommand::Revoke { id } => {
            let pairing = client.call::<PairRevoke>(&PairingRef { id }).await?;
            out.show(&pairing, |pairing| format!("Revoked: {}.", printable(&pairing.label)))?;
        }
        PairCommand::Forget { id } => {
            let forgotten = client.call::<PairForget>(&PairingRef { id }).await?;
            out.show(&forgotten, |_| "Forgotten.".to_owned())?;
        }
    }
    Ok(Exit::Ok)
}

/// Shows who would be paired, and for what, and asks. Where there is nobody to ask, the code was the answer.
async fn is_meant(
    client: &Client,
    out: &Output,
    grants: &[Grant],
    personas: &[String],
) -> Result<bool, RpcError> {
    let list = client.all::<PairList>(ListAll::default()).await?;
    let Some(asks) = list.into_iter().find(|pairing| pairing.state == PairingState::Pending) else {
        return Ok(true);
    };
    let given = Pairing { grants: if grants.is_empty() { asks.grants } else { grants.to_vec() }, ..asks };
    let whose = match personas {
        [] => "all personas".to_owned(),
        names => names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
    };
    let question = format!(
        "{} ({}) asks to be paired, for {whose}. It may then: {}.\nPair it? [y/N]",
        printable(&given.label),
        printable(&given.origin),
        grants_of(&given)
    );
    Ok(agreed(&question, out).await?.unwrap_or(true))
}

fn table(list: &[Pairing]) -> String {
    let header = ["ID", "STATE", "LABEL", "EXTENSION", "SINCE", "LAST USED", "GRANTS", "PERSONAS"];
    let row = |pairing: &Pairing| {
        let personas = match &pairing.personas {
            Some(names) => names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
            None => "all".to_owned(),
        };
        [
            pairing.id.clone(),
            pairing_words(pairing.state).to_owned(),
            printable(&pairing.label),
            printable(&pairing.origin),
            pairing.since.map(ago).unwrap_or_default(),
            pairing.last_used.map(ago).unwrap_or_default(),
            grants_of(pairing),
            personas,
        ]
    };
    plain_table(header, list.iter().map(row))
}

fn pairing_words(state: PairingState) -> &'static str {
    match state {
        PairingState::Pending => "waits for its code",
        PairingState::Paired => "paired",
        PairingState::Revoked => "revoked",
    }
}

fn grants_of(pairing: &Pairing) -> String {
    pairing.grants.iter().copied().map(Grant::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_made_printable() {
        let pairing = Pairing {
            id: "00".repeat(16),
            state: PairingState::Pending,
            origin: "chrome-extension://abc/".into(),
            label: "Chromium\x1b[2J".into(),
            grants: vec![Grant::StatusRead, Grant::PostsUse],
            personas: None,
            since: None,
            last_used: None,
        };
        let text = table(&[pairing]);
        assert!(!text.contains('\x1b') && text.contains("waits for its code"), "{text}");
        assert!(text.contains("status.read, posts.use"), "{text}");
    }
}
