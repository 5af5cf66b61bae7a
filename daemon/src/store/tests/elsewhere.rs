//! What is known of the own bundle, and that another home has a persona.

use std::time::Duration;

use bauta_protocol::id::{Capability, InboxId};
use bauta_protocol::mask::PostIv;
use bauta_protocol::time::Timestamp;

use super::support::{NOW, persona, store};
use crate::random;
use crate::store::memory::MemoryStore;
use crate::store::{NewPublication, TABLES};

#[test]
fn a_restored_home_knows_the_inboxes_before_it_and_no_mark() {
    let (mut old, alice) = store();
    let stranger = Capability::generate(&mut random::rng()).inbox_id();
    let mut inboxes: Vec<InboxId> = vec![old.run(|tx| tx.persona(alice)).inbox.inbox_id()];
    for _ in 0..70 {
        let rows = old.run(|tx| {
            tx.set_elsewhere(alice, NOW)?;
            tx.set_known_bundle(alice, Some(NOW))?;
            tx.set_check_wait(alice, Duration::from_secs(1))?;
            let tables = TABLES.iter().filter(|table| ["relays", "personas"].contains(&table.name));
            tables.map(|table| Ok((table, tx.backup_table(table)?))).collect::<Result<Vec<_>, _>>()
        });
        let mut new = MemoryStore::new();
        new.run(|tx| {
            for (table, rows) in &rows {
                rows.iter().try_for_each(|cells| tx.restore_row(table, cells))?;
            }
            assert_eq!((tx.elsewhere_at(alice)?, tx.known_bundle(alice)?), (None, None));
            assert_eq!((tx.check_wait(alice)?, tx.checked_at(alice)?), (None, Timestamp(0)));
            inboxes.push(tx.persona(alice)?.inbox.inbox_id());
            // The last of very many.
            for (age, inbox) in inboxes.iter().rev().enumerate() {
                assert_eq!(tx.is_own_inbox(alice, inbox)?, age < 64, "{age}");
            }
            assert!(!tx.is_own_inbox(alice, &stranger)?);
            Ok(())
        });
        old = new;
    }
}

#[test]
fn keys_of_posts_are_not_published_for_a_persona_that_another_home_has() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bea = persona(tx, "bea")?;
        for (iv, persona) in [(PostIv([1; 16]), alice), (PostIv([2; 16]), bea)] {
            tx.queue_publication(&NewPublication { iv, persona, nodes: "[]" }, NOW)?;
        }
        tx.set_elsewhere(alice, NOW)?;
        tx.set_elsewhere(alice, NOW.plus(Duration::from_secs(9)))?;
        assert_eq!((tx.elsewhere_at(alice)?, tx.elsewhere_at(bea)?), (Some(NOW), None), "since then");
        let due = tx.due_publications(NOW, 10)?;
        assert_eq!(due.iter().map(|one| one.persona).collect::<Vec<_>>(), [bea]);
        for one in due {
            tx.publication_done(one.row)?;
        }
        assert!(tx.due_publications(NOW, 10)?.is_empty());
        assert_eq!(tx.next_publication()?, None);
        Ok(())
    });
}
