//! Invitations of ours, those we answer, and the keys of both.

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, RelayId};

use super::support::{NOW, RELAY, at, contact, persona, store};
use crate::store::{
    ContactId, GuestPhase, InviteId, NewInvite, PersonaId, PrekeysId, StoreError, Timestamp, Tx, Wanted,
};

const WANTED: [Wanted; 2] = [
    Wanted { index: 0, id: BoxId([1; 32]), tag: Tag([5; 8]) },
    Wanted { index: 9, id: BoxId([2; 32]), tag: Tag([5; 8]) },
];

fn prekeys(tx: &Tx<'_>, persona: PersonaId, second: u64) -> Result<PrekeysId, StoreError> {
    tx.add_prekeys(persona, at(second), at(second + 10), at(second + 20), b"secret", at(second))
}

fn invite(
    tx: &Tx<'_>,
    persona: PersonaId,
    contact: Option<ContactId>,
    prekeys: PrekeysId,
    expires_at: Timestamp,
) -> Result<InviteId, StoreError> {
    let new =
        NewInvite { persona, contact, state: b"state", prekeys, relay: RELAY, wanted: &WANTED, expires_at };
    tx.add_invite(&new)
}

#[test]
fn an_invitation_is_read_as_it_was_made_and_as_it_was_saved() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let keys = prekeys(tx, alice, 0)?;
        let bob = contact(tx, alice, "bob")?;
        let first = invite(tx, alice, Some(bob), keys, at(10))?;
        let second = invite(tx, alice, None, keys, at(10))?;
        let row = tx.invite(first)?.unwrap();
        assert_eq!((row.id, row.persona, row.contact, row.prekeys), (first, alice, Some(bob), keys));
        assert_eq!(row.state.as_slice(), b"state");
        tx.save_invite(first, b"asked", &WANTED[1..], at(5))?;
        assert_eq!(tx.invite(first)?.unwrap().state.as_slice(), b"asked");
        assert_eq!(
            tx.invite_lanes(alice)?,
            [(second, RELAY, WANTED.to_vec(), Timestamp(0)), (first, RELAY, WANTED[1..].to_vec(), at(5))],
            "the newest first"
        );
        assert!(tx.invite_lanes(other)?.is_empty());
        tx.delete_invite(second)?;
        assert!(tx.invite(second)?.is_none() && tx.invite(first)?.is_some());
        Ok(())
    });
}

#[test]
fn an_invitation_ends_exactly_at_its_time_and_once() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let keys = prekeys(tx, alice, 0)?;
        let [bob, carol] = ["bob", "carol"].map(|name| contact(tx, alice, name).unwrap());
        for (who, second) in [(Some(bob), 10), (Some(carol), 12), (None, 11)] {
            invite(tx, alice, who, keys, at(second))?;
        }
        for (now, named, left) in [
            (Timestamp(at(10).0 - 1), vec![], 3),
            (at(10), vec![bob], 2),
            (at(10), vec![], 2),
            (at(11), vec![], 1),
            (at(100), vec![carol], 0),
        ] {
            assert_eq!(tx.expire_invites(now)?, named);
            assert_eq!(tx.invite_lanes(alice)?.len(), left);
        }
        assert!(tx.contact(bob)?.is_some(), "its contact is for the caller to end");
        Ok(())
    });
}

#[test]
fn an_invitation_goes_with_the_contact_it_is_for() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let keys = prekeys(tx, alice, 0)?;
        let bob = contact(tx, alice, "bob")?;
        let (named, unnamed) =
            (invite(tx, alice, Some(bob), keys, at(10))?, invite(tx, alice, None, keys, at(10))?);
        tx.delete_contact(bob)?;
        assert!(tx.invite(named)?.is_none() && tx.invite(unnamed)?.is_some());
        Ok(())
    });
}

#[test]
fn an_answer_is_read_for_until_it_leaves_its_first_phase() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let elsewhere = RelayId([2; 32]);
        tx.name_relay(elsewhere)?;
        for (number, phase) in GuestPhase::ALL.iter().enumerate() {
            let bob = contact(tx, alice, &format!("host {number}"))?;
            tx.add_guest(bob, alice, b"begun", elsewhere, &WANTED)?;
            assert!(tx.add_guest(bob, alice, b"again", RELAY, &[]).is_err(), "one answer each");
            let row = tx.guest(bob)?.unwrap();
            assert_eq!((row.state.as_slice(), row.relay), (b"begun".as_slice(), elsewhere));
            assert_eq!(row.phase, GuestPhase::Asking);
            assert_eq!(tx.guest_lanes(alice)?, [(bob, elsewhere, WANTED.to_vec())]);
            tx.save_guest(bob, b"saved", &WANTED[..1], *phase)?;
            let row = tx.guest(bob)?.unwrap();
            assert_eq!((row.state.as_slice(), row.phase), (b"saved".as_slice(), *phase));
            let is_read = !tx.guest_lanes(alice)?.is_empty();
            assert_eq!(is_read, *phase == GuestPhase::Asking, "{phase:?}");
            tx.set_guest_phase(bob, *phase)?;
            assert!(tx.guest_lanes(alice)?.iter().all(|(_, _, wanted)| wanted.is_empty()), "{phase:?}");
            assert_eq!(tx.guest(bob)?.unwrap().state.as_slice(), b"saved");
            tx.delete_guest(bob)?;
            assert!(tx.guest(bob)?.is_none() && tx.guest_lanes(alice)?.is_empty());
        }
        Ok(())
    });
}

#[test]
fn only_answers_that_are_still_asking_grow_old() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let mut hosts = Vec::new();
        for phase in GuestPhase::ALL {
            // Added at NOW, as support::contact does.
            let host = contact(tx, alice, &format!("{phase:?}"))?;
            tx.add_guest(host, alice, b"state", RELAY, &[])?;
            tx.save_guest(host, b"state", &[], *phase)?;
            hosts.push((host, *phase));
        }
        assert!(tx.old_guests(NOW)?.is_empty(), "not older than that");
        let asking: Vec<_> = hosts
            .into_iter()
            .filter_map(|(host, phase)| (phase == GuestPhase::Asking).then_some(host))
            .collect();
        assert_eq!(tx.old_guests(at(1))?, asking);
        Ok(())
    });
}

#[test]
fn prekeys_are_erased_exactly_at_their_time_with_all_that_needs_them() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (old, new) = (prekeys(tx, alice, 0)?, prekeys(tx, alice, 5)?);
        let (of_old, of_new) =
            (invite(tx, alice, None, old, at(100))?, invite(tx, alice, None, new, at(100))?);
        for (number, keys) in [(1, old), (2, new), (3, new)] {
            assert!(tx.remember_transcript(&[number; 32], keys)?);
        }
        let transcripts = || tx.count("count", "SELECT count(*) FROM transcripts", []).unwrap();
        for (now, kept, remembered) in [
            (Timestamp(at(20).0 - 1), vec![new, old], 3),
            (at(20), vec![new], 2),
            (at(24), vec![new], 2),
            (at(25), vec![], 0),
        ] {
            tx.erase_prekeys(now)?;
            let left: Vec<_> = tx.prekeys(alice)?.into_iter().map(|row| row.id).collect();
            assert_eq!((left, transcripts()), (kept.clone(), remembered));
            assert_eq!(tx.invite(of_old)?.is_some(), kept.contains(&old));
            assert_eq!(tx.invite(of_new)?.is_some(), kept.contains(&new));
        }
        Ok(())
    });
}

#[test]
fn prekeys_are_read_as_they_were_made_each_persona_its_own() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let keys = prekeys(tx, alice, 3)?;
        let theirs = prekeys(tx, other, 3)?;
        let row = tx.prekeys_by_id(keys)?.unwrap();
        assert_eq!((row.id, row.persona, row.version), (keys, alice, at(3)));
        assert_eq!((row.expires_at, row.made_at, row.published_at), (at(13), at(3), None));
        assert_eq!(row.secret.as_slice(), b"secret");
        tx.mark_published(keys, at(4))?;
        assert_eq!(tx.published_prekeys(alice)?.unwrap().published_at, Some(at(4)));
        assert!(tx.published_prekeys(other)?.is_none());
        assert_eq!(tx.newest_prekeys(other, NOW)?.unwrap().id, theirs);
        Ok(())
    });
}

#[test]
fn a_repeated_handshake_is_dropped_whichever_prekeys_it_names() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let all = [prekeys(tx, alice, 0)?, prekeys(tx, alice, 1)?, prekeys(tx, other, 0)?];
        for (number, expected) in [(1, true), (1, false), (2, true), (2, false), (1, false)] {
            for (place, keys) in all.into_iter().enumerate() {
                let is_new = tx.remember_transcript(&[number; 32], keys)?;
                assert_eq!(is_new, expected && place == 0);
            }
        }
        Ok(())
    });
}
