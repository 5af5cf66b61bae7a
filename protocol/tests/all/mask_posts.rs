//! Posts from end to end: written, sent through page text and records, read by those they are for and by nobody else.

use bauta_protocol::mask::limits::{MAX_PAYLOAD, MAX_RECIPIENTS, MAX_RECORDS};
use bauta_protocol::mask::{
    AppendError, Audience, AuthorSecrets, DecryptError, Draft, EncodeMessageError, EncryptError, LocalKey,
    Meta, Network, Opened, Payload, Post, PostKey, ProfileId, PublicKey, Reader, Record, SecretKey,
    TypedMessage, Value, Version, Via, Wire, append, decrypt, encrypt_v37, encrypt_v38, find_in_text,
    write_in_text,
};
use proptest::prelude::*;
use rand_core::{CryptoRng, UnwrapErr};

fn rng() -> impl CryptoRng {
    UnwrapErr(getrandom::SysRng)
}

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).unwrap()
}

fn local() -> LocalKey {
    LocalKey::from_bytes(&[42; 32])
}

const AUTHOR: u8 = 1;

/// A post by the author for these keys; for everybody if there are none.
fn write(version: Version, content: &str, readers: Option<&[u8]>) -> Post {
    let (author, author_key) = (ProfileId::new("minds.com", "ann").unwrap(), key(AUTHOR));
    let mut meta = Meta::default();
    meta.set("com.example:1", Value::from(5));
    let message = TypedMessage::Text { content: content.to_owned(), meta };
    let readers: Option<Vec<PublicKey>> =
        readers.map(|readers| readers.iter().map(|byte| key(*byte).public()).collect());
    let audience = readers.as_deref().map_or(Audience::Public, Audience::Recipients);
    let public = author_key.public();
    let draft = Draft { author: Some(&author), author_key: Some(&public), message: &message, audience };
    match version {
        Version::V37 => encrypt_v37(&draft, &mut rng()).unwrap(),
        _ => {
            let secrets = AuthorSecrets { key: &author_key, local: &local() };
            encrypt_v38(&draft, Some(secrets), &mut rng()).unwrap()
        }
    }
}

fn records(post: &Post) -> Vec<Record> {
    post.records.iter().map(|addressed| addressed.record.clone()).collect()
}

fn read(wire: &Wire, keys: &[SecretKey], records: &[Record]) -> Result<Opened, DecryptError> {
    let payload = Payload::parse(wire).unwrap();
    decrypt(&payload, &Reader { keys, ..Reader::default() }, records)
}

fn content(opened: &Opened) -> &str {
    match &opened.message {
        TypedMessage::Text { content, .. } => content,
        other => panic!("{other:?}"),
    }
}

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V37), Just(Version::V38)]
}

/// Words that do not look like metadata, as version -38 reads them.
fn words() -> &'static str {
    "[^🧩\u{feff}]{0,80}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everybody_reads_public_posts(version in versions(), words in words()) {
        let post = write(version, &words, None);
        prop_assert!(post.records.is_empty());
        for network in [Network::Twitter, Network::Minds] {
            let page = format!("look: {} !", write_in_text(network, &post.payload));
            let found = find_in_text(network, &page);
            prop_assert_eq!(&found, std::slice::from_ref(&post.payload));
            let opened = read(&found[0], &[], &[]).unwrap();
            prop_assert_eq!(content(&opened), words.as_str());
            prop_assert_eq!(opened.message.meta().unwrap().get("com.example:1"), Some(&Value::from(5)));
            prop_assert_eq!(opened.via, Via::Public);
        }
    }

    #[test]
    fn recipients_read_and_others_do_not(
        version in versions(),
        words in words(),
        readers in prop::collection::btree_set(2_u8..100, 0..5),
        stranger in 100_u8..200,
    ) {
        let readers: Vec<u8> = readers.into_iter().collect();
        let post = write(version, &words, Some(&readers));
        let records = records(&post);
        for (place, reader) in readers.iter().enumerate() {
            let opened = read(&post.payload, &[key(stranger), key(*reader)], &records).unwrap();
            prop_assert_eq!(content(&opened), words.as_str());
            prop_assert_eq!(opened.via, Via::Record(place));
            prop_assert_eq!(&opened.post_key, &post.post_key);
            // Without its record, nobody but the author reads it.
            prop_assert_eq!(read(&post.payload, &[key(*reader)], &[]), Err(DecryptError::NotShared));
        }
        prop_assert_eq!(read(&post.payload, &[key(stranger)], &records), Err(DecryptError::NotShared));
        let payload = Payload::parse(&post.payload).unwrap();
        let cached = Reader { cached: Some(&post.post_key), ..Reader::default() };
        prop_assert_eq!(decrypt(&payload, &cached, &[]).unwrap().via, Via::Cache);
        let (own, local) = (key(AUTHOR), local());
        let author = match version {
            Version::V37 => Reader { keys: std::slice::from_ref(&own), ..Reader::default() },
            _ => Reader { local_key: Some(&local), ..Reader::default() },
        };
        prop_assert_eq!(decrypt(&payload, &author, &[]).unwrap().via, Via::Author);
    }

    #[test]
    fn appended_recipients_read(version in versions(), words in words(), early in 2_u8..50, late in 50_u8..100) {
        let post = write(version, &words, Some(&[early]));
        let payload = Payload::parse(&post.payload).unwrap();
        let late_key = [key(late).public()];
        let added = append(&payload, &post.post_key, &key(AUTHOR), &late_key, &mut rng()).unwrap();
        let mut all = records(&post);
        all.extend(added.iter().map(|addressed| addressed.record.clone()));
        for reader in [early, late] {
            let opened = read(&post.payload, &[key(reader)], &all).unwrap();
            prop_assert_eq!(content(&opened), words.as_str());
        }
        let again = append(&payload, &post.post_key, &key(AUTHOR), &late_key, &mut rng()).unwrap();
        prop_assert_ne!(again, added);
    }

    #[test]
    fn tampering_is_rejected(
        version in versions(),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
        public: bool,
    ) {
        let readers: Option<&[u8]> = if public { None } else { Some(&[2]) };
        let post = write(version, "words", readers);
        let keys = [key(2)];
        let payload = Payload::parse(&post.payload).unwrap();
        let reader = Reader { keys: &keys, ..Reader::default() };
        let mut changed = payload.clone();
        let data = changed.data.as_mut().unwrap();
        let at = place.index(data.len());
        data[at] ^= flip;
        let expected = match (public, version) {
            (true, _) => DecryptError::Damaged,
            (false, Version::V37) => DecryptError::Changed,
            (false, _) => DecryptError::NotShared,
        };
        prop_assert_eq!(decrypt(&changed, &reader, &records(&post)), Err(expected));
        if !public {
            let mut changed = records(&post);
            let at = place.index(changed[0].encrypted_key.len());
            changed[0].encrypted_key[at] ^= flip;
            prop_assert_eq!(decrypt(&payload, &reader, &changed), Err(DecryptError::NotShared));
        }
    }

    #[test]
    fn changed_payloads_never_panic(version in versions(), place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let post = write(version, "words", Some(&[2]));
        let wire = match &post.payload {
            Wire::Binary(bytes) => {
                let mut bytes = bytes.clone();
                let at = place.index(bytes.len());
                bytes[at] ^= flip;
                Wire::Binary(bytes)
            }
            Wire::Text(text) => {
                let mut characters: Vec<char> = text.chars().collect();
                let at = place.index(characters.len());
                characters[at] = char::from(flip);
                Wire::Text(characters.into_iter().collect())
            }
        };
        if let Ok(payload) = Payload::parse(&wire) {
            let keys = [key(2)];
            let _ = decrypt(&payload, &Reader { keys: &keys, ..Reader::default() }, &records(&post));
        }
    }
}

#[test]
fn two_posts_share_nothing() {
    for version in [Version::V37, Version::V38] {
        let (one, two) = (write(version, "words", Some(&[2])), write(version, "words", Some(&[2])));
        assert_ne!(one.iv, two.iv);
        assert_ne!(one.post_key, two.post_key);
        assert_ne!(one.records[0].record, two.records[0].record);
    }
}

#[test]
fn only_the_author_appends() {
    let post = write(Version::V37, "words", Some(&[2]));
    let payload = Payload::parse(&post.payload).unwrap();
    let more = [key(3).public()];
    let mut rng = rng();
    let mut try_append = |payload: &Payload, post_key: &PostKey, author: u8, more: &[PublicKey]| {
        append(payload, post_key, &key(author), more, &mut rng).unwrap_err()
    };
    assert_eq!(try_append(&payload, &post.post_key, 2, &more), AppendError::NotAuthor);
    let other = write(Version::V37, "words", Some(&[2]));
    assert_eq!(try_append(&payload, &other.post_key, AUTHOR, &more), AppendError::WrongPostKey);
    let public = write(Version::V38, "words", None);
    let public_payload = Payload::parse(&public.payload).unwrap();
    assert_eq!(try_append(&public_payload, &public.post_key, AUTHOR, &more), AppendError::Public);
    let mut old = payload.clone();
    old.version = Version::V39;
    assert_eq!(try_append(&old, &post.post_key, AUTHOR, &more), AppendError::Old);
    let many = vec![key(3).public(); MAX_RECIPIENTS + 1];
    assert_eq!(
        try_append(&payload, &post.post_key, AUTHOR, &many),
        AppendError::TooManyRecipients(MAX_RECIPIENTS + 1)
    );
}

#[test]
fn what_cannot_be_written_is_said() {
    let text = TypedMessage::text("words");
    let key_1 = key(AUTHOR);
    let public = key_1.public();
    let for_nobody =
        Draft { author: None, author_key: None, message: &text, audience: Audience::Recipients(&[]) };
    let error = |draft: &Draft<'_>| encrypt_v37(draft, &mut rng()).unwrap_err();
    assert_eq!(error(&for_nobody), EncryptError::NoAuthorKey);
    let many = vec![public; MAX_RECIPIENTS + 1];
    let draft = Draft { audience: Audience::Recipients(&many), ..for_nobody };
    assert_eq!(error(&draft), EncryptError::TooManyRecipients(MAX_RECIPIENTS + 1));
    let long = TypedMessage::text("a".repeat(MAX_PAYLOAD));
    let draft = Draft { message: &long, audience: Audience::Public, ..for_nobody };
    assert_eq!(error(&draft), EncryptError::TooLarge);

    let local = local();
    let secrets = AuthorSecrets { key: &key_1, local: &local };
    let error = |draft: &Draft<'_>, secrets| encrypt_v38(draft, secrets, &mut rng()).unwrap_err();
    assert_eq!(error(&for_nobody, None), EncryptError::NoSecrets);
    let other = key(9).public();
    assert_eq!(
        error(&Draft { author_key: Some(&other), ..for_nobody }, Some(secrets)),
        EncryptError::OtherAuthor
    );
    let author = ProfileId::new("minds.com", "名").unwrap();
    let draft = Draft { author: Some(&author), audience: Audience::Public, ..for_nobody };
    assert_eq!(error(&draft, None), EncryptError::AuthorNotLatin);
    let tuple = TypedMessage::Tuple { items: vec![], meta: Meta::default() };
    let draft = Draft { message: &tuple, ..draft };
    assert_eq!(error(&draft, None), EncryptError::Message(EncodeMessageError::NotText));
}

#[test]
fn a_flood_of_records_ends() {
    let post = write(Version::V37, "words", Some(&[2]));
    let rubbish = Record { encrypted_key: vec![0; 48], salt: None, ephemeral: None };
    let mut flood = vec![rubbish; MAX_RECORDS];
    assert_eq!(read(&post.payload, &[key(2)], &flood), Err(DecryptError::NotShared));
    flood.extend(records(&post));
    assert_eq!(read(&post.payload, &[key(2)], &flood), Err(DecryptError::TooManyRecords));
}

#[test]
fn the_wrong_author_is_named() {
    let post = write(Version::V38, "words", Some(&[2]));
    let mut payload = Payload::parse(&post.payload).unwrap();
    let wrong = LocalKey::from_bytes(&[1; 32]);
    let reader = Reader { local_key: Some(&wrong), ..Reader::default() };
    assert_eq!(decrypt(&payload, &reader, &[]), Err(DecryptError::NotAuthor));
    payload.author_key = Ok(None);
    let keys = [key(2)];
    let reader = Reader { keys: &keys, ..Reader::default() };
    assert_eq!(decrypt(&payload, &reader, &records(&post)), Err(DecryptError::NoAuthorKey));
    let author = key(AUTHOR).public();
    let reader = Reader { author_key: Some(&author), ..reader };
    assert_eq!(content(&decrypt(&payload, &reader, &records(&post)).unwrap()), "words");
}
