use super::*;
use crate::mask::cipher::PostIv;
use crate::mask::{OpenError, PostKey, SecretKey};
use proptest::prelude::*;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).unwrap()
}

fn full() -> Backup {
    let persona = Persona::from_words(WORDS, "").unwrap();
    let profile = ProfileId::new("twitter.com", "Ann").unwrap();
    let time = Timestamp(1_700_000_000_000);
    let own = BackupPersona {
        public: persona.key.public(),
        secret: Some(persona.key),
        local_key: persona.local_key,
        words: persona.words,
        nickname: Some("Ann 🎭".to_owned()),
        linked: vec![Linked { profile: profile.clone(), confirmation: "confirmed".to_owned() }],
        address: Some("0x00".to_owned()),
        created: time,
        updated: Timestamp(time.0 + 1),
    };
    let other = BackupPersona {
        public: key(9).public(),
        secret: None,
        local_key: None,
        words: None,
        nickname: None,
        linked: Vec::new(),
        address: None,
        created: time,
        updated: time,
    };
    let profile_entry = BackupProfile {
        id: profile.clone(),
        nickname: None,
        local_key: Some(LocalKey::from_bytes(&[3; 32])),
        persona: Some(own.public),
        created: time,
        updated: time,
    };
    let post = BackupPost {
        id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv([0xff; 16]) },
        author: profile,
        key: PostKey::from_bytes(&[4; 32]).unwrap(),
        public: false,
        found: time,
    };
    Backup { personas: vec![own, other], profiles: vec![profile_entry], posts: vec![post] }
}

/// The backup with one member of its first persona changed.
fn changed(name: &str, value: Value) -> (Backup, Report) {
    let plain = full().write(Timestamp(5)).unwrap();
    let mut root = pack::read(&plain, 10_000).unwrap();
    let Value::Map(members) = &mut root else { panic!("no map") };
    let Value::Array(personas) = &mut members[1].1 else { panic!("no array") };
    let Value::Map(persona) = &mut personas[0] else { panic!("no map") };
    persona.iter_mut().find(|(key, _)| key.as_str() == Some(name)).unwrap().1 = value;
    from_value(&root).unwrap()
}

#[test]
fn a_backup_comes_back() {
    let backup = full();
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let file = backup.to_file("password", Timestamp(5), &mut rng).unwrap();
    let (read, report) = Backup::open(&file, "password").unwrap();
    assert_eq!(read, backup);
    let expected =
        Report { own_personas: 1, other_personas: 1, profiles: 1, post_keys: 1, ..Report::default() };
    assert_eq!(report, expected);
    assert_eq!(Backup::open(&file, "Password").unwrap_err(), OpenError::WrongPassword);
}

#[test]
fn plain_json_is_read_and_old_versions_are_named() {
    let json = r#" {"_meta_":{"version":2,"createdAt":7},"personas":[],"wallets":[1,2],"plugin":{"a":1}}"#;
    let (backup, report) = Backup::open(json.as_bytes(), "").unwrap();
    assert_eq!(backup, Backup::default());
    assert_eq!(report.unused, [("wallets", 2), ("plugin", 1)]);
    let error = |json: &str| match Backup::open(json.as_bytes(), "").unwrap_err() {
        OpenError::Read(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(error(r#"{"_meta_":{"version":1}}"#), BackupReadError::Old);
    assert_eq!(error(r#"{"_meta_":{"version":3}}"#), BackupReadError::UnknownVersion(3));
    assert_eq!(error("{}"), BackupReadError::NotABackup);
    assert_eq!(error("{"), BackupReadError::Json);
}

#[test]
fn what_is_wrong_is_left_out_and_named() {
    let why = |report: &Report| report.left_out.iter().map(|left| left.why.clone()).collect::<Vec<_>>();
    let (backup, report) = changed("identifier", "ec_key:p256/AA".into());
    assert_eq!((backup.personas.len(), why(&report)), (1, vec![WhyLeftOut::Identifier(IdError::P256)]));
    assert_eq!(report.left_out[0].what, "personas: ec_key:p256/AA");

    let (backup, report) = changed("privateKey", jwk::private_value(&key(8)));
    assert_eq!((backup.personas.len(), why(&report)), (1, vec![WhyLeftOut::OtherKey]));

    let words = "abandon ".repeat(11) + "about";
    let (backup, report) = changed("mnemonic", pack::map([("words", words.as_str().into())]));
    assert_eq!((backup.personas[0].words.as_ref(), why(&report)), (None, vec![WhyLeftOut::OtherWords]));
    assert_eq!(report.own_personas, 1);

    let (_, report) = changed("linkedProfiles", Value::Array(vec!["rubbish".into()]));
    assert_eq!(why(&report), [WhyLeftOut::Link]);

    let (_, report) = changed("identifier", Value::Nil);
    assert_eq!(report.left_out[0].what, "personas: number 1");
}

#[test]
fn recovery_words_without_end_are_not_tried() {
    let mut persona = full().personas.remove(0);
    // Words that are soon found wrong, so that the test does not take long.
    persona.words.as_mut().unwrap().words = Zeroizing::new("wrong words".to_owned());
    let backup = Backup { personas: vec![persona; MAX_WORDS + 1], ..Backup::default() };
    let (read, report) = Backup::read(&backup.write(Timestamp(5)).unwrap()).unwrap();
    assert_eq!(read.personas.len(), MAX_WORDS + 1);
    let last = report.left_out.iter().map(|left| &left.why).skip(MAX_WORDS - 1).collect::<Vec<_>>();
    assert_eq!(last, [&WhyLeftOut::OtherWords, &WhyLeftOut::TooManyWords]);
}

#[test]
fn missing_keys_come_from_the_words() {
    let (backup, _) = changed("privateKey", Value::Nil);
    assert!(backup.personas[0].secret.is_some());
    let (backup, _) = changed("localKey", Value::Nil);
    assert_eq!(backup.personas, full().personas);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, text: String) {
        let _ = Backup::read(&bytes);
        let _ = Backup::open(&bytes, "");
        let _ = Backup::read_json(format!(r#"{{"_meta_":{{"version":2}},"personas":[{{"identifier":{text:?}}}]}}"#).as_bytes());
    }
}
