//! What the protocol costs: sealing and opening boxes, both ends of a handshake, finding and checking work, digests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{Bundle, IdentitySecret, Prekeys};
use bauta_protocol::descriptor::DescriptorSeen;
use bauta_protocol::digest::pages::{Page, PageSet};
use bauta_protocol::digest::set::{Set, Tag};
use bauta_protocol::handshake::{initiate, respond};
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, RelayId};
use bauta_protocol::limits::INTERVAL_ENTRIES;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::session::Session;
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::work;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rand_core::{Rng, UnwrapErr};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn person() -> (PersonaSecret, Prekeys) {
    let mut rng = rng();
    let persona = PersonaSecret::generate(&mut rng);
    let relay = RelayAddress { id: RelayId([1; 32]), doors: vec![DoorAddress([1; 96])] };
    let seen = DescriptorSeen { day: NOW.day(), hash: [1; 32] };
    let (identity, inbox) = (IdentitySecret::generate(&mut rng), Capability::generate(&mut rng));
    let prekeys = Prekeys::generate(&persona, &identity, &inbox, &relay, seen, NOW, &mut rng).unwrap();
    (persona, prekeys)
}

fn sessions() -> (Session, Session) {
    let ((me, mine), (_, theirs)) = (person(), person());
    let begun = initiate(&me, &mine, theirs.bundle(), None, b"hi", None, NOW, &mut rng()).unwrap();
    let answer = respond([&theirs], None, &begun.handshake, NOW, &mut rng()).unwrap();
    (begun.session, answer.session)
}

fn boxes(c: &mut Criterion) {
    let (mut alice, _) = sessions();
    c.bench_function("seal one box", |b| {
        b.iter(|| alice.seal(black_box(b"hello"), None, &mut rng()).unwrap())
    });
    c.bench_function("seal 16 KiB", |b| {
        let content = vec![7; 16 * 1024];
        b.iter(|| alice.seal(black_box(&content), None, &mut rng()).unwrap());
    });

    let (mut writer, reader) = sessions();
    let sealed = writer.seal(b"hello", None, &mut rng()).unwrap();
    let stored = bauta_protocol::to_json(&reader).unwrap();
    c.bench_function("open one box", |b| {
        b.iter_batched(
            || serde_json::from_slice::<Session>(&stored).unwrap(),
            |mut reader| reader.open(0, &sealed[0].bytes).unwrap(),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("store a session", |b| b.iter(|| bauta_protocol::to_json(black_box(&reader)).unwrap()));
    c.bench_function("load a session", |b| {
        b.iter(|| serde_json::from_slice::<Session>(black_box(&stored)).unwrap());
    });
}

fn handshakes(c: &mut Criterion) {
    let ((me, mine), (_, theirs)) = (person(), person());
    c.bench_function("initiate", |b| {
        b.iter(|| {
            initiate(&me, &mine, black_box(theirs.bundle()), None, b"hi", None, NOW, &mut rng()).unwrap()
        });
    });
    let begun = initiate(&me, &mine, theirs.bundle(), None, b"hi", None, NOW, &mut rng()).unwrap();
    c.bench_function("respond", |b| {
        b.iter(|| respond([&theirs], None, black_box(&begun.handshake), NOW, &mut rng()).unwrap());
    });
    let others: Vec<_> = (0..30).map(|_| person().1).collect();
    c.bench_function("respond: none of 30 prekeys", |b| {
        b.iter(|| respond(&others, None, black_box(&begun.handshake), NOW, &mut rng()).unwrap_err());
    });
    c.bench_function("read a bundle", |b| {
        b.iter(|| Bundle::from_bytes(black_box(theirs.bundle().as_bytes())).unwrap());
    });
}

fn work_checks(c: &mut Criterion) {
    let go = AtomicBool::new(false);
    let (relay, inbox, day, id) = (RelayId([1; 32]), InboxId([2; 32]), Day(20_000), BoxId([3; 32]));
    c.bench_function("check a put", |b| b.iter(|| work::check_put_work(&relay, day, &id, black_box(7), 16)));
    c.bench_function("find a put of 16 bits", |b| b.iter(|| work::find_put_work(&relay, day, &id, 16, &go)));
    let sealed = vec![5; 3854];
    c.bench_function("check a deposit's gate", |b| {
        b.iter(|| work::check_deposit_gate(&relay, &inbox, day, black_box(&sealed), 7));
    });
    let mut group = c.benchmark_group("argon2id");
    group.sample_size(10);
    group.bench_function("measure a deposit", |b| {
        b.iter(|| work::measure_deposit_work(&relay, &inbox, day, black_box(&sealed), 7));
    });
    group.finish();
}

fn tags(count: usize) -> Vec<Tag> {
    let mut rng = rng();
    let mut tags: Vec<Tag> = (0..count).map(|_| Tag(rng.next_u64().to_be_bytes())).collect();
    tags.sort_unstable();
    tags
}

fn digests(c: &mut Criterion) {
    let set = Set::new(tags(INTERVAL_ENTRIES)).unwrap();
    let coded = set.encode();
    let wanted = tags(5_000);
    c.bench_function("encode a full interval's set", |b| b.iter(|| black_box(&set).encode()));
    c.bench_function("decode a full interval's set", |b| b.iter(|| Set::decode(black_box(&coded)).unwrap()));
    c.bench_function("look for 5,000 tags in a full interval's set", |b| {
        b.iter(|| set.matching(black_box(&wanted).iter().copied()));
    });
    let waiting = tags(100_000);
    c.bench_function("fix the pages of 100,000 boxes", |b| {
        b.iter(|| PageSet::fix(black_box(&waiting).iter().copied(), &mut rng()));
    });
    let pages = PageSet::fix(waiting, &mut rng());
    let (bits, root, coded) = (pages.bits(), pages.root(), pages.page(9).unwrap());
    c.bench_function("read a page and check its proof", |b| {
        b.iter(|| assert!(Page::decode(black_box(&coded), 9, bits).unwrap().is_under(&root)));
    });
}

criterion_group!(benches, boxes, handshakes, work_checks, digests);
criterion_main!(benches);
