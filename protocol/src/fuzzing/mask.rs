//! Posts, records, keys and backups of Mask Network, as anybody may make them.

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use super::{BrokenRule, Parser, rule, text};
use crate::mask::{
    Audience, AuthorSecrets, Backup, BackupPersona, BackupPost, BackupProfile, Draft, KeyError, Linked,
    LocalKey, Meta, Network, Payload, Persona, PersonaId, Post, PostId, PostIv, PostIvId, PostKey, ProfileId,
    PublicKey, Reader, Record, SecretKey, TypedMessage, Value, Version, Wire, decrypt, decrypt_backup_file,
    decrypt_comment, encrypt_v37, encrypt_v38, find_in_text, private_jwk, read_wrapped_post_key,
    wrapped_post_key, write_in_text,
};
use crate::time::Timestamp;

pub(super) const PARSERS: &[Parser] = &[
    Parser { name: "mask_payload", check: payload, seeds: payloads },
    Parser { name: "mask_text_payload", check: text_payload, seeds: text_payloads },
    Parser { name: "mask_page_text", check: page_text, seeds: page_texts },
    Parser { name: "mask_record", check: record, seeds: records },
    Parser { name: "mask_message", check: message, seeds: messages },
    Parser { name: "mask_message_text", check: message_text, seeds: message_texts },
    Parser { name: "mask_metadata", check: metadata, seeds: metadata_texts },
    Parser { name: "mask_comment", check: comment, seeds: comments },
    Parser { name: "mask_identifier", check: identifier, seeds: identifiers },
    Parser { name: "mask_words", check: words, seeds: word_lists },
    Parser { name: "mask_key", check: key, seeds: keys },
    Parser { name: "mask_backup", check: backup, seeds: backups },
    Parser { name: "mask_backup_json", check: backup_json, seeds: backup_jsons },
    Parser { name: "mask_backup_file", check: backup_file, seeds: backup_files },
];

const PASSWORD: &str = "password";

fn payload(bytes: &[u8]) -> Result<bool, BrokenRule> {
    Payload::parse_binary(bytes).map_or(Ok(false), |payload| read(&payload))
}

fn text_payload(bytes: &[u8]) -> Result<bool, BrokenRule> {
    Payload::parse_text(&text(bytes)).map_or(Ok(false), |payload| read(&payload))
}

/// Opens a payload as its readers and its author would.
fn read(payload: &Payload) -> Result<bool, BrokenRule> {
    let (author, reader) = people().map_err(|_| BrokenRule("the fixed keys are keys"))?;
    let local = local_key();
    let records = [
        Record { encrypted_key: vec![1; 48], salt: Some([2; 16]), ephemeral: None },
        Record { encrypted_key: vec![1; 48], salt: None, ephemeral: Some(author.public()) },
    ];
    let keys = [author.clone(), reader];
    let known = author.public();
    let as_reader = Reader { keys: &keys, author_key: Some(&known), ..Reader::default() };
    let as_author = Reader { local_key: Some(&local), ..Reader::default() };
    for reader in [as_reader, as_author, Reader::default()] {
        match decrypt(payload, &reader, &records) {
            Ok(opened) => {
                rule(payload.iv().is_ok(), "what opens has an IV")?;
                let cached = Reader { cached: Some(&opened.post_key), ..Reader::default() };
                rule(decrypt(payload, &cached, &[]).is_ok(), "what was opened opens again")?
            }
            Err(error) => rule(!error.to_string().is_empty(), "an error says something")?,
        };
    }
    Ok(true)
}

fn payloads(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (audience, message) in [(0, words_message()), (1, with_metadata()?), (2, nested()?)] {
        let Wire::Binary(bytes) = post(Version::V37, audience, &message, rng)?.payload else { return None };
        seeds.push(bytes);
    }
    // With a signature, which no program writes.
    let body = seeds.first()?.get(1..)?;
    let signed = [&[1], [7; 32].as_slice(), body].concat();
    seeds.push(signed);
    Some(seeds)
}

fn text_payloads(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (audience, message) in [(0, words_message()), (1, with_metadata()?)] {
        let Wire::Text(text) = post(Version::V38, audience, &message, rng)?.payload else { return None };
        for mark in ["🎼3/4", "🎼2/4"] {
            seeds.push(text.replace("🎼4/4", mark).into_bytes());
        }
        seeds.push(text.into_bytes());
    }
    Some(seeds)
}

fn page_text(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let text = text(bytes);
    let mut taken = false;
    for network in [Network::Twitter, Network::Facebook] {
        for found in find_in_text(network, &text) {
            taken = true;
            let written = write_in_text(network, &found);
            if matches!(found, Wire::Binary(_)) {
                rule(find_in_text(network, &written) == [found], "a payload is found where it was written")?;
            }
        }
    }
    Ok(taken)
}

fn page_texts(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for version in [Version::V37, Version::V38] {
        let payload = post(version, 0, &words_message(), rng)?.payload;
        for network in [Network::Twitter, Network::Minds] {
            let written = write_in_text(network, &payload);
            seeds.push(format!("look: {written} and {written}").into_bytes());
        }
    }
    Some(seeds)
}

fn record(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(node) = serde_json::from_slice(bytes) else { return Ok(false) };
    let mut taken = false;
    for version in [Version::V37, Version::V38, Version::V39, Version::V40] {
        if let Ok(record) = Record::from_properties(&node, version) {
            let again = Record::from_properties(&record.to_properties(version), version);
            taken |= rule(again == Ok(record), "a record is read as it is written")?;
        }
    }
    Ok(taken)
}

fn records(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let (author, _) = people().ok()?;
    let record = Record { encrypted_key: vec![1; 48], salt: Some([2; 16]), ephemeral: Some(author.public()) };
    let write = |version| serde_json::to_vec(&record.to_properties(version)).ok();
    [Version::V37, Version::V38].into_iter().map(write).collect()
}

fn message(bytes: &[u8]) -> Result<bool, BrokenRule> {
    // Compared as bytes, because NaN is not equal to itself.
    let Ok(message) = TypedMessage::from_document(bytes) else { return Ok(false) };
    // A message that is written can have a few more values than the one that was read.
    let Ok(written) = message.to_document() else { return Ok(true) };
    let again = TypedMessage::from_document(&written).map(|again| again.to_document());
    rule(again == Ok(Ok(written)), "a message is read as it is written")
}

fn messages(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let unknown = TypedMessage::Unknown(vec![Value::from(9), Value::from(1), Value::Nil, Value::F64(0.5)]);
    [words_message(), with_metadata()?, nested()?, unknown]
        .iter()
        .map(|message| message.to_document().ok())
        .collect()
}

fn message_text(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let _ = TypedMessage::from_bare_text(bytes);
    match TypedMessage::from_text(bytes) {
        TypedMessage::Text { meta, .. } => {
            rule(meta.to_json().is_some(), "metadata that were JSON can be written as JSON")
        }
        _ => rule(false, "version -38 carries text only"),
    }
}

fn message_texts(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    [words_message(), with_metadata()?].iter().map(|message| message.to_text().ok()).collect()
}

fn metadata(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(meta) = Meta::from_json(&text(bytes)) else { return Ok(false) };
    let written = meta.to_json().ok_or(BrokenRule("metadata that were JSON can be written as JSON"))?;
    let again = Meta::from_json(&written).map(|again| again.to_json());
    rule(again == Ok(Some(written)), "metadata are read as they are written")
}

fn metadata_texts(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let meta = with_metadata()?.meta()?.to_json()?;
    let numbers =
        r#"{"a":-0.0,"b":1e21,"c":9007199254740993,"d":[1.5,5e-324,[null,true]],"e":{"":"\u00e9\\"}}"#;
    Some([meta.as_str(), numbers].map(|text| text.as_bytes().to_vec()).to_vec())
}

fn comment(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let iv = PostIv(*b"\xcd\x2a\xcb\x8f\x5e\x39\x41\x65\xd4\x06\x02\x70\x3f\x82\x32\x23");
    Ok(decrypt_comment(&text(bytes), &iv, "Shared post text 🎵").is_ok())
}

fn comments(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    Some(vec!["so: 🎶2/4|0H9vVaQTx5InQ97UkBJ6KtWy7vqlV8PN3A==:|| there".as_bytes().to_vec()])
}

fn identifier(bytes: &[u8]) -> Result<bool, BrokenRule> {
    const RULE: &str = "an identifier is read as it is written";
    let text = text(bytes);
    let mut taken = false;
    if let Ok(id) = text.parse::<ProfileId>() {
        taken |= rule(id.to_string().parse() == Ok(id), RULE)?;
    }
    if let Ok(id) = text.parse::<PersonaId>() {
        taken |= rule(id.to_string().parse() == Ok(id), RULE)?;
    }
    if let Ok(id) = text.parse::<PostIvId>() {
        taken |= rule(id.to_string().parse() == Ok(id), RULE)?;
    }
    if let Ok(id) = text.parse::<PostId>() {
        taken |= rule(id.to_string().parse() == Ok(id), RULE)?;
    }
    Ok(taken)
}

fn identifiers(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let author = profile()?;
    let iv = PostIv([0xff; 16]);
    Some(vec![
        author.to_string().into_bytes(),
        PersonaId(people().ok()?.0.public()).to_string().into_bytes(),
        PostIvId { network: "x.com".to_owned(), iv }.to_string().into_bytes(),
        PostId { post: "17".to_owned(), author }.to_string().into_bytes(),
    ])
}

fn words(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(persona) = Persona::from_words(&text(bytes), "") else { return Ok(false) };
    let again = persona.words.as_ref().map(|words| Persona::from_words(&words.words, ""));
    rule(again == Some(Ok(persona)), "a persona comes back from its words")
}

fn word_lists(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let persona = Persona::generate(rng).ok()?;
    Some(vec![persona.words?.words.as_bytes().to_vec()])
}

/// Personas as text, and the post keys inside records of version -38.
fn key(bytes: &[u8]) -> Result<bool, BrokenRule> {
    const RULE: &str = "a key is read as it is written";
    let text = text(bytes);
    let mut taken = false;
    if let Ok(persona) = Persona::from_key_string(&text) {
        let again = persona.to_key_string().and_then(|text| Persona::from_key_string(&text));
        taken |= rule(again == Ok(persona), RULE)?;
    }
    if let Ok(persona) = Persona::from_jwk(&text) {
        taken |= rule(Persona::from_jwk(&private_jwk(&persona.key)) == Ok(persona), RULE)?;
    }
    if let Some(key) = read_wrapped_post_key(bytes) {
        taken |= rule(read_wrapped_post_key(wrapped_post_key(&key).as_bytes()) == Some(key), RULE)?;
    }
    if let Ok(key) = PublicKey::from_sec1(bytes) {
        taken |= rule(PublicKey::from_sec1(&key.to_compressed()) == Ok(key), RULE)?;
    }
    Ok(taken)
}

fn keys(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let (key, _) = people().ok()?;
    let persona = Persona { key, local_key: None, words: None };
    Some(vec![
        persona.to_key_string().ok()?.as_bytes().to_vec(),
        private_jwk(&persona.key).as_bytes().to_vec(),
        wrapped_post_key(&PostKey::from_bytes(&[3; 32]).ok()?).as_bytes().to_vec(),
        persona.key.public().to_compressed().to_vec(),
        persona.key.public().to_uncompressed().to_vec(),
    ])
}

fn backup(bytes: &[u8]) -> Result<bool, BrokenRule> {
    Backup::read(bytes).map_or(Ok(false), |(backup, _)| write_again(&backup))
}

fn backup_json(bytes: &[u8]) -> Result<bool, BrokenRule> {
    Backup::read_json(bytes).map_or(Ok(false), |(backup, _)| write_again(&backup))
}

fn write_again(backup: &Backup) -> Result<bool, BrokenRule> {
    let written = backup.write(Timestamp(5)).map_err(|_| BrokenRule("what was read can be written"))?;
    let Ok((again, report)) = Backup::read(&written) else {
        return Err(BrokenRule("what was written can be read"));
    };
    rule(again == *backup && report.left_out.is_empty(), "a backup is read as it is written")
}

fn backups(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    Some(vec![full_backup()?.write(Timestamp(5)).ok()?.to_vec()])
}

fn backup_jsons(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let (key, _) = people().ok()?;
    let (identifier, jwk) = (PersonaId(key.public()), private_jwk(&key));
    let backup = format!(
        r#" {{"_meta_":{{"version":2,"createdAt":7}},"personas":[{{"identifier":"{identifier}","privateKey":{}}}],"#,
        jwk.as_str()
    ) + r#""profiles":[{"identifier":"person:x.com/Ann","createdAt":1.5}],"posts":[],"wallets":[1]}"#;
    Some(vec![backup.into_bytes()])
}

/// The file itself, and the same bytes inside of one with a valid magic number and checksum.
fn backup_file(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let whole = Backup::open(bytes, PASSWORD).map_or(Ok(false), |(backup, _)| write_again(&backup))?;
    let file = [b"MASK-BACKUP-V000", bytes, Sha256::digest(bytes).as_slice()].concat();
    Ok(whole | decrypt_backup_file(&file, PASSWORD).is_ok())
}

fn backup_files(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let file = full_backup()?.to_file(PASSWORD, Timestamp(5), rng).ok()?;
    let inside = file.get(16..file.len().checked_sub(32)?)?.to_vec();
    Some(vec![file, inside])
}

/// An author and a reader.
fn people() -> Result<(SecretKey, SecretKey), KeyError> {
    Ok((SecretKey::from_bytes(&[7; 32])?, SecretKey::from_bytes(&[8; 32])?))
}

fn local_key() -> LocalKey {
    LocalKey::from_bytes(&[9; 32])
}

fn profile() -> Option<ProfileId> {
    ProfileId::new("minds.com", "Ann").ok()
}

/// A post for everybody (0), for the author alone (1) or for a reader too (2).
fn post(version: Version, audience: u8, message: &TypedMessage, rng: &mut dyn CryptoRng) -> Option<Post> {
    let (key, reader) = people().ok()?;
    let (author, public, recipients, local) = (profile()?, key.public(), [reader.public()], local_key());
    let audience = match audience {
        0 => Audience::Public,
        1 => Audience::Recipients(&[]),
        _ => Audience::Recipients(&recipients),
    };
    let draft = Draft { author: Some(&author), author_key: Some(&public), message, audience };
    match version {
        Version::V37 => encrypt_v37(&draft, rng).ok(),
        _ => encrypt_v38(&draft, Some(AuthorSecrets { key: &key, local: &local }), rng).ok(),
    }
}

fn words_message() -> TypedMessage {
    TypedMessage::text("Grüße 🎭")
}

fn with_metadata() -> Option<TypedMessage> {
    let meta = r#"{"com.example:1":{"a":[1,-2,0.25,70000,null,true],"b":"ü"},"2":"two"}"#;
    Some(TypedMessage::Text { content: "words".to_owned(), meta: Meta::from_json(meta).ok()? })
}

fn nested() -> Option<TypedMessage> {
    let inner = TypedMessage::Tuple { items: vec![with_metadata()?], meta: Meta::default() };
    Some(TypedMessage::Tuple { items: vec![words_message(), inner], meta: Meta::default() })
}

/// One entry of each kind. The persona has no recovery words, because checking them takes long.
fn full_backup() -> Option<Backup> {
    let (key, other) = people().ok()?;
    let time = Timestamp(1_700_000_000_000);
    let linked = vec![Linked { profile: profile()?, confirmation: "confirmed".to_owned() }];
    let own = BackupPersona {
        public: key.public(),
        secret: Some(key),
        local_key: Some(local_key()),
        words: None,
        nickname: Some("Ann 🎭".to_owned()),
        linked,
        address: Some("0x00".to_owned()),
        created: time,
        updated: Timestamp(time.0 + 1),
    };
    let profile_entry = BackupProfile {
        id: profile()?,
        nickname: None,
        local_key: Some(local_key()),
        persona: Some(other.public()),
        created: time,
        updated: time,
    };
    let post = BackupPost {
        id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv([0xff; 16]) },
        author: profile()?,
        key: PostKey::from_bytes(&[4; 32]).ok()?,
        public: false,
        found: time,
    };
    Some(Backup { personas: vec![own], profiles: vec![profile_entry], posts: vec![post] })
}
