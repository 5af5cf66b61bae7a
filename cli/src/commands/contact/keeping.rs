//! How contacts are kept: `bauta contact rename`, `mute`, `unmute`, `disappear`, `unblock` and `delete`

use bauta_ipc::limits::{MAX_TIMER, MIN_TIMER};
use bauta_ipc::methods::{ContactDelete, ContactDisappear, ContactMute, ContactRename, ContactUnblock};
use bauta_ipc::{
    BlockContact, Client, Contact, ContactRef, MuteContact, RenameContact, RpcError, SetDisappearing,
};
use clap::Subcommand;

use crate::commands::{Acting, duration};
use crate::{Output, disappearing_words, printable, shell_word};

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
    /// Say how long messages with a contact should stay
    ///
    /// They disappear on both sides once both of you have said a time: after the longer of the two. Either of you can
    /// take that back for what is written from then on. The time runs from when a message was read, or stored at the
    /// relay if it is yours; one that nobody reads is gone after that time or a week. Nobody can keep the other side from
    /// copying what it reads.
    Disappear {
        /// Name of the contact
        name: String,
        /// How long, such as 30s, 8h, 1day, 4weeks or 1year, or "off" if messages should stay
        #[arg(value_name = "TIME|off", value_parser = seconds)]
        after: u32,
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
        KeepingCommand::Disappear { name, after, acting } => {
            let params = SetDisappearing { persona: acting.persona, contact: name, after };
            let contact = client.call::<ContactDisappear>(&params).await?;
            out.show(&contact, said)
        }
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

/// A time on the command line, in seconds; 0: off.
fn seconds(text: &str) -> Result<u32, String> {
    if text == "off" {
        return Ok(0);
    }
    let seconds = duration(text).map_err(|error| error.to_string())?.as_secs();
    let fits = u32::try_from(seconds).ok().filter(|seconds| (MIN_TIMER..=MAX_TIMER).contains(seconds));
    fits.ok_or_else(|| "messages can disappear after 30 seconds to a year".to_owned())
}

fn said(contact: &Contact) -> String {
    let name = printable(&contact.name);
    let Some(shown) = contact.disappearing else { return format!("Messages with {name} stay.") };
    let words = disappearing_words(&shown);
    match (shown.own, shown.theirs) {
        (Some(_), None) => {
            format!("Messages with {name}: {words}. They disappear once {name} has said a time, too.")
        }
        (None, Some(_)) => {
            let word = shell_word(&name);
            format!("Messages with {name}: {words}. To agree: bauta contact disappear {word} TIME")
        }
        _ => format!("Messages with {name}: {words}."),
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
