//! The mode keychain, against a real Secret Service: gnome-keyring on a message bus of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use crate::user::{Daemon, User, until};

/// A desktop session: a message bus and a keychain, which end with the test.
struct Session {
    bus: Child,
    keychain: Child,
    address: String,
}

impl Session {
    fn start(user: &User) -> Self {
        let runtime = user.path("runtime");
        fs::create_dir_all(&runtime).unwrap();
        fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus, of maint/debian-packages");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let mut keychain = Command::new("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("HOME", user.home())
            .env("XDG_RUNTIME_DIR", &runtime)
            .env_remove("XDG_DATA_HOME")
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring, of maint/debian-packages");
        keychain.stdin.take().unwrap().write_all(b"the password of the login").unwrap();
        let session = Self { bus, keychain, address };
        until("the keychain answers", || {
            let asked = Command::new("dbus-send")
                .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
                .args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"])
                .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
                .output()
                .unwrap();
            String::from_utf8_lossy(&asked.stdout).contains("boolean true")
        });
        session
    }

    fn bauta(&self, user: &User, line: &str) -> Command {
        let mut command = user.command(&user.program());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).args(line.split_whitespace());
        command
    }

    fn up(&self, user: &User, more: &str) -> Daemon {
        let network = user.path("network.json");
        fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
        let line = format!("up --traffic test --network {} {more}", network.display());
        let mut up = self.bauta(user, &line);
        let daemon = Daemon::of(up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("the daemon answers", || user.run("status").status.success());
        daemon
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in [&mut self.keychain, &mut self.bus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ok(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_keychain_keeps_the_key() {
    let user = User::new(&[]);
    let session = Session::start(&user);
    let daemon = session.up(&user, "--unlock keychain");
    assert!(!user.path("bauta/key").exists());
    ok(session.bauta(&user, "config set lock.after 1h"));
    ok(session.bauta(&user, "lock"));
    // The daemon asks the keychain, whoever unlocks it.
    ok(session.bauta(&user, "unlock"));
    daemon.stop();
    let daemon = session.up(&user, "");
    assert_eq!(ok(session.bauta(&user, "config get lock.after")).trim(), "1h");
    // The old way is gone with the change.
    ok(session.bauta(&user, "passphrase --unlock keyfile"));
    assert!(user.path("bauta/key").exists());
    ok(session.bauta(&user, "passphrase --unlock keychain"));
    assert!(!user.path("bauta/key").exists());
    daemon.stop();

    // Without a keychain the store stays closed, and nothing else is tried.
    drop(session);
    let network = user.path("network.json");
    let output = user.run(&format!("up --json --traffic test --network {}", network.display()));
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), error["error"]["code"].as_str()), (Some(5), Some("unlock.failed")));
}
