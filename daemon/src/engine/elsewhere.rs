//! A persona that another home has, too: one of the two finds out, and stops.
//!
//! A plain backup can be restored while the home that it was made in is started again. Then there are two homes of one
//! persona, which take each other's messages. `backup --move` makes the old one stop beforehand; here it finds out.

// How it finds out. Whoever publishes a bundle names the newest version that it knows of, and a relay that has a newer
// one refuses. So a home whose bundle was replaced hears of that with its next publication, at no exchange more than
// before. A restored home knows of no version, and its first bundle replaces what is there.
//
// After a refusal the home fetches what is there, as anybody could: after a random wait of time online, since a fetch
// names the persona, and once a day at most, since a relay can refuse as often as it likes. Only what is there counts,
// not that it was refused. A bundle of our persona's signature, newer than all that we know of, with an inbox that is
// not ours, was made by somebody who has the persona's key and not this home: that is proof, and a relay alone cannot
// make one. Forged bytes, an old bundle, or our own show nothing.
//
// Which of the two stops. The inbox decides, and not the time: a restored home draws a new one, and a backup holds the
// ids of all inboxes before it. So the restored home knows the old one's inbox and goes on, whatever the old one has
// published meanwhile; the old one cannot know the new one's, and stops. Of two homes that were restored from the same
// backup the one that published last goes on. An old copy of the whole home that was put back has the inbox that its
// newer self published: it goes on too, and publishes over that. (Two running copies of one home are not told apart
// here; their lanes show it.) Whoever makes a backup of the home that stopped, and restores it, has the newest home.
//
// What is stopped is everything of the persona: a home that went on reading would confirm what the other one then never
// gets.

use std::time::Duration;

use bauta_protocol::bundle::Bundle;
use bauta_protocol::relay::FetchReply;
use bauta_protocol::time::Timestamp;

use super::bundle::new_prekeys;
use super::flight::Answer;
use super::peer::Moment;
use super::{DAY, waits};
use crate::store::{Happened, PersonaId, PrekeysRow, StoreError, Tx};

/// What a relay gave out as a persona's own bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shown {
    /// Nothing that shows another home.
    Nothing,
    /// What the persona did not sign.
    Forged,
    /// What another home has made: the persona is not used here from now on.
    Elsewhere,
}

/// The newest version that this home knows of, for the publication of these keys.
pub(super) fn known_version(tx: &Tx<'_>, keys: &PrekeysRow) -> Result<Timestamp, StoreError> {
    Ok(tx.known_bundle(keys.persona)?.unwrap_or(keys.version))
}

/// The relay has a bundle that is newer than what this home knows of, or says so.
pub(super) fn refused(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<(), StoreError> {
    let checked = tx.checked_at(persona)?;
    let is_recent = checked <= at.now && at.now.since(checked) < DAY;
    if is_recent || tx.check_wait(persona)?.is_some() {
        return Ok(());
    }
    // Zero means now.
    let left = waits::wait(at.times.waits.publish_soon).max(Duration::from_millis(1));
    tx.set_check_wait(persona, left)
}

/// Counts down the time online until the bundle at the relay is looked at.
pub(super) fn count_down(tx: &Tx<'_>, persona: PersonaId, online: Duration) -> Result<(), StoreError> {
    match tx.check_wait(persona)? {
        Some(left) if !left.is_zero() => tx.set_check_wait(persona, left.saturating_sub(online)),
        _ => Ok(()),
    }
}

/// Whether it is looked at now.
pub(super) fn is_due(tx: &Tx<'_>, persona: PersonaId) -> Result<bool, StoreError> {
    Ok(tx.check_wait(persona)?.is_some_and(|left| left.is_zero()))
}

/// The relay answered for the persona's own bundle.
pub(super) fn shown(
    tx: &Tx<'_>,
    persona: PersonaId,
    answer: &Answer<FetchReply>,
    at: &Moment,
) -> Result<Shown, StoreError> {
    // One look a day, whatever comes of it.
    tx.set_checked(persona, at.now)?;
    let bytes = match answer {
        Ok(FetchReply::Bundle(found)) => &found.bundle,
        // Nobody can get one: what is published next replaces nothing.
        Ok(FetchReply::Absent) => return tx.set_known_bundle(persona, None).map(|()| Shown::Nothing),
        Ok(FetchReply::Declined(_)) | Err(_) => return Ok(Shown::Nothing),
    };
    let row = tx.persona(persona)?;
    let bundle = Bundle::from_bytes(bytes.as_slice()).ok().filter(|bundle| bundle.persona() == row.public);
    let Some(bundle) = bundle else { return Ok(Shown::Forged) };
    if bundle.check_fresh(at.now, Timestamp(0)).is_err() {
        return Ok(Shown::Nothing);
    }
    let (version, known) = (bundle.version(), tx.known_bundle(persona)?);
    if known.is_some_and(|known| version <= known) {
        return Ok(Shown::Nothing);
    }
    if known.is_some() && !tx.is_own_inbox(persona, &bundle.inbox())? {
        tx.set_elsewhere(persona, at.now)?;
        tx.emit(Happened::Elsewhere(persona), at.now)?;
        return Ok(Shown::Elsewhere);
    }
    // Of the home before this one, or of a newer copy of this one.
    tx.set_known_bundle(persona, Some(version))?;
    if tx.newest_prekeys(persona, at.now)?.is_none_or(|newest| newest.version <= version) {
        new_prekeys(tx, &row, at.now)?;
    }
    Ok(Shown::Nothing)
}
