//! `bauta profile …`

use clap::Subcommand;

use super::Acting;

/// `bauta profile`.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// List the profiles whose persona is known
    List,
    /// Say whose a profile is: of a contact, of a persona of yours, or of a key
    Set {
        /// Such as person:twitter.com/alice
        profile: String,
        /// A contact, a persona of yours, or a persona key
        #[arg(value_name = "NAME|KEY")]
        of: String,
        /// Even though another key is known
        #[arg(long)]
        replace: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Forget whose a profile is; its next post is believed again
    Forget {
        /// Such as person:twitter.com/alice
        profile: String,
    },
}
