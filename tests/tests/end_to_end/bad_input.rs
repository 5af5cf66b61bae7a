//! Whatever is wrong in a call or a command: a clear error with a hint, no panic, and nothing has changed.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use bauta_ipc::{Client, RpcError, bridge_socket_path, openrpc, socket_path};
use bauta_tests::program::{Answer, Program};
use bauta_tests::world::{Person, STARTUP, World, introduce};
use serde_json::{Map, Value, json};

/// A user that owns nothing: `nobody`.
const NOBODY: u32 = 65534;
/// Given to this test program when it runs as [`NOBODY`].
const SOCKET: &str = "BAUTA_TESTS_SOCKET";

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_chaos"))
}

/// What a person has, as far as commands show it.
fn state(person: &Person) -> Vec<Value> {
    [
        ["persona", "list"].as_slice(),
        &["contact", "list"],
        &["contact", "requests"],
        &["inbox"],
        &["history", "bob"],
    ]
    .iter()
    .map(|command| person.ok(command))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let mut world = World::new(program(), 2).await;
    let (alice, bob) = tokio::task::block_in_place(|| {
        world.start_relay();
        let (mut alice, mut bob) = (world.person("alice"), world.person("bob"));
        for (person, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
            person.up();
            person.persona(name);
        }
        introduce(&alice, "bob", &bob, "alice", STARTUP);
        alice.ok(&["send", "bob", "before", "--wait", "delivered"]);
        (alice, bob)
    });
    let before = state(&alice);

    every_method_refuses_wrong_types(&alice).await;
    tokio::task::block_in_place(|| {
        commands_refuse_what_does_not_exist(&alice);
        a_damaged_address_is_noticed(&alice, &bob);
        a_text_that_is_too_long_names_the_limit(&alice);
        assert_eq!(state(&alice), before);
        alice.ok(&["send", "bob", "after", "--wait", "delivered"]);
        let log = std::fs::read_to_string(alice.log()).unwrap();
        assert!(!log.contains("panicked"), "{log}");
    });
}

async fn every_method_refuses_wrong_types(person: &Person) {
    let client = Client::open(person.home()).await.unwrap();
    let document = openrpc::document();
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if name == "hello" {
            continue;
        }
        for params in [json!([]), json!("text"), json!(7)] {
            let error = client.call_raw(name, params.clone()).await.expect_err(name);
            assert_clear(&error, &format!("{name} {params}"));
        }
        let params = method["params"].as_array().unwrap();
        for wrong in params {
            let mut object: Map<String, Value> = params
                .iter()
                .map(|param| (param["name"].as_str().unwrap().to_owned(), filler(param)))
                .collect();
            for value in [json!([[1]]), json!({"a": {"b": null}}), json!(-1.5)] {
                if takes_any_object(wrong) && value.is_object() {
                    continue;
                }
                object.insert(wrong["name"].as_str().unwrap().to_owned(), value);
                let call = format!("{name} {object:?}");
                let error = client.call_raw(name, Value::Object(object.clone())).await.expect_err(&call);
                assert_clear(&error, &call);
            }
        }
    }
    let error = client.call_raw("no.such.method", json!({})).await.unwrap_err();
    assert_clear(&error, "an unknown method");
}

/// Something of the right type, as far as the schema says at first sight.
fn filler(param: &Value) -> Value {
    match param["schema"]["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("string") => json!("nobody"),
        _ => Value::Null,
    }
}

fn takes_any_object(param: &Value) -> bool {
    param["schema"]["additionalProperties"] == json!(true)
}

fn assert_clear(error: &RpcError, what: &str) {
    assert!(
        !error.code.is_empty() && !error.message.is_empty() && !error.hint.is_empty(),
        "{what}: {error:?}"
    );
    assert!(!error.code.starts_with("internal"), "{what}: {error:?}");
}

fn assert_refused(answer: &Answer) -> Value {
    assert_eq!(answer.code, 1, "{answer:?}");
    let error = answer.json()["error"].clone();
    for part in ["code", "message", "hint"] {
        assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
    error
}

fn commands_refuse_what_does_not_exist(person: &Person) {
    for line in [
        "persona new alice",
        "persona show nobody",
        "persona export nobody",
        "persona publish nobody",
        "contact show nobody",
        "contact verify nobody",
        "contact block nobody",
        "contact accept 99 --name x",
        "contact accept nonsense --name x",
        "contact list --as nobody",
        "contact invite --as nobody",
        "contact add x bauta:nonsense",
        "contact add x nonsense",
        "send nobody hello",
        "send bob hello --as nobody",
        "send bob",
        "inbox --as nobody",
        "history nobody",
        "post encrypt hello --to nobody",
        "post decrypt nonsense",
        "post append nonsense --to bob",
        "rpc no.such.method",
        "rpc message.send {\"contact\":7}",
        "rpc message.send [",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_refused(&person.run(&words));
    }
}

/// Half of all wrong digits of a key make another key: it must be noticed all the same.
fn a_damaged_address_is_noticed(alice: &Person, bob: &Person) {
    let address = bob.ok(&["persona", "show", "bob"])["address"].as_str().unwrap().to_owned();
    for place in (6..address.len()).step_by(17) {
        let mut bytes = address.clone().into_bytes();
        bytes[place] ^= 1;
        let damaged = String::from_utf8(bytes).unwrap();
        let answer = alice.run(&["contact", "add", "x", &damaged]);
        assert_eq!(answer.code, 1, "{address}\n{damaged}\n{answer:?}");
        assert_refused(&answer);
    }
}

fn a_text_that_is_too_long_names_the_limit(person: &Person) {
    let error = assert_refused(&person.run(&["send", "bob", &"x".repeat(15_001)]));
    assert!(error.to_string().contains("15000"), "{error}");
    assert_refused(&person.run(&["send", "bob", ""]));
    assert_refused(&person.run(&["persona", "new", &"n".repeat(1000)]));
    assert_refused(&person.run(&["contact", "invite", "--name", &"n".repeat(1000)]));
}

/// Even if the directory is open, another user learns nothing from the daemon, on neither socket.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_cannot_use_the_sockets() {
    if let Some(socket) = std::env::var_os(SOCKET) {
        return knock(Path::new(&socket));
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can try as another user");
        return;
    }
    let mut world = World::new(program(), 2).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let mut alice = world.person("alice");
        alice.up();
        let sockets = [socket_path(alice.home()).unwrap(), bridge_socket_path(alice.home()).unwrap()];
        let copy = world.dir().join("knock");
        // By another process: a child that the other test starts meanwhile would hold a file open that this one writes,
        // and such a file cannot be executed.
        let own = std::env::current_exe().unwrap();
        assert!(Command::new("cp").arg(own).arg(&copy).status().unwrap().success());
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in [world.dir(), &copy] {
            open(path, 0o755);
        }
        let knock = |socket: &Path| {
            let mut command = Command::new(&copy);
            command.args(["--exact", "bad_input::another_user_cannot_use_the_sockets", "--nocapture"]);
            command.env(SOCKET, socket).uid(NOBODY).gid(NOBODY).current_dir("/");
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
            said
        };
        for socket in &sockets {
            assert!(knock(socket).contains("connect: Permission denied"));
        }
        for socket in &sockets {
            for path in [alice.home(), socket.parent().unwrap()] {
                open(path, 0o755);
            }
            open(socket, 0o666);
            let said = knock(socket);
            assert!(said.contains("access.peer") && !said.contains("\"result\""), "{said}");
        }
        alice.ok(&["status"]);
    });
}

/// Says hello and prints what comes back.
fn knock(socket: &Path) {
    match UnixStream::connect(socket) {
        Err(error) => println!("connect: {error}"),
        Ok(mut stream) => {
            stream.set_read_timeout(Some(STARTUP)).unwrap();
            let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1, "features": [], "client": "x"}});
            // The daemon may have hung up already.
            let _ = stream.write_all(format!("{hello}\n").as_bytes());
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said);
            println!("{said}");
        }
    }
}
