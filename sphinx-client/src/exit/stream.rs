//! One stream, as programs use it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pipe::Pipe;

/// A TCP connection of an exit, as bytes both ways, in order.
///
/// Its peer is whoever the exit reached: what must stay secret from the exit goes through TLS inside.
/// When one side closes, the stream ends for both: there is no half-closed state.
/// Once the stream is shut down, reading gives what had come before and then the end.
/// Reading must keep up: with 4 MiB unread the stream fails.
/// Dropping it closes it; what was written before is still sent.
pub struct ExitStream {
    pipe: Arc<Pipe>,
}

impl ExitStream {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self { pipe }
    }
}

impl AsyncRead for ExitStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_read(cx, buf)
    }
}

impl AsyncWrite for ExitStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.pipe.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_shutdown(cx)
    }
}

impl Drop for ExitStream {
    fn drop(&mut self) {
        self.pipe.close(true);
    }
}

impl fmt::Debug for ExitStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExitStream(..)")
    }
}
