//! Conformance of the Mask formats: vector files made with the extension's own code, run case by case.
//!
//! A file holds `keys` and `cases`; each case has a `kind`, an `input` and an `output`.
//! What each kind demands is written beside its check.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bauta_protocol::mask::{PersonaId, PublicKey, SecretKey, private_jwk, public_jwk};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_json::value::RawValue;

mod compare;
mod other;
mod post;
mod reading;
mod script;

/// How many cases passed and failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed, and keys that do not agree with themselves.
    pub failed: usize,
    /// Keys and rows that are out of scope.
    pub skipped: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Runs one file and writes a line for each case.
///
/// # Errors
/// Only when `out` cannot be written; a file that cannot be read counts as one failure.
pub fn run(path: &Path, out: &mut impl Write) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let file = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let file: File = match file.and_then(|text| parse(&text)) {
        Ok(file) => file,
        Err(error) => {
            writeln!(out, "FAIL {}: {error}", path.display())?;
            totals.failed += 1;
            return Ok(totals);
        }
    };
    let mut world = World { keys: BTreeMap::new(), cases: &file.cases };
    for (name, record) in &file.keys {
        if record.curve == "p256" {
            totals.skipped += 1;
            world.keys.insert(name, Key::P256);
            continue;
        }
        match check_key(record) {
            Ok(secret) => {
                world.keys.insert(name, Key::Secp256k1(Box::new(secret)));
            }
            Err(error) => {
                writeln!(out, "FAIL key {name}: {error}")?;
                totals.failed += 1;
            }
        }
    }
    for case in &file.cases {
        // A panic is a failure of its case, not of the run.
        let outcome = catch_unwind(AssertUnwindSafe(|| world.check(case)));
        match outcome.unwrap_or_else(|_| Err("panicked".to_owned())) {
            Ok(skipped) => {
                writeln!(out, "ok   {} {}", case.id, case.kind)?;
                totals.passed += 1;
                totals.skipped += skipped;
            }
            Err(error) => {
                writeln!(out, "FAIL {} {}: {error}", case.id, case.kind)?;
                totals.failed += 1;
            }
        }
    }
    Ok(totals)
}

/// What went wrong, in words.
type Failure = String;

#[derive(Deserialize)]
struct File {
    keys: BTreeMap<String, KeyRecord>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct KeyRecord {
    curve: String,
    private_hex: String,
    public_compressed_hex: String,
    public_uncompressed_hex: String,
    public_jwk: Json,
    private_jwk: Json,
    persona_identifier: Option<String>,
}

/// Input and output stay text until the kind is known: metadata must keep their order.
#[derive(Deserialize)]
struct Case {
    id: String,
    kind: String,
    input: Box<RawValue>,
    output: Box<RawValue>,
}

enum Key {
    Secp256k1(Box<SecretKey>),
    P256,
}

struct World<'f> {
    keys: BTreeMap<&'f str, Key>,
    cases: &'f [Case],
}

impl World<'_> {
    /// The number of rows skipped.
    fn check(&self, case: &Case) -> Result<usize, Failure> {
        let done = |checked: Result<(), Failure>| checked.map(|()| 0);
        match case.kind.as_str() {
            "encrypt" => done(post::check_encrypt(self, case)),
            "append" => done(post::check_append(self, case)),
            "decrypt" => done(reading::check_decrypt(self, case)),
            "malformed" => done(reading::check_malformed(self, case)),
            "v38_text_quirks" => done(reading::check_text_quirks(case)),
            "key_agreement" => other::check_key_agreement(self, case),
            "gun_path" => done(other::check_gun_path(self, case)),
            "persona" => done(other::check_persona(case)),
            "network_codec" => done(other::check_network_codec(case)),
            "comment" => done(other::check_comment(case)),
            "backup" => done(other::check_backup(case)),
            other => Err(format!("unknown kind {other:?}")),
        }
    }

    fn secret(&self, name: &str) -> Result<&SecretKey, Failure> {
        match self.keys.get(name) {
            Some(Key::Secp256k1(secret)) => Ok(secret),
            Some(Key::P256) => Err(format!("the key {name:?} is of the curve P-256")),
            None => Err(format!("there is no usable key {name:?}")),
        }
    }

    fn public(&self, name: &str) -> Result<PublicKey, Failure> {
        self.secret(name).map(SecretKey::public)
    }

    fn is_p256(&self, name: &str) -> bool {
        matches!(self.keys.get(name), Some(Key::P256))
    }
}

fn check_key(record: &KeyRecord) -> Result<SecretKey, Failure> {
    let bytes = hex_array(&record.private_hex)?;
    let secret = SecretKey::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let public = secret.public();
    equal("compressed form", &record.public_compressed_hex, &to_hex(&public.to_compressed()))?;
    equal("uncompressed form", &record.public_uncompressed_hex, &to_hex(&public.to_uncompressed()))?;
    equal("public JWK", &record.public_jwk, &parse(&public_jwk(&public))?)?;
    equal("private JWK", &record.private_jwk, &parse(&private_jwk(&secret))?)?;
    for form in [&record.public_compressed_hex, &record.public_uncompressed_hex] {
        let read = PublicKey::from_sec1(&hex(form)?).map_err(|error| error.to_string())?;
        equal("key read back", &public, &read)?;
    }
    if let Some(identifier) = &record.persona_identifier {
        equal("identifier", identifier, &PersonaId(public).to_string())?;
        let read: PersonaId = identifier.parse().map_err(|error| format!("identifier: {error}"))?;
        equal("identifier read back", &public, &read.0)?;
    }
    Ok(secret)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| format!("not in the schema: {error}"))
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, ours: &T) -> Result<(), Failure> {
    if expected == ours { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {ours:?}")) }
}

fn hex(text: &str) -> Result<Vec<u8>, Failure> {
    data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|error| format!("not in the schema: {error}"))
}

fn hex_array<const N: usize>(text: &str) -> Result<[u8; N], Failure> {
    hex(text)?
        .try_into()
        .map_err(|bytes: Vec<u8>| format!("not in the schema: {} bytes instead of {N}", bytes.len()))
}

fn to_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
