//! Connects the browser's pipes to the daemon's socket.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use bauta_ipc::frame::write_answer;
use bauta_ipc::{MAX_FRAME, RpcError, codes};

use crate::caller::Caller;
use crate::frame::{FrameError, read_frame, write_frame};

/// What ended a connection.
#[derive(Debug)]
pub enum End {
    /// The browser closed its end.
    Browser,
    /// An error that the extension gets.
    Error(RpcError),
}

/// Passes frames both ways until one side ends; what the other side was still sending is dropped.
/// The caller's origin is the first frame to the daemon; whatever the extension sends comes after it.
///
/// # Errors
/// What to send to the extension, unless it was the browser that ended the connection.
pub fn join(caller: &Caller, daemon: UnixStream, input: File, output: &File) -> Result<(), RpcError> {
    // The host adds one frame, `bridge.origin`, and passes everything else on unread. The daemon accepts that frame as
    // the first one only, so an extension cannot send another (docs/api.md, "Browser extensions").
    //
    // Two threads, because both directions block. The first one that ends decides the result; the other waits in a read
    // that nothing may ever end, so it is not joined but ends with the process.
    let (mut to_daemon, from_daemon) = (daemon.try_clone().map_err(broken)?, daemon);
    to_daemon.write_all(&introduction(caller)).map_err(broken)?;
    let output = Arc::new(Mutex::new(output.try_clone().map_err(broken)?));
    let (ended, end) = mpsc::channel();
    let done = ended.clone();
    let (for_input, answers) = (to_daemon, Arc::clone(&output));
    let upward = move || pass_up(input, for_input).map(|end| ended.send(end));
    let downward = move || done.send(pass_down(from_daemon, &answers));
    thread::Builder::new().name("up".into()).stack_size(STACK).spawn(upward).map_err(broken)?;
    thread::Builder::new().name("down".into()).stack_size(STACK).spawn(downward).map_err(broken)?;
    let end = end.recv().unwrap_or(End::Browser);
    // Wait until a frame that is being written is whole: the caller may write an error frame next.
    let _whole = output.lock().unwrap_or_else(PoisonError::into_inner);
    match end {
        End::Browser => Ok(()),
        End::Error(error) => Err(error),
    }
}

const STACK: usize = 128 << 10;

/// Reports the state of the whole connection to the extension: an error with id `null`.
pub fn report(output: &File, error: &RpcError) -> io::Result<()> {
    write_frame(&mut &*output, &write_answer(None, &Err(error.clone())))
}

fn introduction(caller: &Caller) -> Vec<u8> {
    let params = serde_json::json!({"origin": caller.origin()});
    let frame = serde_json::json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": params});
    format!("{frame}\n").into_bytes()
}

/// Browser to daemon. `None` when the daemon closed its end: the other direction still passes on its last frames.
fn pass_up(mut input: impl Read, mut daemon: UnixStream) -> Option<End> {
    loop {
        let frame = match read_frame(&mut input) {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(FrameError::Cut | FrameError::Io(_)) => {
                let _ = daemon.shutdown(Shutdown::Write);
                return Some(End::Browser);
            }
            Err(FrameError::TooLong) => {
                let message = format!("The frame is longer than {MAX_FRAME} bytes.");
                return Some(End::Error(RpcError::new(&codes::REQUEST_TOO_LARGE, message)));
            }
        };
        if daemon.write_all(&line_of(frame)).is_err() {
            return None;
        }
    }
}

/// One frame as one line.
///
/// Outside of strings JSON treats a line feed like a space, and inside of them a raw one is not allowed. So replacing it
/// changes no meaning, and one frame cannot become two.
fn line_of(mut frame: Vec<u8>) -> Vec<u8> {
    for byte in &mut frame {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    frame.push(b'\n');
    frame
}

/// Daemon to browser.
fn pass_down(daemon: UnixStream, output: &Mutex<File>) -> End {
    let mut daemon = BufReader::new(daemon);
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte for the line feed, and one more to notice a frame that is too long.
        let most = u64::try_from(MAX_FRAME).unwrap_or(u64::MAX).saturating_add(2);
        match (&mut daemon).take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return End::Error(gone()),
            Ok(_) => {}
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() || line.len() > MAX_FRAME {
            return End::Error(gone());
        }
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        if write_frame(&mut *output, &line).is_err() {
            return End::Browser;
        }
    }
}

fn gone() -> RpcError {
    RpcError::new(&codes::DAEMON_UNREACHABLE, "The connection to the daemon ended.")
}

fn broken(error: io::Error) -> RpcError {
    RpcError::new(&codes::DAEMON_UNREACHABLE, format!("The daemon cannot be reached: {error}."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_is_one_line(frame in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..100)) {
            let line = line_of(frame.clone());
            prop_assert_eq!(line.len(), frame.len() + 1);
            prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(frame.len()));
        }
    }

    #[test]
    fn json_over_several_lines_means_the_same() {
        let frame = b"{\n\"text\":\n\"a\\nb\"\n}".to_vec();
        let value: Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&line_of(frame)).unwrap(), value);
    }

    #[test]
    fn the_introduction_names_the_origin() {
        let line = introduction(&Caller::Chromium("a".repeat(32)));
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["params"]["origin"], format!("chrome-extension://{}/", "a".repeat(32)));
        assert_eq!((value["method"].as_str(), line.last()), (Some("bridge.origin"), Some(&b'\n')));
    }
}
