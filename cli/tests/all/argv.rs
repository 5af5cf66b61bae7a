//! What other users of the machine can read of a command while it waits.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const SECRET: &str = "the words that nobody else should read";

/// A socket in a home that accepts, and answers what the test writes.
fn listen(home: &Path) -> UnixListener {
    std::fs::create_dir(home.join("run")).unwrap();
    UnixListener::bind(home.join("run/bauta.sock")).unwrap()
}

fn start(home: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
    command.env_remove("XDG_RUNTIME_DIR").env("BAUTA_HOME", home).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn secrets_in_arguments_are_gone_while_the_command_waits() {
    let home = tempfile::tempdir().unwrap();
    let listener = listen(home.path());
    let params = json!({"words": SECRET}).to_string();
    for arguments in [
        &["send", "bob", SECRET][..],
        &["send", "--", "bob", SECRET],
        &["search", SECRET],
        &["post", "encrypt", SECRET, "--to", "bob"],
        &["post", "decrypt", SECRET],
        &["post", "append", SECRET, "--to", "bob"],
        &["contact", "add", "bob", SECRET],
        &["pair", "approve", SECRET],
        &["rpc", "persona.import", &params],
    ] {
        let child = start(home.path(), arguments);
        // It has connected, and waits for an answer that does not come.
        let connection = listener.accept().unwrap();
        let seen = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        let seen = String::from_utf8(seen).unwrap();
        assert!(!seen.contains(SECRET), "{arguments:?}");
        assert!(seen.split('\0').nth(1) == Some(arguments[0]), "the rest is as it was: {seen:?}");
        assert_eq!(seen.split('\0').count(), arguments.len() + 2);
        end(child);
        drop(connection);
    }
}

struct Fake(BufReader<UnixStream>);

impl Fake {
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn answer(&mut self, call: &Value, result: &Value) {
        let frame = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
        writeln!(self.0.get_mut(), "{frame}").unwrap();
    }
}

#[test]
fn texts_come_from_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let listener = listen(home.path());
    let params = json!({"contact": "bob", "text": SECRET}).to_string();
    let marked = format!("\u{feff}{params}\r\n");
    for (arguments, input, method, field) in [
        (&["send", "bob"][..], SECRET, "message.send", "text"),
        (&["send", "bob", "-"], SECRET, "message.send", "text"),
        (&["post", "encrypt", "--to", "bob"], SECRET, "post.encrypt", "text"),
        (&["post", "decrypt"], SECRET, "post.decrypt", "text"),
        (&["post", "append", "--to", "bob"], SECRET, "post.append", "text"),
        (&["contact", "add", "bob"], SECRET, "contact.add", "address"),
        (&["rpc", "message.send", "-"], &params, "message.send", "text"),
        (&["rpc", "message.send", "-"], &marked, "message.send", "text"),
    ] {
        let mut child = start(home.path(), arguments);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let mut fake = Fake(BufReader::new(listener.accept().unwrap().0));
        let hello = fake.next();
        fake.answer(&hello, &json!({"protocol": 1, "version": "0", "features": [], "grants": []}));
        let call = fake.next();
        assert_eq!(
            (&call["method"], &call["params"][field]),
            (&json!(method), &json!(SECRET)),
            "{arguments:?}"
        );
        end(child);
    }
}

/// Before a terminal, which script(1) gives it, an editor is asked.
#[test]
fn texts_come_from_the_editor() {
    let home = tempfile::tempdir().unwrap();
    let listener = listen(home.path());
    let editor = format!("f() {{ echo '{SECRET}' > \"$1\"; }}; f");
    for (line, method) in [("send bob", "message.send"), ("post encrypt --to bob", "post.encrypt")] {
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_bauta")), "/dev/null"]);
        command.env_remove("VISUAL").env("EDITOR", &editor).env("SHELL", "/bin/sh");
        command.env("XDG_RUNTIME_DIR", home.path()).env("BAUTA_HOME", home.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut fake = Fake(BufReader::new(listener.accept().unwrap().0));
        let hello = fake.next();
        fake.answer(&hello, &json!({"protocol": 1, "version": "0", "features": [], "grants": []}));
        let call = fake.next();
        assert_eq!((&call["method"], &call["params"]["text"]), (&json!(method), &json!(SECRET)), "{line}");
        end(child);
    }
}
