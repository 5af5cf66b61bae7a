//! Every parser of foreign bytes over good inputs and thousands of damaged ones: no panic, no endless work,
//! and its rules hold. Fuzzing continues from here, with the same table.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use bauta_protocol::fuzzing::{Parser, parsers};
use rand_core::Rng;

use super::support::{FixedRng, rng};

/// Damaged inputs for each parser, if there is time: some hash 100,000 times over.
const TRIES: usize = 4000;
const TIME: Duration = Duration::from_millis(1500);

/// Far beyond what the slowest parser takes on these inputs, far below what would hang a reader.
const LONGEST: Duration = Duration::from_secs(5);

/// Bytes that mean something in one of the formats.
const WEIGHTY: &[u8] =
    b"\x00\x01\x02\x04\x7f\x80\x90\xc1\xc4\xd9\xdc\xde\xdd\xdf\xff{}[]\"\\,:|/=%+-_&# 09aZ\xf0";

/// Whether the input was accepted.
fn run(parser: &Parser, input: &[u8]) -> bool {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (parser.check)(input)));
    let time = begun.elapsed();
    let shown = || {
        let start = &input[..input.len().min(2000)];
        format!("{}: {} bytes, {}", parser.name, input.len(), start.escape_ascii())
    };
    match outcome {
        Ok(Ok(taken)) => {
            assert!(time < LONGEST, "{time:?} for {}", shown());
            taken
        }
        Ok(Err(rule)) => panic!("{rule}; {}", shown()),
        Err(_) => panic!("a panic; {}", shown()),
    }
}

fn below(rng: &mut FixedRng, bound: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap() % bound.max(1)
}

/// One to four changes: bytes flipped, set, cut out, doubled, put in, or taken from another input.
fn damage(rng: &mut FixedRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[below(rng, seeds.len())].clone();
    for _ in 0..=below(rng, 4) {
        let place = below(rng, bytes.len());
        let end = (place + 1 + below(rng, 16)).min(bytes.len());
        match below(rng, 8) {
            _ if bytes.is_empty() => bytes.push(0),
            0 => bytes[place] ^= 1 << below(rng, 8),
            1 => bytes[place] = WEIGHTY[below(rng, WEIGHTY.len())],
            2 => bytes.truncate(place),
            3 => drop(bytes.drain(place..end)),
            4 => {
                let doubled = bytes[place..end].to_vec();
                let times = 1 << below(rng, 8);
                bytes.splice(place..place, doubled.repeat(times));
            }
            5 => bytes.insert(place, WEIGHTY[below(rng, WEIGHTY.len())]),
            6 => {
                let other = &seeds[below(rng, seeds.len())];
                let from = below(rng, other.len());
                bytes.splice(place.., other[from..].iter().copied());
            }
            _ => {
                let mut random = [0; 8];
                rng.fill_bytes(&mut random);
                bytes.splice(place..end, random);
            }
        }
    }
    bytes
}

#[test]
fn every_parser_withstands_damaged_inputs() {
    for parser in parsers() {
        let mut rng = rng(parser.name);
        let seeds = (parser.seeds)(&mut rng).unwrap();
        assert!(!seeds.is_empty(), "{}", parser.name);
        run(parser, b"");
        for seed in &seeds {
            assert!(run(parser, seed), "{}: {}", parser.name, seed.escape_ascii());
        }
        let begun = Instant::now();
        let (mut tries, mut taken) = (0, 0);
        while tries < TRIES && begun.elapsed() < TIME {
            taken += usize::from(run(parser, &damage(&mut rng, &seeds)));
            tries += 1;
        }
        println!("{}: {taken} of {tries} damaged inputs taken, {:?}", parser.name, begun.elapsed());
        assert!(tries > 0);
    }
}

/// What costs little once must not cost its square when it is repeated.
#[test]
fn every_parser_withstands_repetition() {
    const SIZE: usize = 1 << 20;
    for parser in parsers() {
        let begun = Instant::now();
        for seed in (parser.seeds)(&mut rng(parser.name)).unwrap() {
            let whole = [seed.len() / 2, seed.len()];
            for length in [1, 2, 4, 6, 8, 12].into_iter().filter(|length| *length < seed.len()).chain(whole) {
                let pattern = &seed[..length.max(1)];
                run(parser, &pattern.repeat(SIZE / pattern.len()));
                // Behind a good beginning, which some parsers ask for.
                run(parser, &[&seed, pattern.repeat(SIZE / pattern.len()).as_slice()].concat());
            }
        }
        println!("{}: {:?}", parser.name, begun.elapsed());
    }
}

/// A parser without a target would not be fuzzed.
#[test]
fn every_parser_has_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for parser in parsers() {
        let path = format!("fuzz_targets/{}.rs", parser.name);
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is not in fuzz/Cargo.toml");
        let target = std::fs::read_to_string(fuzz.join(&path)).unwrap();
        assert!(target.contains(&format!("parser!(\"{}\")", parser.name)), "{path}");
    }
}
