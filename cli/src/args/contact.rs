//! `bauta contact …`

use std::path::PathBuf;

use clap::Subcommand;

use super::Acting;

/// `bauta contact`.
#[derive(Debug, Subcommand)]
pub enum Contact {
    /// Make an invitation for one person
    Invite {
        /// What you will call them [default: the first digits of their key]
        #[arg(long)]
        name: Option<String>,
        /// Show the invitation as a QR code, too
        #[arg(long)]
        qr: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Add someone by address, invitation or public key
    Add {
        /// What you call them; nobody else sees the name
        name: String,
        /// What they gave you
        #[arg(required_unless_present = "from_text")]
        address: Option<String>,
        /// Take address or key out of this file, the text of their profile or of a post; "-" is standard input
        #[arg(long, value_name = "FILE", conflicts_with = "address")]
        from_text: Option<PathBuf>,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// List your contacts
    List(Acting),
    /// Show one contact
    Show {
        /// Whom
        name: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// List strangers' first messages
    Requests(Acting),
    /// Accept a request; only now its sender learns that it arrived
    Accept {
        /// The request's id
        id: String,
        /// What you call them
        #[arg(long)]
        name: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Block a contact, or the sender of a request, and delete the request
    Block {
        /// A request's id, or a contact's name
        #[arg(value_name = "ID|NAME")]
        contact: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Show the safety number to compare with a contact
    Verify {
        /// Whom
        name: String,
        /// Remember that both numbers were equal
        #[arg(long, conflicts_with = "differs")]
        matches: bool,
        /// Remember that they were not
        #[arg(long)]
        differs: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
}
