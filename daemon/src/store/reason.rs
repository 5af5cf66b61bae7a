//! Why something of the user's failed, as a number. The words for it are made when it is shown.

use super::numbers::stored_enum;

stored_enum! {
    /// Why a message will not arrive, or the keys of a post are not published.
    enum Reason {
        /// Someone else answered the invitation first.
        InvitationUsed = 1,
        /// The invitation has ended, or its keys are not the host's.
        InvitationEnded = 2,
        /// The user blocked the contact.
        ContactBlocked = 3,
        /// No Gun relay is set.
        GunNone = 20,
        /// No Gun relay could be reached.
        GunUnreachable = 21,
        /// The Gun relays did not answer in time.
        GunTimeout = 22,
        /// No Gun relay kept what was written.
        GunNotKept = 23,
        /// Somebody else has written the same property later.
        GunOverwritten = 24,
        /// It cannot be written to a Gun relay.
        GunInvalid = 25,
        /// The daemon was stopping.
        Stopping = 26,
        /// No Gun relay accepted the keys for weeks.
        GivenUp = 27,
        /// What was queued cannot be read.
        Internal = 28,
        /// A web page is at the Gun relay's address.
        GunWebPage = 29,
        /// The server at the Gun relay's address answers with an error or a redirection.
        GunFailure = 30,
        /// Another protocol is at the Gun relay's address.
        GunProtocol = 31,
        /// What is at the Gun relay's address says nothing.
        GunSilence = 32,
        /// The certificate of the Gun relay is not trusted.
        GunCertificate = 33,
    }
}
