use std::collections::BTreeMap;

use bauta_protocol::mask::{PostIv, ProfileId};
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, contact, key, message, request, store};
use crate::store::ids::RequestId;
use crate::store::posts::PublicationCount;
use crate::store::{
    Change, Connection, ContactId, Doubt, Happened, MessageSeq, MessageState, PersonaId, PrekeysId,
    ProfileRow, ProfileSource, Reason, Tx,
};

/// One of each kind of row.
struct Rows {
    persona: PersonaId,
    contact: ContactId,
    message: MessageSeq,
    request: RequestId,
    prekeys: PrekeysId,
    profile: ProfileId,
}

fn rows(tx: &Tx<'_>, persona: PersonaId) -> Rows {
    let bob = contact(tx, persona, "bob").unwrap();
    let profile = ProfileId::new("twitter.com", "bob").unwrap();
    let row = ProfileRow {
        profile: profile.clone(),
        persona: key(),
        nickname: None,
        source: ProfileSource::Hand,
        learned_at: NOW,
    };
    tx.put_profile(&row).unwrap();
    Rows {
        persona,
        contact: bob,
        message: message(tx, bob, true, 1).unwrap().unwrap(),
        request: request(tx, persona, "one").unwrap(),
        prekeys: tx.add_prekeys(persona, NOW, at(10), at(20), b"secret", NOW).unwrap(),
        profile,
    }
}

fn one_of_each(tx: &Tx<'_>, rows: &Rows) -> Vec<Happened> {
    let profile = tx.profile_row(&rows.profile).unwrap().unwrap();
    let reason = Some(Reason::InvitationEnded);
    let count = PublicationCount {
        persona: rows.persona,
        keys: 3,
        published: 1,
        failed: 1,
        reason: Some(Reason::GivenUp),
    };
    vec![
        Happened::MessageReceived(rows.message),
        Happened::MessageState { message: rows.message, state: MessageState::Failed, reason },
        Happened::MessageState { message: rows.message, state: MessageState::Stored, reason: None },
        Happened::ContactRequest(rows.request),
        Happened::ContactAdded(rows.contact),
        Happened::ContactChanged(rows.contact, Change::Gap),
        Happened::ContactDeleted(rows.persona),
        Happened::PersonaPublished(rows.prekeys),
        Happened::PostState { iv: PostIv([5; 16]), count },
        Happened::PostLookup { iv: PostIv([6; 16]), done: 1, of: 2, records: 70_000 },
        Happened::ProfileLearned(profile),
        Happened::ProfileChanged(profile),
        Happened::Connection(rows.persona, Connection::FirstExchange),
        Happened::Relay(rows.persona, RELAY, Doubt::Dishonest),
        Happened::Elsewhere(rows.persona),
    ]
}

#[test]
fn every_event_is_read_as_it_was_written() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let rows = rows(tx, persona);
        let all = one_of_each(tx, &rows);
        for (second, what) in (1..).zip(&all) {
            tx.emit(*what, at(second))?;
        }
        let read = tx.events_after(0, 100)?;
        assert_eq!(read.iter().map(|event| event.what).collect::<Vec<_>>(), all);
        assert!((1..).zip(&read).all(|(second, event)| event.at == at(second)));
        assert_eq!(tx.events_after(read[4].cursor, 3)?, read[5..8]);
        Ok(())
    });
}

/// The log holds numbers and ids: no name, key or word of the rows is in it.
#[test]
fn an_event_holds_no_text() {
    let (mut store, _) = store();
    let texts = store.run(|tx| {
        tx.count("count", "SELECT count(*) FROM pragma_table_info('events') WHERE type = 'TEXT'", [])
    });
    assert_eq!(texts, 0);
}

#[test]
fn an_event_cannot_name_a_row_that_is_not_there() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let rows = rows(tx, persona);
        tx.delete_contact(rows.contact)?;
        assert!(tx.emit(Happened::ContactAdded(rows.contact), NOW).is_err());
        Ok(())
    });
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Emit(usize),
    DeleteContact,
    DeleteRequest,
    ErasePrekeys,
    ForgetProfile,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (0usize..14).prop_map(Deed::Emit),
        1 => Just(Deed::DeleteContact),
        1 => Just(Deed::DeleteRequest),
        1 => Just(Deed::ErasePrekeys),
        1 => Just(Deed::ForgetProfile),
    ]
}

/// Which row's end takes an event along: 1 the contact's, 2 the request's, 3 the prekeys', 4 the profile's.
fn depends_on(what: &Happened) -> u8 {
    match what {
        Happened::MessageReceived(_)
        | Happened::MessageState { .. }
        | Happened::ContactAdded(_)
        | Happened::ContactChanged(..) => 1,
        Happened::ContactRequest(_) => 2,
        Happened::PersonaPublished(_) => 3,
        Happened::ProfileLearned(_) | Happened::ProfileChanged(_) => 4,
        Happened::PostState { .. }
        | Happened::PostLookup { .. }
        | Happened::ContactDeleted(_)
        | Happened::Connection(..)
        | Happened::Relay(..)
        | Happened::Elsewhere(_) => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// After any deeds the log holds exactly the events whose rows are there, in order, under their first cursors.
    #[test]
    fn events_never_outlive_their_rows(deeds in prop::collection::vec(any_deed(), 0..40)) {
        let (mut store, persona) = store();
        store.run(|tx| {
            let rows = rows(tx, persona);
            let all = one_of_each(tx, &rows);
            let (mut model, mut gone, mut cursor) = (BTreeMap::new(), [false; 5], 0);
            for deed in deeds {
                let ends = match deed {
                    Deed::Emit(number) => {
                        let what = all[number];
                        if !gone[usize::from(depends_on(&what))] {
                            cursor += 1;
                            tx.emit(what, NOW)?;
                            model.insert(cursor, what);
                        }
                        0
                    }
                    Deed::DeleteContact => {
                        tx.delete_contact(rows.contact)?;
                        1
                    }
                    Deed::DeleteRequest => {
                        if let Some(row) = tx.request_by_id(rows.request)? {
                            tx.delete_request_of(persona, &row.public)?;
                        }
                        2
                    }
                    Deed::ErasePrekeys => {
                        tx.erase_prekeys(at(30))?;
                        3
                    }
                    Deed::ForgetProfile => {
                        tx.forget_profile(&rows.profile)?;
                        4
                    }
                };
                if ends > 0 {
                    gone[usize::from(ends)] = true;
                    model.retain(|_, what| depends_on(what) != ends);
                }
                let read: BTreeMap<_, _> =
                    tx.events_after(0, 100)?.into_iter().map(|event| (event.cursor, event.what)).collect();
                assert_eq!(read, model);
                assert_eq!((tx.event_floor()?, tx.last_event()?), (0, cursor), "a cursor stays good");
            }
            Ok(())
        });
    }

    /// Pruning cuts the log at one place: what is after the floor is whole.
    #[test]
    fn pruning_leaves_an_end(ages in prop::collection::vec(0u64..100, 1..30), before in 0u64..120) {
        let (mut store, alice) = store();
        store.run(|tx| {
            for age in &ages {
                tx.emit(Happened::Relay(alice, RELAY, Doubt::Suspect), at(*age))?;
            }
            tx.prune_events(at(before))?;
            let floor = tx.event_floor()?;
            let left: Vec<_> = tx.events_after(0, 100)?.into_iter().map(|event| event.cursor).collect();
            assert_eq!(left, (floor + 1..=tx.last_event()?).collect::<Vec<_>>());
            let old = ages.iter().rposition(|age| *age < before).map_or(0, |place| place + 1);
            assert_eq!(floor, u64::try_from(old).unwrap());
            Ok(())
        });
    }
}
