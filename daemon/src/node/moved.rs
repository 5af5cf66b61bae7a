//! A home that was moved to another machine: what the old one knows of it.

use std::sync::atomic::{AtomicBool, Ordering};

use bauta_ipc::{RpcError, codes};
use bauta_protocol::time::Timestamp;

use super::view::utc;
use crate::store::{StoreError, Tx};

/// When the home was moved away: a time. It is in no backup.
const MOVED_AT: &str = "moved_at";

/// When the home was moved to another machine, if it was.
pub(super) fn moved_at(tx: &Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    Ok(tx.meta_u64(MOVED_AT)?.map(Timestamp))
}

/// From now on the home is on another machine.
pub(super) fn set_moved(tx: &Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    tx.set_meta(MOVED_AT, &now.0.to_be_bytes())
}

/// Refuses while the home is being moved, or was. Asked inside the transaction that keeps something to be sent: what is
/// kept before the backup of a move is read goes with it, and nothing is kept after.
pub(super) fn refuse_if(moved: &AtomicBool) -> Result<(), RpcError> {
    match moved.load(Ordering::Relaxed) {
        true => Err(RpcError::new(&codes::HOME_MOVED, "This home was moved to another machine.")),
        false => Ok(()),
    }
}

/// What a home that was moved shows.
pub(super) fn moved(at: Timestamp) -> RpcError {
    let message = format!("This home was moved to another machine at {}. It sends nothing.", utc(at));
    RpcError::new(&codes::HOME_MOVED, message)
}
