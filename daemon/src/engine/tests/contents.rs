use bauta_protocol::content::Content;
use bauta_protocol::id::MessageId;

use super::world::{Draw, NOW, Person, Relays};
use crate::engine::content::Letter;
use crate::store::{EventRow, Happened, MessageState};

/// A kind that only this test knows: `{0: 4000, 1: id, 2: time, 99: "hat"}`.
fn hat(id: MessageId) -> Letter {
    let mut bytes = vec![0xa4, 0x00, 0x19, 0x0f, 0xa0, 0x01, 0x50];
    bytes.extend(id.0);
    bytes.extend([0x02, 0x1b]);
    bytes.extend(NOW.0.to_be_bytes());
    bytes.extend([0x18, 99, 0x63, b'h', b'a', b't']);
    Letter { id, sent_at: NOW, kind: 4000, bytes, text: Some("hat".to_owned()), timer: None }
}

/// What a version with a new kind sends to one without: it is delivered, kept as it came, and reported.
#[test]
fn a_kind_that_is_not_known_yet_is_kept_whole() {
    let (mut relays, mut draw) = (Relays::default(), Draw::new(1));
    let (mut alice, mut bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays));
    let (of_alice, of_bob) = (alice.row().public, bob.row().public);
    let (to_bob, to_alice) = (alice.add("bob", of_bob), bob.add("alice", of_alice));
    let letter = hat(MessageId([3; 16]));
    alice.write(to_bob, &letter, NOW, &mut draw);
    let mut now = NOW;
    while alice.messages(to_bob).iter().any(|row| row.state != Some(MessageState::Delivered)) {
        now.0 += 50;
        assert!(now.0 < NOW.0 + 1_000_000, "it is on its way for ever");
        alice.step(&mut relays, now, &mut draw);
        bob.step(&mut relays, now, &mut draw);
    }
    let kept = bob.messages(to_alice);
    let [row] = kept.as_slice() else { panic!() };
    assert_eq!((row.id, row.sent_at, &row.content), (letter.id, NOW, &letter.bytes));
    assert!(matches!(Content::decode(&row.content), Ok(Content::Unsupported { kind: 4000, .. })));
    let (seq, events) = (row.seq, bob.store.run(|tx| tx.events_after(0, 100)));
    let told = |event: &&EventRow| event.what == Happened::MessageReceived(seq);
    assert_eq!(events.iter().filter(told).count(), 1);
}

/// Without an id in it, the same content is the same message.
#[test]
fn a_content_without_an_id_is_kept_once() {
    let mut relays = Relays::default();
    let (mut alice, bob) = (Person::new("alice", &mut relays), Person::new("bob", &mut relays).row().public);
    let to_bob = alice.add("bob", bob);
    let persona = alice.row();
    for bytes in [[0xa1, 0x00, 0x18, 77], [0xa1, 0x00, 0x18, 77], [0xa1, 0x00, 0x18, 78]] {
        alice.store.run(|tx| {
            let contact = tx.contact(to_bob)?.unwrap();
            crate::engine::receive::take_content(tx, &persona, &contact, &bytes, &super::world::moment(NOW))
        });
    }
    assert_eq!(alice.messages(to_bob).len(), 2);
}
