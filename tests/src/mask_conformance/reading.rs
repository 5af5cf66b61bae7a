//! Reading posts: `decrypt`, `malformed`, `pasted`, `v38_text_quirks`.

use bauta_protocol::mask::{Payload, Reader, Record, TypedMessage, Wire, decrypt, find_all_in_text};
use serde::Deserialize;
use serde_json::Value as Json;

use super::compare::{MessageIn, Read, RecordIn, WireIn, check_message, check_parsed, check_result};
use super::{Case, Failure, World, equal, parse, to_hex};

#[derive(Deserialize)]
struct DecryptIn {
    #[serde(flatten)]
    payload: WireIn,
    decrypt_as: String,
    #[serde(default)]
    gun: Vec<RecordIn>,
    author_key: Option<String>,
    lenient_plaintext: Option<Json>,
}

#[derive(Deserialize)]
struct DecryptOut {
    parsed: Option<Json>,
    decrypt: Json,
    decrypt_without_author_key: Option<Json>,
    lenient_plaintext: Option<Json>,
}

/// The post reads as the file says, with and without the author's key at hand.
pub(super) fn check_decrypt(world: &World<'_>, case: &Case) -> Result<(), Failure> {
    let input: DecryptIn = parse(case.input.get())?;
    let output: DecryptOut = parse(case.output.get())?;
    let wire = input.payload.to_wire()?;
    if let Some(parsed) = &output.parsed {
        check_parsed(parsed, &Payload::parse(&wire))?;
    }
    let records = RecordIn::usable(&input.gun);
    let author_key = input.author_key.as_deref().map(|name| world.public(name)).transpose()?;
    let keys = world.secrets([&input.decrypt_as])?;
    let reader = Reader { keys: &keys, author_key: author_key.as_ref(), ..Reader::default() };
    let read = open(&wire, &reader, &records);
    let checked = check_result("decrypt", &output.decrypt, &read);
    let lenient = output.lenient_plaintext.as_ref().or(input.lenient_plaintext.as_ref());
    match (&checked, lenient, &read) {
        (Err(_), Some(Json::String(words)), Read::Opened(opened)) => {
            equal("decrypt", &TypedMessage::text(words.clone()), &opened.message)?;
        }
        (Err(_), Some(message), Read::Opened(opened)) => check_message("decrypt", message, &opened.message)?,
        _ => checked?,
    }
    match &output.decrypt_without_author_key {
        Some(expected) => {
            let reader = Reader { author_key: None, ..reader };
            check_result("decrypt_without_author_key", expected, &open(&wire, &reader, &records))
        }
        None => Ok(()),
    }
}

#[derive(Deserialize)]
struct MalformedIn {
    #[serde(flatten)]
    payload: WireIn,
    #[serde(default)]
    decrypt_as: Vec<String>,
    #[serde(default)]
    gun: Vec<RecordIn>,
}

#[derive(Deserialize)]
struct MalformedOut {
    parsed: Json,
    decrypt: Option<Json>,
}

/// Damage is found where it is, and only there.
pub(super) fn check_malformed(world: &World<'_>, case: &Case) -> Result<(), Failure> {
    let input: MalformedIn = parse(case.input.get())?;
    let output: MalformedOut = parse(case.output.get())?;
    let wire = input.payload.to_wire()?;
    check_parsed(&output.parsed, &Payload::parse(&wire))?;
    let records = RecordIn::usable(&input.gun);
    let keys = world.secrets(&input.decrypt_as)?;
    let read = open(&wire, &Reader { keys: &keys, ..Reader::default() }, &records);
    output.decrypt.iter().try_for_each(|expected| check_result("decrypt", expected, &read))
}

#[derive(Deserialize)]
struct PastedIn {
    text: String,
}

/// A text as people paste it, with words and punctuation around: what of it opens for everybody. That is said as whether
/// anything does, as the words of one post, as the words of each in any order, or as their number.
pub(super) fn check_pasted(case: &Case) -> Result<(), Failure> {
    let input: PastedIn = parse(case.input.get())?;
    let expected = match parse(case.output.get())? {
        Json::Object(mut output) => output.remove("opens").ok_or("not in the schema: there is no opens")?,
        output => output,
    };
    let found = find_all_in_text(&input.text);
    let opened: Vec<TypedMessage> = found.iter().filter_map(|(wire, _)| open_to_all(wire)).collect();
    let words = opened.iter().map(|message| match message {
        TypedMessage::Text { content, .. } => content.clone(),
        other => format!("{other:?}"),
    });
    let mut words: Vec<String> = words.collect();
    match expected {
        Json::Bool(opens) => equal("opens", &opens, &!opened.is_empty()),
        Json::Null => equal("opens", &false, &!opened.is_empty()),
        Json::Number(count) => equal("opens", &count.as_u64(), &u64::try_from(opened.len()).ok()),
        Json::String(expected) => {
            equal("opens", &Some(&expected), &words.iter().find(|words| **words == expected))
        }
        expected @ Json::Array(_) => {
            let mut expected: Vec<String> = parse(&expected.to_string())?;
            expected.sort_unstable();
            words.sort_unstable();
            equal("opens", &expected, &words)
        }
        Json::Object(_) => Err("not in the schema: opens is an object".to_owned()),
    }
}

fn open_to_all(wire: &Wire) -> Option<TypedMessage> {
    let payload = Payload::parse(wire).ok()?;
    let opened = decrypt(&payload, &Reader::default(), std::iter::empty::<&Record>()).ok()?;
    Some(opened.message)
}

#[derive(Deserialize)]
struct QuirkIn {
    message: MessageIn,
    payload_text: Option<String>,
}

#[derive(Deserialize)]
struct QuirkOut {
    plaintext_encoded_hex: String,
    upstream_decodes_to: Json,
}

/// Words that look like metadata are encoded as they are, and read as the extension reads them.
pub(super) fn check_text_quirks(case: &Case) -> Result<(), Failure> {
    let input: Vec<QuirkIn> = parse(case.input.get())?;
    let output: Vec<QuirkOut> = parse(case.output.get())?;
    equal("number of rows", &output.len(), &input.len())?;
    for (index, (input, output)) in input.iter().zip(&output).enumerate() {
        let what = format!("row {index}");
        let plain = input.message.to_message()?.to_text().map_err(|error| format!("{what}: {error}"))?;
        equal(&what, &output.plaintext_encoded_hex, &to_hex(&plain))?;
        match &input.payload_text {
            Some(text) => {
                let read = open(&Wire::Text(text.clone()), &Reader::default(), &[]);
                check_result(&what, &output.upstream_decodes_to, &read)?;
            }
            // The extension crashes here; that we return at all is right.
            None => drop(TypedMessage::from_text(&plain)),
        }
    }
    Ok(())
}

/// Reads a post as far as it goes.
pub(super) fn open(wire: &Wire, reader: &Reader<'_>, records: &[Record]) -> Read {
    match Payload::parse(wire) {
        Err(error) => Read::NotParsed(error),
        Ok(payload) => match decrypt(&payload, reader, records) {
            Err(error) => Read::NotOpened(error),
            Ok(opened) => Read::Opened(Box::new(opened)),
        },
    }
}
