//! The vector files of Mask's formats pass, and what the runner is to notice makes it fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bauta_protocol::mask::{Backup, BackupPersona, Persona, Report, decrypt_backup_file};
use bauta_protocol::time::Timestamp;
use bauta_tests::mask_conformance::{Totals, run};
use data_encoding::HEXLOWER;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::{Value as Json, json};

/// Every kind that the schema names.
const KINDS: [&str; 11] = [
    "append",
    "backup",
    "comment",
    "decrypt",
    "encrypt",
    "gun_path",
    "key_agreement",
    "malformed",
    "network_codec",
    "persona",
    "v38_text_quirks",
];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/mask.json")
}

fn file() -> Json {
    serde_json::from_str(&std::fs::read_to_string(vectors()).unwrap()).unwrap()
}

fn case<'f>(file: &'f mut Json, id: &str) -> &'f mut Json {
    let cases = file["cases"].as_array_mut().unwrap();
    cases.iter_mut().find(|case| case["id"] == id).unwrap()
}

/// What the runner says about a text.
fn run_text(text: &str) -> (Totals, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.json");
    std::fs::write(&path, text).unwrap();
    let mut out = Vec::new();
    let totals = run(&path, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("panicked"), "{out}");
    (totals, out)
}

#[test]
fn all_vectors_pass() {
    let file = file();
    let kinds: BTreeSet<&str> =
        file["cases"].as_array().unwrap().iter().map(|case| case["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(KINDS));

    let runner = Command::new(env!("CARGO_BIN_EXE_mask-conformance")).arg(vectors()).output().unwrap();
    let out = String::from_utf8(runner.stdout).unwrap();
    assert!(runner.status.success(), "{out}");
    let number = file["cases"].as_array().unwrap().len();
    assert_eq!(out.lines().last(), Some(format!("{number} passed, 0 failed").as_str()));
    assert_eq!(out.lines().filter(|line| line.starts_with("ok ")).count(), number);
}

/// Each broken field of each version has the extension's error, as its parsers read.
#[test]
fn malformed_payloads_have_the_errors_of_the_extension() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/mask-malformed.json");
    let mut out = Vec::new();
    let totals = run(&path, &mut out).unwrap();
    assert!(totals.passed > 40 && totals.failed == 0, "{}", String::from_utf8_lossy(&out));
}

#[test]
fn pasted_texts_open() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/mask-pasted.json");
    let mut out = Vec::new();
    let totals = run(&path, &mut out).unwrap();
    assert!(totals.passed > 20 && totals.failed == 0, "{}", String::from_utf8_lossy(&out));
}

/// What is expected of a pasted text may be said in several places and forms, and what is wrong is noticed in each.
#[test]
fn pasted_texts_come_in_several_forms() {
    let file: Json =
        serde_json::from_str(&std::fs::read_to_string(vectors().with_file_name("mask-pasted.json")).unwrap())
            .unwrap();
    let text = file["cases"][0]["input"]["text"].as_str().unwrap();
    let (twice, none) = (format!("{text} {text}"), "only words");
    let words = {
        let (_, out) =
            run_text(&json!({"cases": [{"kind": "pasted", "text": text, "opens": ["?"]}]}).to_string());
        let (_, got) = out.split_once("got [\"").unwrap();
        got.split_once("\"]").unwrap().0.to_owned()
    };
    for (text, right, wrong) in [
        (text, json!(true), json!(false)),
        (none, json!(false), json!(true)),
        (none, json!(null), json!(words)),
        (text, json!(words), json!("other words")),
        (text, json!([words]), json!([])),
        (none, json!([]), json!([words])),
        (twice.as_str(), json!(2), json!(1)),
        (twice.as_str(), json!([words, words]), json!([words])),
    ] {
        for (opens, passed) in [(&right, 1), (&wrong, 0)] {
            for case in [
                json!({"kind": "pasted", "text": text, "opens": opens}),
                json!({"id": "a", "kind": "pasted", "input": {"text": text, "opens": opens}}),
                json!({"id": "b", "kind": "pasted", "input": {"text": text}, "output": {"opens": opens}}),
            ] {
                for file in [json!({"cases": [case]}), json!([case])] {
                    let (totals, out) = run_text(&file.to_string());
                    assert_eq!((totals.passed, totals.failed), (passed, 1 - passed), "{file}: {out}");
                }
            }
        }
    }
    let broken = json!({"cases": [{"kind": "pasted"}, {"kind": "pasted", "text": 7, "opens": true},
        {"kind": "pasted", "text": "a", "opens": {}}, {"kind": "pasted", "text": "a"}, {"kind": "persona"}]});
    assert_eq!(run_text(&broken.to_string()).0.failed, 5);
}

/// Posts that name somebody who did not write them open in every version.
#[test]
fn no_version_proves_its_author() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/mask-authors.json");
    let mut out = Vec::new();
    let totals = run(&path, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(totals.passed >= 6 && totals.failed == 0, "{out}");
    for version in ["v37", "v38", "v39", "v40"] {
        assert!(out.contains(&format!(" {version}-")), "{version}: {out}");
    }
}

#[test]
fn files_outside_the_schema_fail_by_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("broken.json");
    for (text, says) in [
        ("", "not in the schema"),
        ("[]", "not in the schema"),
        (r#"{"keys":{}}"#, "not in the schema"),
        (r#"{"keys":{},"cases":[5]}"#, "case number 1"),
        (r#"{"keys":{"k":{"curve":"secp256k1"}},"cases":[]}"#, "key k"),
        (r#"{"keys":{"k":7},"cases":[]}"#, "key k"),
        (r#"{"keys":{},"cases":[{"id":"a","kind":"sign","input":{},"output":{}}]}"#, "unknown kind \"sign\""),
    ] {
        std::fs::write(&path, text).unwrap();
        let runner = Command::new(env!("CARGO_BIN_EXE_mask-conformance")).arg(&path).output().unwrap();
        let out = String::from_utf8(runner.stdout).unwrap();
        assert_eq!(runner.status.code(), Some(1), "{out}");
        assert!(out.starts_with("FAIL ") && out.contains(says), "{text}: {out}");
        assert!(out.ends_with("0 passed, 1 failed\n"), "{out}");
    }
    let missing =
        Command::new(env!("CARGO_BIN_EXE_mask-conformance")).arg("/does/not/exist").output().unwrap();
    assert_eq!(missing.status.code(), Some(1));

    // One broken entry leaves the others alone.
    let (totals, out) = run_text(
        r#"{"keys":{"p":{"curve":"p256"}},"cases":[null,
        {"id":"b","kind":"network_codec","input":[{"network":"minds","text":"none"}],"output":[{"decoded":[]}]}]}"#,
    );
    assert_eq!((totals.passed, totals.failed, totals.skipped), (1, 1, 1), "{out}");
}

/// Every kind with an input and an output of the wrong shape.
#[test]
fn broken_values_fail_and_do_not_panic() {
    let wrong = [json!(null), json!([]), json!({}), json!([{}]), json!("text"), json!({"payload_hex": "0g"})];
    let cases: Vec<Json> = KINDS
        .iter()
        .flat_map(|kind| wrong.iter().map(move |wrong| (kind, wrong)))
        .map(|(kind, wrong)| json!({"id": "x", "kind": kind, "input": wrong, "output": wrong}))
        // Empty lists of rows agree with each other.
        .filter(|case| case["input"] != json!([]))
        .collect();
    let number = cases.len();
    let (totals, out) = run_text(&json!({"keys": {}, "cases": cases}).to_string());
    assert_eq!((totals.passed, totals.failed), (0, number), "{out}");
}

/// Every text in the output of a case counts, except what repeats the input, and the words of errors.
#[test]
fn changed_outputs_fail() {
    const IGNORED: [&str; 11] = [
        "as",
        "decrypt_error",
        "err",
        "note_v37",
        "parse_error",
        "private",
        "public",
        "salt_hex",
        "steps",
        "thrown",
        "with_gun_records",
    ];
    for id in
        ["s2-v37-e2e-1", "s6-v38-e2e-1", "s12-v37-tuple", "s7-key-agreement", "s13-v39", "s21-author-fields"]
    {
        let whole = file();
        let cases: Vec<Json> =
            whole["cases"].as_array().unwrap().iter().filter(|case| case["id"] == id).cloned().collect();
        let mut alone = json!({"keys": whole["keys"], "cases": cases});
        let mut places = Vec::new();
        texts(&alone["cases"][0]["output"], "/cases/0/output", &mut places);
        assert!(places.len() > 2, "{id}");
        for place in places {
            if place.split('/').any(|part| IGNORED.contains(&part)) {
                continue;
            }
            let old = alone.pointer(&place).unwrap().clone();
            *alone.pointer_mut(&place).unwrap() = changed(old.as_str().unwrap());
            let (totals, out) = run_text(&alone.to_string());
            assert_eq!(totals.failed, 1, "{id} {place}: {out}");
            *alone.pointer_mut(&place).unwrap() = old;
        }
    }
}

/// The same, with another first digit when there is one.
fn changed(text: &str) -> Json {
    let mut characters = text.chars();
    let first = characters.next();
    let other = if first == Some('1') { '2' } else { '1' };
    Json::String(std::iter::once(other).chain(characters).collect())
}

fn texts(value: &Json, place: &str, found: &mut Vec<String>) {
    match value {
        Json::String(_) => found.push(place.to_owned()),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                texts(item, &format!("{place}/{index}"), found);
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                texts(member, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

#[test]
fn kinds_of_errors_count() {
    for (id, place) in [
        ("s18-version-5", "/output/parsed/err/0"),
        ("s20-iv-17", "/output/parsed/ok/encryption/iv/err/0"),
        ("s25-tag-public", "/output/decrypt/decrypt_error/0"),
    ] {
        for words in ["[@masknet/encryption] Payload includes an unknown enum member.", "other words"] {
            let mut case = case(&mut file(), id).clone();
            *case.pointer_mut(place).unwrap() = json!(words);
            let (totals, out) = run_text(&json!({"keys": file()["keys"], "cases": [case]}).to_string());
            assert_eq!((totals.passed, totals.failed), (0, 1), "{id}: {out}");
        }
    }
}

/// A backup that the extension wrote imports, and one exported here is a good vector.
#[test]
fn backups_go_both_ways() {
    let mut file = file();
    let case = case(&mut file, "s17-backup");
    let password = case["input"]["password"].as_str().unwrap().to_owned();
    let bytes = HEXLOWER.decode(case["input"]["backup_hex"].as_str().unwrap().as_bytes()).unwrap();
    let (mut backup, report) = Backup::open(&bytes, &password).unwrap();
    assert_eq!(report, Report::default());

    let mut rng = UnwrapErr(SysRng);
    let persona = Persona::generate(&mut rng).unwrap();
    backup.personas.push(BackupPersona {
        public: persona.key.public(),
        secret: Some(persona.key),
        local_key: persona.local_key,
        words: persona.words,
        nickname: Some("Ann".to_owned()),
        linked: Vec::new(),
        address: None,
        created: Timestamp(1),
        updated: Timestamp(2),
    });
    let written = backup.to_file(&password, Timestamp(3), &mut rng).unwrap();
    assert_eq!(Backup::open(&written, &password).unwrap().0, backup);

    let plain = decrypt_backup_file(&written, &password).unwrap();
    case["input"]["backup_hex"] = json!(HEXLOWER.encode(&written));
    case["output"]["decrypted_hex"] = json!(HEXLOWER.encode(&plain));
    let (totals, out) = run_text(&json!({"keys": {}, "cases": [case.clone()]}).to_string());
    assert_eq!((totals.passed, totals.failed), (1, 0), "{out}");
}
