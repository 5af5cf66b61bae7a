use std::collections::BTreeSet;
use std::path::PathBuf;

use bauta_ipc::{RpcError, codes};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use tokio::time::Instant;

use super::narrator::Narrator;
use super::people::{Person, Sent, millis};
use super::report::Opened;
use super::search::{self, Needle};
use super::stage::Cast;

const QUESTION: &str = "Meet me where the lantern hangs, at nine.";
const POST: &str = "The ball begins when the last gondola has gone.";
const ANSWER: &str = "I will wear the white mask.";

/// Both messages, and what must not be found anywhere.
pub(super) struct Played {
    pub(super) message: Sent,
    pub(super) reply: Sent,
    pub(super) post: Opened,
    pub(super) secrets: Secrets,
}

/// Alice invites Bob, Bob writes, Alice answers; meanwhile Alice publishes a post for Bob.
pub(super) async fn play(cast: &Cast, narrator: &Narrator) -> Result<Played, RpcError> {
    let Cast { alice, bob } = cast;
    let invitation = alice.invite("bob").await?;
    let (talk, post) = futures::try_join!(talk(cast, &invitation, narrator), publish(cast, narrator))?;
    let (message, reply) = talk;
    let secrets = Secrets::new([alice, bob], &invitation)?;
    Ok(Played { message, reply, post, secrets })
}

async fn talk(cast: &Cast, invitation: &str, narrator: &Narrator) -> Result<(Sent, Sent), RpcError> {
    let Cast { alice, bob } = cast;
    narrator.step("Alice creates an invitation and gives it to Bob, outside of Bauta.");
    bob.add("alice", invitation).await?;
    narrator.phase("Bob accepts the invitation and writes: the keys are exchanged through the mixnet");
    let message = bob.send("alice", QUESTION).await?;
    alice.has_received("bob", QUESTION).await?;
    narrator.step(&format!(
        "Bob to Alice: \"{QUESTION}\" Stored at the relay after {}, delivered after {}.",
        seconds(message.stored_ms),
        seconds(message.delivered_ms)
    ));
    narrator.phase("Alice answers");
    let reply = alice.send("bob", ANSWER).await?;
    bob.has_received("alice", ANSWER).await?;
    narrator.step(&format!(
        "Alice to Bob: \"{ANSWER}\" Stored at the relay after {}, delivered after {}.",
        seconds(reply.stored_ms),
        seconds(reply.delivered_ms)
    ));
    Ok((message, reply))
}

/// Alice encrypts a post for Bob, its key goes to the Gun relay, and Bob fetches it from there.
async fn publish(cast: &Cast, narrator: &Narrator) -> Result<Opened, RpcError> {
    let Cast { alice, bob } = cast;
    bob.hurry().await?;
    let begun = Instant::now();
    let post = alice.post(&bob.persona().public_key, POST).await?;
    let published_ms = millis(begun.elapsed());
    let begun = Instant::now();
    let text = bob.open(&post).await?;
    let decrypted_ms = millis(begun.elapsed());
    if text != POST {
        return Err(RpcError::new(
            &codes::INTERNAL,
            "The opened post has another text than the written one.",
        ));
    }
    narrator.step(&format!(
        "Alice's post for Bob: \"{POST}\" Its key at the Gun relay after {}, opened by Bob after {}.",
        seconds(published_ms),
        seconds(decrypted_ms)
    ));
    Ok(Opened { text, state: "decrypted", published_ms, decrypted_ms })
}

/// What must not be in any file or log.
pub(super) struct Secrets(Vec<Needle>);

impl Secrets {
    fn new(people: [&Person; 2], invitation: &str) -> Result<Self, RpcError> {
        let damaged = |_| RpcError::new(&codes::INTERNAL, "The daemon sent a damaged key or invitation.");
        let mut needles = vec![
            Needle::new("the message", QUESTION.as_bytes()),
            Needle::new("the reply", ANSWER.as_bytes()),
            Needle::new("the post", POST.as_bytes()),
            Needle::new("the invitation", invitation.as_bytes()),
        ];
        let seed = invitation.split('#').nth(1).unwrap_or_default();
        needles.push(Needle::new(
            "the invitation's seed",
            &BASE64URL_NOPAD.decode(seed.as_bytes()).map_err(damaged)?,
        ));
        for person in people {
            let persona = person.persona();
            let key = HEXLOWER.decode(persona.public_key.as_bytes()).map_err(damaged)?;
            // Without the first byte, the sign, which other notations leave out.
            needles.push(Needle::new("a persona key", key.get(1..).unwrap_or_default()));
            needles.push(Needle::new("an address", persona.address.as_bytes()));
        }
        Ok(Self(needles))
    }

    /// Those found in a text.
    pub(super) fn found_in_text(&self, text: &str) -> BTreeSet<String> {
        search::find_in_text(&self.0, text)
    }

    /// Those found at or below `places`.
    pub(super) async fn found_in(&self, places: &[PathBuf]) -> Result<BTreeSet<String>, RpcError> {
        search::find(self.0.clone(), places.to_vec()).await
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}
