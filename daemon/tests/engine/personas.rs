use bauta_ipc::{
    ImportPersonas, ImportSource, Imported, MakeBackup, NewPersona, PersonaRef, RpcError, Secret, codes,
};
use bauta_protocol::mask::{Backup, Persona, PersonaId, PublicKey};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;

use crate::support::{Home, Sea};

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

/// The backup that the extension's own code made, and its password.
fn vector() -> (Vec<u8>, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/mask.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let input = &cases.iter().find(|case| case["kind"] == "backup").unwrap()["input"];
    let file = HEXLOWER.decode(input["backup_hex"].as_str().unwrap().as_bytes()).unwrap();
    (file, input["password"].as_str().unwrap().to_owned())
}

async fn home() -> Home {
    let sea = Sea::new();
    let mut home = Home::new(&sea, &[sea.relay().await]);
    home.start().await;
    home
}

fn backup(file: &[u8], password: &str) -> ImportSource {
    ImportSource::Backup {
        file: Secret::new(BASE64.encode(file)),
        password: Secret::new(password.to_owned()),
    }
}

async fn import(home: &Home, source: ImportSource, name: Option<&str>) -> Result<Imported, RpcError> {
    home.api().persona_import(ImportPersonas { source, name: name.map(str::to_owned) }).await
}

async fn exported(home: &Home, password: &str) -> Backup {
    let params = MakeBackup { password: Secret::new(password.to_owned()), after: None };
    let page = home.api().persona_backup(params).await.unwrap();
    assert_eq!(page.next, None);
    let file = BASE64.decode(page.file.reveal().as_bytes()).unwrap();
    let (backup, report) = Backup::open(&file, password).unwrap();
    assert!(report.left_out.is_empty() && report.unused.is_empty(), "{report:?}");
    backup
}

fn words(text: &str) -> ImportSource {
    ImportSource::Words { words: Secret::new(text.to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persona_comes_from_words_keys_and_hex() {
    let first = home().await;
    let imported = import(&first, words(WORDS), Some("ann")).await.unwrap();
    let expected = Persona::from_words(WORDS, "").unwrap();
    let [ann] = imported.personas.as_slice() else { panic!("{imported:?}") };
    assert!(ann.new && ann.has_words && ann.name == "ann");
    assert_eq!(format!("0x{}", ann.public_key), expected.key.public().to_hex());
    let secrets = first.api().persona_export(PersonaRef { persona: "ann".to_owned() }).await.unwrap();
    assert_eq!(secrets.words.unwrap().reveal(), WORDS);
    assert_eq!(secrets.mask_key.reveal(), expected.to_key_string().unwrap().as_str());

    // The same again changes nothing; its key alone neither.
    let again = import(&first, words(WORDS), Some("other")).await.unwrap();
    assert!(!again.personas[0].new && again.personas[0].name == "ann");
    for source in [
        ImportSource::Key { key: secrets.mask_key.clone() },
        ImportSource::Key { key: secrets.secret_key.clone() },
        ImportSource::Jwk { jwk: Secret::new(bauta_protocol::mask::private_jwk(&expected.key).to_string()) },
    ] {
        let again = import(&first, source.clone(), None).await.unwrap();
        assert!(!again.personas[0].new && again.personas[0].has_words);
        let second = home().await;
        let fresh = import(&second, source, None).await.unwrap();
        assert!(fresh.personas[0].new && !fresh.personas[0].has_words);
        assert_eq!(fresh.personas[0].name, ann.public_key[..8]);
        // Words that come later are kept.
        assert!(import(&second, words(WORDS), None).await.unwrap().personas[0].has_words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_the_extension_goes_in_and_comes_out() {
    let (file, password) = vector();
    let (original, report) = Backup::open(&file, &password).unwrap();
    let home = home().await;
    let imported = import(&home, backup(&file, &password), None).await.unwrap();
    let own: Vec<_> = original.personas.iter().filter(|persona| persona.secret.is_some()).collect();
    assert_eq!(imported.personas.len(), own.len());
    assert_eq!(imported.post_keys as usize, report.post_keys);
    assert!(imported.left_out.len() >= report.left_out.len());

    let back = exported(&home, "another password").await;
    assert_eq!(back.personas.len(), own.len());
    for (ours, theirs) in back.personas.iter().zip(own) {
        assert_eq!(ours.public, theirs.public);
        assert_eq!(
            (&ours.secret, &ours.words, &ours.local_key),
            (&theirs.secret, &theirs.words, &theirs.local_key)
        );
        let profiles = |persona: &bauta_protocol::mask::BackupPersona| {
            let mut all: Vec<_> = persona.linked.iter().map(|link| link.profile.to_string()).collect();
            all.sort();
            all
        };
        assert_eq!(profiles(ours), profiles(theirs));
    }
    for profile in original.profiles.iter().filter(|profile| profile.persona.is_some()) {
        let ours = back.profiles.iter().find(|ours| ours.id == profile.id).unwrap();
        assert_eq!(ours.persona, profile.persona);
    }
    let keys = |backup: &Backup| {
        let mut keys: Vec<_> =
            backup.posts.iter().map(|post| (post.id.to_string(), post.key.as_bytes().to_vec())).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&back), keys(&original));

    // Once more: all is here already.
    let again = import(&home, backup(&file, &password), None).await.unwrap();
    assert!(again.personas.iter().all(|persona| !persona.new));
    assert_eq!((again.profiles, again.post_keys), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_says_why_and_changes_nothing() {
    let (file, password) = vector();
    let mut damaged = file.clone();
    damaged[100] ^= 1;
    let old = br#"{"_meta_":{"version":1,"type":"maskbook-backup"},"whoami":[]}"#;
    let newer = br#"{"_meta_":{"version":3}}"#;
    let home = home().await;
    for (source, code) in [
        (backup(&file, "wrong"), &codes::BACKUP_PASSWORD),
        (backup(&damaged, &password), &codes::BACKUP_INVALID),
        (backup(&file[..file.len() - 1], &password), &codes::BACKUP_INVALID),
        (backup(b"some other file", &password), &codes::BACKUP_INVALID),
        (backup(old, ""), &codes::BACKUP_VERSION),
        (backup(newer, ""), &codes::BACKUP_VERSION),
        (words("legal winner"), &codes::PERSONA_SECRET),
        (words(&WORDS.replace("sausage", "sausagge")), &codes::PERSONA_SECRET),
        (ImportSource::Key { key: Secret::new("00".repeat(32)) }, &codes::PERSONA_SECRET),
        (ImportSource::Jwk { jwk: Secret::new("{}".to_owned()) }, &codes::PERSONA_SECRET),
    ] {
        let error = import(&home, source.clone(), None).await.unwrap_err();
        assert!(error.is(code), "{source:?}: {error:?}");
        assert!(error.message.ends_with('.') && error.message.len() > 20, "{error}");
    }
    // What wrote a later version writes it again; only a newer program helps.
    let error = import(&home, backup(newer, ""), None).await.unwrap_err();
    assert!(error.hint.contains("newer") && !error.hint.contains("extension"), "{error:?}");
    assert!(import(&home, backup(old, ""), None).await.unwrap_err().hint.contains("extension"));
    assert!(home.api().persona_list(bauta_ipc::ListAll::default()).await.unwrap().personas.is_empty());
    let empty = MakeBackup { password: Secret::new(String::new()), after: None };
    assert!(home.api().persona_backup(empty).await.unwrap_err().is(&codes::BACKUP_PASSWORD));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persona_made_here_can_be_taken_to_mask() {
    let home = home().await;
    home.api().persona_new(NewPersona { name: "ann".to_owned(), apart: false }).await.unwrap();
    let secrets = home.api().persona_export(PersonaRef { persona: "ann".to_owned() }).await.unwrap();
    let words = secrets.words.unwrap();
    let theirs = Persona::from_words(words.reveal(), "").unwrap();
    let public: PublicKey = theirs.key.public();
    assert_eq!(format!("0x{}", secrets.public_key), public.to_hex());
    let back = exported(&home, "pass").await;
    assert_eq!(PersonaId(back.personas[0].public), PersonaId(public));
    assert_eq!((&back.personas[0].words, &back.personas[0].local_key), (&theirs.words, &theirs.local_key));
    assert_eq!(back.personas[0].nickname.as_deref(), Some("ann"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_text_leads_to_its_persona() {
    let (ann, bob) = (home().await, home().await);
    for home in [&ann, &bob] {
        home.api().persona_new(NewPersona { name: "me".to_owned(), apart: false }).await.unwrap();
    }
    let shown = ann.api().persona_show(PersonaRef { persona: "me".to_owned() }).await.unwrap();
    let text = format!("Ann, Venice.\n{}\nRowing and masks", shown.profile_text);
    let added = bob.add("ann", &text).await.unwrap();
    assert_eq!(added.public_key, Some(shown.public_key.clone()));
    let both = format!(
        "{text} {}",
        "02".to_owned() + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    );
    for bad in ["Ann, Venice", both.as_str(), "", "bauta:"] {
        assert!(bob.add("other", bad).await.unwrap_err().is(&codes::CONTACT_ADDRESS), "{bad}");
    }
}
