mod moving;

use bauta_ipc::methods::{PersonaListAll, PersonaNew, PersonaPublish, PersonaShow};
use bauta_ipc::{Empty, Exit, NewPersona, OptionalPersona, PersonaDetail, PersonaRef, RpcError};

use crate::args::Persona;
use crate::{Context, acting, expiry, moment, printable, qr_lines, state_words};

/// `bauta persona …`
pub(super) async fn run(command: Persona, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        Persona::New { name } => {
            let made = client.call::<PersonaNew>(&NewPersona { name }).await?;
            out.show(&made, |made| made.address.clone())?;
            if !out.is_json() {
                out.note(&format!(
                    "This is {}'s address. Who has it can write to {}; invite friends with: bauta contact invite",
                    printable(&made.name),
                    printable(&made.name),
                ));
            }
        }
        Persona::List => {
            let list = client.call::<PersonaListAll>(&Empty {}).await?.personas;
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
        Persona::Show { name, qr, profile_text } => {
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
        Persona::Import(args) => moving::import(args, &client, out).await?,
        Persona::Export(args) => moving::export(args, &client, out).await?,
        Persona::Publish { name, acting } => {
            let persona = name.or(acting.persona);
            let published = client.call::<PersonaPublish>(&OptionalPersona { persona }).await?;
            out.show(&published, |published| {
                format!(
                    "A fresh bundle of {} waits for its turn to the relay.",
                    printable(&published.persona)
                )
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
