use bauta_ipc::methods::{PairApprove, PairList, PairRevoke};
use bauta_ipc::{ApprovePairing, Empty, Exit, Grant, Pairing, PairingRef, PairingState, RpcError, Secret};
use comfy_table::Table;

use crate::args::Pair;
use crate::{Context, ago, printable};

/// `bauta pair …`
pub(super) async fn run(command: Pair, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        Pair::List => {
            let list = client.call::<PairList>(&Empty {}).await?.pairings;
            out.show(&list, |list| table(list))?;
            if list.is_empty() && !out.is_json() {
                out.note("No extension is paired. The extension shows a code for: bauta pair approve CODE");
            }
        }
        Pair::Approve { code, grants, personas } => {
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
        Pair::Revoke { id } => {
            let pairing = client.call::<PairRevoke>(&PairingRef { id }).await?;
            out.show(&pairing, |pairing| format!("Revoked: {}.", printable(&pairing.label)))?;
        }
    }
    Ok(Exit::Ok)
}

fn table(list: &[Pairing]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["ID", "STATE", "LABEL", "EXTENSION", "SINCE", "GRANTS", "PERSONAS"]);
    for pairing in list {
        let personas = match &pairing.personas {
            Some(names) => names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
            None => "all".to_owned(),
        };
        table.add_row([
            pairing.id.clone(),
            state_words(pairing.state).to_owned(),
            printable(&pairing.label),
            printable(&pairing.origin),
            pairing.since.map(ago).unwrap_or_default(),
            grants_of(pairing),
            personas,
        ]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn state_words(state: PairingState) -> &'static str {
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
        };
        let text = table(&[pairing]);
        assert!(!text.contains('\x1b') && text.contains("waits for its code"), "{text}");
        assert!(text.contains("status.read, posts.use"), "{text}");
    }
}
