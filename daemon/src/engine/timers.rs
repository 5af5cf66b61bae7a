//! How long messages stay: one's own wish is said, the contact's is heard, and what came in time is kept as agreed.

use bauta_protocol::id::MessageId;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::{Timer, Wish};

use super::announce;
use super::content::Letter;
use super::peer::Moment;
use crate::random;
use crate::store::{Change, ContactRow, StoreError, Tx};

/// One wants messages with a contact to stay for so long. It is said when something is sealed.
pub(super) fn want(
    tx: &Tx<'_>,
    contact: &ContactRow,
    timer: Option<Timer>,
    at: &Moment,
) -> Result<(), StoreError> {
    let mut agreement = tx.agreement(contact.conversation)?;
    agreement.wish(timer, at.now);
    tx.keep_agreement(contact.conversation, &agreement)?;
    announce::contact_changed(tx, contact.id, Change::Disappearing, at.now)
}

/// Sees to it that a wish is on its way that the contact does not know.
//
// A wish is an ordinary message of the conversation. It is shown there, and outlives crashes and new sessions as others
// do. But it can be deleted before it has gone out, and its receipt means nothing when one of the two homes was set back.
// So what counts is whether the contact has confirmed it since: until then it is made sure of whenever something is
// sealed.
pub(super) fn tell(tx: &Tx<'_>, contact: &ContactRow, at: &Moment) -> Result<(), StoreError> {
    let agreement = tx.agreement(contact.conversation)?;
    if agreement.told {
        return Ok(());
    }
    if let Some(said) = tx.own_wish(contact.conversation, agreement.own.at)? {
        return tx.doubt_message(said);
    }
    let id = MessageId::generate(&mut random::rng());
    let letter = Letter::timer(id, agreement.own).map_err(|_| StoreError::Damaged("a wish"))?;
    tx.add_message(&letter.row(contact, true), at.now).map(drop)
}

/// The contact says what they want; whether that is something new.
pub(super) fn hear(tx: &Tx<'_>, contact: &ContactRow, wish: Wish, at: &Moment) -> Result<bool, StoreError> {
    let mut agreement = tx.agreement(contact.conversation)?;
    let is_new = agreement.hear(wish);
    tx.keep_agreement(contact.conversation, &agreement)?;
    if is_new {
        announce::contact_changed(tx, contact.id, Change::Disappearing, at.now)?;
    }
    Ok(is_new)
}

/// The contact's home was made from a backup: what it says now counts, also where it has forgotten when it spoke last.
pub(super) fn hear_anew(
    tx: &Tx<'_>,
    contact: &ContactRow,
    wish: Wish,
    at: &Moment,
) -> Result<(), StoreError> {
    let mut agreement = tx.agreement(contact.conversation)?;
    agreement.theirs.at = Timestamp(0);
    tx.keep_agreement(contact.conversation, &agreement)?;
    hear(tx, contact, wish, at).map(drop)
}

/// How long a message stays that came with a time.
pub(super) fn receive(
    tx: &Tx<'_>,
    contact: &ContactRow,
    carried: Option<Timer>,
    at: &Moment,
) -> Result<Option<Timer>, StoreError> {
    let before = tx.agreement(contact.conversation)?;
    let mut agreement = before;
    let stays = agreement.receive(carried, at.now);
    if agreement != before {
        tx.keep_agreement(contact.conversation, &agreement)?;
        tell(tx, contact, at)?;
    }
    Ok(stays)
}
