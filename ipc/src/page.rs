//! Lists in pages that fit a frame.

use serde::Serialize;

use crate::limits::PAGE_BYTES;
use crate::methods::{
    ContactBlockedAll, ContactListAll, ContactRequests, ConversationListAll, PairList, PersonaListAll,
    ProfileListAll,
};
use crate::{BlockedKey, Contact, Conversation, Method, Pairing, Persona, Profile, Request};

/// What of `rows` goes into one answer: at most `limit` items of together [`PAGE_BYTES`], but always one. `show` makes
/// the item of a row. Beside them is the last row that was taken, if rows follow it: its place is the cursor.
///
/// # Errors
/// Those of `show`.
// The length that counts is the one in JSON. It is up to six times that of the text: a control character is one byte in
// the text and `\u001b` in the frame, so a page that is measured before it is encoded can be too long for any frame.
pub fn page<'r, R, T: Serialize, E>(
    rows: &'r [R],
    limit: u32,
    mut show: impl FnMut(&'r R) -> Result<T, E>,
) -> Result<(Vec<T>, Option<&'r R>), E> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    let (mut items, mut left, mut last) = (Vec::new(), PAGE_BYTES, None);
    for row in rows {
        if items.len() >= most {
            return Ok((items, last));
        }
        let item = show(row)?;
        let length = encoded_len(&item);
        if length > left && !items.is_empty() {
            return Ok((items, last));
        }
        left = left.saturating_sub(length);
        items.push(item);
        last = Some(row);
    }
    Ok((items, None))
}

/// As [`page`], for a list that cannot be asked for page by page: keeps the items that fit `bytes` and returns how many
/// are left out.
pub fn shorten<T: Serialize>(items: &mut Vec<T>, bytes: usize) -> u64 {
    let mut left = bytes;
    let fit = items.iter().take_while(|item| {
        let length = encoded_len(item);
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    });
    let fit = fit.count();
    let rest = items.len().saturating_sub(fit);
    items.truncate(fit);
    u64::try_from(rest).unwrap_or(u64::MAX)
}

/// Bytes of a value in JSON, with the comma behind it.
pub fn encoded_len(item: &impl Serialize) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(1);
    // What cannot be written is refused as a whole later.
    let _ = serde_json::to_writer(&mut count, item);
    count.0
}

/// A method that answers a list in pages; [`crate::Client::all`] follows them.
pub trait Paged: Method {
    /// What is listed.
    type Item;

    /// Asks for what comes after a place.
    fn go_on(params: &mut Self::Params, after: String);

    /// The items of a page, and the place to go on from.
    fn take(page: Self::Result) -> (Vec<Self::Item>, Option<String>);
}

macro_rules! paged {
    ($($method:ident $field:ident: $item:ty;)+) => {
        $(
            impl Paged for $method {
                type Item = $item;

                fn go_on(params: &mut Self::Params, after: String) {
                    params.after = Some(after);
                }

                fn take(page: Self::Result) -> (Vec<Self::Item>, Option<String>) {
                    (page.$field, page.next)
                }
            }
        )+
    };
}

paged! {
    PairList pairings: Pairing;
    PersonaListAll personas: Persona;
    ContactListAll contacts: Contact;
    ContactRequests requests: Request;
    ContactBlockedAll blocked: BlockedKey;
    ConversationListAll conversations: Conversation;
    ProfileListAll profiles: Profile;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::MAX_FRAME;
    use crate::frame::{Id, write_answer};
    use crate::limits::{MAX_ID, MAX_PAGE, MAX_TEXT};

    /// Texts that grow when they are encoded, and such that do not.
    fn text() -> impl Strategy<Value = String> {
        let character = prop::sample::select(vec!['\u{1}', '\u{1b}', '"', '\\', 'a', '\u{7f}', '\u{1f3ad}']);
        (character, 0..=MAX_TEXT).prop_map(|(character, bytes)| {
            std::iter::repeat_n(character, bytes / character.len_utf8()).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Page after page is everything, once and in order, and each fits a frame.
        #[test]
        fn pages_hold_everything_and_fit_a_frame(
            texts in prop::collection::vec(text(), 0..60),
            limit in 1..=MAX_PAGE,
        ) {
            let rows: Vec<(usize, String)> = texts.into_iter().enumerate().collect();
            let (mut seen, mut rest) = (Vec::new(), rows.as_slice());
            loop {
                let (items, last) = page(rest, limit, |row| Ok::<_, Infallible>(row.clone())).unwrap();
                let id = Id::Text("\u{1}".repeat(MAX_ID));
                let answer = Ok(json!({"items": items, "next": "9".repeat(64)}));
                let frame = write_answer(Some(&id), &answer);
                prop_assert!(frame.len() <= MAX_FRAME && !frame.windows(16).any(|part| part == b"answer.too_large"));
                prop_assert!(items.len() <= usize::try_from(limit).unwrap());
                seen.extend(items);
                match last {
                    Some(last) => rest = &rows[last.0 + 1..],
                    None => break,
                }
            }
            prop_assert_eq!(seen, rows);
        }

        #[test]
        fn what_is_left_out_is_counted(texts in prop::collection::vec(text(), 0..20), bytes in 0..200_000_usize) {
            let mut kept = texts.clone();
            let rest = shorten(&mut kept, bytes);
            prop_assert_eq!(kept.as_slice(), &texts[..kept.len()]);
            prop_assert_eq!(kept.len() + usize::try_from(rest).unwrap(), texts.len());
            prop_assert!(serde_json::to_string(&kept).unwrap().len() <= bytes + 2);
        }
    }
}
