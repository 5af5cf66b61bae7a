use bauta_ipc::methods::{ProfileForget, ProfileListAll, ProfileSet};
use bauta_ipc::{Empty, Exit, Profile as Known, ProfileRef, RpcError, SetProfile};
use comfy_table::Table;

use crate::args::Profile;
use crate::{Context, ago, printable, short_key};

/// `bauta profile …`
pub(super) async fn run(command: Profile, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        Profile::List => {
            let list = client.call::<ProfileListAll>(&Empty {}).await?.profiles;
            out.show(&list, |list| table(list))?;
            if list.is_empty() && !out.is_json() {
                out.note("No profiles are known. They are learned from posts: bauta post decrypt TEXT --author PROFILE");
            }
        }
        Profile::Set { profile, of, replace, acting } => {
            let params = SetProfile { profile, of, persona: acting.persona, replace };
            let set = client.call::<ProfileSet>(&params).await?;
            out.show(&set, |set| {
                let whose = set.name.as_deref().map_or_else(|| short_key(&set.public_key), printable);
                format!("{} is {whose}'s.", printable(&set.profile))
            })?;
        }
        Profile::Forget { profile } => {
            let gone = client.call::<ProfileForget>(&ProfileRef { profile }).await?;
            out.show(&gone, |_| "Forgotten.".to_owned())?;
        }
    }
    Ok(Exit::Ok)
}

fn table(list: &[Known]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["PROFILE", "KEY", "NAME", "SINCE", "WARNING"]);
    for profile in list {
        let warning = match &profile.other_key {
            Some(key) => format!("a post showed another key, {}", short_key(key)),
            None => String::new(),
        };
        table.add_row([
            printable(&profile.profile),
            short_key(&profile.public_key),
            profile.name.as_deref().map(printable).unwrap_or_default(),
            ago(profile.since),
            warning,
        ]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use bauta_ipc::{ProfileSource, Utc};

    use super::*;

    #[test]
    fn another_key_is_shown() {
        let profile = Known {
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
