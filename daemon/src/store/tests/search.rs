use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::{NOW, contact, message, persona, say, store, whisper};
use crate::store::memory::MemoryStore;
use crate::store::{ContactId, ConversationId, MessageSeq, PersonaId, StoreError, Tx};

fn conversation(tx: &Tx<'_>, contact: ContactId) -> Result<ConversationId, StoreError> {
    Ok(tx.contact(contact)?.unwrap().conversation)
}

/// Everything that is found, over pages of two.
fn found(
    store: &mut MemoryStore,
    persona: PersonaId,
    conversation: Option<ConversationId>,
    query: &str,
) -> Vec<MessageSeq> {
    let (mut all, mut before) = (Vec::new(), MessageSeq::END);
    loop {
        let page =
            store.run(|tx| tx.search(persona, conversation, query, before, 2, NOW)).unwrap_or_default();
        let Some(last) = page.last() else { return all };
        before = last.seq;
        all.extend(page.into_iter().map(|row| row.seq));
    }
}

/// Each index agrees with itself, and they hold as many pieces as it should.
fn check(store: &mut MemoryStore, expect_empty: bool) {
    while store.run(|tx| tx.purge_index(2)) {}
    store.run(|tx| {
        let mut pieces = 0;
        for index in ["search", "search_brief"] {
            let check = format!("INSERT INTO {index} ({index}) VALUES ('integrity-check')");
            tx.execute("check the index", &check, [])?;
            let look = format!("CREATE VIRTUAL TABLE temp.held USING fts5vocab (main, {index}, row)");
            tx.execute("look into it", &look, [])?;
            pieces += tx.count("count pieces", "SELECT count(*) FROM held", [])?;
            tx.execute("forget the view", "DROP TABLE temp.held", [])?;
        }
        assert_eq!(pieces == 0, expect_empty, "{pieces} pieces");
        Ok(())
    });
}

#[test]
fn parts_of_words_are_found_in_every_script() {
    let (mut store, alice) = store();
    let texts = [
        "Meet me at the Hauptbahnhof, at nine",
        "我们明天在东京站见面",
        "私は猫が好きです",
        "猫",
        "Приве\u{301}т, как дела?",
        "안녕하세요",
        "Ça coûte 12,50 € 🎭",
        "the end of nine lives",
    ];
    let seqs = store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        (1..).zip(texts).map(|(id, text)| say(tx, bob, id % 2 == 0, id, text)).collect::<Result<Vec<_>, _>>()
    });
    let mut places = |query: &str| -> Vec<usize> {
        let found = found(&mut store, alice, None, query);
        found.iter().map(|seq| seqs.iter().position(|other| other == seq).unwrap()).collect()
    };
    for (query, expected) in [
        ("bahnhof", &[0][..]),
        ("HAUPT hof", &[0]),
        ("nine", &[7, 0]),
        ("nine meet", &[0]),
        ("东京", &[1]),
        ("東京", &[]),
        ("京", &[1]),
        ("明天在东京站", &[1]),
        ("猫", &[3, 2]),
        ("猫が", &[2]),
        ("好き", &[2]),
        ("ですか", &[]),
        ("привет", &[4]),
        ("녕하", &[5]),
        ("ca", &[6]),
        ("€", &[]),
        ("🎭", &[6]),
        ("12", &[6]),
        ("en", &[7]),
        ("e e e", &[7, 6, 0]),
        ("xyz", &[]),
        ("hofat", &[]),
    ] {
        assert_eq!(places(query), expected, "{query}");
    }
    for nothing in ["", " ", "?!", "\u{e000}1", "*", "\"", "\0"] {
        let found = store.run(|tx| tx.search(alice, None, nothing, MessageSeq::END, 9, NOW));
        assert!(found.is_none() || nothing == "\u{e000}1", "{nothing:?}");
    }
    // Syntax of the index means nothing.
    assert!(found(&mut store, alice, None, "nine OR xyz").is_empty());
    assert!(found(&mut store, alice, None, "pieces:nine*").is_empty());
}

#[test]
fn personas_and_conversations_are_apart() {
    let (mut store, alice) = store();
    let (bob, carol, other) = store.run(|tx| {
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, alice, "carol")?);
        let bea = persona(tx, "bea")?;
        let dan = contact(tx, bea, "dan")?;
        for contact in [bob, carol, dan] {
            say(tx, contact, false, 1, "the same words")?;
        }
        // What has no words is in no index.
        message(tx, bob, false, 9)?;
        Ok((conversation(tx, bob)?, conversation(tx, carol)?, bea))
    });
    assert_eq!(found(&mut store, alice, None, "same").len(), 2);
    assert_eq!(found(&mut store, other, None, "same").len(), 1);
    assert_eq!(found(&mut store, alice, Some(bob), "same").len(), 1);
    assert!(found(&mut store, other, Some(bob), "same").is_empty(), "not of that persona");
    store.run(|tx| tx.move_messages(bob, carol));
    // The second of the same id stays where it was, as it does in the conversation.
    assert_eq!(found(&mut store, alice, Some(carol), "same").len(), 1);
    store.run(|tx| {
        say(tx, tx.contact_in(bob)?.unwrap().id, false, 2, "moved")?;
        tx.move_messages(bob, carol)
    });
    assert_eq!(found(&mut store, alice, Some(carol), "moved").len(), 1);
    assert!(found(&mut store, alice, Some(bob), "moved").is_empty());
    check(&mut store, false);
}

#[test]
fn what_is_deleted_leaves_no_piece() {
    let (mut store, alice) = store();
    let bob = store.run(|tx| contact(tx, alice, "bob"));
    for id in 1..=60 {
        store.run(|tx| {
            let text = format!("words of number {id}, 東京 and so on");
            if id % 2 == 0 { say(tx, bob, false, id, &text) } else { whisper(tx, bob, false, id, &text, 60) }
        });
    }
    check(&mut store, false);
    store.run(|tx| tx.delete_contact(bob));
    check(&mut store, true);
}

/// Texts that share many pieces.
fn text() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &["a", "b", "ab", "ba", "aab", " ", "猫", "東京", "é", "B", ".", "🎭"];
    prop::collection::vec(prop::sample::select(PARTS), 1..9).prop_map(|parts| parts.concat())
}

/// As the index should see a text.
fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('é', "e");
    text.split([' ', '.']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What is found is what a look at every text would find, whatever was deleted before.
    #[test]
    fn the_index_agrees_with_the_texts(
        texts in prop::collection::vec((text(), any::<bool>()), 1..20),
        queries in prop::collection::vec(text(), 1..12),
    ) {
        let (mut store, alice) = store();
        let bob = store.run(|tx| contact(tx, alice, "bob"));
        let mut kept = BTreeMap::new();
        for (id, (text, _)) in (1..).zip(&texts) {
            let seq = store.run(|tx| match id % 3 {
                0 => whisper(tx, bob, false, id, text, 60),
                _ => say(tx, bob, false, id, text),
            });
            kept.insert(seq, text);
        }
        let gone: Vec<MessageSeq> =
            kept.keys().copied().zip(&texts).filter(|(_, (_, gone))| *gone).map(|(seq, _)| seq).collect();
        for seq in gone {
            store.run(|tx| tx.delete_message(seq));
            kept.remove(&seq);
        }
        for query in queries {
            let words = plain(&query);
            let holds = |text: &str| {
                let text = plain(text);
                words.iter().all(|word| text.iter().any(|other| other.contains(word)))
            };
            let mut expected: Vec<MessageSeq> =
                kept.iter().filter(|(_, text)| !words.is_empty() && holds(text)).map(|(seq, _)| *seq).collect();
            expected.reverse();
            prop_assert_eq!(found(&mut store, alice, None, &query), expected, "{}", query);
        }
        check(&mut store, kept.is_empty());
    }
}
