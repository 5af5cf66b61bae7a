//! What of a post fits the answer about it.

// Readers and strangers decide how long these answers become: a post may hold a megabyte of control characters, of which
// each is six bytes in JSON. A post that was written is durable before it is answered, so what does not fit is refused
// first; one that was opened costs nothing to open again.

use bauta_ipc::{MAX_FRAME, RpcError, codes, encoded_len};
use serde_json::{Map, Value};

use crate::posts::Recipients;

/// Bytes of an answer besides texts and lists: ids, keys, and names that have bounds of their own.
const REST: usize = 32 << 10;

/// Refuses recipients whose names have no room beside so many bytes of an answer.
pub(super) fn check_names(recipients: &Recipients, beside: usize) -> Result<(), RpcError> {
    let (names, by_message) = recipients.names();
    let room = MAX_FRAME.saturating_sub(REST).saturating_sub(beside);
    if encoded_len(&names).saturating_add(encoded_len(&by_message)) <= room {
        return Ok(());
    }
    let message = format!("The names of {} recipients are too long for one answer.", names.len());
    Err(RpcError::new(&codes::POST_RECIPIENTS, message)
        .hint("Name fewer of them, and add the others afterwards: bauta post append"))
}

/// What plugins attached to a text, if there is room for it beside the text.
///
/// # Errors
/// `post.text` where there is no room for the text itself.
pub(super) fn check_text(
    text: &str,
    meta: Option<Map<String, Value>>,
) -> Result<Option<Map<String, Value>>, RpcError> {
    let room = MAX_FRAME.saturating_sub(REST);
    let Some(left) = room.checked_sub(encoded_len(&text)) else {
        let message = format!(
            "The post opened, but its text is too long to be passed on: it has {} bytes, with control characters \
             written out.",
            encoded_len(&text)
        );
        return Err(RpcError::new(&codes::POST_TEXT, message).hint("Ask its author for a shorter one."));
    };
    Ok(meta.filter(|meta| encoded_len(meta) <= left))
}
