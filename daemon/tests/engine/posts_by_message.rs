//! The keys of posts that go to contacts in their conversations, where no Gun relay is asked for anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bauta_daemon::gun::{Dial, DialError, Gun, GunConfig, Stream};
use bauta_ipc::{
    AppendPost, BlockContact, ContactState, DecryptPost, EncryptPost, EncryptedPost, HistoryOf, MessageState,
    PostDelivery, PostNeeds, PostState, SocialNetwork, codes,
};
use bauta_protocol::mask::{Network, find_in_text};
use data_encoding::BASE64;

use crate::posts::{encrypt, waiting};
use crate::support::{Home, Sea, until};

/// A way out that leads nowhere and counts who tried it.
#[derive(Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl Dial for Counted {
    async fn dial(&self, _: &str, _: u16) -> Result<Box<dyn Stream>, DialError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(DialError::Unreachable("there is no relay".to_owned()))
    }
}

struct World {
    streams: Arc<Counted>,
    alice: Home,
    bob: Home,
    alice_key: String,
}

impl World {
    /// Two homes that talk with each other, and no Gun relay.
    async fn new() -> Self {
        let (sea, streams) = (Sea::new(), Arc::new(Counted::default()));
        let relays = vec![sea.relay().await];
        let mut homes = Vec::new();
        for name in ["alice", "bob"] {
            let mut home = Home::new(&sea, &relays);
            let relays = vec!["http://127.0.0.1:1/gun".parse().unwrap()];
            let dial = Arc::clone(&streams) as Arc<dyn Dial>;
            home.gun = Some(Gun::new(GunConfig { relays, extra_roots_pem: None, dial }).unwrap());
            home.start().await;
            let persona =
                home.api().persona_new(bauta_ipc::NewPersona { name: name.to_owned(), apart: false }).await;
            homes.push((home, persona.unwrap()));
        }
        let ((bob, _), (alice, hers)) = (homes.pop().unwrap(), homes.pop().unwrap());
        bob.add("alice", &alice.invite(Some("bob")).await).await.unwrap();
        alice.wait_for_contact("bob", ContactState::Active).await;
        bob.wait_for_contact("alice", ContactState::Active).await;
        Self { streams, alice, bob, alice_key: hers.public_key }
    }

    /// When bob's daemon has the key.
    async fn arrived(&self, post: &EncryptedPost) {
        until("the key came", async || {
            let asked = DecryptPost { text: post.text.clone(), ..DecryptPost::default() };
            self.bob.api().post_check(asked).await.unwrap().needs == PostNeeds::Nothing
        })
        .await;
    }

    fn opened_streams(&self) -> usize {
        self.streams.0.load(Ordering::Relaxed)
    }
}

fn by_message(text: &str) -> EncryptPost {
    let delivery = Some(PostDelivery::Contacts);
    EncryptPost { text: text.to_owned(), to: vec!["bob".to_owned()], delivery, ..EncryptPost::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_opens_a_post_and_no_stream_is_opened_by_anybody() {
    let world = World::new().await;
    let (alice, bob) = (&world.alice, &world.bob);
    let post = encrypt(alice, by_message("for bob alone")).await;
    assert_eq!((post.by_message.as_slice(), post.published), (["bob".to_owned()].as_slice(), true));
    let state = alice.api().post_wait(waiting(&post.iv, 50)).await.unwrap();
    assert_eq!((state.state, state.keys), (PostState::Published, 0));
    world.arrived(&post).await;
    let site = Some("https://twitter.com".to_owned());
    let ask = DecryptPost { text: post.text.clone(), site: site.clone(), ..DecryptPost::default() };
    for _ in 0..2 {
        let opened = bob.api().post_decrypt(ask.clone()).await.unwrap();
        assert_eq!((opened.text.as_str(), &opened.first_site), ("for bob alone", &site));
        assert_eq!((opened.author_proven, opened.author_name.as_deref()), (true, Some("alice")));
        assert_eq!(opened.author_key.as_deref(), Some(world.alice_key.as_str()));
    }
    // Later readers get it in the same way.
    let mine = encrypt(alice, EncryptPost { to: Vec::new(), ..by_message("at first only mine") }).await;
    let to = vec!["bob".to_owned()];
    let delivery = Some(PostDelivery::Contacts);
    let params = AppendPost { text: mine.text.clone(), to, delivery, ..AppendPost::default() };
    let appended = alice.api().post_append(params).await.unwrap();
    assert_eq!((appended.by_message.len(), appended.published), (1, true));
    world.arrived(&mine).await;
    assert_eq!(world.opened_streams(), 0);

    // It is no part of the conversation, and nothing of it waits any more.
    let reply = bob.send("alice", "read it").await;
    bob.wait(&reply, MessageState::Delivered).await;
    let history = |contact: &str| HistoryOf {
        contact: contact.to_owned(),
        persona: None,
        before: None,
        from: None,
        limit: None,
    };
    assert_eq!(alice.api().message_history(history("bob")).await.unwrap().messages.len(), 1);
    assert_eq!(bob.api().message_history(history("alice")).await.unwrap().messages.len(), 1);
    until("the keys are confirmed", async || {
        alice.api().status_get(bauta_ipc::StatusOf::default()).await.unwrap().queued == 0
    })
    .await;
}

/// The words are alice's, whoever shows them; nobody else's become hers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_contact_sent_the_key_of_is_proven_to_be_theirs() {
    let world = World::new().await;
    let (alice, bob) = (&world.alice, &world.bob);
    let network = Some(SocialNetwork::Minds);
    let post = encrypt(alice, EncryptPost { network, ..by_message("the words of alice") }).await;
    world.arrived(&post).await;
    let open = async |text: &str| {
        let ask = DecryptPost { text: text.to_owned(), offline: true, network, ..DecryptPost::default() };
        bob.api().post_decrypt(ask).await
    };
    assert!(open(&post.text).await.unwrap().author_proven);
    let bauta_protocol::mask::Wire::Binary(wire) = find_in_text(Network::Minds, &post.text).remove(0) else {
        panic!()
    };
    let pasted = |wire: &[u8]| format!("\u{1f3bc}6/8|{}:||", BASE64.encode(wire));
    // Another author's key in the same post.
    let key = data_encoding::HEXLOWER.decode(world.alice_key.as_bytes()).unwrap();
    let place = wire.windows(33).position(|bytes| bytes == key).unwrap();
    let mut other = wire.clone();
    let stranger = bauta_protocol::mask::SecretKey::generate(&mut crate::support::rng()).public();
    other[place..place + 33].copy_from_slice(&stranger.to_compressed());
    let opened = open(&pasted(&other)).await.unwrap();
    assert!(!opened.author_proven && !opened.author_known && opened.author_name.is_none(), "{opened:?}");
    // Other words under the same IV.
    let mut other = wire.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(open(&pasted(&other)).await.is_err());
    // A public post that names her key.
    let public = EncryptPost { public: true, to: Vec::new(), delivery: None, ..by_message("as if by alice") };
    let opened = open(&encrypt(alice, EncryptPost { network, ..public }).await.text).await.unwrap();
    assert!(opened.author_known && !opened.author_proven);
    // Whoever is blocked says nothing any more.
    let block = BlockContact { contact: "alice".to_owned(), persona: None };
    let fresh = encrypt(alice, EncryptPost { network, ..by_message("one more") }).await;
    world.arrived(&fresh).await;
    bob.api().contact_block(block).await.unwrap();
    assert!(open(&fresh.text).await.unwrap_err().is(&codes::POST_NOT_SHARED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_conversation_there_is_only_the_relay() {
    let world = World::new().await;
    let alice = &world.alice;
    let stranger = bauta_protocol::mask::SecretKey::generate(&mut crate::support::rng()).public();
    let key = BASE64.encode(&stranger.to_compressed());
    alice.add("marta", &key).await.unwrap();
    for name in ["marta", &key] {
        let post = EncryptPost { to: vec!["bob".into(), name.to_owned()], ..by_message("for both") };
        let refused = alice.api().post_encrypt(post.clone()).await.unwrap_err();
        assert!(refused.is(&codes::POST_RECIPIENTS) && refused.hint.contains("--no-gun"), "{refused:?}");
        let both = encrypt(alice, EncryptPost { delivery: None, ..post.clone() }).await;
        assert_eq!((both.by_message.len(), both.recipients.len(), both.published), (1, 2, false));
        world.arrived(&both).await;
        let gun = encrypt(alice, EncryptPost { delivery: Some(PostDelivery::Gun), ..post }).await;
        assert!(gun.by_message.is_empty() && !gun.published);
    }
}
