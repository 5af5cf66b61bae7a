//! How a home with a million messages behaves: prints the table of `docs/performance.md`. Not part of the tests:
//! `cargo test --release -p bauta-daemon --lib million -- --ignored --nocapture`, with another number of messages in
//! BAUTA_MESSAGES.

use std::time::{Duration, Instant};

use bauta_ipc::Client;
use bauta_protocol::content::Content;
use bauta_protocol::id::{MessageId, PersonaKey};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::{RELAY, Served};
use crate::random;
use crate::store::{ContactState, ConversationId, NewContact, NewMessage, PersonaId, StoreError, Tx};

/// Contacts; the first has every second message.
const CONTACTS: u64 = 50;

/// Messages in one transaction.
const BATCH: u64 = 5_000;

const WORDS: [&str; 48] = [
    "the",
    "and",
    "you",
    "that",
    "was",
    "for",
    "are",
    "with",
    "have",
    "this",
    "from",
    "they",
    "will",
    "would",
    "there",
    "their",
    "what",
    "about",
    "which",
    "when",
    "make",
    "time",
    "just",
    "know",
    "take",
    "people",
    "into",
    "year",
    "good",
    "some",
    "could",
    "them",
    "other",
    "than",
    "then",
    "look",
    "only",
    "come",
    "over",
    "think",
    "also",
    "back",
    "after",
    "work",
    "first",
    "tomorrow",
    "station",
    "nevertheless",
];

const HAN: &str = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从京東猫";

/// Numbers that look drawn, the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % bound
    }

    /// About forty characters; common words are drawn more often than others, and every tenth text is Chinese.
    fn text(&mut self, number: u64) -> String {
        let count = 4 + self.below(10);
        if number % 10 == 3 {
            let han: Vec<char> = HAN.chars().collect();
            return (0..count * 2).map(|_| han[self.below(han.len()).min(self.below(han.len()))]).collect();
        }
        let mut text: Vec<&str> =
            (0..count).map(|_| WORDS[self.below(WORDS.len()).min(self.below(WORDS.len()))]).collect();
        let id = format!("ref{number}");
        if number.is_multiple_of(100) {
            text.push(&id);
        }
        text.join(" ")
    }
}

fn contacts(tx: &Tx<'_>, persona: PersonaId) -> Result<Vec<ConversationId>, StoreError> {
    (0..CONTACTS)
        .map(|number| {
            let key: PersonaKey = PersonaSecret::generate(&mut random::rng()).public();
            let new = NewContact {
                persona,
                name: &format!("contact {number}"),
                public: Some(key),
                state: ContactState::Active,
                relay: Some(RELAY),
            };
            let id = tx.add_contact(&new, Timestamp(0))?;
            Ok(tx.contact(id)?.unwrap().conversation)
        })
        .collect()
}

async fn fill(served: &Served, messages: u64) {
    let store = &served.node.shared.store;
    let (persona, conversations) = store
        .run(|tx| -> Result<_, StoreError> {
            let persona = tx.persona_named("alice")?.unwrap().id;
            Ok((persona, contacts(tx, persona)?))
        })
        .await
        .unwrap();
    let mut draw = Draw(0x1234_5678_9abc_def1);
    for first in (0..messages).step_by(usize::try_from(BATCH).unwrap()) {
        let conversations = conversations.clone();
        let texts: Vec<(u64, String)> =
            (first..messages.min(first + BATCH)).map(|number| (number, draw.text(number))).collect();
        let filled = store.run(move |tx| -> Result<(), StoreError> {
            for (number, text) in texts {
                let with = if number % 2 == 0 { 0 } else { number / 2 % CONTACTS };
                let (mut id, now) = ([0; 16], Timestamp(1_700_000_000_000 + number * 30_000));
                id[..8].copy_from_slice(&number.to_be_bytes());
                let id = MessageId(id);
                let content = Content::Text { id, sent_at: now, text: text.clone(), timer: None };
                let new = NewMessage {
                    persona,
                    conversation: conversations[usize::try_from(with).unwrap()],
                    outgoing: false,
                    id,
                    kind: content.kind(),
                    content: &content.encode().unwrap(),
                    text: Some(&text),
                    sent_at: now,
                    timer: None,
                };
                tx.add_message(&new, now)?;
            }
            Ok(())
        });
        filled.await.unwrap();
    }
}

/// The median and the longest of some calls.
async fn time(client: &Client, what: &str, method: &str, params: Value) {
    let mut times = Vec::new();
    let mut items = 0;
    for _ in 0..15 {
        let begun = Instant::now();
        let answer = client.call_raw(method, params.clone()).await.unwrap();
        times.push(begun.elapsed());
        items = answer["messages"].as_array().map_or(0, Vec::len);
    }
    times.sort_unstable();
    println!("| {what} | {items} | {} | {} |", ms(times[7]), ms(times[14]));
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    format!("{} MiB", kib / 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes"]
async fn a_home_with_a_million_messages() {
    let messages = std::env::var("BAUTA_MESSAGES").map_or(1_000_000, |number| number.parse().unwrap());
    let served = Served::start().await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    let begun = Instant::now();
    fill(&served, messages).await;
    println!("{messages} messages were written in {:.0} s.", begun.elapsed().as_secs_f64());
    drop(client);
    let home = served.stop().await;
    let size = std::fs::metadata(home.path().join("store.db")).unwrap().len();
    println!("The database has {} MiB.", size >> 20);

    let begun = Instant::now();
    let served = Served::start_in(home).await;
    let client = served.client().await;
    client.call_raw("status.get", json!({})).await.unwrap();
    println!("| what | messages | median | longest |\n|---|---:|---:|---:|");
    println!("| start, until `status.get` is answered | | {} | |", ms(begun.elapsed()));
    let newest = json!({"contact": "contact 0"});
    time(&client, "history, the last page", "message.history", newest).await;
    let middle = json!({"contact": "contact 0", "before": messages / 2});
    time(&client, "history, a page in the middle", "message.history", middle).await;
    time(&client, "inbox, unread, a page", "message.inbox", json!({"unread": true})).await;
    time(&client, "conversations", "conversation.list", json!({})).await;
    for (what, text) in [
        ("a common word", "the"),
        ("a rare word", "ref77700"),
        ("several words", "station nevertheless"),
        ("a part of a word", "verthele"),
        ("one letter", "e"),
        ("two letters", "th"),
        ("one Chinese character", "猫"),
        ("two Chinese characters", "東京"),
        ("a Chinese phrase that nobody said", "東京猫天如然"),
        ("a word that nobody said", "thereabout"),
        ("two words that are never together", "ref100 ref200"),
    ] {
        let params = json!({"text": text});
        time(&client, &format!("search: {what}"), "message.search", params).await;
    }
    let params = json!({"text": "tomorrow", "contact": "contact 7"});
    time(&client, "search: in one conversation of fifty", "message.search", params).await;
    println!("Memory of the process: {}.", memory());
    let begun = Instant::now();
    client.call_raw("conversation.delete", json!({"contact": "contact 7"})).await.unwrap();
    println!("Deleting a conversation of {} messages: {:.1?}.", messages / 2 / CONTACTS, begun.elapsed());
}
