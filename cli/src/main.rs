//! The `bauta` command.

fn main() -> std::process::ExitCode {
    bauta::main()
}
