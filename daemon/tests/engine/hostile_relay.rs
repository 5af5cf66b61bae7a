use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bauta_ipc::{ContactChange, EventBody, MessageState, NewPersona, StatusOf, codes};
use bauta_protocol::bundle::BUNDLE_LEN;
use bauta_protocol::descriptor::{DESCRIPTOR_LEN, Descriptor, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::{BOX_LEN, DESCRIPTOR_LIFETIME};
use bauta_protocol::relay::{Class, Deposited, Fetched, Get, Publish, Put, Refusal, Reply, Request};
use bauta_protocol::time::Clock as _;
use rand_core::Rng;

use crate::support::{Home, Sea, SharedClock, below, door, friends, rng, until};

/// A relay that shows each of two clients doors of its own could tell them apart. They find out, and stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_with_two_descriptors_is_found_out() {
    let sea = Sea::new();
    let identity = RelayIdentity::generate(&mut rng());
    let secret = identity.to_bytes();
    let relay = sea.relay_of(identity).await;
    let today = SharedClock(Arc::clone(&sea.clock)).now().day();
    let terms = DescriptorTerms {
        day: today,
        doors: vec![door(), door()],
        put_bits: 14,
        deposit_bits: 2,
        size: Size::of(1),
        takes_personas: true,
        last_header: None,
        expiry: today.start().plus(DESCRIPTOR_LIFETIME),
    };
    let identity = RelayIdentity::from_bytes(&secret).unwrap();
    let for_bob = Descriptor::sign(&identity, &terms, &mut rng()).unwrap();

    let (alice, _) = Home::with(&sea, std::slice::from_ref(&relay), "alice").await;
    let mut bob = Home::new(&sea, std::slice::from_ref(&relay));
    bob.boats.shown.lock().unwrap().insert(relay.id, for_bob);
    bob.start().await;
    bob.api().persona_new(NewPersona { name: "bob".to_owned(), apart: false }).await.unwrap();
    let invitation = alice.invite(Some("bob")).await;
    bob.add("alice", &invitation).await.unwrap();
    let warned = async |home: &Home| {
        let health = home.api().status_get(StatusOf::default()).await.unwrap().health;
        (
            health.iter().any(|item| item.code == "relay.suspect"),
            health.iter().any(|item| item.is(&codes::RELAY_DISHONEST)),
        )
    };
    until("one has the proof and the other the suspicion", async || {
        let ((a_suspects, a_knows), (b_suspects, b_knows)) = (warned(&alice).await, warned(&bob).await);
        (a_knows && (b_knows || b_suspects)) || (b_knows && a_suspects)
    })
    .await;
    let knows = if warned(&alice).await.1 { &alice } else { &bob };
    // What was under way comes back; then nothing more is sent. Before, a get went out every half second.
    until("nothing more is sent", async || {
        let before = sea.count_of(knows, relay.id);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        sea.count_of(knows, relay.id) == before
    })
    .await;
}

/// A box that the relay lost is given up after days, the gap is shown, and the message comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_box_leaves_a_gap_that_is_shown_and_filled() {
    let sea = Sea::new();
    let relay = sea.relay().await;
    let (alice, bob) = friends(&sea, std::slice::from_ref(&relay)).await;
    let id = alice.send("bob", "one").await;
    alice.wait(&id, MessageState::Delivered).await;
    let lost = {
        // The loop lane puts too: swallow until the message's own box was among them.
        sea.swallow_puts.store(u32::MAX, Ordering::Relaxed);
        let lost = alice.send("bob", "two").await;
        alice.wait(&lost, MessageState::Stored).await;
        sea.swallow_puts.store(0, Ordering::Relaxed);
        lost
    };
    let third = alice.send("bob", "three").await;
    alice.wait(&third, MessageState::Stored).await;
    assert_eq!(bob.texts().await, ["one"], "order is kept while the box may still come");
    // The days count from when the third box was read, which nobody sees. Five of them would begin the conversation
    // again, so they pass once.
    let before = sea.count_of(&bob, relay.id);
    until("the third box was asked for", async || sea.count_of(&bob, relay.id) > before + 300).await;
    sea.clock.skip(Duration::from_secs(3 * 24 * 3600 + 3600));
    until("the gap is given up", async || bob.texts().await.len() > 1).await;
    alice.wait(&third, MessageState::Delivered).await;
    alice.wait(&lost, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["one", "three", "two"]);
    let gap =
        |event: &EventBody| matches!(event, EventBody::ContactChanged { change: ContactChange::Gap, .. });
    assert!(bob.saw(gap).await);
}

/// What nobody has confirmed is put again before the relay forgets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boxes_without_a_receipt_are_put_again() {
    let sea = Sea::new();
    let (alice, mut bob) = friends(&sea, &[sea.relay().await]).await;
    bob.crash().await;
    let id = alice.send("bob", "while you were away").await;
    alice.wait(&id, MessageState::Stored).await;
    // Boxes are put again after about 14 days, and a relay keeps them for 21.
    let eleven_days = Duration::from_secs(11 * 24 * 3600);
    sea.clock.skip(eleven_days);
    let before = sea.repeated.load(Ordering::Relaxed);
    sea.clock.skip(eleven_days);
    until("a box is put again", async || sea.repeated.load(Ordering::Relaxed) > before).await;
    sea.clock.skip(eleven_days);
    bob.start().await;
    alice.wait(&id, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["while you were away"]);
}

fn noise<const LEN: usize>() -> Box<[u8; LEN]> {
    let mut bytes = Box::new([0; LEN]);
    rng().fill_bytes(bytes.as_mut_slice());
    bytes
}

/// Bytes that are not a reply, replies to other requests, and replies whose content is noise.
fn nonsense(class: Class, request: &Request) -> Option<Vec<u8>> {
    let mut raw = vec![0; class.reply_len()];
    let reply = match below(10) {
        0 => {
            rng().fill_bytes(&mut raw);
            return Some(raw);
        }
        1 => return Some(raw),
        2 => return Some(vec![0xff; class.reply_len()]),
        3 => return Some(Vec::new()),
        4 if matches!(request, Request::Get(_) | Request::Drain(_) | Request::Fetch(_)) => Reply::Done,
        5 => Reply::Box(noise::<BOX_LEN>()),
        6 => Reply::Bundle(Fetched { bundle: noise::<BUNDLE_LEN>(), deposit_bits: 2 }),
        7 => Reply::Descriptor(noise::<DESCRIPTOR_LEN>()),
        8 => Reply::Deposit(Deposited { seq: u64::MAX, work: u8::MAX, sealed: noise::<HANDSHAKE_LEN>() }),
        _ => Reply::Refused(Refusal::Malformed),
    };
    // What does not fit into the class is cut, as a broken relay might.
    Some(reply.encode(class).unwrap_or(raw))
}

async fn complains(home: &Home) -> bool {
    let health = home.api().status_get(StatusOf::default()).await.unwrap().health;
    health.iter().any(|item| item.is(&codes::RELAY_NONSENSE) && !item.hint.is_empty())
}

/// Whatever a relay answers: the user is told, nothing changes, and what waits is sent when it works again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_told_and_changes_nothing() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    assert!(!complains(&alice).await);

    let answered = Arc::new(Mutex::new(BTreeMap::<&str, u32>::new()));
    let count = Arc::clone(&answered);
    *alice.boats.forge.lock().unwrap() = Some(Box::new(move |class, request| {
        *count.lock().unwrap().entry(request.name()).or_default() += 1;
        nonsense(class, request)
    }));
    let waiting = alice.send("bob", "through the noise").await;
    let before = (alice.contacts().await, alice.events().await.len());
    let met = async |times: u32| {
        until("every kind of request met nonsense", async || {
            let met = answered.lock().unwrap();
            ["put", "get", "drain"].iter().all(|kind| met.get(kind).is_some_and(|met| *met >= times))
        })
        .await;
    };
    // By then no get is held any more that an honest relay took.
    met(20).await;
    let coming = bob.send("alice", "can you hear me?").await;
    bob.wait(&coming, MessageState::Stored).await;
    met(40).await;
    assert!(complains(&alice).await);
    assert_eq!(alice.contacts().await, before.0);
    assert!(alice.texts().await.is_empty() && bob.texts().await.is_empty());
    assert!(alice.requests().await.is_empty());
    let told = |event: &EventBody| {
        matches!(
            event,
            EventBody::MessageReceived { .. }
                | EventBody::ContactRequest { .. }
                | EventBody::ContactChanged { .. }
        )
    };
    assert!(!alice.events().await.iter().skip(before.1).any(|event| told(&event.body)));

    *alice.boats.forge.lock().unwrap() = None;
    alice.wait(&waiting, MessageState::Delivered).await;
    bob.wait(&coming, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["through the noise"]);
    assert_eq!(alice.texts().await, ["can you hear me?"]);
    assert!(sea.reused.lock().unwrap().is_empty());
}

/// Keys that a persona did not sign are not written to, whoever signed them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_its_persona_did_not_sign_is_refused() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (bob, stranger) = Home::with(&sea, &relays, "bob").await;
    let (mallory, other) = Home::with(&sea, &relays, "mallory").await;
    let (alice, _) = Home::with(&sea, &relays, "alice").await;

    // What the relay holds of both, as anybody may ask for it.
    let bundles = Arc::new(Mutex::new(BTreeMap::<String, Box<[u8; BUNDLE_LEN]>>::new()));
    for (home, name) in [(&bob, "bob"), (&mallory, "mallory")] {
        let kept = Arc::clone(&bundles);
        *home.boats.forge.lock().unwrap() = Some(Box::new(move |_, request| {
            if let Request::Publish(Publish { bundle, .. }) = request {
                kept.lock().unwrap().insert(name.to_owned(), bundle.clone());
            }
            None
        }));
        home.api().persona_publish(bauta_ipc::OptionalPersona::default()).await.unwrap();
    }
    until("both are seen", async || bundles.lock().unwrap().len() == 2).await;

    let asked = Arc::new(Mutex::new(0_usize));
    let (count, held) = (Arc::clone(&asked), Arc::clone(&bundles));
    *alice.boats.forge.lock().unwrap() = Some(Box::new(move |class, request| {
        let Request::Fetch(_) = request else { return None };
        let mut asked = count.lock().unwrap();
        *asked += 1;
        let held = held.lock().unwrap();
        let mut bundle = held["bob"].clone();
        match *asked % 3 {
            // The signature is at the end; the keys are before it.
            0 => bundle[BUNDLE_LEN - 1] ^= 1,
            1 => bundle[BUNDLE_LEN / 2] ^= 1,
            _ => bundle = held["mallory"].clone(),
        }
        Some(Reply::Bundle(Fetched { bundle, deposit_bits: 2 }).encode(class).unwrap())
    }));
    let contact = alice.add("bob", &stranger.address).await.unwrap();
    let id = alice.send("bob", "for you alone").await;
    until("it is told", async || {
        let shown = alice.contacts().await.remove(0);
        let unreachable = |problem: &bauta_ipc::RpcError| {
            problem.is(&codes::CONTACT_UNREACHABLE) && !problem.hint.is_empty()
        };
        shown.problem.as_ref().is_some_and(unreachable) && complains(&alice).await
    })
    .await;
    assert_eq!(sea.count("deposit"), 0, "nothing is sealed to keys that are not his");
    let shown = alice.contacts().await.remove(0);
    assert_eq!((shown.state, shown.public_key), (contact.state, contact.public_key));
    assert!(mallory.requests().await.is_empty() && other.address != stranger.address);

    *alice.boats.forge.lock().unwrap() = None;
    assert_eq!(bob.wait_for_request().await.text, "for you alone");
    alice.wait(&id, MessageState::Stored).await;
}

/// A relay that says "other bytes" without having any learns nothing: no name follows, and the message waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_conflict_is_followed_by_no_name() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let id = alice.send("bob", "before").await;
    alice.wait(&id, MessageState::Delivered).await;
    let named = |sea: &Sea| sea.count("fetch") + sea.count("deposit");
    let (before, seen) = (named(&sea), Arc::new(Mutex::new((BTreeMap::<BoxId, u32>::new(), 0_u32))));
    let told = Arc::clone(&seen);
    *alice.boats.forge.lock().unwrap() = Some(Box::new(move |class, request| {
        let mut told = told.lock().unwrap();
        match request {
            Request::Put(Put { id, .. }) => {
                *told.0.entry(*id).or_default() += 1;
                Some(Reply::Conflict.encode(class).unwrap())
            }
            Request::Get(Get { id }) if told.0.contains_key(id) => {
                told.1 += 1;
                // Absent, or bytes that it made up.
                let reply = if told.1 % 2 == 0 { Reply::Absent } else { Reply::Box(noise::<BOX_LEN>()) };
                Some(reply.encode(class).unwrap())
            }
            _ => None,
        }
    }));
    let id = alice.send("bob", "through the lies").await;
    until("one box was refused, asked for and put again, several times", async || {
        seen.lock().unwrap().0.values().any(|puts| *puts >= 4)
    })
    .await;
    assert!(complains(&alice).await);
    assert_eq!(named(&sea), before, "the relay is not told whose lane it is");
    let restarted = |event: &EventBody| {
        matches!(event, EventBody::ContactChanged { change: ContactChange::Restarted, .. })
    };
    assert!(!alice.saw(restarted).await);
    *alice.boats.forge.lock().unwrap() = None;
    alice.wait(&id, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["before", "through the lies"]);
    assert_eq!(named(&sea), before);
}
