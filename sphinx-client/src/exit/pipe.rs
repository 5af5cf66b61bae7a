//! The state of one stream: what came in and is not read, what was written and has not left.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nym_ordered_buffer::{OrderedMessageBuffer, OrderedMessageError};
use tokio::io::ReadBuf;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// Bytes that may wait to be read, those that came out of order included. The protocol cannot make the other side
/// wait, so a stream with more fails.
pub(super) const MOST_UNREAD: usize = 4 << 20;
/// Bytes that may wait to be sent. Past it, writing waits.
const MOST_UNSENT: usize = 64 << 10;
/// Bytes of a frame to the exit: with its SURBs it makes some seven packets.
const FRAME: usize = 8 << 10;

/// What an exit says to a request to connect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Open,
    Refused,
    Unreachable,
}

/// Why a stream ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The Nym client below ended.
    Lost,
    /// Too much came in unread, or too much out of order.
    Overflow,
    /// The exit gave the connection up.
    Reset,
    /// A piece did not come although later ones did.
    Gap,
    /// Nothing came for longer than keep-alives leave silent.
    Silent,
}

impl Failure {
    fn error(self) -> io::Error {
        match self {
            Self::Lost => {
                io::Error::new(io::ErrorKind::ConnectionAborted, "the mixnet client of this stream ended")
            }
            Self::Overflow => {
                io::Error::other("more came through the exit than was read: the stream was given up")
            }
            Self::Reset => io::Error::new(io::ErrorKind::ConnectionReset, "the exit closed the connection"),
            Self::Gap => io::Error::new(io::ErrorKind::TimedOut, "a piece of the stream was lost on the way"),
            Self::Silent => io::Error::new(io::ErrorKind::TimedOut, "the exit fell silent"),
        }
    }
}

/// What a stream wants to have sent next.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Work {
    /// A piece; the last one if so.
    Frame(Vec<u8>, bool),
    /// Nothing any more.
    Done,
}

/// The state of a stream, shared by its reader and writer, by the task that sends and by whatever receives.
pub(super) struct Pipe {
    state: Mutex<Flow>,
    /// There is something to send.
    work: Notify,
}

// Frames carry numbers and may come in any order, twice, or never; the exit cannot be told to wait, and does not say
// whether it is connected before its first frame. So one lock holds both directions: what came early, what is unread,
// what is unsent, and how the stream ended. Wakers are woken under the lock, by whoever changed what they wait for.
struct Flow {
    answer: Option<oneshot::Sender<Answer>>,
    order: OrderedMessageBuffer,
    /// Bytes in `order`.
    early: usize,
    /// The highest number that came, and the first that is still missing.
    highest: u64,
    missing: u64,
    /// When reading last got on, or the first piece came early.
    moved: Instant,
    unread: VecDeque<u8>,
    /// The number of the exit's last frame, once it is known.
    last: Option<u64>,
    remote_ended: bool,
    failure: Option<Failure>,
    heard: Instant,
    /// Data came since this was last asked.
    fresh: bool,
    reader: Option<Waker>,
    unsent: VecDeque<u8>,
    /// A frame was taken and is not yet with the SDK.
    sending: bool,
    /// Our side ends once everything is sent.
    closing: bool,
    /// The last frame was sent, or nothing will be.
    closed: bool,
    /// Nobody reads any more.
    dropped: bool,
    writer: Option<Waker>,
}

impl Pipe {
    /// A stream that waits for the exit's answer.
    pub(super) fn new() -> (Arc<Self>, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let state = Flow {
            answer: Some(answer),
            order: OrderedMessageBuffer::new(),
            early: 0,
            highest: 0,
            missing: 0,
            moved: Instant::now(),
            unread: VecDeque::new(),
            last: None,
            remote_ended: false,
            failure: None,
            heard: Instant::now(),
            fresh: false,
            reader: None,
            unsent: VecDeque::new(),
            sending: false,
            closing: false,
            closed: false,
            dropped: false,
            writer: None,
        };
        (Arc::new(Self { state: Mutex::new(state), work: Notify::new() }), answered)
    }

    /// A frame came in.
    pub(super) fn receive(&self, sequence: u64, last: bool, data: Vec<u8>) {
        let mut state = self.lock();
        if state.is_over() || state.dropped {
            return;
        }
        state.heard = Instant::now();
        state.fresh |= !data.is_empty();
        let unreachable = sequence == 0 && last && data.is_empty();
        if let Some(answer) = state.answer.take() {
            let _ = answer.send(if unreachable { Answer::Unreachable } else { Answer::Open });
        }
        let arrived = data.len();
        let waiting = state.early.saturating_add(state.unread.len());
        if waiting.saturating_add(arrived) > MOST_UNREAD {
            return self.end(state, Failure::Overflow);
        }
        match state.order.write(sequence, data) {
            Ok(()) => state.early = state.early.saturating_add(arrived),
            Err(OrderedMessageError::MessageSequenceTooLarge { .. }) => {
                return self.end(state, Failure::Overflow);
            }
            // A duplicate.
            Err(_) => return,
        }
        if state.highest < state.missing {
            state.moved = Instant::now();
        }
        state.highest = state.highest.max(sequence);
        // The buffer does not keep it.
        if last && state.last.is_none() {
            state.last = Some(sequence);
        }
        if let Some(read) = state.order.read() {
            state.early = state.early.saturating_sub(read.data.len());
            state.missing = read.last_sequence.saturating_add(1);
            state.moved = Instant::now();
            state.unread.extend(read.data);
            if state.last.is_some_and(|last| read.last_sequence >= last) {
                state.remote_ended = true;
                state.closed = true;
                state.wake_writer();
                self.work.notify_one();
            }
            state.wake_reader();
        }
    }

    /// The exit refuses to serve, or to continue.
    pub(super) fn refuse(&self) {
        let mut state = self.lock();
        if let Some(answer) = state.answer.take() {
            let _ = answer.send(Answer::Refused);
        }
        state.closed = true;
        self.end(state, Failure::Reset);
    }

    /// Ends the stream for whoever uses it.
    pub(super) fn fail(&self, failure: Failure) {
        self.end(self.lock(), failure);
    }

    fn end(&self, mut state: MutexGuard<'_, Flow>, failure: Failure) {
        if state.is_over() {
            return;
        }
        if failure == Failure::Overflow {
            state.unread = VecDeque::new();
        }
        state.order = OrderedMessageBuffer::new();
        state.early = 0;
        state.unsent = VecDeque::new();
        state.failure = Some(failure);
        state.answer = None;
        state.wake_reader();
        state.wake_writer();
        self.work.notify_one();
    }

    /// What is to be sent next. Waits for it. Cancel safe.
    pub(super) async fn work(&self) -> Work {
        loop {
            if let Some(work) = self.lock().take_work() {
                return work;
            }
            self.work.notified().await;
        }
    }

    /// What [`Pipe::work`] gave is with the SDK.
    pub(super) fn sent(&self, last: bool) {
        let mut state = self.lock();
        state.sending = false;
        state.closed |= last;
        state.wake_writer();
    }

    /// For how long nothing came.
    pub(super) fn silent_for(&self) -> Duration {
        self.lock().heard.elapsed()
    }

    /// For how long a piece has been missing while later ones are there.
    pub(super) fn gap_for(&self) -> Duration {
        let state = self.lock();
        let gap = state.highest > state.missing && !state.is_over() && !state.dropped;
        if gap { state.moved.elapsed() } else { Duration::ZERO }
    }

    /// Whether data came since this was last asked.
    pub(super) fn take_fresh(&self) -> bool {
        std::mem::take(&mut self.lock().fresh)
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !state.unread.is_empty() {
            let (front, _) = state.unread.as_slices();
            let take = front.len().min(buf.remaining());
            buf.put_slice(front.get(..take).unwrap_or_default());
            state.unread.drain(..take);
            return Poll::Ready(Ok(()));
        }
        match state.failure {
            Some(failure) => Poll::Ready(Err(failure.error())),
            None if state.remote_ended || state.closing => Poll::Ready(Ok(())),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if let Some(error) = state.write_error() {
            return Poll::Ready(Err(error));
        }
        let take = buf.len().min(MOST_UNSENT.saturating_sub(state.unsent.len()));
        if take == 0 && !buf.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.unsent.extend(buf.iter().take(take));
        self.work.notify_one();
        Poll::Ready(Ok(take))
    }

    /// Ready once the SDK has everything that was written.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.unsent.is_empty() && !state.sending {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = state.write_error().filter(|_| state.is_over()) {
            return Poll::Ready(Err(error));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ready once the SDK has everything that was written, and the news that it was all.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.lock().closing {
            self.close(false);
        }
        let mut state = self.lock();
        match state.failure {
            Some(failure) => Poll::Ready(Err(failure.error())),
            None if state.closed => Poll::Ready(Ok(())),
            None => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Our side ends once everything is sent. `dropped`: and nobody reads any more.
    pub(super) fn close(&self, dropped: bool) {
        let mut state = self.lock();
        state.closing = true;
        if dropped {
            state.dropped = true;
            state.unread = VecDeque::new();
            state.order = OrderedMessageBuffer::new();
            state.early = 0;
        }
        state.wake_reader();
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    fn is_over(&self) -> bool {
        self.remote_ended || self.failure.is_some()
    }

    fn take_work(&mut self) -> Option<Work> {
        if self.closed {
            return Some(Work::Done);
        }
        if self.failure.is_some() {
            // The exit does not know this yet, so it gets an end frame.
            return Some(Work::Frame(Vec::new(), true));
        }
        if self.unsent.is_empty() && !self.closing {
            return None;
        }
        let take = self.unsent.len().min(FRAME);
        let data = self.unsent.drain(..take).collect();
        let last = self.closing && self.unsent.is_empty();
        self.sending = true;
        self.wake_writer();
        Some(Work::Frame(data, last))
    }

    /// Why nothing can be written any more.
    fn write_error(&self) -> Option<io::Error> {
        match self.failure {
            Some(failure) => Some(failure.error()),
            None if self.remote_ended => {
                Some(io::Error::new(io::ErrorKind::BrokenPipe, "the other side closed"))
            }
            None if self.closing => {
                Some(io::Error::new(io::ErrorKind::BrokenPipe, "the stream was shut down"))
            }
            None => None,
        }
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
