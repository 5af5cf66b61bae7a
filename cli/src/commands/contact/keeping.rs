//! How contacts are kept: `bauta contact rename`, `mute`, `unmute`, `unblock` and `delete`

use bauta_ipc::methods::{ContactDelete, ContactMute, ContactRename, ContactUnblock};
use bauta_ipc::{BlockContact, Client, ContactRef, MuteContact, RenameContact, RpcError};
use clap::Subcommand;

use crate::commands::Acting;
use crate::{Output, printable};

#[derive(Debug, Subcommand)]
pub(crate) enum KeepingCommand {
    /// Give a contact another name; nobody else sees it
    Rename {
        /// Name of the contact
        name: String,
        /// Name from now on
        new: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Do not call for attention when a contact writes
    Mute {
        /// Name of the contact
        name: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Call for attention again when a contact writes
    Unmute {
        /// Name of the contact
        name: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Take back a block; the conversation begins again
    Unblock {
        /// Name of the contact, or the blocked key
        #[arg(value_name = "NAME|KEY")]
        contact: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Delete a contact and all that was said with them, or a request
    ///
    /// The other side is not told and keeps what it has. A contact that is blocked stays blocked; another who writes
    /// again makes a request.
    Delete {
        /// Id of a request, or name of a contact
        #[arg(value_name = "ID|NAME")]
        contact: String,
        #[command(flatten)]
        acting: Acting,
    },
}

pub(super) async fn run(command: KeepingCommand, client: &Client, out: &Output) -> Result<(), RpcError> {
    match command {
        KeepingCommand::Rename { name, new, acting } => {
            let params = RenameContact { persona: acting.persona, contact: name, name: new };
            let renamed = client.call::<ContactRename>(&params).await?;
            out.show(&renamed, |renamed| format!("The contact is now called {}.", printable(&renamed.name)))
        }
        KeepingCommand::Mute { name, acting } => mute(name, acting, true, client, out).await,
        KeepingCommand::Unmute { name, acting } => mute(name, acting, false, client, out).await,
        KeepingCommand::Unblock { contact, acting } => {
            let params = ContactRef { persona: acting.persona, contact };
            let unblocked = client.call::<ContactUnblock>(&params).await?;
            out.show(&unblocked, |_| "Unblocked.".to_owned())
        }
        KeepingCommand::Delete { contact, acting } => {
            let params = BlockContact { persona: acting.persona, contact };
            let deleted = client.call::<ContactDelete>(&params).await?;
            out.show(&deleted, |_| "Deleted.".to_owned())
        }
    }
}

async fn mute(
    name: String,
    acting: Acting,
    muted: bool,
    client: &Client,
    out: &Output,
) -> Result<(), RpcError> {
    let params = MuteContact { persona: acting.persona, contact: name, muted };
    let contact = client.call::<ContactMute>(&params).await?;
    out.show(&contact, |contact| {
        let name = printable(&contact.name);
        if contact.muted { format!("{name} is muted.") } else { format!("{name} is no longer muted.") }
    })
}
