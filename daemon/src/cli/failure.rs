//! Errors of the other crates, in the shape the command line prints.

use std::error::Error;

use bauta_ipc::{Code, RpcError, codes};
use bauta_protocol::error::{HasKind, Kind};

/// An error of a part that uses the network; `network` is the code for failures of the network itself.
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
    let told = RpcError::new(code, sentence(error));
    // These messages say what to do themselves.
    if told.is(&codes::USAGE) { told.hint("") } else { told }
}

/// An error and its causes as one sentence.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors quote their cause themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
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
    fn causes_are_told_once() {
        let error = Outer(std::io::Error::other("rust"));
        assert_eq!(sentence(&error), "The door does not open: rust.");
        let told = failure(&error, &codes::RELAY_FAILED);
        assert!(told.is(&codes::RELAY_FAILED) && !told.hint.is_empty());
    }
}
