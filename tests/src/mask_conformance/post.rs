//! Writing posts: `encrypt`, `append`.

use bauta_protocol::mask::partition::{Tag, v37_set, v38_path};
use bauta_protocol::mask::{
    Addressed, Audience, AuthorSecrets, Draft, LocalKey, Network, Payload, Post, PostIv, PostIvId, PostKey,
    ProfileId, PublicKey, Reader, Record, SecretKey, TypedMessage, Version, Wire, append, encrypt_v37,
    encrypt_v38, find_in_text, wrapped_post_key, write_in_text,
};
use serde::Deserialize;
use serde_json::Value as Json;

use super::compare::{MessageIn, RecordIn, WireIn, check_parsed, check_result};
use super::other::network_of;
use super::reading::open;
use super::script::Script;
use super::{Case, Failure, World, equal, hex, hex_array, parse, to_hex};

#[derive(Deserialize)]
struct EncryptIn {
    version: i32,
    network: String,
    author: Option<AuthorIn>,
    author_key: Option<String>,
    message: MessageIn,
    target: Target,
    post_iv_hex: String,
    post_key_hex: String,
    ephemeral_keys: Option<Vec<String>>,
    recipient_ivs_hex: Option<Vec<String>>,
    local_key_hex: Option<String>,
}

#[derive(Deserialize)]
struct AuthorIn {
    network: String,
    #[serde(rename = "userId")]
    user_id: String,
}

/// `"public"` or the names of keys.
#[derive(Deserialize)]
#[serde(untagged)]
enum Target {
    Word(String),
    Keys(Vec<String>),
}

#[derive(Deserialize)]
struct EncryptOut {
    plaintext_encoded_hex: String,
    #[serde(flatten)]
    payload: WireIn,
    post_iv_identifier: String,
    encoded_for_network: String,
    e2e: Option<Vec<RecordIn>>,
    post_key_encoded_hex: Option<String>,
    post_key_encoded_utf8: Option<String>,
    gun_publish: Option<Vec<Publish>>,
    parsed: Json,
    decoded_from_network_text: Vec<WireIn>,
    decrypt: Vec<Row>,
}

#[derive(Deserialize)]
struct Publish {
    path: Vec<String>,
    value: Json,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "as")]
    reader: String,
    with_gun_records: Option<String>,
    result: Json,
}

/// Encrypting with the randomness of the file gives its bytes, and these read back for everybody as it says.
pub(super) fn check_encrypt(world: &World<'_>, case: &Case) -> Result<(), Failure> {
    let input: EncryptIn = parse(case.input.get())?;
    let output: EncryptOut = parse(case.output.get())?;
    let network = network_of(&input.network)?;
    let message = input.message.to_message()?;
    let plain = if input.version == -37 { message.to_document() } else { message.to_text() };
    let plain = plain.map_err(|error| error.to_string())?;
    equal("plaintext_encoded_hex", &output.plaintext_encoded_hex, &to_hex(&plain))?;

    let post = encrypt(world, &input, &message)?;
    equal("payload", &output.payload.to_wire()?, &post.payload)?;
    let identifier = PostIvId { network: network.domain().to_owned(), iv: post.iv };
    equal("post_iv_identifier", &output.post_iv_identifier, &identifier.to_string())?;
    equal("post_iv_identifier read back", &Ok(identifier), &output.post_iv_identifier.parse())?;
    check_records(output.e2e.as_deref().unwrap_or_default(), &post.records)?;
    if let Some(encoded) = &output.post_key_encoded_hex {
        let ours = match input.version {
            -37 => to_hex(post.post_key.as_bytes()),
            _ => to_hex(wrapped_post_key(&post.post_key).as_bytes()),
        };
        equal("post_key_encoded_hex", encoded, &ours)?;
    }
    if let Some(encoded) = &output.post_key_encoded_utf8 {
        equal("post_key_encoded_utf8", encoded, &wrapped_post_key(&post.post_key))?;
    }
    if let Some(published) = &output.gun_publish {
        check_published(published, input.version, network, &post.iv, &post.records)?;
    }

    let parsed = Payload::parse(&post.payload);
    check_parsed(&output.parsed, &parsed)?;
    let written = write_in_text(network, &post.payload);
    equal("encoded_for_network", &output.encoded_for_network, &written)?;
    let page = format!("Decrypt me! {written} bye");
    let found =
        output.decoded_from_network_text.iter().map(WireIn::to_wire).collect::<Result<Vec<_>, _>>()?;
    equal("decoded_from_network_text", &found, &find_in_text(network, &page))?;
    let records: Vec<Record> = post.records.iter().map(|addressed| addressed.record.clone()).collect();
    output.decrypt.iter().try_for_each(|row| check_row(world, &input, &post.payload, row, &records, false))
}

#[derive(Deserialize)]
struct AppendIn {
    to_case: String,
    target: Vec<String>,
    ephemeral_keys: Option<Vec<String>>,
    recipient_ivs_hex: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct AppendOut {
    e2e: Vec<RecordIn>,
    gun_publish: Option<Vec<Publish>>,
    decrypt: Vec<Row>,
}

/// Adding recipients to the post of an earlier case gives the records of the file, and they open that post.
pub(super) fn check_append(world: &World<'_>, case: &Case) -> Result<(), Failure> {
    let input: AppendIn = parse(case.input.get())?;
    let output: AppendOut = parse(case.output.get())?;
    let earlier = world.cases.iter().find(|case| case.kind == "encrypt" && case.id == input.to_case);
    let earlier = earlier.ok_or_else(|| format!("there is no case {:?}", input.to_case))?;
    let earlier_in: EncryptIn = parse(earlier.input.get())?;
    let earlier_out: EncryptOut = parse(earlier.output.get())?;

    let wire = earlier_out.payload.to_wire()?;
    let payload = Payload::parse(&wire).map_err(|error| error.to_string())?;
    let post_key = PostKey::from_bytes(&hex(&earlier_in.post_key_hex)?).map_err(|error| error.to_string())?;
    let author = earlier_in.author_key.as_deref().ok_or("the earlier post has no author key")?;
    let recipients = publics(world, &input.target)?;
    let mut script = Script::default();
    match payload.version {
        Version::V37 => script.push_ephemeral(world, input.ephemeral_keys.as_deref())?,
        _ => script.push_salts(input.recipient_ivs_hex.as_deref())?,
    }
    let records = append(&payload, &post_key, world.secret(author)?, &recipients, &mut script)
        .map_err(|error| error.to_string())?;
    script.check_used()?;
    check_records(&output.e2e, &records)?;
    if let Some(published) = &output.gun_publish {
        let iv = PostIv(hex_array(&earlier_in.post_iv_hex)?);
        check_published(published, earlier_in.version, network_of(&earlier_in.network)?, &iv, &records)?;
    }
    let earlier_records = earlier_out.e2e.iter().flatten().map(RecordIn::to_record);
    let mut all = earlier_records.collect::<Result<Vec<_>, _>>()?;
    all.extend(records.into_iter().map(|addressed| addressed.record));
    output.decrypt.iter().try_for_each(|row| check_row(world, &earlier_in, &wire, row, &all, true))
}

fn encrypt(world: &World<'_>, input: &EncryptIn, message: &TypedMessage) -> Result<Post, Failure> {
    let author = input.author.as_ref().map(|author| ProfileId::new(&author.network, &author.user_id));
    let author = author.transpose().map_err(|error| error.to_string())?;
    let author_secret = input.author_key.as_deref().map(|name| world.secret(name)).transpose()?;
    let author_key = author_secret.map(SecretKey::public);
    let recipients = match &input.target {
        Target::Word(word) if word == "public" => None,
        Target::Word(word) => return Err(format!("not in the schema: target {word:?}")),
        Target::Keys(names) => Some(publics(world, names)?),
    };
    let audience = recipients.as_deref().map_or(Audience::Public, Audience::Recipients);
    let draft = Draft { author: author.as_ref(), author_key: author_key.as_ref(), message, audience };

    let mut script = Script::default();
    script.push(&hex_array::<16>(&input.post_iv_hex)?);
    script.push(&hex_array::<32>(&input.post_key_hex)?);
    let for_some = recipients.is_some();
    let post = match input.version {
        -37 => {
            if for_some {
                script.push_ephemeral(world, input.ephemeral_keys.as_deref())?;
            }
            encrypt_v37(&draft, &mut script)
        }
        -38 => {
            if for_some {
                script.push_salts(input.recipient_ivs_hex.as_deref())?;
            }
            let local = local_key(input)?;
            let secrets = author_secret.zip(local.as_ref()).map(|(key, local)| AuthorSecrets { key, local });
            encrypt_v38(&draft, secrets, &mut script)
        }
        other => return Err(format!("not in the schema: version {other}")),
    };
    let post = post.map_err(|error| error.to_string())?;
    script.check_used()?;
    Ok(post)
}

fn publics(world: &World<'_>, names: &[String]) -> Result<Vec<PublicKey>, Failure> {
    names.iter().map(|name| world.public(name)).collect()
}

fn local_key(input: &EncryptIn) -> Result<Option<LocalKey>, Failure> {
    input.local_key_hex.as_deref().map(|key| Ok(LocalKey::from_bytes(&hex_array(key)?))).transpose()
}

fn check_records(expected: &[RecordIn], ours: &[Addressed]) -> Result<(), Failure> {
    equal("number of records", &expected.len(), &ours.len())?;
    for (index, (expected, ours)) in expected.iter().zip(ours).enumerate() {
        equal(&format!("record {index}"), &expected.to_record()?, &ours.record)?;
        if let Some(recipient) = &expected.recipient_public_compressed_hex {
            equal(&format!("recipient {index}"), recipient, &to_hex(&ours.recipient.to_compressed()))?;
        }
    }
    Ok(())
}

fn check_published(
    expected: &[Publish],
    version: i32,
    network: Network,
    iv: &PostIv,
    records: &[Addressed],
) -> Result<(), Failure> {
    equal("number of published records", &expected.len(), &records.len())?;
    let post = Tag::of_post(iv);
    let current = version == -37;
    for (index, (expected, ours)) in expected.iter().zip(records).enumerate() {
        let path = if current {
            v37_set(network, post, Tag::of_key_v37(&ours.recipient)).map(|soul| vec![soul])
        } else {
            v38_path(network, post, Tag::of_key_v38(&ours.recipient)).map(Vec::from)
        };
        equal(&format!("path {index}"), &expected.path, &path.ok_or("no partitions on this network")?)?;
        let version = if current { Version::V37 } else { Version::V38 };
        let node = ours.record.to_properties(version);
        let read = Record::from_properties(&node, version).map_err(|error| error.to_string())?;
        equal(&format!("value {index} read back"), &ours.record, &read)?;
        equal(&format!("value {index}"), &expected.value, &Json::Object(node))?;
    }
    Ok(())
}

/// Reads a post as the row says: as anyone, as a key, or as the author in one of two ways.
fn check_row(
    world: &World<'_>,
    input: &EncryptIn,
    wire: &Wire,
    row: &Row,
    records: &[Record],
    always: bool,
) -> Result<(), Failure> {
    let local = local_key(input)?;
    let (name, how) = row.reader.split_once(" (").unwrap_or((&row.reader, ""));
    let with_local_key = how.starts_with("author, local key");
    let keys = match name {
        "anyone" => Vec::new(),
        _ if with_local_key => Vec::new(),
        name => vec![world.secret(name)?.clone()],
    };
    let local_key = if with_local_key { local.as_ref() } else { None };
    let records = if always || row.with_gun_records.is_some() { records } else { &[] };
    let read = open(wire, &Reader { keys: &keys, local_key, ..Reader::default() }, records);
    check_result(&format!("decrypt as {}", row.reader), &row.result, &read)
}
