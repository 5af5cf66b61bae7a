//! What relays and peers send.

use rand_core::CryptoRng;

use super::{BrokenRule, Parser, rule, text};
use crate::address::{Address, RelayAddress};
use crate::content::{Content, Kept};
use crate::descriptor::DescriptorSeen;
use crate::digest::chain::Closed;
use crate::digest::header::{Header, Interval};
use crate::digest::pages::PageSet;
use crate::digest::set::{Set, Tag};
use crate::handshake::HANDSHAKE_LEN;
use crate::id::{BoxId, Capability, DoorAddress, InboxId, MessageId, RelayId};
use crate::invitation::InviteSeed;
use crate::limits::{BOX_LEN, BOX_PLAIN};
use crate::mask::{PersonaId, PostDigest, PostIv, PostKey, PublicKey};
use crate::payload::{Part, Payload, unframe};
use crate::persona::PersonaSecret;
use crate::profile_text::{find_personas, profile_line};
use crate::relay::{
    Class, Delete, Deposit, Deposited, Describe, Drain, Fetch, Get, Listing, News, Page, Put, Refusal, Reply,
    Request,
};
use crate::time::{Day, Timestamp};
use crate::timer::{Timer, Wish};

pub(super) const PARSERS: &[Parser] = &[
    Parser { name: "address", check: address, seeds: addresses },
    Parser { name: "profile_text", check: profile_text, seeds: profile_texts },
    Parser { name: "relay_address", check: relay_address, seeds: relay_addresses },
    Parser { name: "relay_request", check: relay_request, seeds: relay_requests },
    Parser { name: "relay_reply", check: relay_reply, seeds: relay_replies },
    Parser { name: "content", check: content, seeds: contents },
    Parser { name: "payload", check: payload, seeds: payloads },
];

fn address(bytes: &[u8]) -> Result<bool, BrokenRule> {
    match text(bytes).parse::<Address>() {
        Ok(address) => {
            rule(address.to_string().parse() == Ok(address), "an address is read as it is written")
        }
        Err(_) => Ok(false),
    }
}

fn addresses(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let persona = PersonaSecret::generate(rng).public();
    let relay = Some(some_relay(2));
    let bare = Address { persona, relay: None, seed: None };
    let whole = Address { relay: relay.clone(), ..bare.clone() };
    let invitation = Address { seed: Some(InviteSeed::generate(rng)), ..whole.clone() };
    let mut seeds: Vec<_> =
        [bare, whole, invitation].iter().map(|address| address.to_string().into_bytes()).collect();
    seeds.push(persona.to_string().into_bytes());
    Some(seeds)
}

fn profile_text(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let found = find_personas(&text(bytes));
    for one in &found {
        let again = find_personas(&profile_line(&one.address.persona));
        let persona = again.first().map(|again| again.address.persona);
        rule(persona == Some(one.address.persona), "a persona is found in its own line")?;
    }
    Ok(!found.is_empty())
}

fn profile_texts(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let mut seeds = addresses(rng)?;
    let persona = PersonaSecret::generate(rng).public();
    let id = PersonaId(PublicKey::from_sec1(persona.as_bytes()).ok()?).to_string();
    seeds.extend(
        [id.clone(), format!("I am {}, {persona}; {id}.", profile_line(&persona))].map(String::into_bytes),
    );
    Some(seeds)
}

fn relay_address(bytes: &[u8]) -> Result<bool, BrokenRule> {
    match text(bytes).parse::<RelayAddress>() {
        Ok(address) => {
            rule(address.to_string().parse() == Ok(address), "an address is read as it is written")
        }
        Err(_) => Ok(false),
    }
}

fn relay_addresses(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    Some([1, 4].map(|doors| some_relay(doors).to_string().into_bytes()).to_vec())
}

fn some_relay(doors: u8) -> RelayAddress {
    RelayAddress { id: RelayId([1; 32]), doors: (0..doors).map(|door| DoorAddress([door; 96])).collect() }
}

fn relay_request(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let mut taken = false;
    for class in Class::ALL {
        let _ = Request::decode(class, bytes);
        let mut body = bytes.to_vec();
        body.resize(class.request_len(), 0);
        if let Ok(request) = Request::decode(class, &body) {
            taken |= rule(*request.encode() == body, "a request has one encoding")?;
        }
    }
    Ok(taken)
}

fn relay_requests(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let day = Day(20_000);
    let cap = Capability::generate(rng);
    let requests = [
        Request::Put(Put {
            day,
            nonce: 7,
            id: BoxId([2; 32]),
            tag: Tag([8; 8]),
            sealed: Box::new([3; BOX_LEN]),
        }),
        Request::Get(Get { id: BoxId([2; 32]) }),
        Request::Delete(Delete { cap: cap.clone() }),
        Request::Deposit(Deposit {
            inbox: InboxId([4; 32]),
            day,
            gate_nonce: 5,
            work_nonce: 6,
            sealed: Box::new([7; HANDSHAKE_LEN]),
        }),
        Request::Drain(Drain { cap, after: 9 }),
        Request::Fetch(Fetch { persona: PersonaSecret::generate(rng).public() }),
        Request::Describe(Describe),
        Request::News(News),
        Request::Page(Page { index: 77 }),
    ];
    Some(requests.iter().map(|request| request.encode().to_vec()).collect())
}

fn relay_reply(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let mut taken = false;
    for class in Class::ALL {
        let _ = Reply::decode(class, bytes);
        let mut body = bytes.to_vec();
        body.resize(class.reply_len(), 0);
        if let Ok(reply) = Reply::decode(class, &body) {
            taken |= rule(reply.encode(class).is_ok_and(|again| again == body), "a reply has one encoding")?;
        }
    }
    Ok(taken)
}

fn relay_replies(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let small = [Reply::Done, Reply::Box(Box::new([3; BOX_LEN])), Reply::Refused(Refusal::WorkTooLow)];
    let large =
        [Reply::Absent, Reply::Deposit(Deposited { seq: 5, work: 3, sealed: Box::new([7; HANDSHAKE_LEN]) })];
    let small = small.iter().map(|reply| reply.encode(Class::Small));
    let large = large.iter().map(|reply| reply.encode(Class::Large));
    let listings = listings(rng)?;
    let listings = listings.iter().map(|reply| reply.encode(Class::Digest));
    small.chain(large).chain(listings).map(|body| body.ok().map(|body| body.to_vec())).collect()
}

/// Two intervals, and a page of them.
fn listings(rng: &mut dyn CryptoRng) -> Option<[Reply; 2]> {
    let tags = |salt: u8| (0..9).map(move |number| Tag([number * 28 + salt; 8]));
    let pages = PageSet::fix(tags(0).chain(tags(1)), rng);
    let sets = [Set::new(tags(0)).ok()?, Set::new(tags(1)).ok()?];
    let first = Header {
        interval: Interval(24),
        previous: [0; 32],
        set: sets.first()?.hash(),
        root: pages.root(),
        descriptor: [3; 32],
        put_bits: 14,
        deposit_bits: 2,
        page_bits: pages.bits(),
    };
    let last = Header { interval: Interval(25), previous: first.hash(), set: sets.last()?.hash(), ..first };
    let closed: Vec<Closed> =
        [first, last].into_iter().zip(sets).map(|(header, set)| Closed { header, set }).collect();
    let news = Reply::News(Listing::of_closed(&closed).ok()?);
    Some([news, Reply::Page(Listing::of_page(&last, &pages.page(0)?).ok()?)])
}

fn content(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(content) = Content::decode(bytes) else { return Ok(false) };
    // A kind from later versions can be read, but not written.
    let Ok(again) = content.encode() else { return Ok(true) };
    rule(Content::decode(&again).is_ok_and(|again| again == content), "a content is read as it is written")
}

fn contents(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let (id, sent_at) = (MessageId([1; 16]), Timestamp(1_800_000_000_000));
    let contents = [
        Content::Text { id, sent_at, text: "Grüße".to_owned(), timer: None },
        Content::Text { id, sent_at, text: "Grüße".to_owned(), timer: Timer::new(60) },
        Content::Timer { id, wish: Wish { timer: Timer::new(Timer::MAX), at: sent_at } },
        Content::Greeting { id, sent_at, kept: None },
        Content::Greeting { id, sent_at, kept: Some(Kept { until: sent_at, wish: Wish::default() }) },
        Content::Descriptor { bytes: vec![5; 400] },
        Content::PostKey {
            id,
            sent_at,
            iv: PostIv([6; 16]),
            digest: PostDigest([7; 32]),
            key: PostKey::from_bytes(&[8; 32]).ok()?,
        },
    ];
    contents.iter().map(|content| content.encode().ok().map(|bytes| bytes.to_vec())).collect()
}

/// What is inside the seal of a box and inside the ratchet, as a hostile peer may make it.
fn payload(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let mut taken = false;
    let mut padded = bytes.to_vec();
    for length in [bytes.len(), 927, BOX_PLAIN] {
        padded.resize(length, 0);
        taken |= unframe(&padded).is_some();
        if let Ok(payload) = Payload::decode(&padded) {
            let again = payload.encode();
            taken |=
                rule(again.is_some_and(|again| again.as_slice() == padded), "a payload has one encoding")?;
        }
    }
    Ok(taken)
}

fn payloads(_: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let seen = Some(DescriptorSeen { day: Day(20_000), hash: [1; 32] });
    let data = zeroize::Zeroizing::new(vec![7; 100]);
    let parts = [Part::AckOnly, Part::Fragment { continues: false, more: true, data }];
    let mut seeds = Vec::new();
    for part in parts {
        let payload = Payload { ack: 5, given_up: 2, seen, part }.encode()?;
        seeds.push(payload.to_vec());
    }
    Some(seeds)
}
