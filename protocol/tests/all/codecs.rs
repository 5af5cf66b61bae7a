//! Every codec: what is written is read again, and random bytes are refused without a panic.

use std::str::FromStr;

use bauta_protocol::address::{Address, AddressError, RelayAddress};
use bauta_protocol::bundle::{BUNDLE_LEN, Bundle, BundleError};
use bauta_protocol::content::{Content, ContentError, Kept};
use bauta_protocol::descriptor::{DESCRIPTOR_LEN, Descriptor};
use bauta_protocol::digest::chain::Closed;
use bauta_protocol::digest::header::{HEADER_LEN, Header, Interval};
use bauta_protocol::digest::pages::{PageSet, page_capacity};
use bauta_protocol::digest::set::{Set, Tag};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::handshake::{HANDSHAKE_LEN, respond};
use bauta_protocol::id::IdentityKey;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, MessageId, PersonaKey, RelayId};
use bauta_protocol::invitation::InviteSeed;
use bauta_protocol::limits::{
    BOX_LEN, INTERVAL_ENTRIES, LARGE_BODY, MAX_DEPOSIT_BITS, MAX_PAGE_BITS, MAX_TEXT,
};
use bauta_protocol::mask::{PostDigest, PostIv, PostKey};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::relay::{
    Ask, Class, Delete, Deposit, Deposited, Describe, Drain, Fetch, Fetched, Get, Listing, ListingError,
    News, Page, Publish, Put, Refusal, Reply, Request, WireError,
};
use bauta_protocol::safety_number::SafetyNumber;
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::timer::{Timer, Wish};
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{doors, person, relay_and_descriptor, rng};

fn array<const N: usize>() -> impl Strategy<Value = Box<[u8; N]>> {
    vec(any::<u8>(), N).prop_map(|bytes| Box::new(bytes.try_into().unwrap()))
}

fn door() -> impl Strategy<Value = DoorAddress> {
    array::<96>().prop_map(|bytes| DoorAddress(*bytes))
}

fn distinct_doors(most: usize) -> impl Strategy<Value = Vec<DoorAddress>> {
    proptest::collection::btree_set(door(), 1..=most).prop_map(|doors| doors.into_iter().collect())
}

fn persona() -> impl Strategy<Value = PersonaKey> {
    any::<[u8; 32]>().prop_filter_map("in range", |bytes| {
        PersonaSecret::from_bytes(&bytes).ok().map(|secret| secret.public())
    })
}

fn requests() -> impl Strategy<Value = Request> {
    let nonces = (any::<u64>(), any::<u64>());
    prop_oneof![
        (any::<u32>(), any::<u64>(), any::<[u8; 32]>(), any::<[u8; 8]>(), array::<BOX_LEN>()).prop_map(
            |(day, nonce, id, tag, sealed)| {
                Request::Put(Put { day: Day(day), nonce, id: BoxId(id), tag: Tag(tag), sealed })
            }
        ),
        Just(Request::News(News)),
        (0u16..1 << MAX_PAGE_BITS).prop_map(|index| Request::Page(Page { index })),
        any::<[u8; 32]>().prop_map(|id| Request::Get(Get { id: BoxId(id) })),
        any::<[u8; 32]>().prop_map(|cap| Request::Delete(Delete { cap: Capability::from_bytes(&cap) })),
        (any::<[u8; 32]>(), any::<u32>(), nonces, array::<HANDSHAKE_LEN>()).prop_map(
            |(inbox, day, (gate_nonce, work_nonce), sealed)| Request::Deposit(Deposit {
                inbox: InboxId(inbox),
                day: Day(day),
                gate_nonce,
                work_nonce,
                sealed,
            })
        ),
        (any::<[u8; 32]>(), any::<u64>())
            .prop_map(|(cap, after)| Request::Drain(Drain { cap: Capability::from_bytes(&cap), after })),
        (array::<BUNDLE_LEN>(), any::<[u8; 32]>(), any::<u64>()).prop_map(|(bundle, inbox, known)| {
            Request::Publish(Publish {
                bundle,
                inbox: Capability::from_bytes(&inbox),
                known: Timestamp(known),
            })
        }),
        persona().prop_map(|persona| Request::Fetch(Fetch { persona })),
        Just(Request::Describe(Describe)),
    ]
}

fn replies() -> impl Strategy<Value = (Class, Reply)> {
    let refusals = [
        Refusal::Malformed,
        Refusal::WorkTooLow,
        Refusal::WrongDay,
        Refusal::QuotaExceeded,
        Refusal::Stale,
        Refusal::Expired,
        Refusal::BadSignature,
    ];
    let any_class = proptest::sample::select(Class::ALL.to_vec());
    let in_both = prop_oneof![
        Just(Reply::Done),
        Just(Reply::Conflict),
        Just(Reply::Absent),
        Just(Reply::Busy),
        proptest::sample::select(refusals.to_vec()).prop_map(Reply::Refused),
    ];
    let large = prop_oneof![
        (any::<u64>(), any::<u8>(), array::<HANDSHAKE_LEN>())
            .prop_map(|(seq, work, sealed)| Reply::Deposit(Deposited { seq, work, sealed })),
        (array::<BUNDLE_LEN>(), 0..=MAX_DEPOSIT_BITS)
            .prop_map(|(bundle, deposit_bits)| Reply::Bundle(Fetched { bundle, deposit_bits })),
        array::<DESCRIPTOR_LEN>().prop_map(Reply::Descriptor),
    ];
    prop_oneof![
        (any_class, in_both),
        array::<BOX_LEN>().prop_map(|sealed| (Class::Small, Reply::Box(sealed))),
        large.prop_map(|reply| (Class::Large, reply)),
        listings().prop_map(|reply| (Class::Digest, reply)),
    ]
}

fn tags(most: usize) -> impl Strategy<Value = Vec<Tag>> {
    vec(any::<[u8; 8]>().prop_map(Tag), 0..most)
}

fn header(number: u64, set: &Set, pages: &PageSet, previous: [u8; 32]) -> Header {
    Header {
        interval: Interval(number),
        previous,
        set: set.hash(),
        root: pages.root(),
        descriptor: [3; 32],
        put_bits: 14,
        deposit_bits: 2,
        page_bits: pages.bits(),
    }
}

/// One or two intervals, or a page, all true.
fn listings() -> impl Strategy<Value = Reply> {
    let news = (tags(20), tags(20), any::<bool>()).prop_map(|(earlier, later, both)| {
        let pages = PageSet::fix(earlier.iter().chain(&later).copied(), &mut rng("pages"));
        let [earlier, later] = [earlier, later].map(|tags| Set::new(tags).unwrap());
        let first = header(24, &earlier, &pages, [0; 32]);
        let last = header(25, &later, &pages, first.hash());
        let closed = [Closed { header: first, set: earlier }, Closed { header: last, set: later }];
        Reply::News(Listing::of_closed(&closed[usize::from(!both)..]).unwrap())
    });
    let page = (tags(3000), any::<prop::sample::Index>()).prop_map(|(tags, index)| {
        let pages = PageSet::fix(tags, &mut rng("pages"));
        let header = header(24, &Set::new([]).unwrap(), &pages, [7; 32]);
        let index = index.index(1 << pages.bits()) as u16;
        let listing = Listing::of_page(&header, &pages.page(index).unwrap()).unwrap();
        let (again, page) = listing.page(index).unwrap();
        assert!(again == header && page.is_under(&header.root));
        assert!(matches!(listing.page(1 << header.page_bits), Err(ListingError::Page(_))));
        Reply::Page(listing)
    });
    prop_oneof![news, page]
}

/// Whether the reply belongs to the request; it is the same again as a reply.
fn as_it_came<A: Ask>(reply: &Reply) -> bool {
    let Ok(typed) = A::Reply::try_from(reply.clone()) else { return false };
    assert!(&typed.into() == reply);
    true
}

fn timers() -> impl Strategy<Value = Option<Timer>> {
    prop_oneof![Just(None), (Timer::MIN..=Timer::MAX).prop_map(Timer::new)]
}

fn contents() -> impl Strategy<Value = Content> {
    prop_oneof![
        (any::<[u8; 16]>(), any::<u64>(), ".{0,300}", timers()).prop_map(|(id, at, text, timer)| {
            Content::Text { id: MessageId(id), sent_at: Timestamp(at), text, timer }
        }),
        (any::<[u8; 16]>(), any::<u64>(), timers()).prop_map(|(id, at, timer)| Content::Timer {
            id: MessageId(id),
            wish: Wish { timer, at: Timestamp(at) }
        }),
        (any::<[u8; 16]>(), any::<u64>(), any::<Option<u64>>(), timers()).prop_map(
            |(id, at, kept, timer)| {
                let wish = Wish { timer, at: Timestamp(at / 2) };
                let kept = kept.map(|until| Kept { until: Timestamp(until), wish });
                Content::Greeting { id: MessageId(id), sent_at: Timestamp(at), kept }
            }
        ),
        vec(any::<u8>(), 0..600).prop_map(|bytes| Content::Descriptor { bytes }),
        (any::<[u8; 16]>(), any::<u64>(), any::<[u8; 16]>(), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(
            |(id, at, iv, digest, key)| Content::PostKey {
                id: MessageId(id),
                sent_at: Timestamp(at),
                iv: PostIv(iv),
                digest: PostDigest(digest),
                key: PostKey::from_bytes(&key).unwrap(),
            }
        ),
    ]
}

proptest! {
    #[test]
    fn requests_round_trip(request in requests()) {
        let body = request.encode();
        prop_assert_eq!(body.len(), request.class().request_len());
        prop_assert!(Request::decode(request.class(), &body).unwrap() == request);
    }

    #[test]
    fn requests_have_one_encoding(request in requests(), place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut body = request.encode();
        let place = place.index(body.len());
        body[place] ^= 1u8 << bit;
        if let Ok(other) = Request::decode(request.class(), &body) {
            prop_assert_eq!(other.encode(), body);
        }
    }

    #[test]
    fn replies_round_trip((class, reply) in replies()) {
        let body = reply.encode(class).unwrap();
        prop_assert_eq!(body.len(), class.reply_len());
        prop_assert!(Reply::decode(class, &body).unwrap() == reply);
    }

    #[test]
    fn a_reply_is_taken_for_what_it_answers_and_for_nothing_else((_, reply) in replies()) {
        let fits = [
            as_it_came::<Put>(&reply),
            as_it_came::<Get>(&reply),
            as_it_came::<Delete>(&reply),
            as_it_came::<Deposit>(&reply),
            as_it_came::<Drain>(&reply),
            as_it_came::<Publish>(&reply),
            as_it_came::<Fetch>(&reply),
            as_it_came::<Describe>(&reply),
            as_it_came::<News>(&reply),
            as_it_came::<Page>(&reply),
        ];
        let (yes, no) = (true, false);
        let expected = match reply {
            Reply::Busy | Reply::Refused(_) => [yes; 10],
            Reply::Done => [yes, no, yes, yes, no, yes, no, no, no, no],
            Reply::Conflict => [yes, no, no, no, no, yes, no, no, no, no],
            Reply::Absent => [no, yes, no, no, yes, no, yes, no, no, yes],
            Reply::Box(_) => [no, yes, no, no, no, no, no, no, no, no],
            Reply::Deposit(_) => [no, no, no, no, yes, no, no, no, no, no],
            Reply::Bundle(_) => [no, no, no, no, no, no, yes, no, no, no],
            Reply::Descriptor(_) => [no, no, no, no, no, no, no, yes, no, no],
            Reply::News(_) => [no, no, no, no, no, no, no, no, yes, no],
            Reply::Page(_) => [no, no, no, no, no, no, no, no, no, yes],
        };
        prop_assert_eq!(fits, expected);
    }

    #[test]
    fn contents_round_trip(content in contents()) {
        let bytes = content.encode().unwrap();
        prop_assert!(Content::decode(&bytes).unwrap() == content);
    }

    #[test]
    fn relay_addresses_round_trip(id in any::<[u8; 32]>(), doors in distinct_doors(4)) {
        let address = RelayAddress { id: RelayId(id), doors };
        prop_assert_eq!(address.to_string().parse::<RelayAddress>().unwrap(), address);
    }

    #[test]
    fn addresses_round_trip(
        persona in persona(),
        relay in proptest::option::of((any::<[u8; 32]>(), distinct_doors(2))),
        seed in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let relay = relay.map(|(id, doors)| RelayAddress { id: RelayId(id), doors });
        let seed = seed.filter(|_| relay.is_some()).map(|seed| InviteSeed::from_bytes(&seed));
        let address = Address { persona, relay, seed };
        let text = address.to_string();
        prop_assert!(text.len() < 460, "fits a QR code: {}", text.len());
        prop_assert_eq!(text.parse::<Address>().unwrap(), address);
    }

    #[test]
    fn random_text_is_no_address(text in ".{0,200}") {
        let _ = Address::from_str(&text);
        let _ = RelayAddress::from_str(&text);
        let _ = Address::from_str(&format!("bauta:{text}"));
        let _ = RelayAddress::from_str(&format!("bauta-relay:{text}"));
        let _ = PersonaKey::from_str(&text);
        let _ = MessageId::from_str(&text);
        let _ = RelayId::from_str(&text);
    }

    #[test]
    fn random_bytes_are_nothing(bytes in vec(any::<u8>(), 0..4200)) {
        prop_assert!(Bundle::from_bytes(&bytes).is_err());
        prop_assert!(Descriptor::from_bytes(&bytes, RelayId([0; 32])).is_err());
        let _ = Content::decode(&bytes);
        let mut body = bytes.clone();
        for class in Class::ALL {
            body.resize(class.request_len(), 0);
            let _ = Request::decode(class, &body);
            body.resize(class.reply_len(), 0);
            let _ = Reply::decode(class, &body);
        }
        let bob = person("bob");
        let mut handshake = [0; HANDSHAKE_LEN];
        handshake.iter_mut().zip(&bytes).for_each(|(byte, from)| *byte = *from);
        prop_assert!(respond([&bob.prekeys], None, &handshake, super::support::NOW, &mut rng("r")).is_err());
    }
}

#[test]
fn bodies_are_checked_to_the_last_byte() {
    let get = Request::Get(Get { id: BoxId([1; 32]) });
    let mut body = get.encode();
    assert_eq!(Request::decode(Class::Small, &body[1..]).unwrap_err(), WireError::Length(1087, 1088));
    assert_eq!(Request::decode(Class::Large, &body).unwrap_err(), WireError::Length(1088, 4096));
    *body.last_mut().unwrap() = 1;
    assert_eq!(Request::decode(Class::Small, &body).unwrap_err(), WireError::Padding);
    let mut large = vec![0; 4096];
    large[0] = 1;
    assert_eq!(Request::decode(Class::Large, &large).unwrap_err(), WireError::Operation(1));
    large[0] = 9;
    large[1] = 99;
    assert_eq!(Reply::decode(Class::Large, &large).unwrap_err(), WireError::Field);
    assert_eq!(Reply::Box(Box::new([0; BOX_LEN])).encode(Class::Large).unwrap_err(), WireError::Operation(4));
}

#[test]
fn the_largest_listings_fit_and_each_fault_is_named() {
    let most = (0..INTERVAL_ENTRIES as u64 - 1).chain([u64::MAX]).map(|number| Tag(number.to_be_bytes()));
    let set = Set::new(most).unwrap();
    let pages = PageSet::fix([], &mut rng("pages"));
    let first = header(24, &set, &pages, [0; 32]);
    let closed =
        [first, header(25, &set, &pages, first.hash())].map(|header| Closed { header, set: set.clone() });
    let listing = Listing::of_closed(&closed).unwrap();
    assert_eq!(listing.closed().unwrap(), closed);
    assert_eq!(Listing::of_closed(&[]), Err(ListingError::Count(0)));
    let three = [closed[0].clone(), closed[0].clone(), closed[1].clone()];
    assert_eq!(Listing::of_closed(&three), Err(ListingError::Count(3)));
    for bits in 0..=MAX_PAGE_BITS {
        let set =
            (0..page_capacity(bits) as u64 - 1).chain([u64::MAX]).map(|number| Tag(number.to_be_bytes()));
        let page = [vec![0; 32 * usize::from(bits)], Set::new(set).unwrap().encode()].concat();
        let header = Header { page_bits: bits, ..first };
        assert_eq!(Listing::of_page(&header, &page).unwrap().page(0).unwrap().1.encode(), page);
    }
    let long = vec![0; LARGE_BODY - HEADER_LEN];
    assert_eq!(Listing::of_page(&first, &long), Err(ListingError::Length));

    let mut body = Reply::News(listing).encode(Class::Digest).unwrap();
    let small = Reply::News(Listing::of_closed(&closed[..1]).unwrap());
    assert_eq!(small.encode(Class::Large), Err(WireError::Operation(10)));
    body[1] = 3;
    assert_eq!(Reply::decode(Class::Digest, &body), Err(WireError::Field));
    let mut padded = small.encode(Class::Digest).unwrap();
    *padded.last_mut().unwrap() = 1;
    assert_eq!(Reply::decode(Class::Digest, &padded), Err(WireError::Padding));
    let mut beyond = Request::Page(Page { index: 4095 }).encode();
    beyond[1] = 0x10;
    assert_eq!(Request::decode(Class::Digest, &beyond), Err(WireError::Field));
}

#[test]
fn bundles_and_descriptors_read_back_what_was_signed() {
    let alice = person("alice");
    let bundle = Bundle::from_bytes(alice.bundle().as_bytes()).unwrap();
    assert!(bundle == *alice.bundle());
    assert_eq!(bundle.persona(), alice.persona.public());
    assert_eq!(bundle.inbox(), alice.prekeys.inbox().inbox_id());
    assert_eq!(bundle.relay().doors, doors(2));

    let (relay, descriptor) = relay_and_descriptor(&mut rng("relay"));
    let again = Descriptor::from_bytes(descriptor.as_bytes(), relay.id).unwrap();
    assert!(again == descriptor);
    assert_eq!((again.put_bits(), again.deposit_bits()), (8, 2));
    assert!(Descriptor::from_bytes(descriptor.as_bytes(), RelayId([0; 32])).is_err());
}

#[test]
fn freshness_of_bundles() {
    let now = super::support::NOW;
    let bundle = person("alice").prekeys;
    let bundle = bundle.bundle();
    assert_eq!(bundle.check_fresh(now, Timestamp(0)), Ok(()));
    assert_eq!(bundle.check_fresh(now, bundle.version()), Ok(()));
    assert_eq!(bundle.check_fresh(now, Timestamp(bundle.version().0 + 1)), Err(BundleError::Stale));
    assert_eq!(bundle.check_fresh(bundle.expiry(), Timestamp(0)), Err(BundleError::Expired));
    let early = Timestamp(now.0 - super::support::DAY_MS - 1);
    assert_eq!(bundle.check_fresh(early, Timestamp(0)), Err(BundleError::NotYet));
}

#[test]
fn address_errors_name_what_is_wrong() {
    let relay = RelayAddress { id: RelayId([1; 32]), doors: doors(2) };
    let persona = person("alice").persona.public();
    let good = Address { persona, relay: Some(relay.clone()), seed: None }.to_string();
    assert!(good.parse::<Address>().is_ok());
    assert_eq!(format!(" {persona}\n").parse::<Address>().unwrap().relay, None);
    let cases = [
        (String::new(), AddressError::Scheme("bauta")),
        ("hello".to_owned(), AddressError::Scheme("bauta")),
        (relay.to_string(), AddressError::Scheme("bauta")),
        (good.replace("bauta:", "bauta://"), AddressError::Form),
        (good.replacen("bauta:0", "bauta:x", 1), AddressError::Persona),
        (good.replace("relay=", "relay=A"), AddressError::Relay),
        (good.replace("relay=", "rely="), AddressError::UnknownPart("rely".to_owned())),
        (good.replacen("door=", "door=A", 1), AddressError::Door),
        (format!("{good}&door={}", DoorAddress([9; 96])), AddressError::DoorCount(3, 2)),
        (format!("{good}#short"), AddressError::Seed),
        (format!("{good}#short&utm_source=x"), AddressError::Seed),
        (format!("{good}&utm_source=x"), AddressError::UnknownPart("utm_source".to_owned())),
        (good.split("&check=").next().unwrap().to_owned(), AddressError::Check),
        (format!("{good}&check=AAAAAAAA"), AddressError::Check),
        (format!("{good}#{}", RelayId([0; 32])), AddressError::Check),
        (format!("bauta:{persona}#{}", RelayId([0; 32])), AddressError::SeedWithoutRelay),
        ("x".repeat(2000), AddressError::TooLong),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Address>().unwrap_err(), expected, "{text}");
    }
    let seed = Some(InviteSeed::from_bytes(&[7; 32]));
    let invitation = Address { persona, relay: Some(relay.clone()), seed }.to_string();
    for (behind, part) in [
        ("&utm_source=x", "utm_source"),
        ("?fbclid=1&b=2", "fbclid"),
        (".", "."),
        ("&", "&"),
        (")", ")"),
        ("-", "-"),
        ("_and more", "_and%20more"),
        ("and", "and"),
        ("%E2%80%8B", "%E2%80%8B"),
        ("/", "/"),
    ] {
        let error = format!("{invitation}{behind}").parse::<Address>().unwrap_err();
        assert_eq!(error, AddressError::Behind(part.to_owned()), "{behind}");
        assert!(!error.to_string().contains("damaged"));
    }
    let longer = invitation.replacen('#', "#A", 1);
    assert_eq!(longer.parse::<Address>().unwrap_err(), AddressError::Seed, "nothing was added behind it");
    // Nobody sees these, and they change nothing.
    for (before, after) in
        [("\u{feff}", "\r\n"), (" \u{feff}\u{200b}", "\u{200b}"), ("\u{2068}", "\u{2069}\u{2060} ")]
    {
        for good in [&invitation, &good, &persona.to_string()] {
            let marked = format!("{before}{good}{after}");
            assert_eq!(marked.parse::<Address>().unwrap(), good.parse::<Address>().unwrap(), "{marked:?}");
        }
        assert_eq!(format!("{before}{relay}{after}").parse::<RelayAddress>().unwrap(), relay);
    }
    let twice = format!("bauta-relay:{}?door={d}&door={d}", relay.id, d = DoorAddress([1; 96]));
    assert_eq!(twice.parse::<RelayAddress>().unwrap_err(), AddressError::DoorCount(2, 4));
    assert_eq!(AddressError::Seed.kind(), Kind::Malformed);
}

/// A key with a wrong digit is often another key: the checksum must notice.
#[test]
fn no_flipped_bit_gives_another_address() {
    let relay = RelayAddress { id: RelayId([1; 32]), doors: doors(2) };
    let seed = Some(InviteSeed::from_bytes(&[0xab; 32]));
    let invitation = Address { persona: person("alice").persona.public(), relay: Some(relay.clone()), seed };
    for good in [invitation.to_string(), invitation.without_seed().to_string(), relay.to_string()] {
        for place in 0..good.len() {
            for bit in 0..7 {
                let mut bytes = good.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let bad = String::from_utf8(bytes).unwrap();
                // An upper-case digit or scheme says the same.
                let same = |text: String| text == good;
                assert!(!bad.parse::<Address>().is_ok_and(|read| !same(read.to_string())), "{bad}");
                assert!(!bad.parse::<RelayAddress>().is_ok_and(|read| !same(read.to_string())), "{bad}");
            }
        }
    }
}

#[test]
fn timers_out_of_bounds_are_refused() {
    // {0: kind, 1: sixteen bytes, 2: 5, 3: "a", 9: seconds}
    let content = |kind: u8, seconds: u32| {
        let start = [[0xa5, 0x00, kind, 0x01, 0x50].as_slice(), &[7; 16], &[0x02, 0x05]].concat();
        let end = [[0x03, 0x61, b'a', 0x09, 0x1a].as_slice(), &seconds.to_be_bytes()].concat();
        Content::decode(&[start, end].concat())
    };
    for kind in [1, 5] {
        for seconds in [0, Timer::MIN - 1, Timer::MAX + 1] {
            assert!(content(kind, seconds).is_err(), "{seconds}");
        }
        assert!(content(kind, Timer::MIN).is_ok() && content(kind, Timer::MAX).is_ok());
    }
    // Without one it says that messages should stay.
    let off = [[0xa3, 0x00, 0x05, 0x01, 0x50].as_slice(), &[7; 16], &[0x02, 0x05]].concat();
    let wish = Wish { timer: None, at: Timestamp(5) };
    assert!(Content::decode(&off).unwrap() == Content::Timer { id: MessageId([7; 16]), wish });
    assert!(Content::decode(&[0xa1, 0x00, 0x05]).is_err(), "a timer without a name");
    // {0: 2, 1: sixteen bytes, 2: 5, 8: 5}
    let kept = [[0xa4, 0x00, 0x02, 0x01, 0x50].as_slice(), &[7; 16], &[0x02, 0x05, 0x08, 0x05]].concat();
    assert!(Content::decode(&kept).is_err(), "a restored home that does not say when it said its wish");
}

#[test]
fn contents_are_bounded_and_open_to_the_future() {
    let (id, sent_at) = (MessageId([0; 16]), Timestamp(1));
    let text = |len| Content::Text { id, sent_at, text: "x".repeat(len), timer: Timer::new(Timer::MAX) };
    assert!(text(MAX_TEXT).encode().is_ok());
    assert_eq!(text(MAX_TEXT + 1).encode().unwrap_err(), ContentError::TooLong(MAX_TEXT + 1));
    // {0: 77, 99: [1, 2]}: an unknown kind with an unknown field.
    let future = [0xa2, 0x00, 0x18, 77, 0x18, 99, 0x82, 0x01, 0x02];
    let unsupported = |id, sent_at, timer| Content::Unsupported { kind: 77, id, sent_at, timer };
    assert!(Content::decode(&future).unwrap() == unsupported(None, None, None));
    // {0: 77, 1: sixteen bytes, 2: 5}: what newer messages have in common is read.
    let named = [[0xa3, 0x00, 0x18, 77, 0x01, 0x50].as_slice(), &[7; 16], &[0x02, 0x05]].concat();
    let id = Some(MessageId([7; 16]));
    assert!(Content::decode(&named).unwrap() == unsupported(id, Some(Timestamp(5)), None));
    // {0: 77, 9: 60}, and one that is no timer.
    for (seconds, timer) in [(60, Timer::new(60)), (29, None)] {
        let timed = [0xa2, 0x00, 0x18, 77, 0x09, 0x18, seconds];
        assert!(Content::decode(&timed).unwrap() == unsupported(None, None, timer));
    }
    assert!(Content::decode(&[future.as_slice(), &[0]].concat()).is_err(), "trailing byte");
    assert!(Content::decode(&[0xa1, 0x00, 0x01]).is_err(), "a text without text");
    let key = |len: u8| {
        let start = [0xa6, 0x00, 0x04, 0x01, 0x50];
        let (iv, digest, key) = ([&[0x05, 0x50][..], &[1; 16]], [&[0x06, 0x58, 32][..], &[2; 32]], [3; 40]);
        [
            &start[..],
            &[7; 16],
            &[0x02, 0x05],
            &iv.concat(),
            &digest.concat(),
            &[0x07, 0x58, len],
            &key[..len.into()],
        ]
        .concat()
    };
    assert!(matches!(Content::decode(&key(32)), Ok(Content::PostKey { .. })));
    assert!(
        Content::decode(&key(33)).is_err() && Content::decode(&key(24)).is_err(),
        "a key of another length"
    );
    assert!(Content::decode(&[0xa1, 0x00, 0x04]).is_err(), "a key without a post");
    let long = Content::decode(&key(32)).unwrap();
    assert!(!format!("{long:?}").contains('3'), "the key does not show");
    let Content::PostKey { id, sent_at, iv, digest, .. } = long else { panic!() };
    let short = Content::PostKey { id, sent_at, iv, digest, key: PostKey::from_bytes(&[3; 16]).unwrap() };
    assert!(short.encode().is_err(), "only whole keys are sent");
    assert!(Content::decode(&[0x9f; 16 * 1024]).is_err(), "deep nesting");
    let nested = [[0xa2, 0x00, 0x18, 77, 0x18, 99].as_slice(), &[0x81; 16_000], &[0x01]].concat();
    let _ = Content::decode(&nested);
}

#[test]
fn debug_shows_no_secret_and_little_of_what_is_public() {
    let bob = person("bob");
    let cap = Capability::from_bytes(&[0xab; 32]);
    let seed = InviteSeed::from_bytes(&[0xab; 32]);
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        bob.persona,
        bob.prekeys,
        cap,
        seed,
        Request::Delete(Delete { cap: cap.clone() }),
        BoxId([0xab; 32])
    );
    assert_eq!(shown, "PersonaSecret(..) Prekeys(..) Capability(..) InviteSeed(..) Delete(..) BoxId(abab..)");
    let address = Address { persona: bob.persona.public(), relay: None, seed: Some(seed) };
    assert!(!format!("{address:?}").contains("q6ur"));
}

#[test]
fn safety_numbers_are_symmetric_and_differ() {
    let (alice, bob) = (person("alice"), person("bob"));
    let of = |bundle: &Bundle| (bundle.persona(), bundle.identity());
    let number = SafetyNumber::new(&of(alice.bundle()), &of(bob.bundle()));
    assert!(number == SafetyNumber::new(&of(bob.bundle()), &of(alice.bundle())));
    assert_eq!(number.digits().len(), 60);
    assert_eq!(number.to_string().split(' ').count(), 12);
    assert!(number.matches_qr(&number.to_qr()));
    let changed = SafetyNumber::new(&of(alice.bundle()), &(bob.bundle().persona(), IdentityKey([3; 32])));
    assert!(!number.matches_qr(&changed.to_qr()));
    assert!(!number.matches_qr(&[]));
}
