//! What a client concludes from the headers it is shown: that they can all belong to one history, or that they cannot.

// A client keeps the headers of the last two minutes and puts what comes between them. Why not the last one alone:
// questions and answers go through a mixnet and overtake each other. An answer to an earlier question, or to one that
// the relay got earlier, shows an older pair of headers, and an honest relay must not be accused because of it, nor
// because of an answer that was lost. With the headers around it, such an answer is checked as strictly as one in order.
//
// A list of headers can be one history exactly if each header names its neighbour in the list as the one before it, or
// one that was not seen and for which there is room between their numbers; and if no two name the same one.

use std::collections::BTreeSet;
use std::fmt;

use super::header::{Header, Interval};
use super::pages::Page;
use super::set::Set;
use crate::error::{HasKind, Kind};
use crate::limits::KNOWN_HEADERS;
use crate::time::Day;

/// One interval as `news` shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closed {
    /// Its header.
    pub header: Header,
    /// What came in it.
    pub set: Set,
}

/// The headers that a client compares with: the last [`KNOWN_HEADERS`] that it accepted.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Known {
    // In ascending order, each once; together they can be one history.
    headers: Vec<Header>,
}

/// Headers, sets or pages that were accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// What to compare with from now on.
    pub known: Known,
    /// How they go with what was known before.
    pub continuity: Continuity,
}

/// How headers go with those known before. None of these is a fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Continuity {
    /// Nothing was known before.
    First,
    /// Hashes join them to a header known before.
    Linked,
    /// There may be headers between those known before and these. They can belong to one history, and nothing says that
    /// they do.
    Gap,
}

/// What was shown cannot belong to one history: the relay shows different things to different clients, or it lies.
/// Nothing of it may be used, and nothing asked for because of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Forked {
    /// A header does not name the one before it.
    #[error("the relay's header {0} does not follow from the one before it")]
    Link(Interval),
    /// The numbers do not grow, or go back by more than answers can overtake each other.
    #[error("the relay showed header {number} after header {after}")]
    NotGrowing {
        /// The number that was shown.
        number: Interval,
        /// The one after which it cannot come.
        after: Interval,
    },
    /// The set is not the one that the header names.
    #[error("the set of interval {0} is not the one that the relay's header names")]
    Set(Interval),
    /// The page is not under the header's root.
    #[error("page {index} is not under the root in the relay's header {number}")]
    Page {
        /// The page.
        index: u16,
        /// The header's number.
        number: Interval,
    },
    /// There are two headers for one interval.
    #[error("the relay has two headers for interval {0}")]
    TwoHeaders(Interval),
}

impl HasKind for Forked {
    fn kind(&self) -> Kind {
        Kind::Forged
    }
}

impl Known {
    /// Continues from headers that were stored, in any order.
    ///
    /// # Errors
    /// [`Forked`] if they do not belong together.
    pub fn new(headers: impl IntoIterator<Item = Header>) -> Result<Self, Forked> {
        Self::default().with(&headers.into_iter().collect::<Vec<_>>())
    }

    /// The headers to store, in ascending order: at most [`KNOWN_HEADERS`].
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The last header.
    pub fn newest(&self) -> Option<&Header> {
        self.headers.last()
    }

    /// Checks an answer to `news`: the last two closed intervals, or fewer from a relay that is new, the earlier first.
    ///
    /// # Errors
    /// [`Forked`] with the reason; what was known stays.
    pub fn check_news(&self, news: &[Closed]) -> Result<Accepted, Forked> {
        if let Some(wrong) = news.iter().find(|closed| closed.set.hash() != closed.header.set) {
            return Err(Forked::Set(wrong.header.interval));
        }
        let headers: Vec<Header> = news.iter().map(|closed| closed.header).collect();
        for pair in headers.windows(2) {
            let [earlier, later] = pair else { continue };
            if later.interval <= earlier.interval {
                return Err(Forked::NotGrowing { number: later.interval, after: earlier.interval });
            }
            // The last two of a history are neighbours in it, however much time is between them.
            if later.previous != earlier.hash() {
                return Err(Forked::Link(later.interval));
            }
        }
        self.accept(&headers)
    }

    /// Checks an answer to `page`: a page and the header that was the last when the relay answered.
    ///
    /// # Errors
    /// [`Forked`] with the reason; what was known stays.
    pub fn check_page(&self, header: &Header, page: &Page) -> Result<Accepted, Forked> {
        if page.bits() != header.page_bits || !page.is_under(&header.root) {
            return Err(Forked::Page { index: page.index(), number: header.interval });
        }
        self.accept(std::slice::from_ref(header))
    }

    /// Checks what a day's signed descriptor names as the last header before the day, against the headers known: those
    /// of any time, if the client kept some from before the day.
    ///
    /// # Errors
    /// [`Forked`] with the reason. Together with the descriptor, the header known is the proof.
    pub fn check_day(&self, day: Day, last: Option<&Header>) -> Result<(), Forked> {
        let mut before = self.headers.iter().rev().filter(|known| known.interval.end() <= day.start());
        let named = last.map(|last| last.interval);
        if let Some(known) = before.next().filter(|known| named < Some(known.interval)) {
            let number = named.unwrap_or(Interval(0));
            return Err(Forked::NotGrowing { number, after: known.interval });
        }
        self.with(last.map_or(&[], std::slice::from_ref)).map(|_| ())
    }

    /// Takes over headers that were shown together, in ascending order and linked.
    fn accept(&self, shown: &[Header]) -> Result<Accepted, Forked> {
        let continuity = self.continuity(shown);
        // An answer that is late shows headers among those known. What is older than they can be was answered on purpose.
        // Numbers alone do not say so: a relay that was off, or whose clock was put right, jumps.
        if let (Some(newest), Some(last)) = (self.newest(), shown.last())
            && newest.interval.0.saturating_sub(last.interval.0) >= LATE
            && continuity == Continuity::Gap
        {
            return Err(Forked::NotGrowing { number: last.interval, after: newest.interval });
        }
        Ok(Accepted { known: self.with(shown)?, continuity })
    }

    /// These headers and `more`, if they can be one history; the last [`KNOWN_HEADERS`] of them.
    fn with(&self, more: &[Header]) -> Result<Self, Forked> {
        let mut headers = self.headers.clone();
        headers.extend_from_slice(more);
        headers.sort_by_key(|header| header.interval);
        headers.dedup();
        let hashes: BTreeSet<[u8; 32]> = headers.iter().map(Header::hash).collect();
        let befores = std::iter::once(None).chain(headers.iter().map(Some));
        let mut named = BTreeSet::new();
        for (header, before) in headers.iter().zip(befores) {
            check_place(header, before, &hashes)?;
            if !named.insert(header.previous) {
                return Err(Forked::Link(header.interval));
            }
        }
        headers.drain(..headers.len().saturating_sub(KNOWN_HEADERS));
        Ok(Self { headers })
    }

    fn continuity(&self, shown: &[Header]) -> Continuity {
        if self.headers.is_empty() {
            return Continuity::First;
        }
        // What is shown is linked in itself, so one header of it that is known, or a link at either end, joins all.
        let (before, last) = (shown.first().map(|first| first.previous), shown.last().map(Header::hash));
        let joins = |known: &Header| {
            shown.contains(known) || Some(known.hash()) == before || Some(known.previous) == last
        };
        if shown.is_empty() || self.headers.iter().any(joins) { Continuity::Linked } else { Continuity::Gap }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({:?})", self.headers)
    }
}

/// By how many intervals an answer can be behind.
const LATE: u64 = KNOWN_HEADERS as u64;

/// Whether a header can be in a list of headers, whose hashes are given, with `before` as its neighbour.
fn check_place(header: &Header, before: Option<&Header>, hashes: &BTreeSet<[u8; 32]>) -> Result<(), Forked> {
    let is_linked = before.is_some_and(|before| header.previous == before.hash());
    let gap = before.map(|before| header.interval.0.saturating_sub(before.interval.0));
    match gap {
        Some(0) => Err(Forked::TwoHeaders(header.interval)),
        _ if is_linked => Ok(()),
        // There is no interval between the two.
        Some(1) => Err(Forked::Link(header.interval)),
        // It claims to be the relay's first.
        Some(_) if header.previous == [0; 32] => Err(Forked::Link(header.interval)),
        // It names another one that is known, and so skips its neighbour, or comes before the one that it follows.
        _ if hashes.contains(&header.previous) => Err(Forked::Link(header.interval)),
        _ => Ok(()),
    }
}
