//! The command line: arguments in, text or JSON and an exit status out.
//!
//! `commands` has one file per command; what they share is beside it.

mod argv;
mod commands;
mod context;
mod editor;
mod failure;
mod logging;
mod output;
mod progress;
mod qr;
mod secrets;
mod words;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use bauta_ipc::{Exit, RpcError, codes};
use clap::Parser;
use clap::error::ErrorKind;

pub(crate) use self::context::{Context, acting, daemon_is_away, daemon_is_back, interrupted, shell_word};
pub(crate) use self::failure::failure;
pub(crate) use self::logging::{LogTarget, start_logging};
pub(crate) use self::output::{Output, plain_table};
pub(crate) use self::progress::Progress;
pub(crate) use self::qr::qr_lines;
pub(crate) use self::secrets::{agreed, first_line_of, prompt, secret_input, text_of, unreadable};
pub(crate) use self::words::{
    ago, block, contact_words, crowd_words, disappearing_words, expiry, message_words, moment, now,
    printable, short_key, span, state_words,
};

/// Runs `bauta` with the arguments of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs `bauta` with these arguments, the first of which is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match commands::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(refusal) => return refuse(&arguments, &refusal),
    };
    let output = Output::new(cli.json);
    let context = Context::new(cli.home, output.clone());
    if !argv::hide(&cli.command.secrets()) {
        context.out.note(
            "Other users of this machine can read the arguments of this command while it runs. \
             To keep them private, leave the text out and pass it on standard input.",
        );
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| execute(cli.command, &context)));
    let outcome = outcome.unwrap_or_else(|_| Err(RpcError::new(&codes::INTERNAL, "Bauta panicked.")));
    exit_code(outcome.unwrap_or_else(|error| {
        output.error(&error);
        error.exit()
    }))
}

fn execute(command: commands::Command, context: &Context) -> Result<Exit, RpcError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Threads cannot be started: {error}.")))?;
    let outcome = runtime.block_on(commands::run(command, context));
    // A blocked thread, such as one that reads from a terminal, must not delay the end.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Help and version are answers; everything else that clap reports is a usage error, with status 1.
fn refuse(arguments: &[OsString], refusal: &clap::Error) -> ExitCode {
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let output = Output::new(json);
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit_code(
            output
                .text(refusal.render().to_string().trim_end())
                .map_or_else(|error| error.exit(), |()| Exit::Ok),
        ),
        _ if json => {
            let rendered = refusal.render().to_string();
            let text =
                rendered.trim_start_matches("error: ").lines().next().unwrap_or("The command is incomplete.");
            let error = RpcError::new(&codes::USAGE, text);
            output.error(&error);
            exit_code(error.exit())
        }
        _ => {
            output.note(refusal.render().to_string().trim_end());
            exit_code(Exit::User)
        }
    }
}

fn exit_code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
