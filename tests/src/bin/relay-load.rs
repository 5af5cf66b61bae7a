//! What one relay carries: personas that only exist as a schedule, at the desk or through the local mixnet, and one
//! client that asks as fast as it is answered beside the bare SDK that does the same.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::id::DoorAddress;
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage};
use bauta_tests::e2e_bench::resources::{cpu_seconds, resident_kib};
use bauta_tests::relay_load::{FULL, Outcome, Way, mixnet, run};
use clap::{Parser, ValueEnum};
use getrandom::SysRng;
use rand_core::UnwrapErr;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum At {
    /// At the desk: what is left of a relay without the mixnet
    Desk,
    /// Through doors, gateways and mixes of one machine
    Mixnet,
}

/// Lets personas exchange with one relay, and prints what it took.
#[derive(Parser)]
struct Arguments {
    /// Where they ask
    #[arg(long, default_value = "desk")]
    at: At,
    /// How many
    #[arg(long, default_value_t = 1000)]
    personas: usize,
    /// For how many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(measure(&arguments))
}

async fn measure(arguments: &Arguments) -> ExitCode {
    let Arguments { at, personas, seconds } = *arguments;
    let span = Duration::from_secs(seconds);
    // Not in /tmp, which may be memory, where a commit costs nothing.
    let dir = tempfile::tempdir_in("target").unwrap();
    let watch = tokio::spawn(watch(span));
    let pid = std::process::id();
    let before = cpu_seconds(pid);
    let outcome = match at {
        At::Desk => {
            let storage =
                SqliteStorage::open(&dir.path().join("relay.db"), SqliteOptions::default()).unwrap();
            let mut rng = UnwrapErr(SysRng);
            let identity = RelayIdentity::generate(&mut rng);
            let doors = vec![DoorAddress([1; 96]), DoorAddress([2; 96])];
            let desk =
                Desk::open(Arc::new(storage), identity, doors, Box::new(rng), DeskConfig::default()).await;
            let desk = Arc::new(desk.unwrap());
            run(&[Way::Desk(desk)], personas, FULL, span).await
        }
        At::Mixnet => mixnet::run(dir.path(), personas, FULL, span).await,
    };
    let cores = (cpu_seconds(pid) - before) / outcome.span.as_secs_f64();
    show(personas, &outcome, cores, &watch.await.unwrap());
    if matches!(at, At::Mixnet) {
        let (ours, bare) = mixnet::fastest().await;
        println!("\n| exchanges a second, one client, 128 at a time | |\n|---|---|");
        println!("| Bauta: gets of a box that lies there | {ours:.0} |");
        println!("| bare SDK: echoes | {bare:.0} |");
        println!("| ratio | {:.2} |", ours / bare);
    }
    if outcome.bad() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Resident memory in MiB after each tenth of the span.
async fn watch(span: Duration) -> Vec<f64> {
    let mut seen = Vec::new();
    for _ in 0..10 {
        tokio::time::sleep(span / 10).await;
        seen.push(resident_kib(std::process::id()) / 1024.0);
    }
    seen
}

fn show(personas: usize, outcome: &Outcome, cores: f64, memory: &[f64]) {
    let seconds = outcome.span.as_secs_f64();
    println!("| {personas} personas, {seconds:.0} s | answered | not well | a second | p50 | p99 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, line) in &outcome.lines {
        let all = line.good + line.bad;
        let (p50, p99) = (line.times.quantile_ms(0.5), line.times.quantile_ms(0.99));
        println!(
            "| {name} | {} | {} | {:.1} | {p50:.1} ms | {p99:.1} ms |",
            line.good,
            line.bad,
            all as f64 / seconds
        );
    }
    let rate = outcome.exchanges() as f64 / seconds;
    let work = outcome.work.as_secs_f64() / seconds;
    println!(
        "\n{rate:.0} exchanges a second took {cores:.2} cores, {work:.2} of them for the personas' own work."
    );
    println!("That is {:.0} personas a core of the relay.", personas as f64 / (cores - work).max(0.001));
    let memory: Vec<String> = memory.iter().map(|mib| format!("{mib:.0}")).collect();
    println!("Resident memory by tenths, MiB: {}.", memory.join(" "));
}
