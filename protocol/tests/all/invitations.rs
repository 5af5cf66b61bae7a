//! Invitations from both sides, over a relay that knows only boxes.

use bauta_protocol::address::Address;
use bauta_protocol::handshake::{initiate, respond};
use bauta_protocol::invitation::{GUEST_BOXES, HOST_BOXES, InviteError, InviteGuest, InviteHost};

use super::support::{Boxes, NOW, Person, Put, json, person, restore, rng};

fn answer(
    guest: &mut InviteGuest,
    who: &Person,
    name: &'static str,
    relay: &Boxes,
) -> Vec<bauta_protocol::session::OutgoingBox> {
    let mut bundle = None;
    for wanted in guest.wanted().into_iter().rev() {
        assert!(bundle.is_none());
        bundle = guest.open(wanted.index, relay.get(&wanted.id).unwrap()).unwrap();
        *guest = restore(&json(guest));
    }
    let bundle = bundle.unwrap();
    assert!(guest.wanted().is_empty());
    let mut rng = rng(name);
    let begun = initiate(&who.persona, &who.prekeys, &bundle, Some(guest.seed()), b"hi", None, NOW, &mut rng)
        .unwrap();
    guest.answer(&begun.handshake, &mut rng).unwrap()
}

#[test]
fn an_invitation_makes_a_conversation_and_only_one() {
    let (bob, alice, carol) = (person("bob"), person("alice"), person("carol"));
    let mut relay = Boxes::default();
    let (seed, mut host, boxes) = InviteHost::create(bob.bundle(), &mut rng("host")).unwrap();
    assert_eq!(boxes.len(), HOST_BOXES);
    for sealed in &boxes {
        assert_eq!(relay.put(sealed), Put::Done);
    }
    let address = Address {
        persona: bob.persona.public(),
        relay: Some(bob.bundle().relay().clone()),
        seed: Some(seed),
    };
    let address: Address = address.to_string().parse().unwrap();
    let seed = address.seed.unwrap();

    let mut guest = InviteGuest::new(&seed).unwrap();
    let boxes = answer(&mut guest, &alice, "alice answers", &relay);
    assert_eq!(boxes.len(), GUEST_BOXES);
    assert_eq!(guest.answer(&[0; 3854], &mut rng("x")).unwrap_err(), InviteError::Answered);
    for sealed in &boxes {
        assert_eq!(relay.put(sealed), Put::Done);
    }
    let mut second = InviteGuest::new(&seed).unwrap();
    let taken = answer(&mut second, &carol, "carol answers", &relay);
    assert_eq!(relay.put(&taken[0]), Put::Conflict, "a second taker is warned");

    let mut handshake = None;
    for wanted in host.wanted() {
        assert!(handshake.is_none());
        handshake = host.open(wanted.index, relay.get(&wanted.id).unwrap()).unwrap();
        host = restore(&json(&host));
    }
    assert!(host.wanted().is_empty());
    let begun = respond([&bob.prekeys], Some(host.seed()), &handshake.unwrap(), NOW, &mut rng("r")).unwrap();
    assert_eq!(begun.peer.persona(), alice.persona.public());
    assert_eq!(begun.content, b"hi");
}

#[test]
fn damaged_and_foreign_boxes_change_nothing() {
    let bob = person("bob");
    let (seed, mut host, boxes) = InviteHost::create(bob.bundle(), &mut rng("host")).unwrap();
    let mut guest = InviteGuest::new(&seed).unwrap();
    let before = json(&guest);
    let mut damaged = boxes[0].bytes.clone();
    damaged[500] ^= 1;
    assert_eq!(guest.open(0, &damaged).unwrap_err(), InviteError::Forged(0));
    assert_eq!(guest.open(1, &boxes[0].bytes).unwrap_err(), InviteError::Forged(1));
    assert_eq!(guest.open(2, &boxes[0].bytes).unwrap_err(), InviteError::NotWanted(2));
    assert_eq!(host.open(0, &boxes[0].bytes).unwrap_err(), InviteError::Forged(0), "the lanes differ");
    assert_eq!(host.open(u64::MAX, &boxes[0].bytes).unwrap_err(), InviteError::NotWanted(u64::MAX));
    assert_eq!(json(&guest), before);
    assert!(guest.open(0, &boxes[0].bytes).unwrap().is_none());
    assert_eq!(guest.open(0, &boxes[0].bytes).unwrap_err(), InviteError::NotWanted(0));
}

#[test]
fn invitations_differ_in_every_box() {
    let bob = person("bob");
    let mut rng = rng("host");
    let (_, host, one) = InviteHost::create(bob.bundle(), &mut rng).unwrap();
    let (_, other, two) = InviteHost::create(bob.bundle(), &mut rng).unwrap();
    let ids = |host: &InviteHost, boxes: &[bauta_protocol::session::OutgoingBox]| {
        let wanted: Vec<_> = host.wanted().iter().map(|wanted| wanted.id).collect();
        boxes.iter().map(|sealed| sealed.id).chain(wanted).collect::<Vec<_>>()
    };
    let all = [ids(&host, &one), ids(&other, &two)].concat();
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 2 * (HOST_BOXES + GUEST_BOXES));
}
