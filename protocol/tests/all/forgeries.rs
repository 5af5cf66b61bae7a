//! Every bit of what is signed or sealed counts, and keys of small order are refused.

use bauta_protocol::bundle::{Bundle, BundleError, BundleTerms};
use bauta_protocol::descriptor::{Descriptor, DescriptorTerms, RelayIdentity, Size, proves_equivocation};
use bauta_protocol::handshake::{RespondError, initiate, respond};
use bauta_protocol::id::{IdentityKey, InboxId};
use bauta_protocol::lane::{LaneError, ReceiveLane, SendLane};
use bauta_protocol::limits::BOX_PLAIN;
use bauta_protocol::time::Timestamp;

use super::support::{DAY_MS, NOW, doors, person, relay_and_descriptor, rng, seen};

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn every_bit_of_a_bundle_counts() {
    for flipped in flips(person("alice").bundle().as_bytes()) {
        assert!(Bundle::from_bytes(&flipped).is_err());
    }
}

#[test]
fn every_bit_of_a_descriptor_counts() {
    let (relay, descriptor) = relay_and_descriptor(&mut rng("relay"));
    for flipped in flips(descriptor.as_bytes()) {
        assert!(Descriptor::from_bytes(&flipped, relay.id).is_err());
    }
}

#[test]
fn every_bit_of_a_box_counts() {
    let sealed = SendLane::new(&[1; 32]).seal(&[7; BOX_PLAIN], &mut rng("lane")).unwrap();
    let lane = ReceiveLane::new(&[1; 32]).unwrap();
    assert_eq!(lane.open(0, &sealed.bytes).unwrap().as_slice(), [7; BOX_PLAIN]);
    for flipped in flips(sealed.bytes.as_slice()) {
        assert_eq!(lane.open(0, &flipped.try_into().unwrap()).unwrap_err(), LaneError::Forged(0));
    }
    assert_eq!(lane.open(1, &sealed.bytes).unwrap_err(), LaneError::Forged(1), "another place");
}

#[test]
fn every_bit_of_a_handshake_counts() {
    let (alice, bob) = (person("alice"), person("bob"));
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"hi", None, NOW, &mut rng("hs"))
            .unwrap();
    // Two bits of every byte: flipping all takes a minute and shows no more.
    for flipped in
        flips(begun.handshake.as_slice()).enumerate().filter(|(bit, _)| bit % 8 == 0 || bit % 8 == 7)
    {
        assert!(
            respond([&bob.prekeys], None, flipped.1.as_slice().try_into().unwrap(), NOW, &mut rng("r"))
                .is_err()
        );
    }
}

#[test]
fn the_high_s_twin_of_a_signature_is_refused() {
    // The order of secp256k1 (SEC 2, section 2.4.1).
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
        0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let alice = person("alice");
    let digest = [5; 32];
    let mut signature = alice.persona.sign(&digest, &mut rng("sign")).unwrap();
    alice.persona.public().verify(&digest, &signature).unwrap();
    let mut borrow = 0i16;
    for place in (0..32).rev() {
        let difference = i16::from(ORDER[place]) - i16::from(signature[32 + place]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + place] = difference.rem_euclid(256) as u8;
    }
    assert!(alice.persona.public().verify(&digest, &signature).is_err());
}

#[test]
fn signatures_use_fresh_entropy() {
    let alice = person("alice");
    let mut rng = rng("sign");
    let (one, two) = (alice.persona.sign(&[5; 32], &mut rng), alice.persona.sign(&[5; 32], &mut rng));
    assert_ne!(one.unwrap(), two.unwrap());
}

#[test]
fn keys_of_small_order_are_refused_in_bundles() {
    let alice = person("alice");
    let mut kem_key = Box::new([0; 1216]);
    kem_key.copy_from_slice(&alice.bundle().as_bytes()[97..97 + 1216]);
    let good = BundleTerms {
        identity: alice.bundle().identity(),
        signed_prekey: *alice.bundle().signed_prekey(),
        kem_key,
        inbox: InboxId([1; 32]),
        relay: alice.bundle().relay().clone(),
        descriptor: seen(1),
        version: NOW,
        expiry: Timestamp(NOW.0 + 8 * DAY_MS),
    };
    let sign = |terms: &BundleTerms| Bundle::sign(&alice.persona, terms, &mut rng("sign"));
    assert!(sign(&good).is_ok());
    let mut bad = [good.clone(), good.clone(), good.clone(), good.clone(), good.clone(), good];
    bad[0].identity = IdentityKey([0; 32]);
    bad[1].signed_prekey = [0; 32];
    bad[1].signed_prekey[0] = 1;
    bad[2].kem_key[1184..].fill(0);
    bad[3].kem_key[..1184].fill(0xff);
    bad[4].expiry = Timestamp(NOW.0 + 8 * DAY_MS + 1);
    bad[5].relay.doors = Vec::new();
    for terms in bad {
        assert_eq!(sign(&terms).unwrap_err(), BundleError::BadTerms);
    }
}

#[test]
fn a_zero_ephemeral_key_is_refused() {
    let (alice, bob) = (person("alice"), person("bob"));
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"hi", None, NOW, &mut rng("hs"))
            .unwrap();
    let mut zero = begun.handshake;
    zero[..32].fill(0);
    assert_eq!(respond([&bob.prekeys], None, &zero, NOW, &mut rng("r")).unwrap_err(), RespondError::NotForUs);
}

#[test]
fn two_descriptors_of_a_day_prove_equivocation() {
    let mut rng = rng("relay");
    let identity = RelayIdentity::generate(&mut rng);
    let mut terms = DescriptorTerms {
        day: NOW.day(),
        doors: doors(1),
        put_bits: 1,
        deposit_bits: 1,
        size: Size::of(1),
        takes_personas: true,
        last_header: None,
        expiry: Timestamp(NOW.0 + DAY_MS),
    };
    let one = Descriptor::sign(&identity, &terms, &mut rng).unwrap();
    terms.doors = doors(2);
    let two = Descriptor::sign(&identity, &terms, &mut rng).unwrap();
    assert!(proves_equivocation(&one, &two));
    assert!(!proves_equivocation(&one, &one.clone()));
    terms.day.0 += 1;
    let tomorrow = Descriptor::sign(&identity, &terms, &mut rng).unwrap();
    assert!(!proves_equivocation(&one, &tomorrow));
    let (_, stranger) = relay_and_descriptor(&mut rng);
    assert!(!proves_equivocation(&one, &stranger));
    terms.doors = doors(5);
    assert!(Descriptor::sign(&identity, &terms, &mut rng).is_err());
}
