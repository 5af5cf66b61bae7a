//! What goes with a row that is deleted: the whole schema is asked, so that a new table cannot be forgotten.

use std::collections::BTreeMap;

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, Capability, DoorAddress};
use bauta_protocol::mask::{PostDigest, PostIv, PostIvId, PostKey};

use super::support::{NOW, RELAY, at, contact, message, persona, put, request, say, sealed, session, store};
use crate::store::{
    BoxFor, Change, Connection, ContactId, Happened, KeyOrigin, NewInvite, NewPublication, PersonaId,
    PostKeyRow, PublicationCount, StoreError, Tx, Wanted,
};
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::time::Day;

/// Tables that are about the home, not about one persona of it. Those of the index have rows of their own making:
/// `search.rs` looks into them.
const OF_THE_HOME: [&str; 7] =
    ["meta", "relays", "profiles", "profile_doubts", "tags", "pairings", "sqlite_sequence"];

fn tables(tx: &Tx<'_>) -> Result<Vec<String>, StoreError> {
    tx.all("list tables", "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", [], |row| {
        row.get(0)
    })
}

/// The rows of each table that belongs to personas.
fn counts(tx: &Tx<'_>) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for table in tables(tx)? {
        if !OF_THE_HOME.contains(&table.as_str()) && !table.starts_with("search") {
            let rows = tx.count("count", &format!("SELECT count(*) FROM {table}"), [])?;
            counts.insert(table, rows);
        }
    }
    Ok(counts)
}

/// A row of each kind that a contact has, two of some.
fn furnish_contact(tx: &Tx<'_>, persona: PersonaId, name: &str) -> Result<ContactId, StoreError> {
    let contact = contact(tx, persona, name)?;
    let lane = session(tx, contact, true)?;
    tx.set_current_session(contact, Some(lane))?;
    let (sent, received) = (message(tx, contact, true, 1)?, message(tx, contact, false, 2)?);
    say(tx, contact, false, 3, "words")?;
    let deleted = say(tx, contact, false, 4, "deleted")?;
    tx.erase_message(deleted)?;
    sealed(tx, lane, sent, 0)?;
    sealed(tx, lane, None, 1)?;
    tx.note_sealed(sent.unwrap(), lane, Some((0, 0)))?;
    tx.add_guest(contact, persona, b"state", RELAY, &[])?;
    put(tx, persona, 0, BoxFor::Guest(contact))?;
    let content = (PostIv([5; 16]), PostDigest([6; 32]));
    tx.put_received_key(contact, content, &PostKey::from_bytes(&[7; 32]).unwrap(), NOW)?;
    tx.note_sighting(contact, RELAY, DescriptorSeen { day: Day(20_000), hash: [1; 32] }, true)?;
    for event in [
        Happened::ContactAdded(contact),
        Happened::ContactChanged(contact, Change::State),
        Happened::MessageReceived(received.unwrap()),
    ] {
        tx.emit(event, NOW)?;
    }
    Ok(contact)
}

/// A row of each kind that a persona has.
fn furnish(tx: &Tx<'_>, persona: PersonaId, handle: &str) -> Result<(), StoreError> {
    let bob = furnish_contact(tx, persona, "bob")?;
    furnish_contact(tx, persona, "carol")?;
    let prekeys = tx.add_prekeys(persona, NOW, at(10), at(20), b"secret", NOW)?;
    let mut transcript = [0; 32];
    transcript[..8]
        .copy_from_slice(&tx.count("count", "SELECT count(*) FROM transcripts", [])?.to_be_bytes());
    assert!(tx.remember_transcript(&transcript, prekeys)?);
    let wanted = &[Wanted { index: 1, id: BoxId([1; 32]), tag: Tag([5; 8]) }];
    for contact in [Some(bob), None] {
        let invite = tx.add_invite(&NewInvite {
            persona,
            contact,
            state: b"state",
            prekeys,
            relay: RELAY,
            wanted,
            expires_at: at(10),
        })?;
        put(tx, persona, 0, BoxFor::Invite(invite))?;
    }
    tx.queue_delete(persona, RELAY, &Capability::from_bytes(&[1; 32]), NOW)?;
    let identity = RelayIdentity::generate(&mut crate::random::rng());
    tx.learn_relay(persona, identity.id(), &[])?;
    let day = Day(20_000);
    let terms = DescriptorTerms {
        day,
        doors: vec![DoorAddress([1; DoorAddress::LEN])],
        put_bits: 3,
        deposit_bits: 4,
        size: Size::of(1),
        takes_personas: true,
        last_header: None,
        expiry: Day(day.0 + 8).start(),
    };
    let shown = Descriptor::sign(&identity, &terms, &mut crate::random::rng()).unwrap();
    tx.keep_descriptor(persona, &shown)?;
    let stranger = request(tx, persona, handle)?;
    tx.block_key(persona, &super::support::key(), NOW)?;
    let iv = PostIv([5; 16]);
    tx.queue_publication(&NewPublication { iv, persona, nodes: "[]" }, NOW)?;
    let post = PostKeyRow {
        persona: Some(persona),
        id: PostIvId { network: "twitter.com".to_owned(), iv },
        digest: Some(PostDigest([6; 32])),
        key: PostKey::from_bytes(&[7; 32]).unwrap(),
        author: None,
        public: false,
        origin: KeyOrigin::Written,
        site: None,
        found_at: NOW,
    };
    tx.put_post_key(&post)?;
    tx.add_post_readers(&post, &[super::support::key()])?;
    let count = PublicationCount { persona, keys: 1, published: 0, failed: 0, reason: None };
    for event in [
        Happened::ContactRequest(stranger),
        Happened::PersonaPublished(prekeys),
        Happened::PostState { iv, count },
        Happened::Connection(persona, Connection::Ready),
    ] {
        tx.emit(event, NOW)?;
    }
    Ok(())
}

#[test]
fn a_persona_that_is_deleted_leaves_no_row_in_any_table_and_others_keep_theirs() {
    let (mut store, alice) = store();
    store.run(|tx| {
        furnish(tx, alice, "one")?;
        let alone = counts(tx)?;
        for (table, rows) in &alone {
            assert!(*rows > 0, "{table} is filled by this test, or is in OF_THE_HOME");
        }
        let other = persona(tx, "other")?;
        furnish(tx, other, "two")?;
        let doubled: BTreeMap<_, _> = alone.iter().map(|(table, rows)| (table.clone(), rows * 2)).collect();
        assert_eq!(counts(tx)?, doubled);
        for (gone, left) in [(other, Some(alone)), (alice, None)] {
            tx.execute("delete a persona", "DELETE FROM personas WHERE id = ?1", [gone])?;
            let expected = left.unwrap_or_else(|| doubled.keys().map(|table| (table.clone(), 0)).collect());
            assert_eq!(counts(tx)?, expected);
        }
        Ok(())
    });
}

#[test]
fn a_contact_that_is_deleted_leaves_the_rows_of_others_only() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = furnish_contact(tx, alice, "bob")?;
        let before = counts(tx)?;
        let carol = furnish_contact(tx, alice, "carol")?;
        tx.delete_contact(carol)?;
        assert_eq!(counts(tx)?, before);
        assert!(tx.is_erased(), "its words do not stay in the files");
        assert!(tx.contact(carol)?.is_none() && tx.contact(bob)?.is_some());
        let again = furnish_contact(tx, alice, "carol")?;
        assert!(again > carol, "an id is never given twice");
        Ok(())
    });
}

#[test]
fn a_retired_session_leaves_its_messages_to_be_sealed_in_another() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let conversation = tx.contact(bob)?.unwrap().conversation;
        let (old, new) = (session(tx, bob, false)?, session(tx, bob, false)?);
        let seq = message(tx, bob, true, 1)?.unwrap();
        sealed(tx, old, Some(seq), 0)?;
        tx.note_sealed(seq, old, Some((0, 0)))?;
        tx.set_current_session(bob, Some(new))?;
        assert!(tx.has_sealed_open(old)?);
        tx.retire_sessions(at(1))?;
        assert!(tx.session(old)?.is_none() && !tx.has_sealed_open(old)?);
        assert!(tx.due_boxes(alice, at(1000), 10)?.is_empty());
        let open: Vec<_> = tx.unsealed(conversation, Some(new), 10)?.into_iter().map(|row| row.seq).collect();
        assert_eq!(open, [seq]);
        assert_eq!(tx.contacts_to_seal(alice)?, [bob]);
        Ok(())
    });
}

/// Every reference to a persona or a contact is followed when it is deleted: none of them is refused or left.
#[test]
fn every_reference_to_a_row_of_a_persona_is_followed() {
    let (mut store, _) = store();
    store.run(|tx| {
        for table in tables(tx)? {
            let references: Vec<(String, String)> = tx.all(
                "list references",
                "SELECT \"table\", on_delete FROM pragma_foreign_key_list(?1)",
                [&table],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            for (to, on_delete) in references {
                let expected = if to == "relays" { "NO ACTION" } else { "CASCADE" };
                assert_eq!(on_delete, expected, "{table} refers to {to}");
            }
        }
        Ok(())
    });
}
