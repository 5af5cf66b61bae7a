//! `bauta profile`

use bauta_ipc::methods::{ProfileForget, ProfileListAll, ProfileSet};
use bauta_ipc::{Exit, ListAll, Profile, ProfileRef, RpcError, SetProfile};
use clap::Subcommand;

use super::Acting;
use crate::{Context, ago, plain_table, printable, short_key};

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles whose persona key is known
    List,
    /// Record which persona a profile belongs to: a contact, a persona of yours, or a key
    Set {
        /// Profile, such as person:twitter.com/alice
        profile: String,
        /// Contact, persona of yours, or persona key
        #[arg(value_name = "NAME|KEY")]
        of: String,
        /// Replace another key that is known for it
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        acting: Acting,
    },
    /// Forget the key of a profile; the key of its next post is trusted again
    Forget {
        /// Profile, such as person:twitter.com/alice
        profile: String,
    },
}

pub(super) async fn run(command: ProfileCommand, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        ProfileCommand::List => {
            let list = client.all::<ProfileListAll>(ListAll::default()).await?;
            out.show(&list, |list| table(list))?;
            if list.is_empty() && !out.is_json() {
                out.note("No profiles are known. They are learned from posts: bauta post decrypt TEXT --author PROFILE");
            }
        }
        ProfileCommand::Set { profile, of, replace, acting } => {
            let params = SetProfile { profile, of, persona: acting.persona, replace };
            let set = client.call::<ProfileSet>(&params).await?;
            out.show(&set, |set| {
                let whose = set.name.as_deref().map_or_else(|| short_key(&set.public_key), printable);
                format!("{} is {whose}'s.", printable(&set.profile))
            })?;
        }
        ProfileCommand::Forget { profile } => {
            let gone = client.call::<ProfileForget>(&ProfileRef { profile }).await?;
            out.show(&gone, |_| "Forgotten.".to_owned())?;
        }
    }
    Ok(Exit::Ok)
}

fn table(list: &[Profile]) -> String {
    let row = |profile: &Profile| {
        let warning = match &profile.other_key {
            Some(key) => format!("a post showed another key, {}", short_key(key)),
            None => String::new(),
        };
        [
            printable(&profile.profile),
            short_key(&profile.public_key),
            profile.name.as_deref().map(printable).unwrap_or_default(),
            ago(profile.since),
            warning,
        ]
    };
    plain_table(["PROFILE", "KEY", "NAME", "SINCE", "WARNING"], list.iter().map(row))
}

#[cfg(test)]
mod tests {
    use bauta_ipc::{ProfileSource, Utc};

    use super::*;

    #[test]
    fn another_key_is_shown() {
        let profile = Profile {
            profile: "person:twitter.com/al\x1bice".into(),
            public_key: "02".repeat(33),
            source: ProfileSource::Seen,
            since: Utc::from_millis(0),
            name: Some("Alice".into()),
            other_key: Some("03".repeat(33)),
        };
        let text = table(&[profile]);
        assert!(!text.contains('\x1b') && text.contains("another key, 03030303"), "{text}");
    }
}
