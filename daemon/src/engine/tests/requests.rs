use std::fs;
use std::path::Path;

use bauta_protocol::id::PersonaKey;

use super::world::{Draw, NOW, Person, Relays, add_persona, moment};
use crate::engine::{bundle, greet, invite};
use crate::store::{Happened, PersonaId, Store, StoreError, Tx};
use crate::unlock::MasterKey;

const WORDS: &str = "the words of a stranger, needle 7c1f0a9e53d2";

/// A home on disk that is not encrypted, with one persona.
struct Home {
    dir: tempfile::TempDir,
    store: Store,
    persona: PersonaId,
    relays: Relays,
}

impl Home {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_readable(dir.path(), &MasterKey::for_tests([7; 32]), NOW).unwrap();
        let persona = store.run(|tx| add_persona(tx, "alice")).await.unwrap();
        let mut relays = Relays::default();
        let (key, prekeys) = store
            .run(move |tx| -> Result<_, StoreError> {
                let row = tx.persona(persona)?;
                let prekeys = bundle::fresh_prekeys(tx, &row, NOW)?;
                Ok((row.public, prekeys))
            })
            .await
            .unwrap();
        relays.publish_prekeys(key, &prekeys);
        Self { dir, store, persona, relays }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.run(job).await.unwrap()
    }

    async fn key(&self) -> PersonaKey {
        let persona = self.persona;
        self.run(move |tx| tx.persona(persona)).await.public
    }

    /// A stranger's first message is in the inbox and is read.
    async fn hear(&mut self, stranger: &mut Person, words: &str) -> PersonaKey {
        let sealed = stranger.knock(self.key().await, words, &mut self.relays);
        let persona = self.persona;
        self.run(move |tx| greet::take_deposit(tx, persona, 1, &sealed, 0, &moment(NOW))).await;
        stranger.row().public
    }

    /// Whether the words are anywhere in the files of the home.
    fn holds(&self) -> bool {
        files_hold(self.dir.path(), WORDS.as_bytes())
    }

    async fn told_of_requests(&self) -> u64 {
        let events = self.run(|tx| tx.events_after(0, 1000)).await;
        let told = events.iter().filter(|event| matches!(event.what, Happened::ContactRequest(_))).count();
        u64::try_from(told).unwrap()
    }
}

fn files_hold(dir: &Path, needle: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn a_request_of_someone_blocked_leaves_no_words() {
    let mut home = Home::new().await;
    let key = home.hear(&mut Person::new("mallory", &mut Relays::default()), WORDS).await;
    assert!(home.holds(), "otherwise this test finds nothing anyway");
    assert_eq!(home.told_of_requests().await, 1);
    let persona = home.persona;
    home.run(move |tx| {
        tx.block_key(persona, &key, NOW)?;
        tx.delete_request_of(persona, &key)
    })
    .await;
    assert!(!home.holds());
    assert_eq!(home.told_of_requests().await, 0);
}

#[tokio::test]
async fn a_request_that_a_newer_one_replaces_leaves_no_words() {
    let mut home = Home::new().await;
    let mut stranger = Person::new("carol", &mut Relays::default());
    home.hear(&mut stranger, WORDS).await;
    assert!(home.holds());
    home.hear(&mut stranger, "never mind").await;
    assert!(!home.holds());
    let persona = home.persona;
    assert_eq!(home.run(move |tx| tx.count_requests(persona)).await, 1);
    assert_eq!(home.told_of_requests().await, 1);
}

#[tokio::test]
async fn a_request_that_is_evicted_leaves_no_words() {
    let mut home = Home::new().await;
    home.hear(&mut Person::new("first", &mut Relays::default()), WORDS).await;
    assert!(home.holds());
    for _ in 0..greet::MOST_REQUESTS {
        home.hear(&mut Person::new("one of many", &mut Relays::default()), "hello").await;
    }
    assert!(!home.holds());
    assert_eq!(home.told_of_requests().await, greet::MOST_REQUESTS);
}

#[tokio::test]
async fn a_request_that_an_invitation_overtakes_leaves_no_words() {
    let mut home = Home::new().await;
    let mut stranger = Person::new("dave", &mut Relays::default());
    home.hear(&mut stranger, WORDS).await;
    assert!(home.holds());
    let persona = home.persona;
    let address = home
        .run(move |tx| {
            let row = tx.persona(persona)?;
            invite::invite(tx, &row, None, &moment(NOW)).map(|(address, _)| address)
        })
        .await;
    let contact = stranger.contact_with(address.persona);
    stranger.answer_as(contact, &address);
    let mut draw = Draw::new(5);
    let mut now = NOW;
    while home.run(move |tx| tx.count_requests(persona)).await > 0 {
        now.0 += 50;
        assert!(now.0 < NOW.0 + 1_000_000, "the invitation is on its way for ever");
        home.carry(&mut draw, now).await;
        stranger.step(&mut home.relays, now, &mut draw);
    }
    assert!(!home.holds());
    assert_eq!(home.told_of_requests().await, 0);
}

impl Home {
    /// Brings the invitation's boxes to the relay, and takes what is there.
    async fn carry(&mut self, draw: &mut Draw, now: bauta_protocol::time::Timestamp) {
        let persona = self.persona;
        for one in self.run(move |tx| tx.due_boxes(persona, now, 64)).await {
            let sealed = self.run(move |tx| tx.boxed(one.row)).await.unwrap();
            let answer = Ok(self.relays.put(sealed.id, &sealed.bytes));
            self.run(move |tx| crate::engine::actor::land::keep_put(tx, one.row, &answer, &moment(now)))
                .await;
        }
        let lanes = self.run(move |tx| tx.invite_lanes(persona)).await;
        let wanted: Vec<_> =
            lanes.into_iter().flat_map(|lane| lane.2.into_iter().map(move |want| (lane.0, want))).collect();
        let Some((of, want)) = draw.pick(&wanted) else { return };
        if let Some(bytes) = self.relays.boxed(want.id) {
            self.run(move |tx| invite::host_box(tx, of, want.index, &bytes, &moment(now))).await;
        }
    }
}
