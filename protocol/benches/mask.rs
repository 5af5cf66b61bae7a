//! How fast posts are written and read. Partition hashes are measured by themselves: they are slow by design,
//! and those of keys are computed once.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::hint::black_box;

use bauta_protocol::mask::partition::Tag;
use bauta_protocol::mask::{
    Audience, Draft, Network, Payload, PostIv, ProfileId, PublicKey, Reader, Record, SecretKey, TypedMessage,
    Wire, decrypt, encrypt_v37, find_in_text, write_in_text,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand_core::UnwrapErr;

const WORDS: &str = "A post of about one hundred and forty characters, as people write them between two stations of \
                     the underground, with a link that nobody opens.";

fn encryption(criterion: &mut Criterion) {
    let mut rng = UnwrapErr(getrandom::SysRng);
    let author = ProfileId::new("twitter.com", "ann").expect("the name is good");
    let author_key = SecretKey::generate(&mut rng);
    let public = author_key.public();
    let message = TypedMessage::text(WORDS);
    let readers: Vec<SecretKey> = (0..100).map(|_| SecretKey::generate(&mut rng)).collect();
    let recipients: Vec<PublicKey> = readers.iter().map(SecretKey::public).collect();
    let draft =
        |audience| Draft { author: Some(&author), author_key: Some(&public), message: &message, audience };

    let mut group = criterion.benchmark_group("mask");
    group.throughput(Throughput::Elements(1));
    for number in [1, 10, 100] {
        let draft = draft(Audience::Recipients(recipients.get(..number).expect("there are 100")));
        group.bench_function(format!("encrypt v37 to {number}"), |bencher| {
            bencher.iter(|| encrypt_v37(black_box(&draft), &mut rng).expect("the draft is good"));
        });
    }
    let public_draft = draft(Audience::Public);
    group.bench_function("encrypt v37 to everybody", |bencher| {
        bencher.iter(|| encrypt_v37(black_box(&public_draft), &mut rng).expect("the draft is good"));
    });

    let post = encrypt_v37(&draft(Audience::Recipients(&recipients)), &mut rng).expect("the draft is good");
    let records: Vec<Record> = post.records.into_iter().map(|addressed| addressed.record).collect();
    let payload = Payload::parse(&post.payload).expect("it was just written");
    for (name, place) in [("first", 0), ("last", 99)] {
        let keys = [readers.get(place).expect("there are 100").clone()];
        let reader = Reader { keys: &keys, ..Reader::default() };
        group.bench_function(format!("decrypt v37, {name} of 100 records"), |bencher| {
            bencher.iter(|| decrypt(black_box(&payload), &reader, &records).expect("the record is there"));
        });
    }
    let Wire::Binary(bytes) = &post.payload else { return };
    group.bench_function("parse v37", |bencher| {
        bencher.iter(|| Payload::parse_binary(black_box(bytes)).expect("it was just written"));
    });
    for (name, network) in [("twitter", Network::Twitter), ("elsewhere", Network::Minds)] {
        group.bench_function(format!("write and find in text, {name}"), |bencher| {
            bencher.iter(|| find_in_text(network, &write_in_text(network, black_box(&post.payload))));
        });
    }
    group.sample_size(10);
    group.bench_function("partition hash", |bencher| {
        bencher.iter(|| Tag::of_post(black_box(&PostIv([7; 16]))));
    });
    group.finish();
}

criterion_group!(benches, encryption);
criterion_main!(benches);
