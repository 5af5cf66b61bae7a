//! The home and its sockets, the clock, and the disk.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use bauta_ipc::{RpcError, Utc, bridge_socket_path, codes, socket_path};

use super::Check;
use crate::{moment, now, shell_word};

/// A clock that shows an earlier time is wrong: 2026-01-01, before the first version.
const EARLIEST: u64 = 1_767_225_600_000;
/// Files may be this much newer than the clock shows.
const SLACK: Duration = Duration::from_secs(5 * 60);
/// With less free space the store will soon not be writable.
const SCARCE: u64 = 64 << 20;
/// This much should be free.
const ENOUGH: u64 = 1 << 30;

/// Whether the home belongs to this user only.
pub(super) fn home(home: &Path, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "home";
    let shown = home.display();
    let word = shell_word(&shown.to_string());
    let home = match fs::metadata(home) {
        Ok(home) => home,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::warn(
                ID,
                format!("{shown} does not exist yet; the first start creates it."),
                command("up"),
            );
        }
        Err(error) => {
            return Check::fail(ID, format!("{shown} cannot be read: {error}."), format!("ls -ld {word}"));
        }
    };
    if !home.is_dir() {
        return Check::fail(
            ID,
            format!("{shown} is not a directory."),
            "Choose another with --home or BAUTA_HOME.",
        );
    }
    if home.uid() != rustix::process::geteuid().as_raw() {
        let message = format!("{shown} belongs to another user (uid {}).", home.uid());
        return Check::fail(ID, message, format!("sudo chown -R \"$(id -un)\" {word}"))
            .exits(codes::ACCESS_FILES.exit);
    }
    let mode = home.mode() & 0o777;
    match mode {
        0o700 => Check::ok(ID, format!("{shown}, for this user only.")),
        _ if mode & 0o077 != 0 => {
            let message = format!("{shown} is open to other users (mode {mode:o}).");
            Check::fail(ID, message, format!("chmod 700 {word}")).exits(codes::ACCESS_FILES.exit)
        }
        _ => {
            let message = format!("{shown} cannot be used by its owner (mode {mode:o}).");
            Check::fail(ID, message, format!("chmod 700 {word}")).exits(codes::ACCESS_FILES.exit)
        }
    }
}

/// Whether the daemon's two sockets are in place: that of this user's programs, and that of browser extensions.
pub(super) fn sockets(home: &Path, is_running: bool, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "socket";
    let paths = [socket_path(home), bridge_socket_path(home)];
    let mut shown = String::new();
    for path in paths {
        let path = match path {
            Ok(path) => path,
            Err(error) => {
                let error = RpcError::from(error);
                return Check::fail(
                    ID,
                    error.message,
                    "Choose a shorter path with --home, or set XDG_RUNTIME_DIR.",
                );
            }
        };
        if shown.is_empty() {
            shown = path.display().to_string();
        }
        if !is_running {
            continue;
        }
        let restart = format!("{} && {}", command("down"), command("up"));
        let what = match fs::metadata(&path) {
            Err(error) => format!("{} cannot be found: {error}.", path.display()),
            Ok(file) if !file.file_type().is_socket() => format!("{} is not a socket.", path.display()),
            Ok(file) if file.uid() != rustix::process::geteuid().as_raw() => {
                format!("{} belongs to another user.", path.display())
            }
            Ok(file) if file.mode() & 0o077 != 0 => format!("{} is open to other users.", path.display()),
            Ok(_) => continue,
        };
        return Check::fail(ID, what, restart).exits(codes::ACCESS_FILES.exit);
    }
    if is_running {
        Check::ok(ID, format!("{shown}, for this user only."))
    } else {
        Check::ok(ID, format!("{shown} is where the daemon will listen."))
    }
}

/// Whether the clock can be right. No time server is asked, so a difference of a few minutes is not noticed.
pub(super) fn clock(home: &Path) -> Check {
    let newest = ["store.db", "store.db-wal", "store.mark"]
        .iter()
        .filter_map(|name| fs::metadata(home.join(name)).ok()?.modified().ok())
        .max();
    clock_at(SystemTime::UNIX_EPOCH + Duration::from_millis(now().0), newest)
}

fn clock_at(now: SystemTime, newest: Option<SystemTime>) -> Check {
    const ID: &str = "clock";
    const FIX: &str = "timedatectl set-ntp true";
    let passed = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    let shown = moment(Utc::from_millis(millis));
    if millis < EARLIEST {
        return Check::fail(ID, format!("It shows {shown}, which is in the past."), FIX);
    }
    match newest.and_then(|newest| newest.duration_since(now).ok()) {
        Some(ahead) if ahead > SLACK => {
            let message =
                format!("It shows {shown}, but the store was written {} min later.", ahead.as_secs() / 60);
            Check::warn(ID, message, FIX)
        }
        _ => Check::ok(ID, format!("It shows {shown}, which can be right.")),
    }
}

/// Whether there is free space where the home is.
pub(super) fn disk(home: &Path) -> Check {
    let there = home.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(disk) => disk_with(disk.f_bavail.saturating_mul(disk.f_frsize), there),
        Err(error) => {
            let message = format!("The free space cannot be determined: {}.", io::Error::from(error));
            Check::warn("disk", message, format!("df -h {}", shell_word(&there.display().to_string())))
        }
    }
}

fn disk_with(free: u64, place: &Path) -> Check {
    const ID: &str = "disk";
    let message = if free >= ENOUGH {
        format!("{:.1} GiB are free.", free as f64 / ENOUGH as f64)
    } else {
        format!("{} MiB are free.", free >> 20)
    };
    let look = || format!("du -xh {} | sort -h | tail", shell_word(&place.display().to_string()));
    match free {
        ENOUGH.. => Check::ok(ID, message),
        SCARCE.. => Check::warn(ID, message, look()),
        _ => Check::fail(ID, message, look()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Verdict;
    use super::*;

    fn command(rest: &str) -> String {
        format!("bauta {rest}")
    }

    #[test]
    fn a_home_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("it's home");
        let look = || home(&place, &command);
        assert_eq!(look().state, Verdict::Warn);
        fs::create_dir(&place).unwrap();
        for (mode, verdict) in
            [(0o700, Verdict::Ok), (0o750, Verdict::Fail), (0o777, Verdict::Fail), (0o500, Verdict::Fail)]
        {
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(look().state, verdict, "{mode:o}");
        }
        assert!(
            look().fix.starts_with("chmod 700 '") && look().fix.ends_with(r"it'\''s home'"),
            "{}",
            look().fix
        );
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir(&place).unwrap();
        fs::write(&place, "").unwrap();
        assert_eq!(look().state, Verdict::Fail);
    }

    #[test]
    fn sockets_of_a_running_daemon_are_there() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(sockets(dir.path(), false, &command).state, Verdict::Ok);
        assert_eq!(sockets(dir.path(), true, &command).state, Verdict::Fail);
        let run = fs::canonicalize(dir.path()).unwrap().join("run");
        fs::create_dir(&run).unwrap();
        let own = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        let _first = std::os::unix::net::UnixListener::bind(run.join("bauta.sock")).unwrap();
        own(&run.join("bauta.sock"));
        let bridge = sockets(dir.path(), true, &command);
        assert!(bridge.state == Verdict::Fail && bridge.message.contains("bridge.sock"), "{bridge:?}");
        let _second = std::os::unix::net::UnixListener::bind(run.join("bridge.sock")).unwrap();
        own(&run.join("bridge.sock"));
        assert_eq!(sockets(dir.path(), true, &command).state, Verdict::Ok);
        fs::set_permissions(run.join("bauta.sock"), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(sockets(dir.path(), true, &command).message.contains("open to other users"));
    }

    #[test]
    fn a_clock_that_went_back_is_noticed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(EARLIEST) + Duration::from_secs(86_400);
        assert_eq!(clock_at(now, None).state, Verdict::Ok);
        assert_eq!(clock_at(now, Some(now + SLACK)).state, Verdict::Ok);
        assert_eq!(clock_at(now, Some(now - SLACK)).state, Verdict::Ok);
        assert_eq!(clock_at(now, Some(now + 2 * SLACK)).state, Verdict::Warn);
        assert_eq!(clock_at(SystemTime::UNIX_EPOCH, None).state, Verdict::Fail);
    }

    #[test]
    fn free_space_is_measured() {
        for (free, verdict, words) in [
            (0, Verdict::Fail, "0 MiB"),
            (SCARCE - 1, Verdict::Fail, "63 MiB"),
            (SCARCE, Verdict::Warn, "64 MiB"),
            (ENOUGH, Verdict::Ok, "1.0 GiB"),
        ] {
            let check = disk_with(free, Path::new("/"));
            assert!(check.state == verdict && check.message.starts_with(words), "{check:?}");
        }
        let here = tempfile::tempdir().unwrap();
        assert!(disk(&here.path().join("not/yet")).message.contains("free"));
    }
}
