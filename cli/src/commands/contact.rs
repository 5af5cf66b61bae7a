//! `bauta contact`

mod keeping;

use std::path::PathBuf;

use bauta_ipc::methods::{
    ContactAccept, ContactAdd, ContactBlock, ContactInvite, ContactListAll, ContactRequests, ContactShow,
    ContactVerify,
};
use bauta_ipc::{
    AcceptRequest, AddContact, BlockContact, Client, Contact, ContactRef, ContactState, CreateInvitation,
    Exit, ListOf, Request, RpcError, SafetyNumber, VerifyContact, codes,
};
use clap::Subcommand;
use data_encoding::HEXLOWER_PERMISSIVE;

use self::keeping::KeepingCommand;
use super::Acting;
use crate::{
    Context, Output, ago, block, contact_words, disappearing_words, expiry, moment, plain_table, printable,
    qr_lines, shell_word, short_key, text_of,
};

/// The longest text in which an address is looked for, in bytes.
const MAX_ADDRESS_TEXT: usize = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum ContactCommand {
    /// Create an invitation for one person
    Invite {
        /// Name for this contact [default: the first digits of their key]
        #[arg(long)]
        name: Option<String>,
        /// Also show the invitation as a QR code
        #[arg(long)]
        qr: bool,
        #[command(flatten)]
        acting: Acting,
    },
    /// Add a contact by address, invitation or public key
    Add {
        /// Name for this contact; nobody else sees it
        name: String,
        /// Address, invitation or key that they gave you [default: standard input, which nobody else can read]
        address: Option<String>,
        /// Find the address or key in this file, the text of a profile or of a post; "-" is standard input
        #[arg(long, value_name = "FILE", conflicts_with = "address")]
        from_text: Option<PathBuf>,
        #[command(flatten)]
        acting: Acting,
    },
    /// List your contacts
    List(Acting),
    /// Show one contact
    Show {
        /// Name of the contact
        name: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// List first messages from strangers
    Requests(Acting),
    /// Accept a request; only then does its sender learn that it arrived
    Accept {
        /// Id of the request
        id: String,
        /// Name for this contact
        #[arg(long)]
        name: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Block a contact, or the sender of a request, and delete the request
    Block {
        /// Id of a request, or name of a contact
        #[arg(value_name = "ID|NAME")]
        contact: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Show the safety number to compare with a contact
    Verify {
        /// Name of the contact
        name: String,
        /// Record that the two numbers are equal
        #[arg(long, conflicts_with = "differs")]
        matches: bool,
        /// Record that the two numbers differ
        #[arg(long)]
        differs: bool,
        #[command(flatten)]
        acting: Acting,
    },
    #[command(flatten)]
    Keeping(KeepingCommand),
}

impl ContactCommand {
    /// The address among the arguments. An invitation's is as good as a key.
    pub(super) fn address(&self) -> Option<&str> {
        match self {
            Self::Add { address, .. } => address.as_deref(),
            _ => None,
        }
    }
}

async fn from_stdin(context: &Context) -> Result<String, RpcError> {
    let bytes = super::stdin("Paste the address or the invitation", MAX_ADDRESS_TEXT, context).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) async fn run(command: ContactCommand, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let out = &context.out;
    match command {
        ContactCommand::Invite { name, qr, acting } => {
            invite(&client, CreateInvitation { persona: acting.persona, name }, qr, out).await?;
        }
        ContactCommand::Add { name, address, from_text, acting } => {
            let address = match (address.filter(|address| address != "-"), from_text) {
                (Some(address), _) => address,
                (None, Some(path)) => text_of(&path)?,
                (None, None) => from_stdin(context).await?,
            };
            let added =
                client.call::<ContactAdd>(&AddContact { persona: acting.persona, name, address }).await?;
            out.show(&added, |added| {
                let next = match added.state {
                    ContactState::Active => "You can write to each other.",
                    _ => "Exchanging keys. Without an invitation this takes up to 12 minutes, so that the relay cannot tie it to you.",
                };
                format!("{} is now a contact. {next}", printable(&added.name))
            })?;
        }
        ContactCommand::List(acting) => {
            let params = ListOf { persona: acting.persona, after: None };
            let list = client.all::<ContactListAll>(params).await?;
            out.show(&list, |list| table(list))?;
            if list.is_empty() && !out.is_json() {
                out.note("No contacts yet. Invite someone: bauta contact invite");
            }
        }
        ContactCommand::Show { name, acting } => {
            let shown =
                client.call::<ContactShow>(&ContactRef { persona: acting.persona, contact: name }).await?;
            out.show(&shown, describe)?;
        }
        ContactCommand::Requests(acting) => {
            let params = ListOf { persona: acting.persona, after: None };
            let list = client.all::<ContactRequests>(params).await?;
            out.show(&list, |list| list.iter().map(request_line).collect::<Vec<_>>().join("\n"))?;
            if !out.is_json() {
                out.note(if list.is_empty() {
                    "No requests."
                } else {
                    "Accept: bauta contact accept ID --name NAME. Delete: bauta contact delete ID. Refuse for good: bauta contact block ID. \
                     The sender learns nothing until you accept."
                });
            }
        }
        ContactCommand::Accept { id, name, acting } => {
            let params = AcceptRequest { persona: acting.persona, id, name };
            let accepted = client.call::<ContactAccept>(&params).await?;
            out.show(&accepted, |accepted| format!("{} is now a contact.", printable(&accepted.name)))?;
        }
        ContactCommand::Block { contact, acting } => {
            let blocked =
                client.call::<ContactBlock>(&BlockContact { persona: acting.persona, contact }).await?;
            out.show(&blocked, |_| "Blocked. To them it looks as if you were offline.".to_owned())?;
        }
        ContactCommand::Verify { name, matches, differs, acting } => {
            let mark = (matches || differs).then_some(matches);
            let params = VerifyContact { persona: acting.persona, contact: name, mark };
            let number = client.call::<ContactVerify>(&params).await?;
            verify(&number, out)?;
        }
        ContactCommand::Keeping(command) => keeping::run(command, &client, out).await?,
    }
    Ok(Exit::Ok)
}

async fn invite(client: &Client, params: CreateInvitation, qr: bool, out: &Output) -> Result<(), RpcError> {
    let invitation = client.call::<ContactInvite>(&params).await?;
    out.show(&invitation, |invitation| invitation.address.clone())?;
    if out.is_json() {
        return Ok(());
    }
    if qr {
        out.text(&qr_lines(invitation.address.as_bytes(), out.has_colour())?)?;
    }
    out.note(&format!(
        "Give it to one person, over a channel you trust: whoever uses it first becomes your contact. It ends {}.",
        expiry(invitation.expires_at)
    ));
    Ok(())
}

fn verify(number: &SafetyNumber, out: &Output) -> Result<(), RpcError> {
    out.show(number, |number| {
        let groups: Vec<&str> = number.digits.split(' ').collect();
        groups.chunks(4).map(|row| row.join(" ")).collect::<Vec<_>>().join("\n")
    })?;
    if out.is_json() {
        return Ok(());
    }
    if out.is_terminal() {
        let bytes = HEXLOWER_PERMISSIVE.decode(number.qr.as_bytes()).map_err(|error| {
            RpcError::new(&codes::INTERNAL, format!("The daemon sent a damaged QR code: {error}."))
        })?;
        out.text(&qr_lines(&bytes, out.has_colour())?)?;
    }
    let name = printable(&number.contact);
    out.note(&if number.verified {
        format!("You have recorded that {name}'s number is equal.")
    } else {
        let word = shell_word(&name);
        format!(
            "Compare it with {name}'s, in person or by a call. If equal: bauta contact verify {word} --matches"
        )
    });
    Ok(())
}

fn table(list: &[Contact]) -> String {
    let row = |contact: &Contact| {
        [
            printable(&contact.name),
            contact.public_key.as_deref().map(short_key).unwrap_or_default(),
            problem_or_state(contact),
            if contact.verified { "yes" } else { "no" }.to_owned(),
            contact.last_message_at.map(ago).unwrap_or_default(),
        ]
    };
    plain_table(["NAME", "KEY", "STATE", "VERIFIED", "LAST MESSAGE"], list.iter().map(row))
}

fn problem_or_state(contact: &Contact) -> String {
    match &contact.problem {
        Some(problem) => problem.message.clone(),
        None if contact.muted => format!("{}, muted", contact_words(contact.state)),
        None => contact_words(contact.state).to_owned(),
    }
}

fn describe(contact: &Contact) -> String {
    let mut lines = vec![
        format!("name      {}", printable(&contact.name)),
        format!("state     {}", contact_words(contact.state)),
        format!("key       {}", contact.public_key.as_deref().unwrap_or("not known yet")),
        format!("verified  {}", if contact.verified { "yes" } else { "no" }),
        format!("muted     {}", if contact.muted { "yes" } else { "no" }),
        format!("added     {}", moment(contact.added_at)),
    ];
    if let Some(shown) = &contact.disappearing {
        lines.push(format!("messages  {}", disappearing_words(shown)));
    }
    if let Some(problem) = &contact.problem {
        lines.push(format!("problem   {}", printable(&problem.message)));
        if !problem.hint.is_empty() {
            lines.push(format!("          {}", problem.hint));
        }
    }
    lines.join("\n")
}

fn request_line(request: &Request) -> String {
    let heading =
        format!("{}  {}  {}  ", request.id, moment(request.received_at), short_key(&request.public_key));
    block(&heading, &request.text)
}

#[cfg(test)]
mod tests {
    use bauta_ipc::Utc;

    use super::*;

    #[test]
    fn tables_hold_no_foreign_controls() {
        let contact = Contact {
            persona: "alice".into(),
            name: "bo\x1bb".into(),
            public_key: Some("02".repeat(33)),
            state: ContactState::Active,
            verified: false,
            added_at: Utc::from_millis(0),
            last_message_at: None,
            muted: false,
            disappearing: None,
            problem: None,
        };
        let text = table(std::slice::from_ref(&contact));
        assert!(!text.contains('\x1b') && text.contains("02020202") && text.contains("connected"), "{text}");
        assert!(!describe(&contact).contains('\x1b'));
        assert_eq!(table(&[]), "");
    }
}
