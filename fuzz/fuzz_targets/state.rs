//! Stored states: whatever a damaged store gives, it is refused or it is sound enough to ask about.
#![no_main]

use bauta_protocol::limits::{BOX_LEN, WINDOW};
use bauta_protocol::bundle::Prekeys;
use bauta_protocol::invitation::{InviteGuest, InviteHost};
use bauta_protocol::session::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(mut session) = serde_json::from_slice::<Session>(data) {
        assert_eq!(session.wanted(WINDOW).first().map(|wanted| wanted.index), Some(session.received()));
        let _ = (session.can_send(), session.lost(), session.open(session.received(), &[0; BOX_LEN]));
        assert!(serde_json::from_slice::<Session>(&bauta_protocol::to_json(&session).unwrap()).is_ok());
    }
    let _ = serde_json::from_slice::<Prekeys>(data);
    if let Ok(mut host) = serde_json::from_slice::<InviteHost>(data) {
        let _ = (host.wanted(), host.open(0, &[0; BOX_LEN]));
    }
    if let Ok(mut guest) = serde_json::from_slice::<InviteGuest>(data) {
        let _ = (guest.wanted(), guest.open(0, &[0; BOX_LEN]));
    }
});
