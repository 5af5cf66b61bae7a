//! `bauta search`

use bauta_ipc::limits::MAX_SEARCH;
use bauta_ipc::methods::MessageSearch;
use bauta_ipc::{Exit, Found, RpcError, SearchFor};
use clap::Args;

use super::{Acting, conversation};
use crate::{Context, printable};

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Words or parts of words; a message is found that has all of them [default: standard input]
    text: Option<String>,
    /// Search only the conversation with this contact
    #[arg(long = "with", value_name = "NAME")]
    contact: Option<String>,
    /// Show at most so many messages
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on from the place that the search before has printed
    #[arg(long, value_name = "PLACE")]
    before: Option<u64>,
    #[command(flatten)]
    acting: Acting,
}

impl SearchArgs {
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

/// Latest first.
pub(super) async fn run(args: SearchArgs, context: &Context) -> Result<Exit, RpcError> {
    let text = match args.text {
        Some(text) if text != "-" => text,
        _ => {
            let bytes = super::stdin("Write what to search for", 4 * MAX_SEARCH, context).await?;
            String::from_utf8_lossy(&bytes).trim_end().to_owned()
        }
    };
    let client = context.client().await?;
    let params = SearchFor {
        persona: args.acting.persona,
        text,
        contact: args.contact,
        before: args.before,
        limit: Some(args.limit),
    };
    let found = client.call::<MessageSearch>(&params).await?;
    context.out.show(&found, lines)?;
    if !context.out.is_json() {
        match found.previous {
            Some(place) => context.out.note(&format!("Earlier ones: the same with --before {place}")),
            None if found.messages.is_empty() => context.out.note("Nothing found."),
            None => {}
        }
    }
    Ok(Exit::Ok)
}

fn lines(found: &Found) -> String {
    let line = |found: &bauta_ipc::FoundMessage| {
        format!("[{}] {}", printable(&found.contact), conversation::entry(&found.message, &found.contact))
    };
    found.messages.iter().map(line).collect::<Vec<_>>().join("\n")
}
