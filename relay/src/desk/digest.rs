//! The digest of a relay as it is kept and shown: what came in each interval, and what waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bauta_protocol::bell::Bell;
use bauta_protocol::digest::chain::Closed;
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::digest::pages::PageSet;
use bauta_protocol::digest::set::{Set, Tag, sample};
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::{INTERVAL_ENTRIES, KNOWN_HEADERS, PAGES_EVERY};
use bauta_protocol::relay::{Declined, Listing, NewsReply, PageReply};
use bauta_protocol::time::{Clock, Timestamp};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::daily::{Daily, DailyError};
use crate::error::StorageError;
use crate::meter::DigestLevels;
use crate::policy::Difficulty;
use crate::storage::{Hour, Storage, StoredInterval};

/// Tags of one interval that are kept until it closes. Of more than fit a set, those that fit are drawn from these.
const MOST_CAME: usize = 1 << 16;
/// Boxes that went out and are not noted yet. A box above that is listed once more, and asked for in vain.
const MOST_OUT: usize = 1 << 16;
/// The clock was put forward if it gained this many intervals.
const JUMP: u32 = 6;
/// After that nothing is shown for this many intervals, so that no answer from before comes later than one from after.
const SILENCE: u32 = KNOWN_HEADERS as u32;

const _: () = assert!(SILENCE as u64 >= PAGES_EVERY, "pages are fixed again within a silence");

// How it is read and written. Requests only read `shown`, which is replaced when an interval closes; `closing` is held
// meanwhile, so that an answer that would be too old waits for the new one. `open` is what comes between two closings,
// and is never held over an await.
pub(super) struct Digest {
    storage: Arc<dyn Storage>,
    daily: Arc<Daily>,
    clock: Arc<dyn Clock>,
    every: Duration,
    crowd: Arc<Crowd>,
    open: Mutex<Open>,
    closing: tokio::sync::Mutex<Closing>,
    shown: Mutex<Option<Arc<Shown>>>,
    asked: Mutex<Option<Difficulty>>,
    levels: Mutex<DigestLevels>,
}

/// What came since the last closing.
#[derive(Default)]
struct Open {
    came: Vec<Tag>,
    rang: Vec<Bell>,
    /// By the hour in which they went out.
    out: BTreeMap<Hour, Vec<BoxId>>,
}

struct Closing {
    last: Option<Closed>,
    pages: Option<Arc<PageSet>>,
    /// The same moment on a clock that nobody sets, and on the relay's.
    seen: (Instant, Timestamp),
    silent_until: Option<Instant>,
    /// What the last headers asked for.
    asked: VecDeque<Difficulty>,
}

/// What is answered until the next interval closes.
struct Shown {
    header: Header,
    news: Listing,
    /// None after a start within an interval: those that the last header names are gone.
    pages: Option<Arc<PageSet>>,
}

impl Digest {
    /// Continues where the store says the digest ended, and closes the last interval.
    pub(super) async fn open(
        storage: Arc<dyn Storage>,
        daily: Arc<Daily>,
        clock: Arc<dyn Clock>,
        every: Duration,
        crowd: Arc<Crowd>,
    ) -> Result<Self, StorageError> {
        let kept = storage.intervals().await?;
        let kept = kept.iter().map(restored).collect::<Result<Vec<_>, _>>()?;
        let recent = kept.last_chunk::<2>().map_or(kept.as_slice(), <[Closed; 2]>::as_slice);
        let shown = match recent.last() {
            Some(last) => Some(Arc::new(Shown {
                header: last.header,
                news: Listing::of_closed(recent).map_err(|_| DAMAGED)?,
                pages: None,
            })),
            None => None,
        };
        let closing = Closing {
            last: recent.last().cloned(),
            pages: None,
            seen: (Instant::now(), clock.now()),
            silent_until: None,
            asked: VecDeque::new(),
        };
        let digest = Self {
            storage,
            daily,
            clock,
            every: every.max(Duration::from_millis(1)),
            crowd,
            open: Mutex::default(),
            closing: tokio::sync::Mutex::new(closing),
            shown: Mutex::new(shown),
            asked: Mutex::default(),
            levels: Mutex::default(),
        };
        {
            let mut closing = digest.closing.lock().await;
            for Closed { header, .. } in &kept {
                let asks = Difficulty { put_bits: header.put_bits, deposit_bits: header.deposit_bits };
                digest.ask_for(&mut closing, asks);
            }
        }
        digest.close_due().await;
        Ok(digest)
    }

    /// Closes intervals as they end. It never returns.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let end = self.interval_of(self.clock.now()).0.saturating_add(1).saturating_mul(self.millis());
            let left = Duration::from_millis(end.saturating_sub(self.clock.now().0));
            // The clock may be set while this waits.
            tokio::time::sleep(left.clamp(Duration::from_millis(1), self.every)).await;
            self.close_due().await;
        }
    }

    /// A box came, and was not handed on at once.
    pub(super) fn came(&self, tag: Tag) {
        let mut open = self.lock();
        if open.came.len() < MOST_CAME {
            open.came.push(tag);
        }
    }

    /// A deposit came to the inbox with this bell.
    pub(super) fn rang(&self, bell: Bell) {
        let mut open = self.lock();
        if open.rang.len() < MOST_CAME {
            open.rang.push(bell);
        }
    }

    /// A box was given to somebody who asked for it.
    pub(super) fn went_out(&self, id: BoxId) {
        let hour = Hour::of(self.clock.now());
        let mut open = self.lock();
        if open.out.values().map(Vec::len).sum::<usize>() < MOST_OUT {
            open.out.entry(hour).or_default().push(id);
        }
    }

    pub(super) async fn news(&self) -> NewsReply {
        let shown = self.current().await;
        // Whoever comes first after an interval ended belongs to the next.
        self.crowd.asks();
        shown.map_or(NewsReply::Declined(Declined::Busy), |shown| NewsReply::News(shown.news.clone()))
    }

    pub(super) async fn page(&self, index: u16) -> PageReply {
        let Some(shown) = self.current().await else { return PageReply::Declined(Declined::Busy) };
        let Some(pages) = &shown.pages else { return PageReply::Declined(Declined::Busy) };
        let page = pages.page(index).and_then(|page| Listing::of_page(&shown.header, &page).ok());
        page.map_or(PageReply::Absent, PageReply::Page)
    }

    /// The least work that the last headers asked for. Work takes a while, and so does the way of a header.
    pub(super) fn difficulty(&self) -> Difficulty {
        self.asked().unwrap_or_else(|| Difficulty::for_fill(self.storage.fill_permille()))
    }

    pub(super) fn levels(&self) -> DigestLevels {
        *self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes at the store which boxes went out.
    pub(super) async fn flush(&self) -> Result<(), StorageError> {
        let out = std::mem::take(&mut self.lock().out);
        for (hour, ids) in out {
            self.storage.mark_out(ids, hour).await?;
        }
        Ok(())
    }

    /// What may be shown now. `None`: nothing, for a while.
    async fn current(&self) -> Option<Arc<Shown>> {
        let is_fresh = |shown: &Arc<Shown>| {
            shown.header.interval.0.saturating_add(1) >= self.interval_of(self.clock.now()).0
        };
        if let Some(shown) = self.shown().clone().filter(is_fresh) {
            return Some(shown);
        }
        self.close_due().await;
        self.shown().clone().filter(is_fresh)
    }

    /// Closes the last interval that has ended, if that was not done.
    pub(super) async fn close_due(&self) {
        let mut closing = self.closing.lock().await;
        if let Err(error) = self.close(&mut closing).await {
            tracing::error!(%error, "An interval of the digest could not be closed; it is tried again.");
        }
    }

    async fn close(&self, closing: &mut Closing) -> Result<(), DailyError> {
        let now = self.clock.now();
        self.watch_clock(closing, now);
        let ended = self.interval_of(now).0.checked_sub(1).map(Interval);
        let last = closing.last.as_ref().map(|last| last.header.interval);
        let Some(number) = ended.filter(|number| last.is_none_or(|last| last < *number)) else {
            return Ok(());
        };
        self.crowd.interval_ends();
        self.flush().await.map_err(DailyError::Storage)?;
        let (came, rang) = {
            let mut open = self.lock();
            (std::mem::take(&mut open.came), std::mem::take(&mut open.rang))
        };
        let bells = rang.iter().map(|bell| bell.in_interval(number));
        let tags: Vec<Tag> = came.iter().copied().chain(bells).collect();
        let closed = self.close_with(closing, number, &tags, now).await;
        if closed.is_err() {
            let mut open = self.lock();
            open.came.extend(came);
            open.came.truncate(MOST_CAME);
            open.rang.extend(rang);
            open.rang.truncate(MOST_CAME);
        }
        closed
    }

    async fn close_with(
        &self,
        closing: &mut Closing,
        number: Interval,
        tags: &[Tag],
        now: Timestamp,
    ) -> Result<(), DailyError> {
        let last = closing.last.as_ref().map(|last| last.header.interval);
        let pages = match &closing.pages {
            Some(pages) if last.is_some_and(|last| last >= number.of_pages()) => Arc::clone(pages),
            _ => Arc::new(self.fix_pages(number, now).await.map_err(DailyError::Storage)?),
        };
        let listed = sample(tags.iter().copied(), INTERVAL_ENTRIES, &mut UnwrapErr(SysRng));
        let set = Set::new(listed).map_err(|_| DailyError::Storage(DAMAGED))?;
        // The descriptor of the day that begins now names this header, so this one names that of the day before.
        let began = Timestamp(number.0.saturating_mul(self.millis()));
        let descriptor = self.daily.of(began.day()).await?;
        let asks = Difficulty::for_fill(self.storage.fill_permille());
        let header = Header {
            interval: number,
            previous: closing.last.as_ref().map_or([0; 32], |last| last.header.hash()),
            set: set.hash(),
            root: pages.root(),
            descriptor: descriptor.seen().hash,
            put_bits: asks.put_bits,
            deposit_bits: asks.deposit_bits,
            page_bits: pages.bits(),
        };
        let listed = set.len();
        let kept = StoredInterval { number, header: header.encode().to_vec(), set: set.encode() };
        self.storage.keep_interval(kept).await.map_err(DailyError::Storage)?;
        let closed: Vec<Closed> = closing.last.clone().into_iter().chain([Closed { header, set }]).collect();
        let news = Listing::of_closed(&closed).map_err(|_| DailyError::Storage(DAMAGED))?;
        closing.last = closed.into_iter().next_back();
        {
            let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
            levels.intervals += 1;
            levels.listed = whole(listed);
            levels.unlisted = whole(tags.len().saturating_sub(listed));
            levels.page_bits = pages.bits();
            levels.left_out = whole(pages.left_out());
        }
        closing.pages = Some(Arc::clone(&pages));
        self.ask_for(closing, asks);
        if closing.silent_until.is_none() {
            *self.shown() = Some(Arc::new(Shown { header, news, pages: Some(pages) }));
        }
        Ok(())
    }

    fn ask_for(&self, closing: &mut Closing, asks: Difficulty) {
        closing.asked.push_back(asks);
        while closing.asked.len() > KNOWN_HEADERS {
            closing.asked.pop_front();
        }
        *self.asked() = closing.asked.iter().copied().reduce(Difficulty::or);
    }

    async fn fix_pages(&self, number: Interval, now: Timestamp) -> Result<PageSet, StorageError> {
        let mut tags = self.storage.waiting(now.day()).await?;
        let bells = self.storage.waiting_bells(now.day()).await?;
        tags.extend(bells.iter().map(|bell| Bell::from_bytes(bell).in_interval(number.of_pages())));
        let begun = Instant::now();
        // Sorting and coding a million tags takes a while.
        let fixed = tokio::task::spawn_blocking(move || PageSet::fix(tags, &mut UnwrapErr(SysRng)));
        let fixed = fixed.await.map_err(|_| StorageError::Closed)?;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).pages_ms = millis;
        Ok(fixed)
    }

    /// Begins a silence when the clock was put forward, and ends it.
    fn watch_clock(&self, closing: &mut Closing, now: Timestamp) {
        let at = Instant::now();
        let (seen_at, seen) = closing.seen;
        closing.seen = (at, now);
        let passed = Duration::from_millis(now.0.saturating_sub(seen.0));
        if passed.saturating_sub(at - seen_at) >= self.every * JUMP {
            tracing::warn!("The clock was put forward: the digest is not shown for a while.");
            closing.silent_until = Some(at + self.every * SILENCE);
            *self.shown() = None;
        }
        if closing.silent_until.is_some_and(|until| until <= at) {
            closing.silent_until = None;
        }
    }

    fn interval_of(&self, moment: Timestamp) -> Interval {
        Interval(moment.0 / self.millis())
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Difficulty>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Option<Arc<Shown>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const DAMAGED: StorageError = StorageError::Damaged("an interval of the digest");

fn restored(kept: &StoredInterval) -> Result<Closed, StorageError> {
    let header = Header::decode(&kept.header).map_err(|_| DAMAGED)?;
    let set = Set::decode(&kept.set).map_err(|_| DAMAGED)?;
    Ok(Closed { header, set })
}
