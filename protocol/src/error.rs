//! What an error means to whoever called: one classification for the whole workspace.

/// The class of an error, by what the caller can do about it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// The call itself is wrong: change the arguments.
    Usage,
    /// The thing named does not exist: check the name, or create it first.
    NotFound,
    /// It collides with what is already there: read the present state and decide again.
    Conflict,
    /// The other side or a rule refused: repeating the same call will not help.
    Refused,
    /// Bytes or text from outside do not have the required form: ask for them again, or for others.
    Malformed,
    /// A signature or seal is invalid: drop the object, and distrust whoever delivered it.
    Forged,
    /// It was valid once and is no longer: fetch or make a fresh one.
    Expired,
    /// The store is locked: unlock it and repeat.
    Locked,
    /// The network is not usable now: repeat later.
    Network,
    /// No answer came in time: repeat later; the request may have had its effect.
    Timeout,
    /// The disk or database failed: free space or repair, then repeat.
    Storage,
    /// A bounded resource is used up: wait until there is room, or send less.
    Full,
    /// A newer program made it: update, then repeat.
    Unsupported,
    /// A bug in this program: report it.
    Internal,
}

/// Errors that cross a crate border state their [`Kind`].
pub trait HasKind {
    /// The class of this error.
    fn kind(&self) -> Kind;
}
