//! Posts in a home with several personas, and for a caller who may use only some of them.

use std::collections::BTreeSet;

use bauta_ipc::limits::LOOKUP_PERSONAS;
use bauta_ipc::{
    AddContact, DecryptPost, EncryptPost, MakeBackup, NewPersona, PostNeeds, PostState, Secret,
    SocialNetwork, WaitForPost, codes,
};
use bauta_protocol::mask::Backup;
use data_encoding::BASE64;

use crate::posts::{World, encrypt, open, published, to};
use crate::support::Home;

const PASSWORD: &str = "a long password for nothing";

async fn another(home: &Home, name: &str) -> String {
    home.api().persona_new(NewPersona { name: name.to_owned(), apart: false }).await.unwrap().public_key
}

fn limited(text: &str, personas: &[&str]) -> DecryptPost {
    let personas = Some(personas.iter().map(|name| (*name).to_owned()).collect());
    DecryptPost { text: text.to_owned(), personas, ..DecryptPost::default() }
}

/// Keys of posts that a home keeps.
async fn kept(home: &Home) -> usize {
    let params = MakeBackup { password: Secret::new(PASSWORD.to_owned()), after: None };
    let page = home.api().persona_backup(params).await.unwrap();
    let file = BASE64.decode(page.file.reveal().as_bytes()).unwrap();
    Backup::open(&file, PASSWORD).unwrap().0.posts.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_persona_is_tried_and_none_that_the_caller_may_not_use() {
    let world = World::new().await;
    let (alice, alice_key) = world.home("alice").await;
    let (bob, _) = world.home("bob").await;
    let bea = another(&bob, "bea").await;
    let post = encrypt(&alice, to("for bea", &[&bea])).await;
    published(&alice, &post.iv).await;

    let ask = |params: DecryptPost| {
        let api = bob.api();
        async move { api.post_decrypt(params).await }
    };
    let refused = ask(limited(&post.text, &["bob"])).await.unwrap_err();
    assert!(refused.is(&codes::POST_NOT_SHARED), "{refused:?}");
    let refused = ask(limited(&post.text, &[])).await.unwrap_err();
    assert!(refused.is(&codes::PERSONA_NONE), "{refused:?}");
    let named =
        |persona: &str| DecryptPost { persona: Some(persona.to_owned()), ..limited(&post.text, &["bob"]) };
    assert!(ask(named("bea")).await.unwrap_err().is(&codes::PERSONA_UNKNOWN));
    // Nobody is named: bob is asked for first, then bea.
    assert_eq!(open(&bob, &post.text).await.unwrap().text, "for bea");
    // What is kept of it is bea's.
    let offline = |params: DecryptPost| DecryptPost { offline: true, ..params };
    assert!(ask(offline(limited(&post.text, &["bob"]))).await.unwrap_err().is(&codes::POST_NOT_SHARED));
    assert_eq!(ask(offline(limited(&post.text, &["bea"]))).await.unwrap().text, "for bea");
    let both = limited(&post.text, &["bob", "bea", "gone"]);
    assert_eq!(ask(offline(both)).await.unwrap().text, "for bea");

    // Names of this home are not for whoever may not use it.
    let contact = AddContact { persona: Some("bea".into()), name: "alice".into(), address: alice_key };
    bob.api().contact_add(contact).await.unwrap();
    let name = async |personas: &[&str]| ask(offline(limited(&post.text, personas))).await.unwrap();
    assert_eq!(name(&["bea"]).await.author_name.as_deref(), Some("alice"));
    let hers = EncryptPost { public: true, persona: Some("bea".into()), ..to("by bea", &[]) };
    let hers = encrypt(&bob, hers).await;
    let shown = ask(limited(&hers.text, &["bob"])).await.unwrap();
    assert!(shown.author_name.is_none() && !shown.author_known && !shown.author_proven, "{shown:?}");
    let shown = ask(limited(&hers.text, &["bea"])).await.unwrap();
    assert_eq!((shown.author_name.as_deref(), shown.author_proven), (Some("bea"), true));

    let wait = async |personas: Option<&str>| {
        let personas = personas.map(|name| vec![name.to_owned()]);
        let params = WaitForPost { personas, iv: hers.iv.clone(), timeout_ms: 50, persona: None };
        bob.api().post_wait(params).await
    };
    assert_eq!(wait(None).await.unwrap().state, PostState::Published);
    assert_eq!(wait(Some("bea")).await.unwrap().state, PostState::Published);
    assert!(wait(Some("bob")).await.unwrap_err().is(&codes::POST_UNKNOWN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_personas_are_looked_up_and_no_more() {
    let world = World::new().await;
    let (alice, _) = world.home("alice").await;
    let (bob, _) = world.home("bob").await;
    let mut last = String::new();
    for number in 0..LOOKUP_PERSONAS {
        last = another(&bob, &format!("bob {number}")).await;
    }
    let post = encrypt(&alice, to("for the ninth", &[&last])).await;
    published(&alice, &post.iv).await;
    world.peer.kept.lock().unwrap().asked.clear();
    let refused = open(&bob, &post.text).await.unwrap_err();
    assert!(refused.is(&codes::POST_NOT_SHARED) && refused.hint.contains("--persona"), "{refused:?}");
    let souls: BTreeSet<String> =
        world.peer.kept.lock().unwrap().asked.iter().map(|(_, soul)| soul.clone()).collect();
    // Two personas may have one tag.
    assert!((LOOKUP_PERSONAS - 2..=LOOKUP_PERSONAS).contains(&souls.len()), "{souls:?}");
    let persona = Some(format!("bob {}", LOOKUP_PERSONAS - 1));
    let named = DecryptPost { text: post.text.clone(), persona, ..DecryptPost::default() };
    assert_eq!(bob.api().post_decrypt(named).await.unwrap().text, "for the ninth");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_can_be_checked_before_anybody_is_asked() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    let post = encrypt(&alice, to("for bob", &["bob"])).await;
    published(&alice, &post.iv).await;
    world.peer.kept.lock().unwrap().asked.clear();
    let at = |site: &str| DecryptPost {
        text: post.text.clone(),
        site: Some(site.to_owned()),
        ..DecryptPost::default()
    };
    let check = async || bob.api().post_check(at("https://one.example")).await.unwrap();
    let before = check().await;
    assert_eq!((before.needs, before.author_name.as_deref()), (PostNeeds::Lookup, Some("alice")));
    assert!(before.author_known && !before.author_proven && before.first_site.is_none() && !before.public);
    assert!(world.peer.kept.lock().unwrap().asked.is_empty());
    let opened = bob.api().post_decrypt(at("https://one.example")).await.unwrap();
    assert_eq!(opened.first_site.as_deref(), Some("https://one.example"));
    let opened = bob.api().post_decrypt(at("https://two.example")).await.unwrap();
    assert_eq!(opened.first_site.as_deref(), Some("https://one.example"), "the first one stays");
    assert!(!opened.author_proven, "a Gun relay proves nothing");
    let after = check().await;
    assert_eq!((after.needs, after.first_site.as_deref()), (PostNeeds::Nothing, Some("https://one.example")));
    for site in ["x".repeat(256), "a\nb".to_owned()] {
        assert!(bob.api().post_check(at(&site)).await.unwrap_err().is(&codes::REQUEST_PARAMS));
    }
    let none = DecryptPost { text: "no post".into(), ..DecryptPost::default() };
    assert!(bob.api().post_check(none).await.unwrap_err().is(&codes::POST_NONE));
    // Of several, the one that opens is the one that is shown.
    let public = encrypt(&alice, EncryptPost { public: true, ..to("for all", &[]) }).await;
    let unread = encrypt(&alice, to("not for bob", &[])).await;
    let both = DecryptPost { text: format!("{} {}", unread.text, public.text), ..DecryptPost::default() };
    let shown = bob.api().post_check(both).await.unwrap();
    assert!(shown.public && shown.needs == PostNeeds::Nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_posts_leave_nothing_behind() {
    let world = World::new().await;
    let (alice, bob) = world.pair().await;
    for number in 0..20 {
        let network = Some(SocialNetwork::Minds);
        let public = EncryptPost { public: true, network, ..to(&format!("number {number}"), &[]) };
        let post = encrypt(&alice, public).await;
        let opened = open(&bob, &post.text).await.unwrap();
        assert!(opened.author_known && !opened.author_proven, "anybody can name alice's key");
        assert!(open(&alice, &post.text).await.unwrap().author_proven, "she wrote it here");
    }
    assert_eq!((kept(&bob).await, kept(&alice).await), (0, 20));
    let hidden = encrypt(&alice, to("for bob", &["bob"])).await;
    published(&alice, &hidden.iv).await;
    open(&bob, &hidden.text).await.unwrap();
    open(&bob, &hidden.text).await.unwrap();
    assert_eq!(kept(&bob).await, 1);
}
