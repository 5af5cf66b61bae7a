//! Sessions by themselves: the window, fragments, gaps, acknowledgements.

use bauta_protocol::limits::{BOX_LEN, MAX_CONTENT, WINDOW};
use bauta_protocol::session::{MAX_FIRST, OpenError, OutgoingBox, SealError, Session, SkipError};

use super::support::{json, pair, restore, rng, seen};

fn seal(session: &mut Session, content: &[u8]) -> Vec<OutgoingBox> {
    session.seal(content, None, &mut rng("seal")).unwrap()
}

#[test]
fn a_window_is_wanted_and_nothing_else() {
    let (mut alice, mut bob) = pair();
    let boxes: Vec<_> = (0..10u8).flat_map(|number| seal(&mut alice, &[number])).collect();
    let wanted = bob.wanted(WINDOW);
    assert_eq!(wanted.len(), WINDOW);
    assert_eq!(bob.wanted(100).len(), WINDOW);
    assert_eq!(bob.wanted(1), wanted[..1]);
    for (wanted, sealed) in wanted.iter().zip(&boxes) {
        assert_eq!((wanted.index, wanted.id), (sealed.index, sealed.id));
    }
    assert_eq!(bob.open(8, &boxes[8].bytes).unwrap_err(), OpenError::NotWanted(8));
    assert_eq!(bob.open(0, &boxes[1].bytes).unwrap_err(), OpenError::Forged(0));
    assert_eq!(bob.open(0, &[0; BOX_LEN]).unwrap_err(), OpenError::Forged(0));

    // Backwards: the last of the window first.
    for index in (1..8).rev() {
        let opened = bob.open(index, &boxes[index as usize].bytes).unwrap();
        assert!(opened.contents.is_empty());
        assert_eq!(opened.deletable[0].box_id(), boxes[index as usize].id);
        assert_eq!(bob.wanted(WINDOW).len(), index as usize);
        bob = restore(&json(&bob));
    }
    let opened = bob.open(0, &boxes[0].bytes).unwrap();
    assert_eq!(opened.contents, (0..8u8).map(|number| vec![number]).collect::<Vec<_>>());
    assert_eq!((bob.received(), bob.wanted(WINDOW).len()), (8, WINDOW));
    assert_eq!(bob.open(3, &boxes[3].bytes).unwrap_err(), OpenError::NotWanted(3));
}

#[test]
fn long_contents_span_boxes() {
    let (mut alice, mut bob) = pair();
    for len in [0, 1, MAX_FIRST, MAX_FIRST + 1, 2 * MAX_FIRST, MAX_CONTENT] {
        let content: Vec<u8> = (0..len).map(|place| place as u8).collect();
        let boxes = seal(&mut alice, &content);
        assert_eq!(boxes.len(), len.div_ceil(MAX_FIRST).max(1));
        let mut contents = Vec::new();
        for sealed in &boxes {
            let opened = bob.open(sealed.index, &sealed.bytes).unwrap();
            assert!(!opened.gap);
            contents.extend(opened.contents.clone());
            bob = restore(&json(&bob));
        }
        assert_eq!(contents, [content]);
    }
    let error = alice.seal(&vec![0; MAX_CONTENT + 1], None, &mut rng("x")).unwrap_err();
    assert_eq!(error, SealError::TooLong(MAX_CONTENT + 1));
}

#[test]
fn a_gap_is_given_up_only_when_later_boxes_are_there() {
    let (mut alice, mut bob) = pair();
    let lost = seal(&mut alice, &vec![1; 3 * MAX_FIRST]);
    let kept = seal(&mut alice, b"kept");
    assert_eq!(bob.skip_gap().unwrap_err(), SkipError::NothingLater);
    bob.open(lost[0].index, &lost[0].bytes).unwrap();
    assert_eq!(bob.skip_gap().unwrap_err(), SkipError::NothingLater);
    bob.open(lost[2].index, &lost[2].bytes).unwrap();
    bob.open(kept[0].index, &kept[0].bytes).unwrap();
    bob = restore(&json(&bob));

    let opened = bob.skip_gap().unwrap();
    assert!(opened.gap);
    assert_eq!(opened.contents, [b"kept"], "the content whose middle is lost is dropped whole");
    assert_eq!(opened.deletable[0].box_id(), lost[1].id);
    assert_eq!(bob.received(), 4);
    assert_eq!(bob.open(1, &lost[1].bytes).unwrap_err(), OpenError::NotWanted(1), "too late");

    // The sender learns which of its boxes was given up.
    assert!(bob.ack_due());
    let reply = bob.seal_ack(None, &mut rng("ack")).unwrap();
    assert_eq!(alice.lost(), None);
    assert_eq!(alice.open(0, &reply.bytes).unwrap().acked, 4);
    assert_eq!(alice.lost(), Some(1));
    assert!(!alice.ack_due(), "a pure acknowledgement makes none due");

    // And the conversation continues.
    let next = seal(&mut alice, b"next");
    let opened = bob.open(4, &next[0].bytes).unwrap();
    assert_eq!((opened.contents.clone(), opened.gap), (vec![b"next".to_vec()], false));
}

#[test]
fn a_lost_first_fragment_takes_the_rest_with_it() {
    let (mut alice, mut bob) = pair();
    let lost = seal(&mut alice, &vec![1; 2 * MAX_FIRST]);
    let kept = seal(&mut alice, b"kept");
    bob.open(1, &lost[1].bytes).unwrap();
    bob.open(2, &kept[0].bytes).unwrap();
    let opened = bob.skip_gap().unwrap();
    assert!(opened.gap);
    assert_eq!(opened.contents, [b"kept"]);
}

#[test]
fn one_lost_content_is_reported_once() {
    let (mut alice, mut bob) = pair();
    let lost = seal(&mut alice, &vec![1; 4 * MAX_FIRST]);
    let kept = seal(&mut alice, b"kept");
    bob.open(1, &lost[1].bytes).unwrap();
    assert!(bob.skip_gap().unwrap().gap);
    bob = restore(&json(&bob));
    assert!(!bob.open(2, &lost[2].bytes).unwrap().gap);
    assert!(!bob.open(3, &lost[3].bytes).unwrap().gap);
    let opened = bob.open(4, &kept[0].bytes).unwrap();
    assert_eq!((opened.contents.clone(), opened.gap), (vec![b"kept".to_vec()], false));
}

#[test]
fn acknowledgements_are_cumulative_and_end() {
    let (mut alice, mut bob) = pair();
    bob.seal_ack(None, &mut rng("first")).unwrap();
    assert!(!bob.ack_due());
    let boxes: Vec<_> = (0..3u8).flat_map(|number| seal(&mut alice, &[number])).collect();
    bob.open(0, &boxes[0].bytes).unwrap();
    bob.open(2, &boxes[2].bytes).unwrap();
    assert!(bob.ack_due());
    let ack = bob.seal_ack(Some(seen(3)), &mut rng("ack")).unwrap();
    assert!(!bob.ack_due());
    assert_eq!(ack.index, 1);
    let opened = alice.open(1, &ack.bytes).unwrap();
    assert_eq!((opened.acked, opened.seen.len()), (0, 0), "kept until the box before it comes");
    assert_eq!(bob.open(1, &boxes[1].bytes).unwrap().contents, [[1], [2]]);
    assert!(bob.ack_due());
    seal(&mut bob, b"content carries the acknowledgement too");
    assert!(!bob.ack_due());
}

#[test]
fn descriptors_seen_are_carried() {
    let (mut alice, mut bob) = pair();
    for place in 0..2u8 {
        let sealed = alice.seal(b"x", Some(seen(place)), &mut rng("seen")).unwrap();
        let opened = bob.open(u64::from(place), &sealed[0].bytes).unwrap();
        assert_eq!(opened.seen, [seen(place)]);
    }
}

#[test]
fn another_conversation_does_not_open() {
    let (mut alice, _) = pair();
    let (_, mut other) = {
        let (alice, bob) = (super::support::person("alice"), super::support::person("bob"));
        let mut rng = rng("other");
        let begun = bauta_protocol::handshake::initiate(
            &alice.persona,
            &alice.prekeys,
            bob.bundle(),
            None,
            b"",
            None,
            super::support::NOW,
            &mut rng,
        )
        .unwrap();
        let answer = bauta_protocol::handshake::respond(
            [&bob.prekeys],
            None,
            &begun.handshake,
            super::support::NOW,
            &mut rng,
        )
        .unwrap();
        (begun.session, answer.session)
    };
    let sealed = seal(&mut alice, b"x");
    assert_eq!(other.open(0, &sealed[0].bytes).unwrap_err(), OpenError::Forged(0));
}

#[test]
fn stored_sessions_are_checked() {
    let (mut alice, mut bob) = pair();
    let boxes: Vec<_> = (0..3u8).flat_map(|number| seal(&mut alice, &[number])).collect();
    bob.open(2, &boxes[2].bytes).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&json(&bob)).unwrap();
    assert!(serde_json::from_value::<Session>(stored.clone()).is_ok());
    let broken = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut stored = stored.clone();
        change(&mut stored);
        serde_json::from_value::<Session>(stored).is_err()
    };
    assert!(broken(&|state| state["version"] = 2.into()));
    assert!(broken(&|state| state["acked"] = 1.into()));
    assert!(broken(&|state| state["ahead"]["5"] = "AAAA".into()));
    assert!(broken(&|state| state["receive"]["window"] = serde_json::json!([])));
    assert!(broken(&|state| state["receive"]["window"][0] = serde_json::Value::Null));
    assert!(broken(&|state| state["epoch"] = "AAAA".into()));
}

#[test]
fn a_state_opens_each_box_once_even_from_an_old_copy() {
    let (mut alice, mut bob) = pair();
    let sealed = seal(&mut alice, b"x");
    let before = json(&bob);
    bob.open(0, &sealed[0].bytes).unwrap();
    let mut crashed: Session = restore(&before);
    assert_eq!(crashed.open(0, &sealed[0].bytes).unwrap().contents, [b"x"], "not committed: it comes again");
}
