//! `bauta config`

use std::path::PathBuf;

use bauta_ipc::methods::{ConfigGet, ConfigListAll, ConfigSet, PassphraseOfBackups};
use bauta_ipc::{
    Applies, ChangeBackupPassphrase, ChangeSetting, Client, Empty, Exit, RpcError, SETTINGS, Setting,
    SettingInfo, SettingRef,
};
use clap::Subcommand;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::backup::new_passphrase;
use crate::{Context, plain_table, printable};

/// The setting that needs a passphrase, and its value that does not.
const SCHEDULE: &str = "backup.every";
const NEVER: &str = "never";

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
        /// Its values from now on, in place of those before; then further settings with theirs, if any
        #[arg(value_name = "VALUE", required = true)]
        values: Vec<String>,
        /// Read the passphrase of the backups that the daemon makes by itself from the first line of this file, for
        /// backup.every; "-" is standard input. Without it and without a passphrase from before, it is asked for
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
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
        ConfigCommand::Set { key, values, passphrase_file } => {
            let changes = changes(key, values);
            let schedules = |(key, values): &(String, Vec<String>)| {
                key == SCHEDULE && values.first().is_some_and(|value| value != NEVER)
            };
            if passphrase_file.is_some() || changes.iter().any(schedules) {
                choose_passphrase(&client, passphrase_file).await?;
            }
            let mut changed = Vec::new();
            for (key, values) in changes {
                changed.push(client.call::<ConfigSet>(&ChangeSetting { key, values }).await?);
            }
            match changed.as_slice() {
                [only] => out.show(only, said)?,
                _ => out.show(&changed, |changed| changed.iter().map(said).collect::<Vec<_>>().join("\n"))?,
            }
        }
        ConfigCommand::Unset { key } => {
            let changed = client.call::<ConfigSet>(&ChangeSetting { key, values: Vec::new() }).await?;
            out.show(&changed, said)?;
        }
    }
    Ok(Exit::Ok)
}

/// The settings of a line, each with its values: a name after the values of another begins the next.
fn changes(first: String, words: Vec<String>) -> Vec<(String, Vec<String>)> {
    let (mut changes, mut key, mut values) = (Vec::new(), first, Vec::new());
    for word in words {
        if !values.is_empty() && SettingInfo::find(&word).is_some() {
            changes.push((std::mem::replace(&mut key, word), std::mem::take(&mut values)));
        } else {
            values.push(word);
        }
    }
    changes.push((key, values));
    changes
}

/// Sets the passphrase of scheduled backups: from a file, or typed in if none is set.
async fn choose_passphrase(client: &Client, from: Option<PathBuf>) -> Result<(), RpcError> {
    let none = ChangeBackupPassphrase::default();
    if from.is_none() && client.call::<PassphraseOfBackups>(&none).await?.is_set {
        return Ok(());
    }
    let passphrase = Some(new_passphrase(from).await?);
    client.call::<PassphraseOfBackups>(&ChangeBackupPassphrase { passphrase }).await.map(drop)
}

/// What is said of a setting that was changed.
fn said(setting: &Setting) -> String {
    let when = match setting.applies {
        Applies::Now => "",
        Applies::Start => " It holds from the next start on: bauta down, then bauta up.",
    };
    format!("{}: {}.{when}", setting.key, short(setting))
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
    fn a_line_may_change_several_settings() {
        let split = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            changes(words.next().unwrap(), words.collect())
        };
        assert_eq!(split("traffic full").len(), 1);
        let several = split("backup.every 1d backup.dir /mnt/b gun.relays a b");
        let names: Vec<_> = several.iter().map(|(key, values)| (key.as_str(), values.len())).collect();
        assert_eq!(names, [("backup.every", 1), ("backup.dir", 1), ("gun.relays", 2)]);
        // The first word after a name is its value, whatever it is.
        assert_eq!(split("traffic traffic"), [("traffic".to_owned(), vec!["traffic".to_owned()])]);
    }

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
