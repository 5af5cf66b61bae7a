//! Errors of other crates, as the command line prints them.

use std::error::Error;

use bauta_ipc::{Code, RpcError, codes};
use bauta_protocol::error::{HasKind, Kind};

/// An error of a part that uses the network; `network` is the code for failures of the network.
pub(crate) fn failure<E: Error + HasKind>(error: &E, network: &Code) -> RpcError {
    let code = match error.kind() {
        Kind::Network | Kind::Timeout => network,
        Kind::Locked => &codes::STORE_LOCKED,
        Kind::Refused => &codes::ACCESS_FILES,
        Kind::Storage => &codes::FILE_FAILED,
        Kind::Full => &codes::STORE_FULL,
        Kind::Internal | Kind::Forged => &codes::INTERNAL,
        Kind::Usage
        | Kind::NotFound
        | Kind::Conflict
        | Kind::Malformed
        | Kind::Expired
        | Kind::Unsupported => &codes::USAGE,
    };
    let told = RpcError::of(code, error);
    // The messages say what to do themselves.
    if told.is(&codes::USAGE) { told.hint("") } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the door does not open")]
    struct Outer(#[source] std::io::Error);

    impl HasKind for Outer {
        fn kind(&self) -> Kind {
            Kind::Network
        }
    }

    #[test]
    fn the_network_has_the_code_that_is_given() {
        let error = Outer(std::io::Error::other("rust"));
        let told = failure(&error, &codes::RELAY_FAILED);
        assert!(told.is(&codes::RELAY_FAILED) && !told.hint.is_empty());
    }
}
