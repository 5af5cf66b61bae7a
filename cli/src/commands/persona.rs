//! `bauta persona`

mod moving;
mod parts;

use bauta_ipc::methods::{
    PersonaConnect, PersonaDelete, PersonaListAll, PersonaNew, PersonaPublish, PersonaShow,
};
use bauta_ipc::{Exit, ListAll, NewPersona, OptionalPersona, PersonaDetail, PersonaRef, RpcError};

use clap::Subcommand;

use self::moving::{ExportArgs, ImportArgs};
use super::Acting;
use crate::{Context, acting, expiry, moment, printable, qr_lines, state_words};

#[derive(Debug, Subcommand)]
pub(crate) enum PersonaCommand {
    /// Create a persona
    New {
        /// Name of the persona; nobody else sees it
        name: String,
        /// Use a relay that no other persona of this home uses; fails if no such relay is known
        ///
        /// Whether another operator runs it you have to know: relays do not say so.
        #[arg(long)]
        apart: bool,
    },
    /// Connect a persona now instead of after a random wait
    ///
    /// With several personas, only the one used last connects at once; each other waits for a random time, so that
    /// relays and gateways do not see them come together. Connecting now shows that they belong to one machine.
    Connect {
        /// Name of the persona
        name: String,
    },
    /// List your personas
    List,
    /// Show a persona and its address
    Show {
        /// Name of the persona [default: the only one]
        name: Option<String>,
        /// Also show the address as a QR code
        #[arg(long)]
        qr: bool,
        /// Only print the line to put on your social profile
        #[arg(long, conflicts_with = "qr")]
        profile_text: bool,
    },
    /// Import personas from recovery words, a secret key, or a backup of Mask
    ///
    /// Words and keys are read from standard input, or asked for at a terminal.
    Import(ImportArgs),
    /// Print a persona's secret key, or write a backup of all personas
    ///
    /// Anyone who has the key, or the backup and its password, can act as these personas.
    Export(ExportArgs),
    /// Delete a persona with its key, contacts and messages
    ///
    /// Nobody is told. Without a backup or its recovery words nobody can be this persona again.
    Delete {
        /// Name of the persona
        name: String,
        /// Delete it; without this nothing is done
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Create a new bundle and publish it at the relay
    Publish {
        /// Name of the persona [default: the only one]
        #[arg(conflicts_with = "persona")]
        name: Option<String>,
        #[command(flatten)]
        acting: Acting,
    },
}

pub(super) async fn run(command: PersonaCommand, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        PersonaCommand::New { name, apart } => {
            let made = client.call::<PersonaNew>(&NewPersona { name, apart }).await?;
            out.show(&made, |made| made.address.clone())?;
            if !out.is_json() {
                out.note(&format!(
                    "This is {}'s address. Anyone who has it can write to {}; invite friends with: bauta contact invite",
                    printable(&made.name),
                    printable(&made.name),
                ));
            }
        }
        PersonaCommand::Connect { name } => {
            let done = client.call::<PersonaConnect>(&PersonaRef { persona: name.clone() }).await?;
            out.show(&done, |_| {
                let name = printable(&name);
                format!("{name} connects now. Relays and gateways can tell from this that it belongs to the personas that are connected.")
            })?;
        }
        PersonaCommand::List => {
            let list = client.all::<PersonaListAll>(ListAll::default()).await?;
            out.show(&list, |list| {
                let lines: Vec<String> = list
                    .iter()
                    .map(|persona| format!("{}  {}", persona.public_key, printable(&persona.name)))
                    .collect();
                lines.join("\n")
            })?;
            if list.is_empty() && !out.is_json() {
                out.note("There is no persona yet. Make one: bauta persona new NAME");
            }
        }
        PersonaCommand::Show { name, qr, profile_text } => {
            let persona = acting(&client, name).await?;
            let detail = client.call::<PersonaShow>(&PersonaRef { persona }).await?;
            if profile_text && !out.is_json() {
                out.text(&detail.profile_text)?;
                return Ok(Exit::Ok);
            }
            out.show(&detail, describe)?;
            if qr && !out.is_json() {
                out.text(&qr_lines(detail.address.as_bytes(), out.has_colour())?)?;
            }
        }
        PersonaCommand::Import(args) => moving::import(args, &client, out).await?,
        PersonaCommand::Export(args) => moving::export(args, &client, out).await?,
        PersonaCommand::Delete { name, yes: _ } => {
            let deleted = client.call::<PersonaDelete>(&PersonaRef { persona: name }).await?;
            out.show(&deleted, |_| "Deleted.".to_owned())?;
        }
        PersonaCommand::Publish { name, acting } => {
            let persona = name.or(acting.persona);
            let published = client.call::<PersonaPublish>(&OptionalPersona { persona }).await?;
            out.show(&published, |published| {
                format!("A new bundle of {} is queued for the relay.", printable(&published.persona))
            })?;
        }
    }
    Ok(Exit::Ok)
}

fn describe(detail: &PersonaDetail) -> String {
    let published = match &detail.published {
        Some(bundle) => format!("{}, ends {}", moment(bundle.published_at), expiry(bundle.expires_at)),
        None => "not yet".to_owned(),
    };
    let mut lines = vec![
        format!("name       {}", printable(&detail.name)),
        format!("state      {}", state_words(detail.state, None)),
        format!("key        {}", detail.public_key),
        format!("address    {}", detail.address),
        format!("published  {published}"),
    ];
    lines.extend(detail.relays.iter().map(|relay| format!("relay      {relay}")));
    lines.push(format!("made       {}", moment(detail.created_at)));
    lines.join("\n")
}
