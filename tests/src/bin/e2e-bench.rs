//! Measures a whole delivery against the bare SDK, in one run on one local mixnet, and prints a table for
//! `docs/performance.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::process::ExitCode;
use std::time::Duration;

use bauta_protocol::relay::Class;
use bauta_tests::e2e_bench::delivery::{Errands, measure};
use bauta_tests::e2e_bench::exchange::{connect, packets};
use bauta_tests::e2e_bench::raw_sdk::RawSdk;
use bauta_tests::e2e_bench::resources::watch;
use bauta_tests::program::{ACT_AS_BAUTA, Program};
use bauta_tests::world::{STARTUP, World, introduce};
use clap::Parser;

/// Measures delivery against an echo of the bare Nym SDK on the same local mixnet.
#[derive(Parser)]
struct Arguments {
    /// Messages, and as many echoes
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// Pause before each message
    #[arg(long, default_value = "4", value_parser = seconds)]
    gap: Duration,
    /// For how long the idle daemon is watched
    #[arg(long, default_value = "30", value_parser = seconds)]
    idle: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    if std::env::var_os(ACT_AS_BAUTA).is_some() {
        return bauta::main();
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let [small, large] = [Class::Small, Class::Large].map(|class| runtime.block_on(packets(class, 50)));

    let mut world = runtime.block_on(World::with_traffic(Program::current(), 3, "full"));
    world.start_relay();
    let mut people = ["alice", "bob"].map(|name| {
        let mut person = world.person(name);
        person.log_at("debug");
        person.up();
        person.persona(name);
        person
    });
    eprintln!("Two daemons are ready; they introduce themselves.");
    let [alice, bob] = &mut people;
    introduce(alice, "bob", bob, "alice", 2 * STARTUP);
    alice.ok(&["send", "bob", "the first", "--wait", "delivered", "--timeout", "60s"]);
    let idle = watch(bob.pid(), arguments.idle);

    let mut raw = runtime.block_on(RawSdk::connect(&world.localnet));
    let own_connect = runtime.block_on(connect(&world.localnet));
    eprintln!("{} messages and echoes in turn.", arguments.rounds);
    let errands = |person: &bauta_tests::world::Person| {
        Errands::in_log(&std::fs::read_to_string(person.log()).unwrap())
    };
    let before = [errands(alice), errands(bob)];
    let delivery = runtime.block_on(measure(alice, "bob", bob, &mut raw, arguments.rounds, arguments.gap));
    let [sender, receiver] = [errands(alice).since(before[0]), errands(bob).since(before[1])];
    let raw_connect = raw.connect;
    runtime.block_on(raw.stop());

    let per = |count: usize| count as f64 / arguments.rounds as f64;
    let (ours, echo) = (&delivery.messages, &delivery.echoes);
    println!("| measured | Bauta | bare SDK | ratio |");
    println!("|---|---|---|---|");
    for (name, share) in [("p50", 0.5), ("p90", 0.9)] {
        let (a, b) = (ours.quantile_ms(share), echo.quantile_ms(share));
        println!("| from send to the receiver's event, {name} | {a:.0} ms | {b:.0} ms | {:.2} |", a / b);
    }
    let (a, b) = (own_connect.as_secs_f64() * 1e3, raw_connect.as_secs_f64() * 1e3);
    println!("| connect | {a:.0} ms | {b:.0} ms | {:.2} |", a / b);
    println!("\n| a message of up to 900 B | exchanges | packets out | packets back |");
    println!("|---|---|---|---|");
    for (name, count) in [
        ("put by its sender", sender.put),
        ("get by its receiver", receiver.got),
        ("put of receipts", receiver.put),
        ("get of receipts", sender.got),
        ("deletes in that time, both sides", sender.deleted + receiver.deleted),
        ("gets that came back empty, both sides", sender.empty + receiver.empty),
    ] {
        let n = per(count);
        println!("| {name} | {n:.2} | {:.2} | {:.2} |", n * small.out, n * small.back);
    }
    println!("\n| one exchange | packets out | packets back |");
    println!("|---|---|---|");
    println!("| small | {:.2} | {:.2} |", small.out, small.back);
    println!("| large | {:.2} | {:.2} |", large.out, large.back);
    println!("\n| idle daemon, one persona, `full` | |");
    println!("|---|---|");
    println!("| resident memory | {:.0} MiB |", idle.resident_mib);
    println!("| processor | {:.1} % of one core |", idle.cores * 100.0);
    println!("\n{} messages, {} echoes, {} lost", ours.count(), echo.count(), delivery.lost);
    if delivery.lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
