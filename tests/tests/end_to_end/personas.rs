//! Personas from Mask and back, and what `bauta up` remembers.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use bauta_protocol::mask::{
    Backup, BackupPost, Persona, PostIv, PostIvId, PostKey, ProfileId, decrypt_backup_file, password_bytes,
};
use bauta_protocol::time::Timestamp;
use bauta_tests::mask_conformance::run;
use bauta_tests::program::{Answer, Program, write_private};
use bauta_tests::world::{Person, World};
use data_encoding::HEXLOWER;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::{Value, json};

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

/// The backup that the extension's own code made, and its password.
fn vector() -> (Vec<u8>, String) {
    let vectors: Value = serde_json::from_slice(&fs::read("vectors/mask.json").unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let input = &cases.iter().find(|case| case["kind"] == "backup").unwrap()["input"];
    let file = HEXLOWER.decode(input["backup_hex"].as_str().unwrap().as_bytes()).unwrap();
    (file, input["password"].as_str().unwrap().to_owned())
}

/// Whether the runner of the vectors takes a file that we wrote for one that the extension wrote.
fn conforms(file: &[u8], password: &str, dir: &Path) {
    let plain = decrypt_backup_file(file, password).unwrap();
    let vectors = json!({"keys": {}, "cases": [{
        "id": "exported", "kind": "backup",
        "input": {"password": password, "backup_hex": HEXLOWER.encode(file)},
        "output": {
            "password_bytes_hex": HEXLOWER.encode(&password_bytes(password)),
            "decrypted_hex": HEXLOWER.encode(&plain),
        },
    }]});
    let path = dir.join("exported.json");
    fs::write(&path, vectors.to_string()).unwrap();
    let mut out = Vec::new();
    let totals = run(&path, &mut out).unwrap();
    assert_eq!((totals.passed, totals.failed), (1, 0), "{}", String::from_utf8_lossy(&out));
}

fn with_input(person: &Person, program: &Program, arguments: &[&str], input: &str) -> Answer {
    let mut command = program.command(["--home".as_ref(), person.home().as_os_str()]);
    command.args(arguments).arg("--json").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.code, 1, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], code, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_come_from_mask_and_go_back() {
    let program = Program::new(env!("CARGO_BIN_EXE_chaos"));
    let mut world = World::new(program.clone(), 1).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let dir = world.dir().to_owned();
        let at = |name: &str| dir.join(name).display().to_string();
        let mut ann = world.person("ann");
        ann.up();

        let (file, password) = vector();
        fs::write(at("mask.bin"), &file).unwrap();
        fs::write(at("damaged.bin"), [&file[..90], &[file[90] ^ 1], &file[91..]].concat()).unwrap();
        fs::write(at("old.json"), r#"{"_meta_":{"version":1,"type":"maskbook-backup"}}"#).unwrap();
        write_private(at("password"), &format!("{password}\n"));
        write_private(at("wrong"), "wrong\n");
        let import = |file: &str, password: &str| {
            ann.run(&["persona", "import", "--backup", &at(file), "--password-file", &at(password)])
        };
        refused(&import("mask.bin", "wrong"), "backup.password");
        refused(&import("damaged.bin", "password"), "backup.invalid");
        refused(&import("old.json", "password"), "backup.version");
        refused(&import("nowhere", "password"), "file.failed");
        assert!(ann.ok(&["persona", "list"]).as_array().unwrap().is_empty());

        let (original, _) = Backup::open(&file, &password).unwrap();
        let own = original.personas.iter().filter(|persona| persona.secret.is_some()).count();
        let imported = import("mask.bin", "password").ok();
        assert_eq!(imported["personas"].as_array().unwrap().len(), own, "{imported}");
        assert!(imported["left_out"].is_array());

        // Words from standard input.
        let words = with_input(&ann, &program, &["persona", "import", "tourist", "--words"], WORDS).ok();
        assert_eq!(words["personas"][0]["name"], "tourist");
        let words = ann.ok(&["persona", "export", "tourist"])["words"].as_str().unwrap().to_owned();
        assert_eq!(words, WORDS);
        refused(&with_input(&ann, &program, &["persona", "import", "--words"], "one two"), "persona.secret");
        refused(&with_input(&ann, &program, &["persona", "import", "--key"], "no key"), "persona.secret");

        // Out again, where the extension's format is kept byte for byte, and into another home.
        let export = ["persona", "export", "--backup", &at("ours.bin"), "--password-file", &at("password")];
        let written = ann.ok(&export);
        assert_eq!(
            written["personas"].as_u64().unwrap() as usize,
            imported["personas"].as_array().unwrap().iter().filter(|p| p["name"] != "tourist").count() + 1
        );
        refused(&ann.run(&export), "file.failed");
        let ours = fs::read(at("ours.bin")).unwrap();
        conforms(&ours, &password, &dir);
        let (back, report) = Backup::open(&ours, &password).unwrap();
        assert!(report.left_out.is_empty(), "{report:?}");
        assert!(
            back.personas
                .iter()
                .any(|persona| persona.secret == Some(Persona::from_words(WORDS, "").unwrap().key))
        );
        let mut ben = world.person("ben");
        ben.up();
        let again =
            ben.ok(&["persona", "import", "--backup", &at("ours.bin"), "--password-file", &at("password")]);
        assert_eq!(again["personas"].as_array().unwrap().len(), back.personas.len());
        assert_eq!(again["post_keys"].as_u64().unwrap() as usize, original.posts.len());
    });
}

/// More than fits into one frame of the local API, either way.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_backup_goes_in_parts() {
    let program = Program::new(env!("CARGO_BIN_EXE_chaos"));
    let mut world = World::new(program, 1).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let dir = world.dir().to_owned();
        let at = |name: &str| dir.join(name).display().to_string();
        let (mut rng, at_time) = (UnwrapErr(SysRng), Timestamp(1_790_000_000_000));
        let (file, password) = vector();
        let (mut backup, _) = Backup::open(&file, &password).unwrap();
        backup.posts = (0..4000)
            .map(|_| BackupPost {
                id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv::generate(&mut rng) },
                author: ProfileId::new("twitter.com", "ann").unwrap(),
                key: PostKey::generate(&mut rng),
                public: false,
                found: at_time,
            })
            .collect();
        let file = backup.to_file(&password, at_time, &mut rng).unwrap();
        assert!(file.len() > 800_000, "{}", file.len());
        fs::write(at("large.bin"), &file).unwrap();
        write_private(at("password"), &password);

        let mut ann = world.person("ann");
        ann.up();
        let files =
            |file: &str| ["--backup".to_owned(), at(file), "--password-file".to_owned(), at("password")];
        let run = |word: &str, file: &str| {
            let arguments: Vec<String> =
                ["persona".to_owned(), word.to_owned()].into_iter().chain(files(file)).collect();
            ann.ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(run("import", "large.bin")["post_keys"], 4000);
        assert_eq!(run("export", "ours.bin")["post_keys"], 4000);
        let (back, _) = Backup::open(&fs::read(at("ours.bin")).unwrap(), &password).unwrap();
        let keys = |backup: &Backup| {
            let key = |post: &BackupPost| (post.id.to_string(), post.key.as_bytes().to_vec());
            backup.posts.iter().map(key).collect::<BTreeMap<_, _>>()
        };
        assert!(keys(&back) == keys(&backup));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn up_remembers_gun_relays_and_shows_them() {
    let mut world = World::with_exit(Program::new(env!("CARGO_BIN_EXE_chaos")), 1).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let mut ann = world.person("ann");
        let exit = world.localnet.network_file().exit.unwrap();
        let gun = |person: &Person| person.ok(&["status"])["gun"].clone();

        ann.up();
        assert_eq!(gun(&ann)["relays"], json!([{"url": "https://gun.r2d2.to/gun"}]));
        assert_eq!(gun(&ann)["exits"], json!([exit.clone()]));
        assert!(gun(&ann).get("endpoint").is_none());
        ann.down();

        let urls = ["http://127.0.0.1:4001/gun", "https://localhost:4002/gun"];
        ann.up_with(["--gun", urls[0], "--gun", urls[1], "--exit", "directory", "--gun-endpoint", "0"]);
        ann.up();
        let shown = gun(&ann);
        assert_eq!(shown["relays"], json!([{"url": urls[0]}, {"url": urls[1]}]));
        assert_eq!(shown["exits"], json!([]));
        assert!(shown["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{shown}");
        ann.down();

        ann.up_with(Vec::<String>::new());
        ann.up();
        assert_eq!(gun(&ann)["relays"], shown["relays"]);
        assert!(gun(&ann)["endpoint"].is_string());
    });
}
