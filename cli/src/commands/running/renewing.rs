//! A process whose memory nobody else reads, and how it gets rid of what is in it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use bauta_ipc::{RpcError, codes};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

/// From now on a crash leaves no core file, and no other process of this user can read this one's memory.
// Not dumpable also means that the files below /proc/PID belong to root: only root looks into it.
pub(super) fn protect() {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let limited = limited.and(set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = limited {
        tracing::warn!("This process could not be kept from leaving its memory in a core file: {error}.");
    }
}

/// Replaces this process by a locked one, with the same arguments and the same id. Returns only why it did not.
// Whatever was decrypted is somewhere in freed memory, of SQLite, of the mixnet's client, of JSON: there is no list of it
// to wipe. A process that runs exec(3) loses its old pages, and the kernel gives no page away unwiped.
pub(super) fn begin_anew() -> RpcError {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "bauta".into());
    let rest: Vec<_> = arguments.collect();
    let program = match cfg!(target_os = "linux") {
        // Also where an update has replaced the file meanwhile.
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    };
    let failed = |error: std::io::Error| {
        RpcError::new(&codes::INTERNAL, format!("The daemon could not restart itself, so it ends: {error}."))
            .hint("Start it again: bauta up")
    };
    let program = match program {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut command = Command::new::<std::path::PathBuf>(program);
    command.arg0(name).args(&rest);
    if !rest.iter().any(|argument| argument == "--locked") {
        command.arg("--locked");
    }
    failed(command.exec())
}
