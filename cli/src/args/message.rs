//! Messages: sending and reading them.

use std::time::Duration;

use bauta_ipc::MessageState;
use clap::{Args, ValueEnum};

use super::{Acting, duration};

/// `bauta send`.
#[derive(Args, Debug)]
pub struct Send {
    /// To whom
    pub name: String,
    /// What; "-" reads standard input
    pub text: String,
    /// Return when it has come this far
    #[arg(long, value_name = "STATE", default_value = "stored")]
    pub wait: Wait,
    /// How long to wait; the message stays queued after that
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

/// How far a message shall have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Wait {
    /// Safe on this machine's disk
    Queued,
    /// Confirmed by the contact's relay
    Stored,
    /// Confirmed by the contact's daemon
    Delivered,
}

impl From<Wait> for MessageState {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Queued => Self::Queued,
            Wait::Stored => Self::Stored,
            Wait::Delivered => Self::Delivered,
        }
    }
}

/// `bauta inbox`.
#[derive(Args, Debug)]
pub struct Inbox {
    /// Go on with what arrives; with --json one object per line instead of an array
    #[arg(long, short)]
    pub follow: bool,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

/// `bauta history`.
#[derive(Args, Debug)]
pub struct History {
    /// With whom
    pub name: String,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;
    use crate::args::Command;

    #[test]
    fn send_waits_a_minute_for_the_relay() {
        let send = |line: &str| match parse(line).unwrap().command {
            Command::Send(send) => send,
            other => panic!("{other:?}"),
        };
        let plain = send("send bob hi");
        assert_eq!((plain.wait, plain.timeout), (Wait::Stored, Duration::from_secs(60)));
        let full = send("send bob - --wait delivered --timeout 1m30s --as alice");
        assert_eq!((full.wait, full.timeout), (Wait::Delivered, Duration::from_secs(90)));
        assert_eq!((full.text.as_str(), full.acting.persona.as_deref()), ("-", Some("alice")));
        assert_eq!(send("send bob hi --timeout 5").timeout, Duration::from_secs(5));
        assert!(parse("send bob hi --wait read").is_err());
        assert!(parse("send bob").is_err());
    }
}
