//! Settings of a home: kept in the store until they are changed, by `config.set` or by what a start is given.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::{
    ChangeSetting, ConfigApi, Empty, RpcError, SETTINGS, Setting, SettingInfo, SettingList, SettingRef,
    codes, encoded_len, sentence, shorten,
};
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, Traffic};

use super::Node;
use super::locking::{AtSuspend, Locking, lock_after};
use crate::gun::GunUrl;
use crate::store::{StoreError, Tx};

/// Where settings are in the store.
pub(super) const RELAYS: &str = "relays";
pub(super) const TRAFFIC: &str = "traffic";
pub(super) const GUN_RELAYS: &str = "gun.relays";
pub(super) const GUN_EXITS: &str = "gun.exits";
/// The endpoint's secret path has the name without `.port`.
pub(super) const GUN_ENDPOINT: &str = "gun.endpoint.port";
pub(super) const GUN_ROOT: &str = "gun.root";
pub(super) const HISTORY_DAYS: &str = "history.days";
pub(super) const BACKUP_DIR: &str = "backup.dir";
pub(super) const BACKUP_EVERY: &str = "backup.every";
pub(super) const BACKUP_KEEP: &str = "backup.keep";
pub(super) const LOCK_AFTER: &str = "lock.after";
pub(super) const LOCK_SUSPEND: &str = "lock.suspend";

/// Bytes of one setting in JSON, at most: all of them together fit one answer.
const MAX_LEN: usize = 64 * 1024;

const SHORTEST_EVERY: Duration = Duration::from_secs(60);
const LONGEST_EVERY: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How one setting is kept: as lines of text in the store, each checked when it is set.
struct Known {
    info: &'static SettingInfo,
    /// Its name in the store.
    kept_as: &'static str,
    /// One value as it is kept, or the reason why it is refused.
    check: fn(&str) -> Result<String, String>,
}

fn known(info: &'static SettingInfo) -> Option<Known> {
    let (kept_as, check): (_, fn(&str) -> _) = match info.name {
        "backup.dir" => (BACKUP_DIR, directory),
        "backup.every" => (BACKUP_EVERY, backup_every),
        "backup.keep" => (BACKUP_KEEP, parsed::<NonZeroU32>),
        "gun.endpoint" => (GUN_ENDPOINT, parsed::<u16>),
        "gun.exits" => (GUN_EXITS, parsed::<ExitAddress>),
        "gun.relays" => (GUN_RELAYS, parsed::<GunUrl>),
        "gun.root" => (GUN_ROOT, certificates),
        "history.days" => (HISTORY_DAYS, parsed::<NonZeroU32>),
        "lock.after" => (LOCK_AFTER, lock_after),
        "lock.suspend" => (LOCK_SUSPEND, parsed::<AtSuspend>),
        "relays" => (RELAYS, parsed::<RelayAddress>),
        "traffic" => (TRAFFIC, parsed::<Traffic>),
        _ => return None,
    };
    Some(Known { info, kept_as, check })
}

fn parsed<T>(value: &str) -> Result<String, String>
where
    T: std::str::FromStr<Err: std::error::Error> + ToString,
{
    value.parse::<T>().map(|value| value.to_string()).map_err(|error| sentence(&error))
}

/// The daemon's own working directory says nothing, so it is not looked from there.
fn directory(value: &str) -> Result<String, String> {
    let is_whole = Path::new(value).is_absolute() && !value.contains('\n');
    is_whole.then(|| value.to_owned()).ok_or_else(|| "It is not an absolute directory.".to_owned())
}

fn backup_every(value: &str) -> Result<String, String> {
    let every: humantime::Duration =
        value.parse().map_err(|error: humantime::DurationError| sentence(&error))?;
    match (SHORTEST_EVERY..=LONGEST_EVERY).contains(every.as_ref()) {
        true => Ok(every.to_string()),
        false => Err("A backup is made every minute at most, and once a year at least.".to_owned()),
    }
}

fn certificates(value: &str) -> Result<String, String> {
    let has_one = value.contains("-----BEGIN CERTIFICATE-----");
    has_one.then(|| value.to_owned()).ok_or_else(|| "It holds no certificate in PEM.".to_owned())
}

/// The values of a setting, if it was set. None of them: it was set to nothing.
pub(super) fn kept<T: std::str::FromStr>(tx: &Tx<'_>, name: &str) -> Result<Option<Vec<T>>, StoreError> {
    let damaged = || StoreError::Damaged("a setting");
    let Some(text) = kept_text(tx, name)? else { return Ok(None) };
    text.lines().map(|line| line.parse().map_err(|_| damaged())).collect::<Result<_, _>>().map(Some)
}

/// A setting as it is in the store.
pub(super) fn kept_text(tx: &Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    // Files of certificates hold comments, in whatever encoding.
    Ok(tx.meta(name)?.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
}

/// The values that a start is given, which are kept from now on, or else those from before.
pub(super) fn given_or_kept<T: std::str::FromStr + ToString>(
    tx: &Tx<'_>,
    name: &str,
    given: Option<Vec<T>>,
) -> Result<Option<Vec<T>>, StoreError> {
    let Some(given) = given else { return kept(tx, name) };
    let lines = given.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    tx.set_meta(name, lines.as_bytes())?;
    Ok(Some(given))
}

/// The relays of a home on a network: those of the network, and those that were set.
pub(super) fn configure_relays(tx: &Tx<'_>, network: &[RelayAddress]) -> Result<(), StoreError> {
    let mut relays = network.to_vec();
    relays.extend(kept::<RelayAddress>(tx, RELAYS)?.unwrap_or_default());
    tx.configure_relays(&relays)
}

/// When the daemon locks itself.
pub(super) fn locking(tx: &Tx<'_>) -> Result<Locking, StoreError> {
    let after = kept::<humantime::Duration>(tx, LOCK_AFTER)?.unwrap_or_default().pop();
    let at_suspend = kept(tx, LOCK_SUSPEND)?.unwrap_or_default().pop().unwrap_or_default();
    Ok(Locking { after: after.map(Into::into), at_suspend })
}

fn show(tx: &Tx<'_>, known: &Known) -> Result<Setting, StoreError> {
    let text = kept_text(tx, known.kept_as)?;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut values: Vec<String> = match &text {
        None => words(known.info.default),
        Some(text) if text.is_empty() => words(known.info.none.as_slice()),
        // One value may have several lines.
        Some(text) if known.info.most == 1 => vec![text.clone()],
        Some(text) => text.lines().map(str::to_owned).collect(),
    };
    // A start may be given more than can be set.
    if shorten(&mut values, MAX_LEN) > 0 {
        values.push("…".to_owned());
    }
    Ok(Setting {
        key: known.info.name.to_owned(),
        values,
        is_set: text.is_some(),
        applies: known.info.applies,
        meaning: known.info.meaning.to_owned(),
    })
}

fn find(name: &str) -> Result<Known, RpcError> {
    SettingInfo::find(name)
        .and_then(known)
        .ok_or_else(|| RpcError::new(&codes::CONFIG_UNKNOWN, "There is no setting of that name."))
}

/// The text to keep; `None`: nothing is set any more.
fn read(known: &Known, values: &[String]) -> Result<Option<String>, RpcError> {
    let refused = |why: &str| RpcError::new(&codes::CONFIG_VALUE, format!("{}: {why}", known.info.name));
    let length: usize = values.iter().map(encoded_len).sum();
    match values {
        [] => return Ok(None),
        [only] if known.info.none == Some(only) => return Ok(Some(String::new())),
        _ if values.len() > known.info.most || length > MAX_LEN => {
            return Err(refused(&format!(
                "It has at most {} values, of {MAX_LEN} bytes together.",
                known.info.most
            )));
        }
        _ => {}
    }
    let checked: Result<Vec<String>, String> = values.iter().map(|value| (known.check)(value)).collect();
    Ok(Some(checked.map_err(|why| refused(&why))?.join("\n")))
}

#[async_trait]
impl ConfigApi for Node {
    async fn config_list(&self, _: Empty) -> Result<SettingList, RpcError> {
        let list = self.shared.store.run(|tx| {
            let settings =
                SETTINGS.iter().filter_map(known).map(|known| show(tx, &known)).collect::<Result<_, _>>()?;
            Ok::<_, RpcError>(SettingList { settings })
        });
        list.await
    }

    async fn config_get(&self, params: SettingRef) -> Result<Setting, RpcError> {
        let shown = self.shared.store.run(move |tx| Ok::<_, RpcError>(show(tx, &find(&params.key)?)?));
        shown.await
    }

    async fn config_set(&self, params: ChangeSetting) -> Result<Setting, RpcError> {
        let network = self.network_relays.clone();
        let set = self.shared.store.run(move |tx| {
            let known = find(&params.key)?;
            match read(&known, &params.values)? {
                Some(text) => tx.set_meta(known.kept_as, text.as_bytes())?,
                None => tx.clear_meta(known.kept_as)?,
            }
            if known.kept_as == RELAYS {
                configure_relays(tx, &network)?;
            }
            Ok::<_, RpcError>((show(tx, &known)?, locking(tx)?))
        });
        let (setting, when) = set.await?;
        self.locking.send_replace(when);
        self.schedule.look();
        Ok(setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_defaults_are_values() {
        assert!(SETTINGS.is_sorted_by_key(|info| info.name));
        for info in SETTINGS {
            let default: Vec<String> = info.default.iter().map(|word| (*word).to_owned()).collect();
            let kept = read(&known(info).unwrap(), &default).unwrap();
            assert!(
                kept.is_none() || info.none.is_some() || kept.as_deref() == info.default.first().copied()
            );
        }
        assert_eq!(SettingInfo::find("gun.relays").unwrap().default, [GunUrl::MASK]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let set = |key: &str, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            read(&find(key).unwrap(), &values)
        };
        for (key, values) in [
            ("traffic", &["loud"][..]),
            ("traffic", &["full", "saver"]),
            ("backup.dir", &["backups"]),
            ("backup.every", &["soon"]),
            ("backup.every", &["1s"]),
            ("backup.keep", &["0"]),
            ("gun.endpoint", &["65536"]),
            ("gun.relays", &["ftp://example.org"]),
            ("gun.exits", &["directory", "x"]),
            ("gun.root", &["rubbish"]),
            ("history.days", &["0"]),
            ("history.days", &["a year"]),
            ("relays", &["bauta-relay:short"]),
            ("lock.after", &["soon"]),
            ("lock.after", &["10ms"]),
            ("lock.after", &["500 years"]),
            ("lock.suspend", &["maybe"]),
        ] {
            assert!(set(key, values).unwrap_err().is(&codes::CONFIG_VALUE), "{key} {values:?}");
        }
        assert!(set("traffic", &vec!["full"; 100]).is_err());
        // Each of these characters has six in JSON.
        let long = "\u{1}".repeat(20_000);
        assert!(set("backup.dir", &[&format!("/{long}")]).is_err());
        assert!(set("gun.root", &[&format!("-----BEGIN CERTIFICATE-----{long}")]).is_err());
        assert_eq!(set("gun.endpoint", &["off"]).unwrap().as_deref(), Some(""));
        assert_eq!(set("gun.endpoint", &["8765"]).unwrap().as_deref(), Some("8765"));
        assert_eq!(set("traffic", &[]).unwrap(), None);
        assert_eq!(set("lock.after", &["never"]).unwrap().as_deref(), Some(""));
        assert_eq!(set("lock.after", &["900s"]).unwrap().as_deref(), Some("15m"));
        assert_eq!(set("backup.every", &["24h"]).unwrap().as_deref(), Some("1day"));
        assert!(find("colour").is_err());
    }
}
