use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bauta_ipc::{
    AppendPost, AppendedPost, Code, DecryptPost, DecryptedPost, EncryptPost, EncryptedPost, EventBody,
    ImportPersonas, ImportSource, MAX_WAIT_MS, PostDelivery, PostFormat, PostNeeds, PostSettings, PostState,
    PublishedPost, RpcError, Secret, SetProfile, SocialNetwork, WaitForPost, codes,
};
use bauta_protocol::gun::Value;
use bauta_protocol::mask::partition::{Tag, v37_set, v38_path, v40_path};
use bauta_protocol::mask::{
    Network, Payload, PersonaId, PostIv, ProfileId, PublicKey, Reader, Record, SecretKey, TypedMessage,
    Version, decrypt, find_in_text,
};
use data_encoding::{BASE64, HEXLOWER};

use crate::gun_peer::Peer;
use crate::support::{Home, Sea, rng};

pub(crate) struct World {
    pub(crate) sea: std::sync::Arc<Sea>,
    pub(crate) relays: Vec<bauta_protocol::address::RelayAddress>,
    pub(crate) peer: Peer,
}

impl World {
    pub(crate) async fn new() -> Self {
        let sea = Sea::new();
        let relays = vec![sea.relay().await];
        Self { sea, relays, peer: Peer::start().await }
    }

    /// A home with a persona; its look-ups ask for one tag, so that tests are short.
    pub(crate) async fn home(&self, name: &str) -> (Home, String) {
        let mut home = Home::new(&self.sea, &self.relays);
        home.gun = Some(self.peer.gun());
        home.start().await;
        let made = home
            .api()
            .persona_new(bauta_ipc::NewPersona { name: name.to_owned(), apart: false })
            .await
            .unwrap();
        settings(&home, 1, 0).await;
        (home, made.public_key)
    }

    /// Two homes, each of which has the other's bare key as a contact.
    pub(crate) async fn pair(&self) -> (Home, Home) {
        let ((alice, alice_key), (bob, bob_key)) = (self.home("alice").await, self.home("bob").await);
        alice.add("bob", &bob_key).await.unwrap();
        bob.add("alice", &alice_key).await.unwrap();
        (alice, bob)
    }
}

pub(crate) async fn settings(home: &Home, block: u16, spread_seconds: u32) -> PostSettings {
    let params = PostSettings { block: Some(block), spread_seconds: Some(spread_seconds), cost: None };
    home.api().post_settings(params).await.unwrap()
}

pub(crate) fn to(text: &str, names: &[&str]) -> EncryptPost {
    let to = names.iter().map(|name| (*name).to_owned()).collect();
    // Where the key of a post goes by message, too, it may come that way first.
    EncryptPost { text: text.to_owned(), to, delivery: Some(PostDelivery::Gun), ..EncryptPost::default() }
}

pub(crate) async fn encrypt(home: &Home, params: EncryptPost) -> EncryptedPost {
    home.api().post_encrypt(params).await.unwrap()
}

pub(crate) async fn append(home: &Home, text: &str, name: &str) -> Result<AppendedPost, RpcError> {
    let to = vec![name.to_owned()];
    let delivery = Some(PostDelivery::Gun);
    home.api().post_append(AppendPost { text: text.to_owned(), to, delivery, ..AppendPost::default() }).await
}

pub(crate) fn waiting(iv: &str, timeout_ms: u64) -> WaitForPost {
    WaitForPost { iv: iv.to_owned(), timeout_ms, ..WaitForPost::default() }
}

pub(crate) async fn published(home: &Home, iv: &str) -> PublishedPost {
    home.api().post_wait(waiting(iv, 180_000)).await.unwrap()
}

pub(crate) async fn open(home: &Home, text: &str) -> Result<DecryptedPost, RpcError> {
    // As long as a busy machine may need.
    let timeout_ms = Some(MAX_WAIT_MS);
    home.api().post_decrypt(DecryptPost { text: text.to_owned(), timeout_ms, ..DecryptPost::default() }).await
}

async fn refused(home: &Home, text: &str, code: &Code) -> RpcError {
    let error = open(home, text).await.unwrap_err();
    assert!(error.is(code), "{error:?}");
    // One sentence, and the exit status that says: put it right yourself.
    assert!(error.message.ends_with('.') && !error.message.contains('\n'), "{error:?}");
    error
}

fn iv_of(text: &str) -> PostIv {
    PostIv(BASE64.decode(text.as_bytes()).unwrap().try_into().unwrap())
}

fn public(hex: &str) -> PublicKey {
    PublicKey::from_sec1(&HEXLOWER.decode(hex.as_bytes()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_of_a_text_is_tried() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let (_carol, carol_key) = world.home("carol").await;
    alice.add("carol", &carol_key).await.unwrap();
    for network in [SocialNetwork::Twitter, SocialNetwork::Minds] {
        let on = |params: EncryptPost| EncryptPost { network: Some(network), ..params };
        let hers = encrypt(&alice, on(to("for carol", &["carol"]))).await;
        let his = encrypt(&alice, on(to("for bob", &["bob"]))).await;
        let public = encrypt(&alice, on(EncryptPost { public: true, ..to("for all", &[]) })).await;
        for post in [&hers, &his] {
            assert_eq!(published(&alice, &post.iv).await.state, PostState::Published);
        }
        // The second opens with a key that is looked up; without one when it is public.
        assert_eq!(open(&bob, &format!("{}\n{}", hers.text, his.text)).await.unwrap().text, "for bob");
        assert_eq!(open(&bob, &format!("{}\n{}", hers.text, public.text)).await.unwrap().text, "for all");
        let two = format!("{} {}", hers.text, hers.text);
        refused(&bob, &two, &codes::POST_NOT_SHARED).await;
        assert_eq!(append(&alice, &format!("{} {}", his.text, hers.text), "carol").await.unwrap().iv, his.iv);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_opens_for_its_readers_and_again_offline() {
    let mut world = World::new().await;
    let (alice, bob) = world.pair().await;
    let (carol, carol_key) = world.home("carol").await;
    let post = encrypt(&alice, to("hello, bob\nand nobody else", &["bob"])).await;
    assert_eq!((post.recipients.as_slice(), post.published), (["bob".to_owned()].as_slice(), false));
    assert!(post.text.starts_with("https://mask.io/?PostData_v2="), "{}", post.text);
    let state = published(&alice, &post.iv).await;
    assert_eq!((state.state, state.keys, state.published, state.error), (PostState::Published, 1, 1, None));

    let pasted = format!("look at this: {} , right?", post.text);
    let opened = open(&bob, &pasted).await.unwrap();
    assert_eq!(opened.text, "hello, bob\nand nobody else");
    assert_eq!((opened.network, opened.author.as_deref()), (Some(SocialNetwork::Twitter), None));
    assert_eq!((opened.author_known, opened.author_name.as_deref()), (true, Some("alice")));
    assert!(!opened.public && opened.warning.is_none());
    assert_eq!(opened.readers, None, "nobody but the author knows how many there are");
    // The author needs no record.
    let opened = open(&alice, &pasted).await.unwrap();
    assert_eq!((opened.author_name.as_deref(), opened.readers), (Some("alice"), Some(1)));

    let error = refused(&carol, &pasted, &codes::POST_NOT_SHARED).await;
    assert_eq!(error.exit(), bauta_ipc::Exit::User);
    alice.add("carol", &carol_key).await.unwrap();
    let appended = append(&alice, &pasted, "carol").await.unwrap();
    assert_eq!(
        (appended.iv.as_str(), appended.recipients.as_slice()),
        (post.iv.as_str(), ["carol".to_owned()].as_slice())
    );
    assert_eq!(published(&alice, &post.iv).await.keys, 2);
    assert_eq!(open(&alice, &pasted).await.unwrap().readers, Some(2));
    world.peer.stop().await;
    world.peer.start_again().await;
    let opened = open(&carol, &pasted).await.unwrap();
    assert_eq!(opened.text, "hello, bob\nand nobody else");
    // Carol does not know Alice.
    assert!(!opened.author_known && opened.author_key.is_some());
    assert!(append(&bob, &pasted, "alice").await.unwrap_err().is(&codes::POST_AUTHOR));

    world.peer.stop().await;
    for home in [&alice, &bob, &carol] {
        assert_eq!(open(home, &pasted).await.unwrap().text, "hello, bob\nand nobody else");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_survive_a_crash_and_a_relay_that_is_down() {
    let mut world = World::new().await;
    let (mut alice, bob) = world.pair().await;
    world.peer.stop().await;
    let post = encrypt(&alice, to("later", &["bob"])).await;
    alice.crash().await;
    // Nobody answers: it is not known whether the post is shared.
    let params = DecryptPost { text: post.text.clone(), timeout_ms: Some(2_000), ..DecryptPost::default() };
    let began = Instant::now();
    let error = bob.api().post_decrypt(params).await.unwrap_err();
    assert!(error.is(&codes::NETWORK_TIMEOUT) || error.is(&codes::GUN_UNREACHABLE), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "a look-up without a limit takes 90 s");

    alice.gun = Some(world.peer.gun());
    alice.start().await;
    let short = waiting(&post.iv, 50);
    assert!(alice.api().post_wait(short).await.unwrap_err().is(&codes::POST_TIMEOUT));
    world.peer.start_again().await;
    assert_eq!(published(&alice, &post.iv).await.state, PostState::Published);
    assert_eq!(open(&bob, &post.text).await.unwrap().text, "later");
    let told = async |state: PostState| {
        alice.saw(|body| matches!(body, EventBody::PostState { post, .. } if post.state == state)).await
    };
    assert!(told(PostState::Queued).await && told(PostState::Published).await);
    let unknown = waiting(&BASE64.encode(&[1; 16]), 50);
    assert!(alice.api().post_wait(unknown).await.unwrap_err().is(&codes::POST_UNKNOWN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_and_malformed_records_do_not_stand_in_the_way() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let (_, carol_key) = world.home("carol").await;
    alice.add("carol", &carol_key).await.unwrap();
    let bob_key =
        alice.contacts().await.into_iter().find(|known| known.name == "bob").unwrap().public_key.unwrap();
    let post = encrypt(&alice, to("in the crowd", &["bob"])).await;
    published(&alice, &post.iv).await;
    let set = v37_set(Network::Twitter, Tag::of_post(&iv_of(&post.iv)), Tag::of_key_v37(&public(&bob_key)))
        .unwrap();
    assert!(world.peer.node(&set).is_some());
    for number in 0..350_u16 {
        let soul = format!("foreign{number:03}");
        let mut bytes = vec![0; 48];
        rand_core::Rng::fill_bytes(&mut rng(), &mut bytes);
        let properties = match number {
            0..300 => vec![("e", Value::Text(BASE64.encode(&bytes)))],
            _ if number % 5 == 0 => vec![("e", Value::Text("***".into()))],
            _ if number % 5 == 1 => vec![("e", Value::Number(5.0))],
            _ if number % 5 == 2 => vec![("other", Value::Text("x".repeat(5_000)))],
            _ if number % 5 == 3 => {
                vec![("e", Value::Text(BASE64.encode(&bytes))), ("k", Value::Text("AA==".into()))]
            }
            _ => vec![("e", Value::Null)],
        };
        world.peer.write(&soul, &properties);
        world.peer.write(&set, &[(soul.as_str(), Value::Link(soul.clone()))]);
    }
    assert_eq!(open(&bob, &post.text).await.unwrap().text, "in the crowd");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_open_says_why() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let post = encrypt(&alice, to("hidden", &["bob"])).await;
    published(&alice, &post.iv).await;
    refused(&bob, "no post at all", &codes::POST_NONE).await;
    refused(&bob, "https://mask.io/?PostData_v2=%%%", &codes::POST_DAMAGED).await;
    refused(&bob, "\u{1f3bc}6/8|AAAA:||", &codes::POST_DAMAGED).await;
    refused(&bob, "\u{1f3bc}9/9|AAAA|BBBB:||", &codes::POST_VERSION).await;
    // The last bytes of the payload are the end of the message and its tag.
    let mut wire = match find_in_text(Network::Twitter, &post.text).remove(0) {
        bauta_protocol::mask::Wire::Binary(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    *wire.last_mut().unwrap() ^= 1;
    let changed = format!("\u{1f3bc}6/8|{}:||", BASE64.encode(&wire));
    let params =
        DecryptPost { text: changed, network: Some(SocialNetwork::Twitter), ..DecryptPost::default() };
    for home in [&bob, &alice] {
        let error = home.api().post_decrypt(params.clone()).await.unwrap_err();
        assert!(error.is(&codes::POST_DAMAGED), "{error:?}");
    }
    // The ephemeral key's curve is named by a number: 2 is secp256k1, 1 is P-256.
    *wire.last_mut().unwrap() ^= 1;
    let curve = wire.windows(5).position(|five| five == [0x81, 0xa1, b'2', 0xc4, 33]).unwrap();
    wire[curve + 2] = b'1';
    refused(&bob, &format!("\u{1f3bc}6/8|{}:||", BASE64.encode(&wire)), &codes::POST_CURVE).await;
    let offline = DecryptPost { text: post.text.clone(), offline: true, ..DecryptPost::default() };
    assert!(bob.api().post_decrypt(offline).await.unwrap_err().is(&codes::POST_NOT_SHARED));
    for wrong in [to("", &["bob"]), to(&"x".repeat(bauta_ipc::MAX_POST_TEXT + 1), &["bob"])] {
        assert!(alice.api().post_encrypt(wrong).await.unwrap_err().is(&codes::POST_TEXT));
    }
    let both = EncryptPost { public: true, ..to("x", &["bob"]) };
    assert!(alice.api().post_encrypt(both).await.unwrap_err().is(&codes::POST_RECIPIENTS));
    assert!(alice.api().post_encrypt(to("x", &["nobody"])).await.unwrap_err().is(&codes::CONTACT_UNKNOWN));
    assert!(
        alice.api().post_encrypt(to("x", &["ec_key:p256/AAAA"])).await.unwrap_err().is(&codes::POST_CURVE)
    );
    let elsewhere = EncryptPost { author: Some("person:minds.com/alice".into()), ..to("x", &["bob"]) };
    assert!(alice.api().post_encrypt(elsewhere).await.unwrap_err().is(&codes::PROFILE_INVALID));
    // A relay that takes connections and says nothing holds nobody up for longer than they want.
    world.peer.kept.lock().unwrap().is_deaf = true;
    let began = Instant::now();
    let params = DecryptPost { text: post.text, timeout_ms: Some(1_500), ..DecryptPost::default() };
    let error = bob.api().post_decrypt(params).await.unwrap_err();
    assert!(error.is(&codes::NETWORK_TIMEOUT), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "a look-up without a limit takes 90 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_are_learned_once_and_another_key_is_a_warning() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let (mallory, _) = world.home("mallory").await;
    let by = |author: &str| EncryptPost { public: true, author: Some(author.to_owned()), ..to("by me", &[]) };
    let shown = |text: String| DecryptPost {
        text,
        author: Some("Alice".into()),
        network: Some(SocialNetwork::Twitter),
        ..DecryptPost::default()
    };
    let first = encrypt(&alice, by("Alice")).await;
    assert!(first.published && first.recipients.is_empty());
    let opened = bob.api().post_decrypt(shown(first.text.clone())).await.unwrap();
    assert_eq!(opened.author.as_deref(), Some("person:twitter.com/Alice"));
    assert!(opened.author_known && opened.public && opened.warning.is_none());
    let known = bob.api().profile_list(bauta_ipc::ListAll::default()).await.unwrap().profiles;
    assert_eq!(
        (known.len(), known[0].name.as_deref(), known[0].other_key.is_none()),
        (1, Some("alice"), true)
    );

    let forged = encrypt(&mallory, by("x.com/Alice")).await;
    for text in [shown(forged.text.clone()), DecryptPost { text: forged.text, ..DecryptPost::default() }] {
        let opened = bob.api().post_decrypt(text).await.unwrap();
        assert!(opened.warning.unwrap().is(&codes::PROFILE_CHANGED) && !opened.author_known);
    }
    let after = bob.api().profile_list(bauta_ipc::ListAll::default()).await.unwrap().profiles;
    assert_eq!(after[0].public_key, known[0].public_key);
    let other = after[0].other_key.clone().unwrap();
    assert!(bob.saw(|body| matches!(body, EventBody::ProfileChanged { .. })).await);
    let set = |replace| SetProfile {
        profile: "twitter.com/Alice".into(),
        of: other.clone(),
        persona: None,
        replace,
    };
    assert!(bob.api().profile_set(set(false)).await.unwrap_err().is(&codes::PROFILE_CHANGED));
    let now = bob.api().profile_set(set(true)).await.unwrap();
    assert_eq!((now.public_key, now.other_key), (other, None));

    // The author's own profile is in every post from then on, and a known profile can be a recipient.
    let own =
        SetProfile { profile: "twitter.com/Bob".into(), of: "bob".into(), persona: None, replace: false };
    bob.api().profile_set(own).await.unwrap();
    let post = encrypt(&bob, to("mine", &["person:twitter.com/Alice"])).await;
    assert_eq!(post.recipients, ["person:twitter.com/Alice"]);
    published(&bob, &post.iv).await;
    assert_eq!(open(&mallory, &post.text).await.unwrap().author.as_deref(), Some("person:twitter.com/Bob"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn someone_who_has_mask_only_can_read() {
    let world = World::new().await;
    let (alice, _) = world.home("alice").await;
    let secret = SecretKey::generate(&mut rng());
    let base64 = BASE64.encode(&secret.public().to_compressed());
    alice.add("marta", &base64).await.unwrap();
    let marta = PersonaId(secret.public()).to_string();
    let post = encrypt(
        &alice,
        EncryptPost { network: Some(SocialNetwork::Minds), ..to("for mask", &["marta", &marta]) },
    )
    .await;
    assert_eq!(post.recipients, ["marta"]);
    published(&alice, &post.iv).await;
    let wire = find_in_text(Network::Minds, &post.text).remove(0);
    let payload = Payload::parse(&wire).unwrap();
    let set =
        v37_set(Network::Minds, Tag::of_post(&iv_of(&post.iv)), Tag::of_key_v37(&secret.public())).unwrap();
    let members: Vec<String> =
        world.peer.node(&set).unwrap().links().map(|(_, soul)| soul.to_owned()).collect();
    let records: Vec<Record> = members
        .iter()
        .map(|soul| Record::from_properties(&world.peer.node(soul).unwrap().to_map(), Version::V37).unwrap())
        .collect();
    let keys = [secret];
    let opened = decrypt(&payload, &Reader { keys: &keys, ..Reader::default() }, &records).unwrap();
    assert_eq!(opened.message, TypedMessage::text("for mask"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_format_goes_both_ways() {
    let world = World::new().await;
    let (bob, bob_key) = world.home("bob").await;
    let mut alice = Home::new(&world.sea, &world.relays);
    alice.gun = Some(world.peer.gun());
    alice.start().await;
    let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let source = ImportSource::Words { words: Secret::new(words.to_owned()) };
    alice.api().persona_import(ImportPersonas { source, name: Some("alice".into()) }).await.unwrap();
    let v38 = |text: &str, names: &[&str]| EncryptPost {
        format: Some(PostFormat::V38),
        network: Some(SocialNetwork::Facebook),
        ..to(text, names)
    };
    let post = encrypt(&alice, v38("old style", &[&bob_key])).await;
    assert!(post.text.starts_with("\u{1f3bc}4/4|"), "{}", post.text);
    published(&alice, &post.iv).await;
    // Nothing in the text shows its network: all are tried.
    let opened = open(&bob, &post.text).await.unwrap();
    assert_eq!((opened.text.as_str(), opened.network), ("old style", Some(SocialNetwork::Facebook)));
    assert_eq!(open(&alice, &post.text).await.unwrap().text, "old style");
    let (carol, carol_key) = world.home("carol").await;
    append(&alice, &post.text, &carol_key).await.unwrap();
    published(&alice, &post.iv).await;
    assert_eq!(open(&carol, &post.text).await.unwrap().text, "old style");
    // Without recovery words only public posts can be written in it.
    let source = ImportSource::Key { key: Secret::new("07".repeat(32)) };
    bob.api().persona_import(ImportPersonas { source, name: Some("key".into()) }).await.unwrap();
    let wordless = |post: EncryptPost| EncryptPost { persona: Some("key".into()), ..post };
    let refused = bob.api().post_encrypt(wordless(v38("x", &[&carol_key]))).await.unwrap_err();
    assert!(refused.is(&codes::POST_AUTHOR), "{refused:?}");
    let post = encrypt(&bob, wordless(EncryptPost { public: true, ..v38("for all", &[]) })).await;
    assert_eq!(open(&carol, &post.text).await.unwrap().text, "for all");
}

/// Versions that nothing writes any more: the keys lie where they lay then, and the author's key comes from the page's
/// profile, because the text names nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_formats_are_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/mask.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["id"] == "s13-v39").unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &serde_json::Value| HEXLOWER.decode(text(value).as_bytes()).unwrap();
    let (grace, frank) = (&vectors["keys"]["grace"], &vectors["keys"]["frank"]);
    let stored = &case["input"]["gun"][0];
    let record = Record {
        encrypted_key: bytes(&stored["encrypted_post_key_hex"]),
        salt: Some(bytes(&stored["iv_to_be_published_hex"]).try_into().unwrap()),
        ephemeral: None,
    };
    let v39 = text(&case["input"]["payload_text"]);
    // The two differ in their mark and in the place of the key, and in nothing that is encrypted.
    let v40 = v39.replacen("3/4|", "2/4|", 1);
    let iv = PostIv(bytes(&case["output"]["parsed"]["ok"]["encryption"]["iv"]).try_into().unwrap());

    let world = World::new().await;
    for (version, post) in [(Version::V39, &v39), (Version::V40, &v40)] {
        let mut home = Home::new(&world.sea, &world.relays);
        home.gun = Some(world.peer.gun());
        home.start().await;
        let source = ImportSource::Key { key: Secret::new(text(&grace["private_hex"])) };
        home.api().persona_import(ImportPersonas { source, name: Some("grace".into()) }).await.unwrap();
        settings(&home, 1, 0).await;
        let profiles = [("facebook.com/grace", "grace"), ("facebook.com/frank", "frank")];
        home.add("frank", &text(&frank["public_compressed_hex"])).await.unwrap();
        for (profile, of) in profiles {
            let params = SetProfile { profile: profile.into(), of: of.into(), persona: None, replace: false };
            home.api().profile_set(params).await.unwrap();
        }
        let params = DecryptPost {
            text: post.clone(),
            author: Some("frank".into()),
            network: Some(SocialNetwork::Facebook),
            ..DecryptPost::default()
        };
        let ask = DecryptPost { reveal_profile: true, ..params.clone() };
        let refused = home.api().post_decrypt(ask).await.unwrap_err();
        assert!(refused.is(&codes::POST_NOT_SHARED), "{refused:?}");
        let properties: Vec<(String, Value)> = record
            .to_properties(version)
            .into_iter()
            .map(|(name, value)| (name, Value::Text(value.as_str().unwrap().to_owned())))
            .collect();
        let properties: Vec<(&str, Value)> =
            properties.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        match version {
            Version::V39 => {
                let key = Tag::of_key_v39(&public(&text(&grace["public_compressed_hex"])));
                let [parent, name] = v38_path(Network::Facebook, Tag::of_post(&iv), key).unwrap();
                world.peer.write("then", &properties);
                world.peer.write(&format!("{parent}/{name}"), &[("then", Value::Link("then".into()))]);
            }
            _ => {
                let reader: ProfileId = "person:facebook.com/grace".parse().unwrap();
                world.peer.write(&v40_path(&iv, &reader).join("/"), &properties);
            }
        }
        let checked = home.api().post_check(params.clone()).await.unwrap();
        let params = match version {
            Version::V39 => {
                assert_eq!(checked.needs, PostNeeds::Lookup);
                params
            }
            // Its key is filed under the reader's name in clear, which nobody is asked for unasked.
            _ => {
                assert_eq!(checked.needs, PostNeeds::Profile);
                world.peer.kept.lock().unwrap().asked.clear();
                let refused = home.api().post_decrypt(params.clone()).await.unwrap_err();
                assert!(refused.is(&codes::POST_REVEALS) && refused.hint.contains("--reveal-profile"));
                assert!(world.peer.kept.lock().unwrap().asked.is_empty());
                DecryptPost { reveal_profile: true, ..params }
            }
        };
        let opened = home.api().post_decrypt(params).await.unwrap();
        assert_eq!(opened.text, "5\u{1f9e9}five", "{version:?}");
        assert!(opened.author_known && !opened.author_proven);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_asks_for_a_whole_block_over_separate_connections() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let post = encrypt(&alice, to("one of four", &["bob"])).await;
    published(&alice, &post.iv).await;
    assert!(settings(&bob, 4, 1).await.cost.unwrap().contains("10 of 12 bits"));
    for wrong in [0, 3, 128] {
        let params = PostSettings { block: Some(wrong), ..PostSettings::default() };
        assert!(bob.api().post_settings(params).await.unwrap_err().is(&codes::REQUEST_PARAMS));
    }
    world.peer.kept.lock().unwrap().asked.clear();
    assert_eq!(open(&bob, &post.text).await.unwrap().text, "one of four");
    let bob_key = alice.contacts().await[0].public_key.clone().unwrap();
    let (own, tag) = (Tag::of_key_v37(&public(&bob_key)), Tag::of_post(&iv_of(&post.iv)));
    let first = own.index() / 4 * 4;
    let block: BTreeSet<String> = (first..first + 4)
        .map(|index| v37_set(Network::Twitter, tag, Tag::from_index(index).unwrap()).unwrap())
        .collect();
    let asked = || -> BTreeSet<(u64, String)> {
        let kept = world.peer.kept.lock().unwrap();
        kept.asked.iter().filter(|(_, soul)| soul.starts_with("37-tw-")).cloned().collect()
    };
    crate::support::until("the whole block was asked for", async || asked().len() >= 4).await;
    assert_eq!(asked().into_iter().map(|(_, soul)| soul).collect::<BTreeSet<_>>(), block);
    assert_eq!(asked().into_iter().map(|(connection, _)| connection).collect::<BTreeSet<_>>().len(), 4);
}
