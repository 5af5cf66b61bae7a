//! `bauta demo`: what it prints for programs.

use std::process::Stdio;

use bauta_tests::program::{Answer, Program};

#[test]
fn message_reply_and_post_arrive_and_the_relays_learn_nothing() {
    let program = Program::new(env!("CARGO_BIN_EXE_chaos"));
    let answer: Answer = program.command(["demo", "--json"]).stdin(Stdio::null()).output().unwrap().into();
    let report = answer.ok();
    for part in ["message", "reply"] {
        let part = &report[part];
        assert_eq!(part["state"], "delivered", "{report}");
        assert!(part["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(part["stored_ms"].as_u64().unwrap() <= part["delivered_ms"].as_u64().unwrap(), "{report}");
    }
    let post = &report["post"];
    assert_eq!(post["state"], "decrypted", "{report}");
    assert!(post["text"].as_str().is_some_and(|text| !text.is_empty()));
    let gun = &report["observers"]["gun"];
    assert!(gun["writes"].as_u64().unwrap() > 0 && gun["questions"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(gun["secrets_found"].as_array().unwrap().len(), 0, "{report}");
    let relay = &report["observers"]["relay"];
    assert!(relay["exchanges"].as_u64().unwrap() > 0);
    assert_eq!(relay["exchanges"], relay["distinct_sender_tags"]);
    for sizes in ["request_sizes", "reply_sizes"] {
        for class in ["small", "large"] {
            assert_eq!(relay[sizes][class].as_array().unwrap().len(), 1, "{sizes} {class}: {report}");
        }
    }
    assert!(relay["boxes"].as_u64().unwrap() > 0);
    assert_eq!(relay["secrets_found"].as_array().unwrap().len(), 0, "{report}");
}
