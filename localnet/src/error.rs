//! What can go wrong, one type per operation.

use std::{io, path::PathBuf};

use bauta_protocol::error::{HasKind, Kind};
use thiserror::Error;

/// A local network that did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A number in the configuration is out of range.
    #[error("{0}")]
    Config(&'static str),
    /// The directory cannot be used.
    #[error("the network's directory cannot be used")]
    Store(#[source] StoreError),
    /// No socket on loopback.
    #[error("cannot listen on 127.0.0.1")]
    Bind(#[source] io::Error),
    /// A port of an earlier run is in use.
    #[error(
        "port {port} of this network is taken: is it running already? \
         Stop it, or start with another directory"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// An exit did not come up.
    #[error("an exit of the network did not start")]
    Exit(#[source] ExitError),
}

/// An exit that is not connected to its gateway.
#[derive(Debug, Error)]
pub enum ExitError {
    /// The gateway did not answer in time.
    #[error("the exit's gateway did not answer in time")]
    Timeout,
    /// The Nym client did not start.
    #[error("the exit's Nym client did not start")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A file or directory of the network that cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not one of ours, or damaged.
    #[error("{path} is damaged ({what}): remove it and start again")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// A node that did not come back.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The node's port was taken by another process while the node was down.
    #[error("node {node} cannot listen on its port {port} again")]
    Bind {
        /// The node's id.
        node: u32,
        /// The port.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The empty list of registrations could not be written.
    #[error("node {node} cannot forget its clients on disk")]
    Store {
        /// The node's id.
        node: u32,
        /// Why not.
        #[source]
        source: StoreError,
    },
}

/// A key rotation that did not happen. Nothing has changed.
#[derive(Debug, Error)]
pub enum RotateError {
    /// The new keys could not be written.
    #[error("the new keys cannot be kept")]
    Store(#[source] StoreError),
}

/// A `network.json` that cannot be read or written.
#[derive(Debug, Error)]
pub enum NetworkFileError {
    /// Reading or writing failed.
    #[error("cannot use {path}")]
    Store {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: StoreError,
    },
    /// A version this release does not know.
    #[error("{path} has version {version}; this release reads version 1: use the release that wrote it")]
    Version {
        /// Where.
        path: PathBuf,
        /// The version found.
        version: u32,
    },
    /// An address in it is not on loopback.
    #[error("{path} names {address}, which is not on this machine: a local network is on 127.0.0.1 only")]
    NotLocal {
        /// Where.
        path: PathBuf,
        /// The address.
        address: String,
    },
}

impl HasKind for StartError {
    fn kind(&self) -> Kind {
        match self {
            StartError::Config(_) => Kind::Usage,
            StartError::Store(error) => error.kind(),
            StartError::Bind(_) => Kind::Network,
            StartError::PortTaken { .. } => Kind::Conflict,
            StartError::Exit(error) => error.kind(),
        }
    }
}

impl HasKind for ExitError {
    fn kind(&self) -> Kind {
        match self {
            ExitError::Timeout => Kind::Timeout,
            ExitError::Client(_) => Kind::Network,
        }
    }
}

impl HasKind for StoreError {
    fn kind(&self) -> Kind {
        match self {
            StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Kind::NotFound,
            StoreError::Io { .. } => Kind::Storage,
            StoreError::Damaged { .. } => Kind::Malformed,
        }
    }
}

impl HasKind for NodeError {
    fn kind(&self) -> Kind {
        match self {
            NodeError::Bind { .. } => Kind::Conflict,
            NodeError::Store { source, .. } => source.kind(),
        }
    }
}

impl HasKind for RotateError {
    fn kind(&self) -> Kind {
        let RotateError::Store(error) = self;
        error.kind()
    }
}

impl HasKind for NetworkFileError {
    fn kind(&self) -> Kind {
        match self {
            NetworkFileError::Store { source, .. } => source.kind(),
            NetworkFileError::Version { .. } => Kind::Unsupported,
            NetworkFileError::NotLocal { .. } => Kind::Refused,
        }
    }
}
