//! Known answers in `vectors/*.json`: a change of the wire format is seen here first.
//!
//! `BAUTA_WRITE_VECTORS=1 cargo test -p bauta-protocol vectors` writes them again.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use bauta_protocol::address::{Address, RelayAddress};
use bauta_protocol::bell::Bell;
use bauta_protocol::content::{Content, Kept};
use bauta_protocol::descriptor::Descriptor;
use bauta_protocol::digest::chain::{Closed, Known};
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::digest::pages::{Page, PageSet};
use bauta_protocol::digest::set::{Set, Tag};
use bauta_protocol::handshake::{initiate, respond};
use bauta_protocol::id::{BoxId, Capability, InboxId, MessageId, RelayId};
use bauta_protocol::invitation::InviteSeed;
use bauta_protocol::lane::{ReceiveLane, SendLane};
use bauta_protocol::limits::{BOX_LEN, BOX_PLAIN};
use bauta_protocol::mask::{PostDigest, PostIv, PostKey};
use bauta_protocol::relay::{
    self, Class, Delete, Deposit, Deposited, Describe, Drain, Fetch, Fetched, Get, Listing, News, Publish,
    Put, Refusal, Reply, Request,
};
use bauta_protocol::safety_number::SafetyNumber;
use bauta_protocol::session::Session;
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::timer::{Timer, Wish};
use bauta_protocol::work;
use data_encoding::HEXLOWER;
use rand_core::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::{NOW, Person, doors, json as stored, person, relay_and_descriptor, restore, rng, seen};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

fn check(name: &str, found: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{name}.json"));
    if std::env::var_os("BAUTA_WRITE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(found).unwrap() + "\n").unwrap();
    }
    let expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(&expected, found, "the wire format differs from {name}.json");
}

fn secrets_of(person: &Person) -> Value {
    serde_json::from_str(&stored(&person.prekeys)).unwrap()
}

#[test]
fn bundle() {
    let alice = person("alice");
    let bundle = alice.bundle();
    check(
        "bundle",
        &json!({
            "persona_secret": hex(alice.persona.to_bytes().as_slice()),
            "prekeys": secrets_of(&alice),
            "persona": bundle.persona(),
            "identity": bundle.identity(),
            "signed_prekey": hex(bundle.signed_prekey()),
            "inbox": bundle.inbox(),
            "relay": bundle.relay(),
            "descriptor": bundle.descriptor(),
            "version": bundle.version(),
            "expiry": bundle.expiry(),
            "bytes": hex(bundle.as_bytes()),
        }),
    );
}

#[test]
fn descriptor() {
    let (relay, descriptor) = relay_and_descriptor(&mut rng("relay"));
    let again = Descriptor::from_bytes(descriptor.as_bytes(), relay.id).unwrap();
    check(
        "descriptor",
        &json!({
            "relay": relay.id,
            "day": again.day(),
            "doors": again.doors(),
            "put_bits": again.put_bits(),
            "deposit_bits": again.deposit_bits(),
            "expiry": again.expiry(),
            "seen": again.seen(),
            "bytes": hex(again.as_bytes()),
        }),
    );
}

#[test]
fn address() {
    let persona = person("alice").persona.public();
    let relay = |count| RelayAddress { id: RelayId([1; 32]), doors: doors(count) };
    let seed = InviteSeed::from_bytes(&[0xab; 32]);
    check(
        "address",
        &json!({
            "relay": relay(4).to_string(),
            "bare": Address { persona, relay: None, seed: None }.to_string(),
            "one_door": Address { persona, relay: Some(relay(1)), seed: None }.to_string(),
            "two_of_three_doors": Address { persona, relay: Some(relay(3)), seed: None }.to_string(),
            "invitation": Address { persona, relay: Some(relay(2)), seed: Some(seed) }.to_string(),
        }),
    );
}

#[test]
fn lane() {
    let start = [0x5a; 32];
    let mut send = SendLane::new(&start);
    let mut receive = ReceiveLane::new(&start).unwrap();
    let mut rng = rng("lane");
    let mut boxes = Vec::new();
    for index in 0..10u8 {
        let state: Value = serde_json::from_str(&stored(&receive)).unwrap();
        let sealed = send.seal(&[index; BOX_PLAIN], &mut rng).unwrap();
        assert_eq!(receive.wanted(1)[0].tag, sealed.tag);
        assert_eq!(receive.open(sealed.index, &sealed.bytes).unwrap().as_slice(), [index; BOX_PLAIN]);
        let cap = receive.accept(sealed.index).unwrap();
        boxes.push(json!({
            "index": sealed.index,
            "id": sealed.id,
            "tag": hex(sealed.tag.0),
            "pair": state["window"][0],
            "cap": hex(cap.as_bytes()),
            "nonce": hex(&sealed.bytes[..24]),
            "bytes_sha256": hex(Sha256::digest(sealed.bytes.as_slice())),
            "bytes_front": hex(&sealed.bytes[..64]),
        }));
    }
    check("lane", &json!({ "start": hex(start), "plain": "the index, 984 times", "boxes": boxes }));
}

#[test]
fn relay_wire() {
    let alice = person("alice");
    let cap = Capability::from_bytes(&[3; 32]);
    let sealed = Box::new([4; bauta_protocol::handshake::HANDSHAKE_LEN]);
    let bundle = Box::new(*alice.bundle().as_bytes());
    let (_, descriptor) = relay_and_descriptor(&mut rng("relay"));
    let put = Request::Put(Put {
        day: Day(20_000),
        nonce: 5,
        id: BoxId([2; 32]),
        tag: Tag([0xaa; 8]),
        sealed: Box::new([1; BOX_LEN]),
    });
    let deposit = Request::Deposit(Deposit {
        inbox: InboxId([6; 32]),
        day: Day(20_000),
        gate_nonce: 7,
        work_nonce: 8,
        sealed: sealed.clone(),
    });
    let requests = [
        put,
        Request::Get(Get { id: BoxId([2; 32]) }),
        Request::Delete(Delete { cap: cap.clone() }),
        deposit,
        Request::Drain(Drain { cap, after: 9 }),
        Request::Publish(Publish {
            bundle: bundle.clone(),
            inbox: Capability::from_bytes(&[3; 32]),
            known: Timestamp(10),
        }),
        Request::Fetch(Fetch { persona: alice.persona.public() }),
        Request::Describe(Describe),
        Request::News(News),
        Request::Page(relay::Page { index: 0x123 }),
    ];
    let (small, large) = (Class::Small, Class::Large);
    let replies = [
        (small, Reply::Done),
        (small, Reply::Conflict),
        (large, Reply::Absent),
        (small, Reply::Box(Box::new([1; BOX_LEN]))),
        (large, Reply::Deposit(Deposited { seq: 10, work: 3, sealed })),
        (large, Reply::Bundle(Fetched { bundle, deposit_bits: 4 })),
        (large, Reply::Descriptor(Box::new(*descriptor.as_bytes()))),
        (large, Reply::Busy),
        (small, Reply::Refused(Refusal::Malformed)),
        (small, Reply::Refused(Refusal::WorkTooLow)),
        (small, Reply::Refused(Refusal::WrongDay)),
        (small, Reply::Refused(Refusal::QuotaExceeded)),
        (large, Reply::Refused(Refusal::Stale)),
        (large, Reply::Refused(Refusal::Expired)),
        (large, Reply::Refused(Refusal::BadSignature)),
    ];
    let entry = |name: String, body: &[u8]| {
        json!({
            "name": name,
            "len": body.len(),
            "front": hex(body.get(..64).unwrap_or(body)),
            "sha256": hex(Sha256::digest(body)),
        })
    };
    let requests: Vec<_> =
        requests.iter().map(|request| entry(format!("{request:?}"), &request.encode())).collect();
    let replies: Vec<_> = replies
        .iter()
        .map(|(class, reply)| entry(format!("{class:?} {reply:?}"), &reply.encode(*class).unwrap()))
        .collect();
    check("relay", &json!({ "requests": requests, "replies": replies }));
}

#[test]
fn work_nonces() {
    let go = AtomicBool::new(false);
    let (relay, inbox, day, id) = (RelayId([1; 32]), InboxId([2; 32]), Day(20_000), BoxId([3; 32]));
    let put = work::find_put_work(&relay, day, &id, 16, &go).unwrap();
    let deposit = work::find_deposit_work(&relay, &inbox, day, b"sealed", 3, &go).unwrap();
    check(
        "work",
        &json!({
            "relay": relay,
            "inbox": inbox,
            "box": id,
            "day": day,
            "put": { "bits": 16, "lowest_nonce": put },
            "deposit": {
                "sealed": "sealed",
                "lowest_gate_nonce": deposit.gate_nonce,
                "bits": 3,
                "lowest_work_nonce": deposit.work_nonce,
                "work_bits": work::measure_deposit_work(&relay, &inbox, day, b"sealed", deposit.work_nonce),
            },
        }),
    );
}

#[test]
fn handshake() {
    let (alice, bob) = (person("alice"), person("bob"));
    let seed = InviteSeed::from_bytes(&[0xab; 32]);
    let cases: Vec<_> = [None, Some(&seed)]
        .into_iter()
        .map(|seed| {
            let mut rng = rng("handshake");
            let begun = initiate(
                &alice.persona,
                &alice.prekeys,
                bob.bundle(),
                seed,
                b"hello",
                Some(seen(9)),
                NOW,
                &mut rng,
            )
            .unwrap();
            let drawn: Vec<_> = rng.drawn.iter().map(hex).collect();
            let answer = respond([&bob.prekeys], seed, &begun.handshake, NOW, &mut rng).unwrap();
            let initiator: Value = serde_json::from_str(&stored(&begun.session)).unwrap();
            let ids = |session: &Session| -> Vec<_> {
                session.wanted(8).iter().map(|wanted| wanted.id.to_string()).collect()
            };
            json!({
                "seed": seed.map(|seed| seed.to_text().to_string()),
                "content": "hello",
                "random": { "ephemeral": drawn[0], "kem": drawn[1], "ratchet": drawn[2] },
                "transcript": hex(answer.transcript),
                "handshake": hex(begun.handshake.as_slice()),
                "boxes_to_initiator": ids(&begun.session),
                "boxes_to_responder": ids(&answer.session),
                "initiator_state": initiator,
            })
        })
        .collect();
    // A state stored by this version must stay readable.
    let state: Session = restore(&cases[0]["initiator_state"].to_string());
    assert_eq!(state.sent(), 0);
    check(
        "handshake",
        &json!({ "initiator": secrets_of(&alice), "responder": secrets_of(&bob), "cases": cases }),
    );
}

#[test]
fn safety_number() {
    let of = |name| {
        let person = person(name);
        (person.bundle().persona(), person.bundle().identity())
    };
    let (alice, bob) = (of("alice"), of("bob"));
    let number = SafetyNumber::new(&alice, &bob);
    check(
        "safety_number",
        &json!({ "one": alice, "other": bob, "number": number.to_string(), "qr": hex(number.to_qr()) }),
    );
}

#[test]
fn content() {
    let (id, sent_at) = (MessageId([0xcd; 16]), Timestamp(1_800_000_000_000));
    let contents = [
        ("text", Content::Text { id, sent_at, text: "Sior Maschera, bondì!".to_owned(), timer: None }),
        (
            "text that disappears after a week",
            Content::Text { id, sent_at, text: "Brusa sta carta.".to_owned(), timer: Timer::new(604_800) },
        ),
        ("greeting", Content::Greeting { id, sent_at, kept: None }),
        (
            "greeting of a restored home",
            Content::Greeting {
                id,
                sent_at,
                kept: Some(Kept {
                    until: Timestamp(1_799_999_000_000),
                    wish: Wish { timer: Timer::new(604_800), at: Timestamp(1_799_999_500_000) },
                }),
            },
        ),
        ("descriptor", Content::Descriptor { bytes: vec![1, 2, 3] }),
        (
            "post key",
            Content::PostKey {
                id,
                sent_at,
                iv: PostIv([1; 16]),
                digest: PostDigest([2; 32]),
                key: PostKey::from_bytes(&[3; 32]).unwrap(),
            },
        ),
        ("timer", Content::Timer { id, wish: Wish { timer: Timer::new(604_800), at: sent_at } }),
        ("timer that is off", Content::Timer { id, wish: Wish { timer: None, at: sent_at } }),
    ];
    let contents: Vec<_> = contents
        .iter()
        .map(|(name, content)| json!({ "name": name, "cbor": hex(content.encode().unwrap()) }))
        .collect();
    check("content", &json!(contents));
}

#[test]
fn digest() {
    let mut tags = rng("digest");
    let mut draw =
        |count: usize| -> Vec<Tag> { (0..count).map(|_| Tag(tags.next_u64().to_be_bytes())).collect() };
    let (sets, waiting) = ([draw(0), draw(1), draw(5)], draw(1300));
    let pages = PageSet::fix(waiting.iter().copied(), &mut rng("left out"));
    let (_, descriptor) = relay_and_descriptor(&mut rng("relay"));
    let mut previous = [0; 32];
    let mut known = Known::default();
    let (mut intervals, mut shown) = (Vec::new(), Vec::new());
    // The relay was off before the last one.
    for (number, tags) in [180_000_000, 180_000_001, 180_000_777].into_iter().zip(sets) {
        let set = Set::new(tags.iter().copied()).unwrap();
        let header = Header {
            interval: Interval(number),
            previous,
            set: set.hash(),
            root: pages.root(),
            descriptor: descriptor.seen().hash,
            put_bits: 16,
            deposit_bits: 2,
            page_bits: pages.bits(),
        };
        previous = header.hash();
        intervals.push(json!({
            "interval": number,
            "tags": tags.iter().map(|tag| hex(tag.0)).collect::<Vec<_>>(),
            "set": hex(set.encode()),
            "set_hash": hex(set.hash()),
            "header": hex(header.encode()),
            "header_hash": hex(header.hash()),
        }));
        let closed = Closed { header: Header::decode(&header.encode()).unwrap(), set };
        known = known.check_news(std::slice::from_ref(&closed)).unwrap().known;
        shown.push(closed);
    }
    let news = Listing::of_closed(&shown[1..]).unwrap();
    let bell = Bell::of(&Capability::from_bytes(&[3; 32]));
    let page = |index: u16| {
        let bytes = pages.page(index).unwrap();
        assert!(Page::decode(&bytes, index, pages.bits()).unwrap().is_under(&pages.root()));
        json!({ "index": index, "bytes": hex(bytes) })
    };
    check(
        "digest",
        &json!({
            "intervals": intervals,
            "news": hex(Sha256::digest(Reply::News(news).encode(Class::Digest).unwrap())),
            "bell": {
                "cap": hex([3; 32]),
                "bell": hex(bell.as_bytes()),
                "in_interval_180000001": hex(bell.in_interval(Interval(180_000_001)).0),
            },
            "pages": {
                "tags": waiting.iter().map(|tag| hex(tag.0)).collect::<Vec<_>>().concat(),
                "k": pages.bits(),
                "root": hex(pages.root()),
                "pages": [page(0), page(1)],
            },
        }),
    );
}
