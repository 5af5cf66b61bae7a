//! `bauta config`

use bauta_ipc::methods::{ConfigGet, ConfigListAll, ConfigSet};
use bauta_ipc::{Applies, ChangeSetting, Client, Empty, Exit, RpcError, SETTINGS, Setting, SettingRef};
use clap::Subcommand;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::{Context, Output, plain_table, printable};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List all settings of this home, and what they mean
    List,
    /// Print a setting, one value a line
    Get {
        /// Name of the setting
        #[arg(value_name = "NAME", value_parser = names())]
        key: String,
    },
    /// Change a setting; it stays until it is changed again, here or by an option of bauta up
    Set {
        /// Name of the setting
        #[arg(value_name = "NAME", value_parser = names())]
        key: String,
        /// Its values from now on, in place of those before
        #[arg(value_name = "VALUE", required = true)]
        values: Vec<String>,
    },
    /// Set a setting back to its default
    Unset {
        /// Name of the setting
        #[arg(value_name = "NAME", value_parser = names())]
        key: String,
    },
}

/// The names of all settings, for completion.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        SETTINGS.iter().map(|setting| PossibleValue::new(setting.name).help(setting.meaning)),
    )
}

pub(super) async fn run(command: ConfigCommand, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        ConfigCommand::List => {
            let list = client.call::<ConfigListAll>(&Empty {}).await?.settings;
            out.show(&list, |list| table(list))?;
        }
        ConfigCommand::Get { key } => {
            let setting = client.call::<ConfigGet>(&SettingRef { key }).await?;
            out.show(&setting, lines)?;
        }
        ConfigCommand::Set { key, values } => change(&client, key, values, out).await?,
        ConfigCommand::Unset { key } => change(&client, key, Vec::new(), out).await?,
    }
    Ok(Exit::Ok)
}

async fn change(client: &Client, key: String, values: Vec<String>, out: &Output) -> Result<(), RpcError> {
    let setting = client.call::<ConfigSet>(&ChangeSetting { key, values }).await?;
    out.show(&setting, |setting| {
        let when = match setting.applies {
            Applies::Now => "",
            Applies::Start => " It holds from the next start on: bauta down, then bauta up.",
        };
        format!("{}: {}.{when}", setting.key, short(setting))
    })
}

fn table(list: &[Setting]) -> String {
    let row = |setting: &Setting| {
        let source = if setting.is_set { "set" } else { "default" };
        [setting.key.clone(), short(setting), source.to_owned(), printable(&setting.meaning)]
    };
    plain_table(["NAME", "VALUE", "FROM", "MEANING"], list.iter().map(row))
}

fn lines(setting: &Setting) -> String {
    setting.values.iter().map(|value| printable(value)).collect::<Vec<_>>().join("\n")
}

/// The values on one line; of a long one, its beginning.
fn short(setting: &Setting) -> String {
    let shown = |value: &String| match value.char_indices().nth(48) {
        Some((end, _)) => {
            format!("{}…", printable(value.get(..end).unwrap_or_default()).replace('\n', " "))
        }
        None => printable(value).replace('\n', " "),
    };
    match setting.values.as_slice() {
        [] => "none".to_owned(),
        values => values.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_in_tables() {
        let setting = Setting {
            key: "gun.root".into(),
            values: vec!["-----BEGIN CERTIFICATE-----\nMIIB\x1b".into(), "é".repeat(60)],
            is_set: true,
            applies: Applies::Start,
            meaning: "Certificates.".into(),
        };
        let text = table(std::slice::from_ref(&setting));
        assert!(!text.contains('\x1b') && text.contains("CERTIFICATE----- MIIB"), "{text}");
        assert_eq!(text.lines().count(), 2);
        assert_eq!(lines(&setting).lines().count(), 3);
        assert_eq!(short(&Setting { values: Vec::new(), ..setting }), "none");
    }
}
