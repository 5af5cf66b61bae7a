//! `bauta forget`

use bauta_ipc::methods::{ConversationDelete, MessageDelete};
use bauta_ipc::{ContactRef, Empty, Exit, MessageRef, RpcError};
use clap::Args;

use super::Acting;
use crate::Context;

#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    /// Contact of the conversation
    name: String,
    /// Ids of messages, from bauta history NAME --ids
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// Delete the whole conversation; the contact stays
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    acting: Acting,
}

/// The other side is not told, and keeps what it has.
pub(super) async fn run(args: ForgetArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let persona = args.acting.persona;
    if args.all {
        client.call::<ConversationDelete>(&ContactRef { persona, contact: args.name }).await?;
    } else {
        for id in args.ids {
            let params = MessageRef { persona: persona.clone(), contact: args.name.clone(), id };
            client.call::<MessageDelete>(&params).await?;
        }
    }
    context.out.show(&Empty {}, |_| "Deleted.".to_owned())?;
    Ok(Exit::Ok)
}
