//! Conformance of the Mask formats: vector files made with the extension's own code, run case by case.
//!
//! A file holds `keys` and `cases`; each case has a `kind`, an `input` and an `output`.
//! What each kind demands is written beside its check.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bauta_protocol::mask::{Persona, PersonaId, PublicKey, SecretKey, private_jwk, public_jwk};
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
    let file: File = match file.and_then(|text| File::read(text.trim_start_matches('\u{feff}'))) {
        Ok(file) => file,
        Err(error) => {
            writeln!(out, "FAIL {}: {error}", path.display())?;
            totals.failed += 1;
            return Ok(totals);
        }
    };
    let mut world = World { keys: BTreeMap::new(), cases: Vec::new() };
    for (name, record) in &file.keys {
        match check_key(record) {
            Ok(key) => {
                totals.skipped += usize::from(matches!(key, Key::P256));
                world.keys.insert(name, key);
            }
            Err(error) => {
                writeln!(out, "FAIL key {name}: {error}")?;
                totals.failed += 1;
            }
        }
    }
    for (index, case) in file.cases.iter().enumerate() {
        match Case::read(case, index + 1) {
            Ok(case) => world.cases.push(case),
            Err(error) => {
                writeln!(out, "FAIL case number {}: {error}", index + 1)?;
                totals.failed += 1;
            }
        }
    }
    for case in &world.cases {
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

/// Each key and case is read separately, so that a broken one fails alone. A file of pasted texts needs no keys.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    keys: BTreeMap<String, Json>,
    cases: Vec<Box<RawValue>>,
}

impl File {
    /// Cases that need no keys may stand alone, as a list.
    fn read(text: &str) -> Result<Self, Failure> {
        if text.trim_start().starts_with('[') {
            let cases: Vec<_> = parse(text)?;
            if cases.is_empty() {
                return Err("not in the schema: an empty list".to_owned());
            }
            return Ok(Self { keys: BTreeMap::new(), cases });
        }
        parse(text)
    }
}

#[derive(Deserialize)]
struct KeyRecord {
    private_hex: String,
    public_compressed_hex: String,
    public_uncompressed_hex: String,
    public_jwk: Json,
    private_jwk: Json,
    persona_identifier: Option<String>,
}

/// Input and output stay text until the kind is known: metadata must keep their order.
struct Case {
    id: String,
    kind: String,
    input: Box<RawValue>,
    output: Box<RawValue>,
}

/// A case as it is in a file.
#[derive(Deserialize)]
struct CaseIn {
    id: Option<String>,
    kind: String,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
}

impl Case {
    /// The case at a place in its file, counted from 1. A pasted text may have what is expected of it beside itself, in
    /// the input or in the case.
    fn read(raw: &RawValue, place: usize) -> Result<Self, Failure> {
        let CaseIn { id, kind, input, output } = parse(raw.get())?;
        let is_pasted = kind == "pasted";
        let missing = |what: &str| format!("not in the schema: there is no {what}");
        let input = match input {
            None if is_pasted => raw.to_owned(),
            input => input.ok_or_else(|| missing("input"))?,
        };
        let output = match output {
            None if is_pasted => input.clone(),
            output => output.ok_or_else(|| missing("output"))?,
        };
        Ok(Self { id: id.unwrap_or_else(|| place.to_string()), kind, input, output })
    }
}

enum Key {
    Secp256k1(Box<SecretKey>),
    P256,
}

struct World<'f> {
    keys: BTreeMap<&'f str, Key>,
    cases: Vec<Case>,
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
            "pasted" => done(reading::check_pasted(case)),
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

    /// The keys of a reader, without those that are out of scope.
    fn secrets<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> Result<Vec<SecretKey>, Failure> {
        let usable = names.into_iter().filter(|name| !self.is_p256(name));
        usable.map(|name| self.secret(name).cloned()).collect()
    }

    fn is_p256(&self, name: &str) -> bool {
        matches!(self.keys.get(name), Some(Key::P256))
    }
}

fn check_key(record: &Json) -> Result<Key, Failure> {
    if record.get("curve").and_then(Json::as_str) == Some("p256") {
        return Ok(Key::P256);
    }
    let record = KeyRecord::deserialize(record).map_err(|error| format!("not in the schema: {error}"))?;
    let bytes = hex_array(&record.private_hex)?;
    let secret = SecretKey::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let public = secret.public();
    equal("compressed form", &record.public_compressed_hex, &to_hex(&public.to_compressed()))?;
    equal("uncompressed form", &record.public_uncompressed_hex, &to_hex(&public.to_uncompressed()))?;
    equal("public JWK", &record.public_jwk, &parse(&public_jwk(&public))?)?;
    let (mut expected, mut ours) = (record.private_jwk, parse::<Json>(&private_jwk(&secret))?);
    let read = Persona::from_jwk(&expected.to_string()).map_err(|error| format!("private JWK: {error}"))?;
    equal("private JWK read back", &secret, &read.key)?;
    // The number was compared; the extension drops leading zero bytes of it.
    for jwk in [&mut expected, &mut ours] {
        jwk.as_object_mut().and_then(|members| members.remove("d"));
    }
    equal("private JWK", &expected, &ours)?;
    for form in [&record.public_compressed_hex, &record.public_uncompressed_hex] {
        let read = PublicKey::from_sec1(&hex(form)?).map_err(|error| error.to_string())?;
        equal("key read back", &public, &read)?;
    }
    if let Some(identifier) = &record.persona_identifier {
        equal("identifier", identifier, &PersonaId(public).to_string())?;
        let read: PersonaId = identifier.parse().map_err(|error| format!("identifier: {error}"))?;
        equal("identifier read back", &public, &read.0)?;
    }
    Ok(Key::Secp256k1(Box::new(secret)))
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
