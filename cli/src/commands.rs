//! The commands, one file each.

mod browser;
mod contact;
mod conversation;
mod demo;
mod doctor;
mod generate;
mod localnet;
mod network;
mod pair;
mod persona;
mod post;
mod profile;
mod relay;
mod rpc;
mod send;
mod status;
mod up;

use std::io::Read as _;

use bauta_ipc::{Exit, RpcError, codes};

use crate::Context;
use crate::args::Command;

/// Runs one command.
pub(crate) async fn run(command: Command, context: &mut Context) -> Result<Exit, RpcError> {
    match command {
        Command::Demo(args) => demo::run(args, context).await,
        Command::Localnet(args) => localnet::run(args, context).await,
        Command::Up(args) => up::run(args, context).await,
        Command::Down => status::down(context).await,
        Command::Status => status::run(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Persona(args) => persona::run(args, context).await,
        Command::Contact(args) => contact::run(args, context).await,
        Command::Send(args) => send::run(args, context).await,
        Command::Inbox(args) => conversation::inbox(args, context).await,
        Command::History(args) => conversation::history(args, context).await,
        Command::Post(args) => post::run(args, context).await,
        Command::Profile(args) => profile::run(args, context).await,
        Command::Browser(args) => browser::run(args, context),
        Command::Pair(args) => pair::run(args, context).await,
        Command::Relay(args) => relay::run(args, context).await,
        Command::Rpc(args) => rpc::run(args, context).await,
        Command::Completions { shell } => generate::completions(shell, context),
        Command::Man { dir } => generate::man(dir, context),
    }
}

/// Standard input, at most two bytes beyond `most`: one line feed belongs to the shell, and one byte more tells too
/// much from enough.
async fn stdin(most: usize) -> Result<Vec<u8>, RpcError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(most as u64 + 2).read_to_end(&mut bytes).map(|_| bytes)
    });
    read.await.map_err(|error| RpcError::new(&codes::INTERNAL, format!("Reading failed: {error}.")))?.map_err(
        |error| RpcError::new(&codes::FILE_FAILED, format!("Standard input cannot be read: {error}.")),
    )
}
