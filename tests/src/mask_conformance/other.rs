//! All but posts: `key_agreement`, `gun_path`, `persona`, `network_codec`, `comment`, `backup`.

use std::collections::BTreeSet;

use bauta_protocol::mask::partition::{Tag, v37_set, v38_paths};
use bauta_protocol::mask::{
    Network, OpenError, Persona, PersonaId, PostIv, PublicKey, Wire, decrypt_backup_file, decrypt_comment,
    encrypt_backup_file, find_in_text, local_key_jwk, password_bytes, private_jwk, public_jwk, shared_x,
    v38_key,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::compare::WireIn;
use super::script::Script;
use super::{Case, Failure, World, equal, hex, hex_array, parse, to_hex};

/// A network by the name that vector files give it.
pub(super) fn network_of(name: &str) -> Result<Network, Failure> {
    match name {
        "facebook" | "facebook.com" => Ok(Network::Facebook),
        "twitter" | "twitter.com" => Ok(Network::Twitter),
        "instagram" | "instagram.com" => Ok(Network::Instagram),
        "minds" | "minds.com" => Ok(Network::Minds),
        "unknown" | "localhost" => Ok(Network::Unknown),
        other => Err(format!("not in the schema: network {other:?}")),
    }
}

#[derive(Deserialize)]
struct AgreementIn {
    #[serde(rename = "priv")]
    private: String,
    #[serde(rename = "pub")]
    public: String,
    salt_hex: Option<String>,
}

#[derive(Deserialize)]
struct AgreementOut {
    ecdh_x_hex: Option<String>,
    v38_aes_key_hex: Option<String>,
    v38_nonce_hex: Option<String>,
}

/// Shared coordinates, and what version -38 derives from them, byte for byte. Rows of P-256 keys are skipped.
pub(super) fn check_key_agreement(world: &World<'_>, case: &Case) -> Result<usize, Failure> {
    let input: Vec<AgreementIn> = parse(case.input.get())?;
    let output: Vec<AgreementOut> = parse(case.output.get())?;
    equal("number of rows", &output.len(), &input.len())?;
    let mut skipped = 0;
    for (index, (input, output)) in input.iter().zip(&output).enumerate() {
        if world.is_p256(&input.private) || world.is_p256(&input.public) {
            skipped += 1;
            continue;
        }
        let x = shared_x(world.secret(&input.private)?, &world.public(&input.public)?);
        equal(&format!("ecdh_x_hex {index}"), &output.ecdh_x_hex, &Some(to_hex(x.as_slice())))?;
        if let Some(salt) = &input.salt_hex {
            let (key, nonce) = v38_key(&x, &hex_array(salt)?);
            equal(
                &format!("v38_aes_key_hex {index}"),
                &output.v38_aes_key_hex,
                &Some(to_hex(key.as_slice())),
            )?;
            equal(&format!("v38_nonce_hex {index}"), &output.v38_nonce_hex, &Some(to_hex(&nonce)))?;
        }
    }
    Ok(skipped)
}

#[derive(Deserialize)]
struct PathIn {
    network: String,
    iv_hex: String,
    key: String,
}

#[derive(Deserialize)]
struct PathOut {
    public_xy: String,
    v37: Vec<Operation>,
    v38: Vec<Operation>,
    v39: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    path: Vec<String>,
}

/// The partitions that a reader fetches, for each version, in any order.
pub(super) fn check_gun_path(world: &World<'_>, case: &Case) -> Result<(), Failure> {
    let input: Vec<PathIn> = parse(case.input.get())?;
    let output: Vec<PathOut> = parse(case.output.get())?;
    equal("number of rows", &output.len(), &input.len())?;
    for (index, (input, output)) in input.iter().zip(&output).enumerate() {
        let network = network_of(&input.network)?;
        let key = world.public(&input.key)?;
        equal(&format!("public_xy {index}"), &output.public_xy, &coordinates(&key)?)?;
        let post = Tag::of_post(&PostIv(hex_array(&input.iv_hex)?));
        let expected = |operations: &[Operation]| -> BTreeSet<Vec<String>> {
            let fetched = operations.iter().filter(|operation| operation.op == "get");
            fetched.map(|operation| operation.path.clone()).collect()
        };
        let old = |key: Tag| v38_paths(network, post, key).into_iter().map(Vec::from).collect();
        let current =
            v37_set(network, post, Tag::of_key_v37(&key)).into_iter().map(|soul| vec![soul]).collect();
        equal(&format!("v37 paths {index}"), &expected(&output.v37), &current)?;
        equal(&format!("v38 paths {index}"), &expected(&output.v38), &old(Tag::of_key_v38(&key)))?;
        equal(&format!("v39 paths {index}"), &expected(&output.v39), &old(Tag::of_key_v39(&key)))?;
    }
    Ok(())
}

fn coordinates(key: &PublicKey) -> Result<String, Failure> {
    let jwk: Json = parse(&public_jwk(key))?;
    let part = |name: &str| jwk.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok(part("x") + &part("y"))
}

#[derive(Deserialize)]
struct PersonaIn {
    mnemonic: String,
    #[serde(default)]
    password: String,
}

/// All that comes from recovery words.
pub(super) fn check_persona(case: &Case) -> Result<(), Failure> {
    let input: PersonaIn = parse(case.input.get())?;
    let output: Json = parse(case.output.get())?;
    let persona = Persona::from_words(&input.mnemonic, &input.password).map_err(|error| error.to_string())?;
    let public = persona.key.public();
    let local = persona.local_key.as_ref().ok_or("no local key was derived")?;
    let words = persona.words.as_ref().ok_or("no recovery words were kept")?;
    let exported = persona.to_key_string().map_err(|error| error.to_string())?;
    let identifier = PersonaId(public).to_string();
    let ours = json!({
        "private_hex": to_hex(persona.key.to_bytes().as_slice()),
        "private_jwk": parse::<Json>(&private_jwk(&persona.key))?,
        "public_jwk": parse::<Json>(&public_jwk(&public))?,
        "identifier": identifier,
        "raw_public_key_base64": identifier.rsplit('/').next().unwrap_or_default().replace('|', "/"),
        "public_key_hex": public.to_hex(),
        "local_key_hex": to_hex(local.as_bytes()),
        "local_key_jwk": parse::<Json>(&local_key_jwk(local))?,
        "mnemonic_record": {
            "words": words.words.as_str(),
            "parameter": {"path": words.path, "withPassword": words.with_password},
        },
        "private_key_export_string": exported.as_str(),
    });
    for (name, ours) in ours.as_object().into_iter().flatten() {
        equal(name, output.get(name).unwrap_or(&Json::Null), ours)?;
    }
    for read in [Persona::from_key_string(&exported), Persona::from_jwk(&private_jwk(&persona.key))] {
        equal("key read back", &persona.key, &read.map_err(|error| error.to_string())?.key)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct CodecIn {
    network: String,
    text: String,
}

#[derive(Deserialize)]
struct CodecOut {
    decoded: Vec<WireIn>,
}

/// The payloads in page text, in order.
pub(super) fn check_network_codec(case: &Case) -> Result<(), Failure> {
    let input: Vec<CodecIn> = parse(case.input.get())?;
    let output: Vec<CodecOut> = parse(case.output.get())?;
    equal("number of rows", &output.len(), &input.len())?;
    for (index, (input, output)) in input.iter().zip(&output).enumerate() {
        let expected = output.decoded.iter().map(WireIn::to_wire).collect::<Result<Vec<Wire>, _>>()?;
        equal(&format!("row {index}"), &expected, &find_in_text(network_of(&input.network)?, &input.text))?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct CommentIn {
    post_iv_hex: String,
    post_content: String,
}

#[derive(Deserialize)]
struct CommentOut {
    payload_text: String,
    decrypted: String,
}

/// A comment opens with its post, alone and among other words, and with no other post.
pub(super) fn check_comment(case: &Case) -> Result<(), Failure> {
    let input: CommentIn = parse(case.input.get())?;
    let output: CommentOut = parse(case.output.get())?;
    let iv = PostIv(hex_array(&input.post_iv_hex)?);
    for text in [output.payload_text.clone(), format!("well: {} 🎵 yes", output.payload_text)] {
        equal("decrypted", &Ok(output.decrypted.clone()), &decrypt_comment(&text, &iv, &input.post_content))?;
    }
    let elsewhere = decrypt_comment(&output.payload_text, &iv, &format!("{} ", input.post_content));
    equal("opens under another post", &true, &elsewhere.is_err())
}

#[derive(Deserialize)]
struct BackupIn {
    password: String,
    backup_hex: String,
}

#[derive(Deserialize)]
struct BackupOut {
    password_bytes_hex: String,
    decrypted_hex: String,
}

/// A backup opens to its bytes and is written again byte for byte;
/// changed bytes and wrong passwords give an error.
pub(super) fn check_backup(case: &Case) -> Result<(), Failure> {
    let input: BackupIn = parse(case.input.get())?;
    let output: BackupOut = parse(case.output.get())?;
    equal("password_bytes_hex", &output.password_bytes_hex, &to_hex(&password_bytes(&input.password)))?;
    let file = hex(&input.backup_hex)?;
    let plain = decrypt_backup_file(&file, &input.password).map_err(|error| error.to_string())?;
    equal("decrypted_hex", &output.decrypted_hex, &to_hex(&plain))?;

    // Mark (16), array of three (1), then twice a head (2) and 16 bytes.
    let mut script = Script::default();
    script.push(file.get(19..35).ok_or("the file is too short for a salt")?);
    script.push(file.get(37..53).ok_or("the file is too short for a nonce")?);
    let again =
        encrypt_backup_file(&plain, &input.password, &mut script).map_err(|error| error.to_string())?;
    script.check_used()?;
    equal("written again", &input.backup_hex, &to_hex(&again))?;

    // All places of a small file; of a large one some, for each costs a hash over the whole.
    for place in (0..file.len()).step_by(1 + file.len() / 2048) {
        let mut changed = file.clone();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1;
        }
        if decrypt_backup_file(&changed, &input.password).is_ok() {
            return Err(format!("opens although byte {place} was changed"));
        }
    }
    let wrong = decrypt_backup_file(&file, &format!("{}x", input.password));
    equal("wrong password", &Some(OpenError::WrongPassword), &wrong.err())
}
