//! Messages that are on this machine already, in a home whose network answers nothing.

use std::process::Output;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::id::{DoorAddress, RelayId};
use serde_json::Value;

use crate::user::{Daemon, User};

/// A running daemon with a persona, and an invited contact.
fn with_contact() -> (User, Daemon) {
    let user = User::new(&[]);
    let daemon = user.start(&[]);
    let relay = RelayAddress { id: RelayId([1; 32]), doors: vec![DoorAddress([1; 96])] };
    ok(&user, &["config", "set", "relays", &relay.to_string()]);
    ok(&user, &["persona", "new", "alice"]);
    ok(&user, &["contact", "invite", "--name", "bob"]);
    (user, daemon)
}

fn run(user: &User, arguments: &[&str]) -> Output {
    user.bauta().args(arguments).output().unwrap()
}

/// What a command prints that succeeds.
fn ok(user: &User, arguments: &[&str]) -> String {
    let output = run(user, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(user: &User, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().chain(&["--json"]).copied().collect();
    serde_json::from_str(&ok(user, &arguments)).unwrap()
}

fn send(user: &User, text: &str) -> String {
    let sent = json(user, &["send", "bob", text, "--wait", "queued"]);
    sent["id"].as_str().unwrap().to_owned()
}

#[test]
fn messages_are_found() {
    let (user, daemon) = with_contact();
    send(&user, "at nine in Tokyo");
    send(&user, "明日は東京で");
    let found = ok(&user, &["search", "東京"]);
    assert!(
        found.contains("[bob]") && found.contains("明日は東京で") && found.lines().count() == 1,
        "{found}"
    );
    let found = json(&user, &["search", "NIN", "--with", "bob"]);
    assert_eq!(found["messages"][0]["text"], "at nine in Tokyo");
    let nothing = run(&user, &["search", "ten"]);
    assert!(
        nothing.stdout.is_empty() && String::from_utf8(nothing.stderr).unwrap().contains("Nothing found")
    );
    let first = run(&user, &["search", "--limit", "1", "t"]);
    assert!(first.status.success());
    assert_eq!(run(&user, &["search", "?", "--json"]).status.code(), Some(1));
    daemon.stop();
}

#[test]
fn messages_contacts_and_personas_are_deleted() {
    let (user, daemon) = with_contact();
    let (first, _) = (send(&user, "the first"), send(&user, "the second"));
    let shown = ok(&user, &["history", "bob", "--ids"]);
    assert!(shown.starts_with(&first) && shown.contains("the first"), "{shown}");
    ok(&user, &["forget", "bob", &first]);
    let shown = ok(&user, &["history", "bob"]);
    assert!(!shown.contains("the first") && shown.contains("the second"), "{shown}");
    ok(&user, &["contact", "rename", "bob", "bobby"]);
    assert!(ok(&user, &["contact", "mute", "bobby"]).contains("bobby is muted"));
    assert!(ok(&user, &["contact", "list"]).contains("muted"));
    ok(&user, &["contact", "unmute", "bobby"]);
    ok(&user, &["forget", "bobby", "--all"]);
    assert!(ok(&user, &["history", "bobby"]).is_empty());
    ok(&user, &["contact", "delete", "bobby"]);
    assert_eq!(run(&user, &["contact", "show", "bobby", "--json"]).status.code(), Some(1));
    assert_eq!(run(&user, &["contact", "unblock", "bobby", "--json"]).status.code(), Some(1));
    assert_eq!(run(&user, &["pair", "forget", "00", "--json"]).status.code(), Some(1));
    ok(&user, &["persona", "delete", "alice", "--yes"]);
    assert!(ok(&user, &["persona", "list"]).is_empty());
    daemon.stop();
}

#[test]
fn a_contact_is_told_how_long_messages_should_stay() {
    let (user, daemon) = with_contact();
    let said = ok(&user, &["contact", "disappear", "bob", "1week"]);
    assert!(
        said.contains("they stay; you want 7days") && said.contains("once bob has said a time"),
        "{said}"
    );
    assert_eq!(json(&user, &["contact", "show", "bob"])["disappearing"]["own"], 604_800);
    assert!(ok(&user, &["contact", "show", "bob"]).contains("messages  they stay; you want 7days"));
    send(&user, "this stays, as bob has not agreed");
    let shown = run(&user, &["history", "bob"]);
    let (lines, note) = (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
    assert!(lines.contains("you  [Messages should disappear after 7days]"), "{lines}");
    assert!(note.contains("you want 7days, they want them to stay"), "{note}");
    for time in ["1year", "30s", "off"] {
        ok(&user, &["contact", "disappear", "bob", time]);
    }
    let shown = ok(&user, &["history", "bob"]);
    assert!(shown.contains("[Messages should disappear after 1year]"), "{shown}");
    assert!(shown.contains("[Messages should stay]"), "{shown}");
    daemon.stop();
}

#[test]
fn conversations_are_listed() {
    let (user, daemon) = with_contact();
    send(&user, "the last one, which is long enough to be cut somewhere behind the middle");
    let shown = ok(&user, &["conversations"]);
    assert!(shown.contains("bob") && shown.contains("the last one") && shown.contains('…'), "{shown}");
    let list = json(&user, &["conversations"]);
    assert_eq!((&list[0]["contact"], &list[0]["unread"]), (&Value::from("bob"), &Value::from(0)));
    for line in [&["inbox", "--unread"][..], &["inbox", "--since", "1h", "--limit", "3", "--keep"]] {
        assert!(ok(&user, line).is_empty());
    }
    daemon.stop();
}
