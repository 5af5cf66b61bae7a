//! What the API shows of rows in the store. It only reads.

use bauta_ipc::{
    Body, ConnectionState, Contact, ContactChange, Direction, Disappearing, EventBody, HistoryEntry,
    MessageState as ApiMessageState, PostState, Profile, PublishedPost, ReceivedMessage, Request, RpcError,
    Utc, codes,
};
use bauta_protocol::content::Content;
use bauta_protocol::id::RelayId;
use bauta_protocol::mask::PostIv;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::{Agreement, Timer};
use bauta_sphinx_client::NoGateway;

use crate::engine::ATTEMPTS_SHOWN;
use crate::posts;
use crate::store::{
    Change, Connection, ContactRow, ContactState, Doubt, EventRow, GuestPhase, Happened, MessageRow,
    MessageSeq, MessageState, PersonaRow, ProfileRow, ProfileSource, PublicationCount, Reason, RequestRow,
    StoreError, Tx,
};

pub(super) fn utc(at: Timestamp) -> Utc {
    Utc::from_millis(at.0)
}

pub(super) fn contact(tx: &Tx<'_>, row: &ContactRow) -> Result<Contact, StoreError> {
    let persona = tx.persona(row.persona)?;
    contact_of(tx, &persona, row)
}

pub(super) fn contact_of(tx: &Tx<'_>, persona: &PersonaRow, row: &ContactRow) -> Result<Contact, StoreError> {
    Ok(Contact {
        persona: persona.name.clone(),
        name: row.name.clone(),
        public_key: row.public.map(|key| key.to_string()),
        state: match row.state {
            ContactState::Invited => bauta_ipc::ContactState::Invited,
            ContactState::Pending => bauta_ipc::ContactState::Pending,
            ContactState::Active => bauta_ipc::ContactState::Active,
            ContactState::Blocked => bauta_ipc::ContactState::Blocked,
        },
        verified: row.verified,
        added_at: utc(row.added_at),
        last_message_at: row.last_message_at.map(utc),
        muted: row.muted,
        disappearing: disappearing(&tx.agreement(row.conversation)?),
        problem: problem(tx, row)?,
    })
}

/// How long messages stay; `None` where nobody ever wanted them to disappear.
pub(super) fn disappearing(agreement: &Agreement) -> Option<Disappearing> {
    let seconds = |timer: Option<Timer>| timer.map(Timer::seconds);
    let shown = Disappearing {
        after: seconds(agreement.in_force()),
        own: seconds(agreement.own.timer),
        theirs: seconds(agreement.theirs.timer),
        untold: !agreement.told,
    };
    (shown != Disappearing::default()).then_some(shown)
}

/// Why messages do not reach a contact, or should not be trusted yet.
fn problem(tx: &Tx<'_>, row: &ContactRow) -> Result<Option<RpcError>, StoreError> {
    let guest = tx.guest(row.id)?.map(|guest| guest.phase);
    Ok(match guest {
        Some(GuestPhase::Taken) => Some(reason(Reason::InvitationUsed)),
        Some(GuestPhase::Unusable) => Some(reason(Reason::InvitationEnded)),
        _ if row.state == ContactState::Blocked => None,
        _ if row.identity_changed => Some(RpcError::new(
            &codes::CONTACT_CHANGED,
            "The contact's long-term session key is another one than before.",
        )),
        _ if keyless(row).is_some() => keyless(row),
        _ if row.current.is_none() && row.attempts >= ATTEMPTS_SHOWN => Some(RpcError::new(
            &codes::CONTACT_UNREACHABLE,
            "No relay known here has current keys of this contact.",
        )),
        _ => None,
    })
}

/// Why messages do not reach a contact of whom only the persona key is known, after no relay had a bundle.
pub(super) fn keyless(row: &ContactRow) -> Option<RpcError> {
    let bare = row.current.is_none() && row.bundle.is_none() && row.relay.is_none() && row.public.is_some();
    (bare && row.state == ContactState::Pending && row.attempts >= ATTEMPTS_SHOWN).then(|| {
        let message = "They seem to have Mask only: posts reach them, messages do not.";
        RpcError::new(&codes::CONTACT_UNREACHABLE, message)
            .hint("No relay known here has keys of this contact: ask for a Bauta address, or: bauta post encrypt --to NAME")
    })
}

/// The words for a stored reason.
pub(super) fn reason(reason: Reason) -> RpcError {
    let (code, message) = match reason {
        Reason::InvitationUsed => {
            (&codes::INVITATION_USED, "This invitation was used already, by someone else.")
        }
        Reason::InvitationEnded => {
            (&codes::INVITATION_EXPIRED, "This invitation has ended, or its keys are not the sender's.")
        }
        Reason::ContactBlocked => (&codes::CONTACT_BLOCKED, "The contact is blocked."),
        Reason::GunNone => (&codes::GUN_NONE, "No Gun relay is set."),
        Reason::GunUnreachable => (&codes::GUN_UNREACHABLE, "No Gun relay could be reached."),
        Reason::GunWebPage => {
            (&codes::GUN_UNREACHABLE, "A web page is at the Gun relay's address, and no relay.")
        }
        Reason::GunFailure => (
            &codes::GUN_UNREACHABLE,
            "The server at the Gun relay's address answers with an error, as one before a relay that is down.",
        ),
        Reason::GunProtocol => {
            (&codes::GUN_UNREACHABLE, "What is at the Gun relay's address speaks another protocol.")
        }
        Reason::GunSilence => (
            &codes::GUN_UNREACHABLE,
            "What is at the Gun relay's address opens a connection and says nothing.",
        ),
        Reason::GunCertificate => (
            &codes::GUN_UNREACHABLE,
            "The Gun relay is not who it claims to be, or its certificate's root is not known.",
        ),
        Reason::GunTimeout => {
            (&codes::GUN_UNREACHABLE, "The Gun relays did not answer in time; try again later.")
        }
        Reason::GunNotKept => (
            &codes::GUN_UNREACHABLE,
            "No Gun relay kept what was written; try again later, or with another relay.",
        ),
        Reason::GunOverwritten => {
            (&codes::GUN_UNREACHABLE, "Somebody else has written this to the Gun relay since.")
        }
        Reason::GunInvalid => (&codes::GUN_UNREACHABLE, "This cannot be written to a Gun relay."),
        Reason::Stopping => (&codes::DAEMON_STOPPING, "The daemon is stopping."),
        Reason::GivenUp => (&codes::POST_FAILED, "The keys were given up: no relay accepted them for weeks."),
        Reason::Internal => (&codes::INTERNAL, "A post could not be handled."),
    };
    RpcError::new(code, message)
}

pub(super) fn message_state(state: MessageState) -> ApiMessageState {
    match state {
        MessageState::Queued => ApiMessageState::Queued,
        MessageState::Stored => ApiMessageState::Stored,
        MessageState::Delivered => ApiMessageState::Delivered,
        MessageState::Failed => ApiMessageState::Failed,
    }
}

/// What a message says. It is read from the bytes that came, so a kind that was unknown when they came is shown as
/// soon as a version knows it.
pub(super) fn body(row: &MessageRow) -> Result<Body, StoreError> {
    match Content::decode(&row.content) {
        Ok(Content::Text { text, .. }) => Ok(Body::Text(text)),
        Ok(Content::Timer { wish, .. }) => Ok(Body::Disappear(wish.timer.map_or(0, Timer::seconds))),
        Ok(other) => Ok(Body::Unsupported(other.kind())),
        Err(_) => Err(StoreError::Damaged("a message")),
    }
}

pub(super) fn received(persona: &str, from: &str, row: &MessageRow) -> Result<ReceivedMessage, StoreError> {
    Ok(ReceivedMessage {
        id: row.id.to_string(),
        persona: persona.to_owned(),
        from: from.to_owned(),
        body: body(row)?,
        sent_at: utc(row.sent_at),
        received_at: utc(row.at),
        disappears_after: row.timer.map(Timer::seconds),
        disappears_at: row.ends_at.map(utc),
    })
}

pub(super) fn history(row: &MessageRow) -> Result<HistoryEntry, StoreError> {
    Ok(HistoryEntry {
        id: row.id.to_string(),
        direction: if row.outgoing { Direction::Out } else { Direction::In },
        body: body(row)?,
        at: utc(row.at),
        state: row.state.map(message_state),
        stored_at: row.stored_at.map(utc),
        delivered_at: row.delivered_at.map(utc),
        error: row.reason.map(reason),
        disappears_after: row.timer.map(Timer::seconds),
        disappears_at: row.ends_at.map(utc),
    })
}

pub(super) fn request(persona: &str, row: &RequestRow) -> Request {
    let text = match Content::decode(&row.content) {
        Ok(Content::Text { text, .. }) => text,
        // A greeting, or what this version cannot show.
        _ => String::new(),
    };
    Request {
        id: row.handle.clone(),
        persona: persona.to_owned(),
        public_key: row.public.to_string(),
        text,
        received_at: utc(row.received_at),
    }
}

/// How far the publications of a post are.
pub(super) fn post(iv: PostIv, count: &PublicationCount) -> PublishedPost {
    let open = count.keys.saturating_sub(count.published).saturating_sub(count.failed);
    PublishedPost {
        iv: iv.to_base64(),
        state: match (open, count.failed) {
            (0, 0) => PostState::Published,
            (0, _) => PostState::Failed,
            _ => PostState::Queued,
        },
        published: count.published,
        keys: count.keys,
        error: count.reason.map(reason),
    }
}

/// A profile, and whose key it is.
pub(super) fn profile(tx: &Tx<'_>, row: &ProfileRow) -> Result<Profile, StoreError> {
    Ok(Profile {
        profile: row.profile.to_string(),
        public_key: row.persona.to_string(),
        source: match row.source {
            ProfileSource::Seen => bauta_ipc::ProfileSource::Seen,
            ProfileSource::Text => bauta_ipc::ProfileSource::Text,
            ProfileSource::Hand => bauta_ipc::ProfileSource::Hand,
            ProfileSource::Backup => bauta_ipc::ProfileSource::Backup,
        },
        since: utc(row.learned_at),
        name: posts::name_of(tx, &row.persona, &tx.personas()?)?,
        other_key: tx.doubt(&row.profile)?.map(|key| key.to_string()),
    })
}

/// A connection's state, and what is happening, in a few words.
pub(super) fn connection(connection: Connection) -> (ConnectionState, Option<String>) {
    let (state, phase) = match connection {
        Connection::Off => (ConnectionState::Off, None),
        Connection::Waiting => (ConnectionState::Connecting, Some("waiting a random moment")),
        Connection::Pausing => (ConnectionState::Connecting, Some("waiting before another attempt")),
        Connection::ChoosingGateway => (ConnectionState::Connecting, Some("choosing a gateway")),
        Connection::Registering => (ConnectionState::Connecting, Some("registering with the gateway")),
        Connection::FirstExchange => {
            (ConnectionState::Connecting, Some("waiting for the first answer of a relay"))
        }
        Connection::Ready => (ConnectionState::Ready, None),
        Connection::Degraded => (ConnectionState::Degraded, Some("no relay has answered for a minute")),
        Connection::Lost => (ConnectionState::Lost, Some("looking for a gateway")),
    };
    (state, phase.map(str::to_owned))
}

/// Why no gateway of the mixnet takes this machine.
pub(super) fn no_gateway(why: NoGateway) -> RpcError {
    let code = match why {
        NoGateway::Directory | NoGateway::Unreachable | NoGateway::Silent => &codes::NETWORK_UNREACHABLE,
        NoGateway::Refused => &codes::NETWORK_REFUSED,
        NoGateway::Full => &codes::NETWORK_FULL,
        NoGateway::Protocol => &codes::NETWORK_PROTOCOL,
        NoGateway::Tickets => &codes::NETWORK_TICKETS,
        NoGateway::Clock => &codes::NETWORK_CLOCK,
    };
    RpcError::of(code, &why)
}

/// Why a relay needs attention.
pub(super) fn doubt(relay: RelayId, doubt: Doubt) -> RpcError {
    match doubt {
        Doubt::Suspect => RpcError::new(
            &codes::RELAY_SUSPECT,
            format!("The relay {relay} seems to show a contact another descriptor than you."),
        ),
        Doubt::Dishonest => RpcError::new(
            &codes::RELAY_DISHONEST,
            format!(
                "The relay {relay} has signed two different descriptors for one day. It is no longer used."
            ),
        ),
    }
}

/// An event, with the rows it names as they are now. `None`: one of them is gone, or has ended by now.
pub(super) fn event(tx: &Tx<'_>, row: &EventRow, now: Timestamp) -> Result<Option<EventBody>, StoreError> {
    Ok(match row.what {
        Happened::MessageReceived(message) => {
            let Some((row, persona, contact)) = message_with(tx, message)? else { return Ok(None) };
            if row.ends_at.is_some_and(|at| at <= now) {
                return Ok(None);
            }
            Some(EventBody::MessageReceived { message: received(&persona, &contact, &row)? })
        }
        Happened::MessageState { message, state, reason: why } => {
            let Some((row, persona, contact)) = message_with(tx, message)? else { return Ok(None) };
            let (id, state) = (row.id.to_string(), message_state(state));
            Some(EventBody::MessageState { id, persona, contact, state, error: why.map(reason) })
        }
        Happened::ContactRequest(id) => {
            let Some(row) = tx.request_by_id(id)? else { return Ok(None) };
            let persona = tx.persona(row.persona)?;
            Some(EventBody::ContactRequest { request: request(&persona.name, &row) })
        }
        Happened::ContactAdded(id) => {
            let Some(row) = tx.contact(id)? else { return Ok(None) };
            Some(EventBody::ContactAdded { contact: contact(tx, &row)? })
        }
        Happened::ContactChanged(id, change) => {
            let Some(row) = tx.contact(id)? else { return Ok(None) };
            Some(EventBody::ContactChanged { contact: contact(tx, &row)?, change: contact_change(change) })
        }
        Happened::ContactDeleted(persona) => {
            Some(EventBody::ContactDeleted { persona: tx.persona(persona)?.name })
        }
        Happened::PersonaPublished(id) => {
            let Some(row) = tx.prekeys_by_id(id)? else { return Ok(None) };
            let persona = tx.persona(row.persona)?;
            Some(EventBody::PersonaPublished {
                persona: persona.name,
                relay: persona.relay.to_string(),
                version: utc(row.version),
                expires_at: utc(row.expires_at),
            })
        }
        Happened::PostState { iv, count } => {
            let persona = tx.persona(count.persona)?.name;
            Some(EventBody::PostState { persona, post: self::post(iv, &count) })
        }
        Happened::PostLookup { iv, done, of, records } => {
            Some(EventBody::PostLookup { iv: iv.to_base64(), done, of, records })
        }
        Happened::ProfileLearned(id) => {
            let Some(row) = tx.profile_by_row(id)? else { return Ok(None) };
            Some(EventBody::ProfileLearned { profile: self::profile(tx, &row)? })
        }
        Happened::ProfileChanged(id) => {
            let Some(row) = tx.profile_by_row(id)? else { return Ok(None) };
            Some(EventBody::ProfileChanged { profile: self::profile(tx, &row)? })
        }
        Happened::Connection(persona, shown) => {
            let (state, phase) = connection(shown);
            Some(EventBody::StatusChanged { persona: Some(tx.persona(persona)?.name), state, phase })
        }
        Happened::Relay(_, relay, why) => Some(EventBody::Health { item: doubt(relay, why), cleared: false }),
        Happened::Elsewhere(persona) => {
            let at = tx.elsewhere_at(persona)?;
            at.map(|at| EventBody::Health { item: elsewhere(at), cleared: false })
        }
    })
}

/// Another home has a persona; which one is not said, because health names nobody.
pub(super) fn elsewhere(at: Timestamp) -> RpcError {
    let at = utc(at);
    let message = format!(
        "A persona of this home is used by another home, as was found at {at}. Nothing of it is sent or received here."
    );
    RpcError::new(&codes::PERSONA_ELSEWHERE, message)
}

/// A message, and the names of its persona and contact.
fn message_with(
    tx: &Tx<'_>,
    message: MessageSeq,
) -> Result<Option<(MessageRow, String, String)>, StoreError> {
    let Some(row) = tx.message(message)? else { return Ok(None) };
    let Some(contact) = tx.contact_in(row.conversation)? else { return Ok(None) };
    let persona = tx.persona(row.persona)?.name;
    Ok(Some((row, persona, contact.name)))
}

fn contact_change(change: Change) -> ContactChange {
    match change {
        Change::State => ContactChange::State,
        Change::Identity => ContactChange::Identity,
        Change::Verified => ContactChange::Verified,
        Change::Blocked => ContactChange::Blocked,
        Change::Gap => ContactChange::Gap,
        Change::Restarted => ContactChange::Restarted,
        Change::Settings => ContactChange::Settings,
        Change::Messages => ContactChange::Messages,
        Change::Disappearing => ContactChange::Disappearing,
        Change::Read => ContactChange::Read,
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::MessageId;
    use proptest::prelude::*;

    use super::*;
    use crate::store::PersonaId;

    #[test]
    fn a_kind_that_is_not_known_is_shown_as_its_number() {
        let row = |content: &[u8]| MessageRow {
            seq: MessageSeq::START,
            persona: 1_i64.into(),
            conversation: 1_i64.into(),
            outgoing: false,
            kind: 1,
            id: MessageId([1; 16]),
            content: content.to_vec(),
            sent_at: Timestamp(0),
            at: Timestamp(0),
            state: None,
            stored_at: None,
            delivered_at: None,
            reason: None,
            timer: None,
            ends_at: None,
        };
        let (id, sent_at) = (MessageId([1; 16]), Timestamp(0));
        let text = Content::Text { id, sent_at, text: "at nine".to_owned(), timer: None };
        assert_eq!(history(&row(&text.encode().unwrap())).unwrap().body, Body::Text("at nine".to_owned()));
        // {0: 77}
        assert_eq!(received("a", "b", &row(&[0xa1, 0x00, 0x18, 77])).unwrap().body, Body::Unsupported(77));
        assert!(body(&row(&[0xff])).is_err());
    }

    #[test]
    fn every_reason_has_words() {
        for known in Reason::ALL {
            let shown = reason(*known);
            assert!(shown.message.ends_with('.'), "{known:?}");
        }
    }

    proptest! {
        /// A post is queued exactly as long as a key of it can still be published.
        #[test]
        fn the_state_says_whether_to_wait(published in 0u32..9, failed in 0u32..9, open in 0u32..9) {
            let keys = published + failed + open;
            let count =
                PublicationCount { persona: PersonaId::from(1), keys, published, failed, reason: None };
            let shown = post(PostIv([1; 16]), &count);
            let expected = match (open, failed) {
                (1.., _) => PostState::Queued,
                (0, 1..) => PostState::Failed,
                (0, 0) => PostState::Published,
            };
            prop_assert_eq!((shown.state, shown.keys, shown.published), (expected, keys, published));
        }
    }
}
