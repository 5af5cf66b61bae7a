//! One connection: hello, calls side by side, at most one subscription.

// One task reads frames and decides about them in the order in which they come; a second one writes. Calls run in tasks
// of their own, because `message.wait` may take minutes and the others must not wait for it. What changes the connection
// itself, a proof or a subscription, runs in the reading task instead: the frame after it already meets the new state.
//
// Nothing is stored for a side that does not read. Answers and events go through a channel of a few frames; when it is
// full, calls wait in it with their place taken, so that further calls are refused, the reading task stops reading, and
// the event stream is not polled. A frame that is not taken in time ends the connection. With a cursor nothing is lost.
//
// Five things end the loop: the server stops, the other side cannot be written to, the subscription ends, the connection
// makes place for another one, and the pairing is revoked. A revocation aborts the calls under way. All else lets them
// finish for a moment, since what they do is done whether or not somebody hears of it.
//
// The writing task looks for a revocation itself, before each frame and in the middle of one. It is the last place that
// everything passes: a reader that is slow on purpose keeps frames waiting in the channel, and the reading task behind
// it, so nothing before the channel can keep them back any more.

mod pairing;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;

use self::pairing::approve;
use super::scope::Scope;
use super::seats::Seat;
use super::{Offer, ServerLimits, Service};
use crate::frame::{
    Call, FrameCodec, FrameError, NotACall, parse_call, parse_origin, write_answer, write_event,
};
use crate::methods::{
    self, EventSubscribe, OpenConnection, PairApprove, PairForget, PairList, PairRequest, PairRevoke,
    SessionBegin, SessionProve, StatusGet, Unlock,
};
use crate::pairing::{OpenChallenge, revoked};
use crate::{Hello, MAX_FRAME, Method, PROTOCOL, Retry, RpcError, Subscribed, Welcome, codes};

/// Frames that wait for the other side to read. Further ones wait inside the calls.
const OUTGOING: usize = 16;

/// How long the last word to somebody may take.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Context {
    pub(super) service: Service,
    pub(super) limits: ServerLimits,
    pub(super) stop: CancellationToken,
}

/// Serves one connection to its end.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Send + 'static>(
    stream: S,
    context: Arc<Context>,
    seat: Arc<Seat>,
) {
    let (reader, writer) = tokio::io::split(stream);
    let (out, outgoing) = mpsc::channel(OUTGOING);
    let gone = CancellationToken::new();
    let (proof, proven) = watch::channel(None);
    let mut writing =
        tokio::spawn(write_frames(writer, outgoing, context.limits.write, gone.clone(), proven));
    let scope = context.service.access.clone().map_or(Scope::Stranger, Scope::Owner);
    let mut connection = Connection {
        scope,
        origin: None,
        challenge: None,
        asked: None,
        frames: FramedRead::new(reader, FrameCodec::default()),
        calls: JoinSet::new(),
        places: Arc::new(Semaphore::new(context.limits.calls)),
        subscription: None,
        end: CancellationToken::new(),
        context,
        out,
        gone,
        proof,
        seat: Arc::clone(&seat),
    };
    if connection.greet().await {
        connection.serve().await;
    }
    connection.finish().await;
    if seat.is_given_up() {
        // Its place is another's already.
        let _ = timeout(FAREWELL, &mut writing).await;
        writing.abort();
    }
    let _ = writing.await;
}

/// Says why a connection is not served, and closes it.
pub(super) async fn turn_away(mut stream: UnixStream, error: RpcError) {
    let mut frame = write_answer(None, &Err(error));
    frame.push(b'\n');
    let _ = timeout(FAREWELL, stream.write_all(&frame)).await;
}

struct Connection<R> {
    frames: FramedRead<R, FrameCodec>,
    calls: JoinSet<()>,
    places: Arc<Semaphore>,
    subscription: Option<JoinHandle<()>>,
    scope: Scope,
    /// The extension's, as the bridge named it.
    origin: Option<String>,
    challenge: Option<OpenChallenge>,
    /// Waits for the outcome of a pairing that was requested here.
    asked: Option<JoinHandle<()>>,
    context: Arc<Context>,
    out: mpsc::Sender<Vec<u8>>,
    /// The other side cannot be written to.
    gone: CancellationToken,
    /// The subscription failed or ended.
    end: CancellationToken,
    /// Shows the writing task whose revocation to look for.
    proof: watch::Sender<Option<CancellationToken>>,
    seat: Arc<Seat>,
}

impl<R: AsyncRead + Unpin> Connection<R> {
    /// Handles the first frame; `false` when the connection must close.
    async fn greet(&mut self) -> bool {
        if self.context.service.access.is_none() {
            let Some(frame) = self.early_frame().await else { return false };
            self.origin = parse_origin(&frame);
            if self.origin.is_none() {
                let message = "The first frame must be the bridge's, with an extension's origin.";
                self.answer(None, &Err(RpcError::new(&codes::ACCESS_ORIGIN, message))).await;
                return false;
            }
        }
        let Some(frame) = self.early_frame().await else { return false };
        let call = match parse_call(&frame) {
            Ok(call) => call,
            Err(refused) => {
                self.answer(refused.id.as_ref(), &Err(refused.error)).await;
                return false;
            }
        };
        let answer = self.welcome(&call);
        self.answer(Some(&call.id), &answer).await && answer.is_ok()
    }

    /// A frame that must arrive soon.
    async fn early_frame(&mut self) -> Option<BytesMut> {
        let frame = tokio::select! {
            () = self.context.stop.cancelled() => return None,
            () = self.seat.given_up() => Some(Err(made_place())),
            frame = timeout(self.context.limits.hello, next_frame(&mut self.frames)) => {
                frame.unwrap_or_else(|_| Some(Err(RpcError::new(&codes::HELLO_REQUIRED, "No hello came in time."))))
            }
        };
        self.readable(frame).await
    }

    fn welcome(&self, call: &Call) -> Result<Value, RpcError> {
        if call.method != OpenConnection::NAME {
            return Err(RpcError::new(&codes::HELLO_REQUIRED, "The first frame must be hello."));
        }
        let hello: Hello = methods::read(call.params.clone())?;
        if hello.protocol != PROTOCOL {
            let message = format!("The daemon speaks protocol {PROTOCOL}, the client {}.", hello.protocol);
            return Err(RpcError::new(&codes::HELLO_UNSUPPORTED, message));
        }
        let pairing = self.context.service.desk.as_ref().map(|_| "pairing");
        let features = std::iter::once("events").chain(pairing);
        methods::write(&Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: features.into_iter().map(str::to_owned).collect(),
            grants: self.scope.grants(),
        })
    }

    async fn serve(&mut self) {
        loop {
            self.seat.note(self.is_idle());
            let frame = tokio::select! {
                biased;
                () = self.scope.revoked() => {
                    self.calls.abort_all();
                    return;
                }
                () = self.context.stop.cancelled() => return,
                () = self.gone.cancelled() => return,
                () = self.end.cancelled() => return,
                () = self.seat.given_up() => {
                    self.answer(None, &Err(made_place())).await;
                    return;
                }
                Some(_) = self.calls.join_next() => continue,
                frame = next_frame(&mut self.frames) => frame,
            };
            let Some(frame) = self.readable(frame).await else { return };
            let alive = match parse_call(&frame) {
                Ok(call) => self.begin(call).await,
                Err(NotACall { id, error, close }) => self.answer(id.as_ref(), &Err(error)).await && !close,
            };
            if !alive {
                return;
            }
        }
    }

    /// Nothing is under way here that somebody waits for.
    fn is_idle(&self) -> bool {
        let asks = self.asked.as_ref().is_some_and(|asked| !asked.is_finished());
        self.calls.is_empty() && self.subscription.is_none() && !asks
    }

    /// The frame; `None`, after the error was sent, when the connection must close.
    async fn readable(&self, frame: Option<Result<BytesMut, RpcError>>) -> Option<BytesMut> {
        match frame? {
            Ok(frame) => Some(frame),
            Err(error) => {
                self.answer(None, &Err(error)).await;
                None
            }
        }
    }

    /// Starts a call; `false` when the connection must close.
    async fn begin(&mut self, mut call: Call) -> bool {
        let refusal = match methods::find(&call.method) {
            None => Some(methods::unknown(&call.method)),
            Some(_) if call.method == OpenConnection::NAME => {
                Some(RpcError::new(&codes::HELLO_REPEATED, "This connection is open already."))
            }
            Some(method) => {
                let permitted = self.context.service.permit(method);
                let refusal = permitted.and_then(|()| self.scope.permit(method, &mut call)).err();
                if let (None, Some(activity)) = (&refusal, &self.context.service.activity) {
                    activity.note(method);
                }
                refusal
            }
        };
        if let Some(error) = refusal {
            return self.answer(Some(&call.id), &Err(error)).await;
        }
        match call.method.as_str() {
            EventSubscribe::NAME => return self.subscribe(call).await,
            PairRequest::NAME | SessionBegin::NAME | SessionProve::NAME => return self.pair(call).await,
            _ => {}
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let error = RpcError::new(&codes::DAEMON_BUSY, "Too many calls at once on this connection.");
            return self.answer(Some(&call.id), &Err(error)).await;
        };
        let (context, out) = (Arc::clone(&self.context), self.out.clone());
        let scope = self.scope.clone();
        self.calls.spawn(async move {
            let answer =
                guarded(&call.method, work(&context.service, &scope, &call.method, call.params)).await;
            // The slot is free before the answer is sent, so whoever has the answer may call again at once.
            drop(place);
            let _ = out.send(write_answer(Some(&call.id), &answer)).await;
        });
        true
    }

    async fn subscribe(&mut self, call: Call) -> bool {
        if self.subscription.is_some() {
            let error = RpcError::new(
                &codes::EVENT_SUBSCRIBED,
                "This connection is already subscribed to the events.",
            );
            return self.answer(Some(&call.id), &Err(error)).await;
        }
        let opened = async {
            let stream = self.context.service.api()?.event_subscribe(methods::read(call.params)?).await?;
            Ok((methods::write(&Subscribed { cursor: stream.cursor })?, stream.events))
        };
        match guarded(&call.method, opened).await {
            Err(error) => self.answer(Some(&call.id), &Err(error)).await,
            Ok((subscribed, mut events)) => {
                let alive = self.answer(Some(&call.id), &Ok(subscribed)).await;
                let (out, end, scope) = (self.out.clone(), self.end.clone(), self.scope.clone());
                self.subscription = Some(tokio::spawn(async move {
                    let _end = end.drop_guard();
                    while let Some(Ok(event)) = events.next().await {
                        if !scope.sees(&event) {
                            continue;
                        }
                        // What does not fit would end each connection that replays the log.
                        let Some(frame) = write_event(&event) else { continue };
                        if out.send(frame).await.is_err() {
                            return;
                        }
                    }
                }));
                alive
            }
        }
    }

    /// `false` when the other side cannot be written to.
    async fn answer(&self, id: Option<&crate::frame::Id>, answer: &Result<Value, RpcError>) -> bool {
        self.out.send(write_answer(id, answer)).await.is_ok()
    }

    /// Gives calls under way some time to finish, unless the other side is gone.
    async fn finish(mut self) {
        if let Some(subscription) = self.subscription.take() {
            subscription.abort();
        }
        if let Some(asked) = self.asked.take() {
            asked.abort();
        }
        if let (Scope::Paired(proven), Some(desk)) = (&self.scope, &self.context.service.desk) {
            desk.leave(proven).await;
        }
        let all = async { while self.calls.join_next().await.is_some() {} };
        tokio::select! {
            () = self.gone.cancelled() => {}
            _ = timeout(self.context.limits.finish, all) => {}
        }
    }
}

/// The next frame that is not blank; an error to send before closing; `None` at the end.
async fn next_frame<R: AsyncRead + Unpin>(
    frames: &mut FramedRead<R, FrameCodec>,
) -> Option<Result<BytesMut, RpcError>> {
    loop {
        match frames.next().await? {
            Ok(frame) if frame.iter().all(u8::is_ascii_whitespace) => {}
            Ok(frame) => return Some(Ok(frame)),
            Err(FrameError::TooLong) => {
                let message = format!("The frame is longer than {MAX_FRAME} bytes.");
                return Some(Err(RpcError::new(&codes::REQUEST_TOO_LARGE, message)));
            }
            Err(FrameError::Io(error)) => {
                tracing::debug!(%error, "A connection to a local program broke.");
                return None;
            }
        }
    }
}

/// Runs a call of the pairing desk or of the API.
async fn work(service: &Service, scope: &Scope, method: &str, params: Value) -> Result<Value, RpcError> {
    let desk = || service.desk.as_ref().ok_or_else(|| methods::unknown(method));
    if let Offer::Locked(locked) = &service.offer {
        return match method {
            StatusGet::NAME => methods::write(&locked.status().await?),
            Unlock::NAME => methods::write(&locked.unlock(methods::read(params)?).await?),
            _ => Err(super::locked()),
        };
    }
    match method {
        PairApprove::NAME => methods::write(&approve(service, desk()?, methods::read(params)?).await?),
        PairList::NAME => methods::write(&desk()?.list(methods::read(params)?).await?),
        PairRevoke::NAME => methods::write(&desk()?.revoke(methods::read(params)?).await?),
        PairForget::NAME => methods::write(&desk()?.forget(methods::read(params)?).await?),
        _ => methods::dispatch(service.api()?, scope.view(), method, params).await,
    }
}

/// Runs a call; a panic inside is answered as a bug, and does not end the connection.
async fn guarded<T>(method: &str, work: impl Future<Output = Result<T, RpcError>>) -> Result<T, RpcError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => {
            tracing::error!(method, "A call panicked. Please report it.");
            Err(RpcError::new(&codes::INTERNAL, format!("{method} failed in a way it should not.")))
        }
    }
}

async fn write_frames<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    patience: Duration,
    gone: CancellationToken,
    proven: watch::Receiver<Option<CancellationToken>>,
) {
    let _gone = gone.drop_guard();
    let revocation = revocation(proven);
    tokio::pin!(revocation);
    loop {
        let frame = tokio::select! {
            biased;
            () = &mut revocation => {
                let mut frame = write_answer(None, &Err(revoked()));
                frame.push(b'\n');
                let _ = timeout(FAREWELL, writer.write_all(&frame)).await;
                break;
            }
            frame = outgoing.recv() => frame,
        };
        let Some(mut frame) = frame else { break };
        frame.push(b'\n');
        let written = tokio::select! {
            biased;
            // The rest of the frame is not written either, so nothing can follow it.
            () = &mut revocation => return,
            written = timeout(patience, writer.write_all(&frame)) => written,
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::debug!("A local program read too slowly and was dropped.");
                return;
            }
        }
    }
    let _ = timeout(patience, writer.shutdown()).await;
}

/// Waits until a pairing was proven and is revoked.
async fn revocation(mut proven: watch::Receiver<Option<CancellationToken>>) {
    let token = proven.wait_for(Option::is_some).await.ok().and_then(|token| token.clone());
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

fn made_place() -> RpcError {
    RpcError::new(&codes::DAEMON_BUSY, "This connection made place for another one.")
        .hint("Connect again.")
        .retry(Retry::Now)
}
