//! Measures a daemon whose home holds the messages of years, and prints a table for `docs/performance.md`.
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bauta_ipc::methods::{MessageHistory, MessageSearch, StatusGet};
use bauta_ipc::{Client, HistoryOf, SearchFor, StatusOf};
use bauta_tests::e2e_bench::resources::resident_kib;
use bauta_tests::home_bench::{CHINESE, FREQUENT, ONCE, grow};
use bauta_tests::program::{ACT_AS_BAUTA, Program, write_private};
use bauta_tests::world::{STARTUP, World, introduce};
use clap::Parser;

const PASSPHRASE: &str = "one for the bench";

/// Measures start, search and history of a home with many messages.
#[derive(Parser)]
struct Arguments {
    /// Messages of the home, all of one conversation
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// How often each thing is measured
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

fn main() -> ExitCode {
    if std::env::var_os(ACT_AS_BAUTA).is_some() {
        return bauta::main();
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut world = runtime.block_on(World::new(Program::current(), 1));
    world.start_relay();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| {
        let mut person = world.person(name);
        person.up();
        person.persona(name);
        person
    });
    introduce(&alice, "bob", &bob, "alice", 2 * STARTUP);
    alice.ok(&["send", "bob", "a sample", "--wait", "delivered"]);
    bob.ok(&["send", "alice", "another", "--wait", "delivered"]);
    bob.down();
    let file = |name: &str| world.dir().join(name);
    let (small, large, passphrase) = (file("small"), file("large"), file("passphrase"));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    write_private(&passphrase, PASSPHRASE);
    alice.ok(&["backup", &name(&small), "--passphrase-file", &name(&passphrase)]);
    alice.down();

    eprintln!("{} messages are written into a backup, and a home is made from it.", arguments.messages);
    grow(&small, &large, PASSPHRASE, arguments.messages);
    let mut years = world.person("years");
    let begin = Instant::now();
    years.ok(&["restore", &name(&large), "--unlock", "keyfile", "--passphrase-file", &name(&passphrase)]);
    let restored = begin.elapsed();

    let mut table = Table::default();
    let starts = (0..5).map(|_| {
        let begin = Instant::now();
        years.launch();
        let pid = years.pid();
        runtime.block_on(answered(years.home(), begin));
        let took = begin.elapsed();
        (took, pid)
    });
    let mut starts: Vec<(Duration, u32)> = starts.collect();
    let pid = starts.last().unwrap().1;
    let before = resident_kib(pid);
    let mut starts: Vec<Duration> = starts.drain(..).map(|(took, _)| took).collect();
    table.row("from `bauta up` to its first answer", &mut starts, Duration::from_secs(1));

    let client = runtime.block_on(Client::open(years.home())).unwrap();
    let mut measure = |what: &str, limit: u64, one: &mut dyn FnMut(usize)| {
        let mut times: Vec<Duration> = (0..arguments.rounds)
            .map(|round| {
                let begin = Instant::now();
                one(round);
                begin.elapsed()
            })
            .collect();
        table.row(what, &mut times, Duration::from_millis(limit));
    };
    for (what, text, found) in [
        ("search: the most frequent word", FREQUENT, true),
        ("search: a word in Chinese", CHINESE, true),
        ("search: words that one message has", ONCE, true),
        ("search: a part of a word, three letters", "elm", true),
        ("search: frequent parts that no message has together", "nannansantanlan", false),
    ] {
        measure(what, 50, &mut |_| {
            let asked =
                SearchFor { persona: None, text: text.to_owned(), contact: None, before: None, limit: None };
            let answer = runtime.block_on(client.call::<MessageSearch>(&asked)).unwrap();
            assert_eq!(!answer.messages.is_empty(), found, "{what}");
        });
    }
    let rounds = arguments.rounds as u64;
    measure("history: a page of 100 messages", 20, &mut |round| {
        let before = arguments.messages * (rounds - round as u64) / rounds + 1;
        let asked = HistoryOf {
            persona: None,
            contact: "bob".to_owned(),
            before: Some(before),
            from: None,
            limit: None,
        };
        let answer = runtime.block_on(client.call::<MessageHistory>(&asked)).unwrap();
        assert!(!answer.messages.is_empty());
    });
    let after = resident_kib(pid);

    println!("| {} messages | p50 | slowest | limit |", arguments.messages);
    println!("|---|---:|---:|---:|");
    print!("{}", table.text);
    println!("\n| the home | |");
    println!("|---|---:|");
    let store = std::fs::metadata(years.home().join("store.db")).unwrap().len();
    println!("| `store.db` | {} MB |", store / 1_000_000);
    println!("| made from a backup in | {:.0} s |", restored.as_secs_f64());
    println!("| resident memory, at start | {:.0} MiB |", before / 1024.0);
    println!("| resident memory, after all of the above | {:.0} MiB |", after / 1024.0);
    years.kill();
    if table.missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Waits until the daemon of a home answers.
async fn answered(home: &Path, begin: Instant) {
    loop {
        if let Ok(client) = Client::open(home).await
            && client.call::<StatusGet>(&StatusOf::default()).await.is_ok()
        {
            return;
        }
        assert!(begin.elapsed() < STARTUP, "the daemon does not answer");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[derive(Default)]
struct Table {
    text: String,
    missed: bool,
}

impl Table {
    fn row(&mut self, what: &str, times: &mut [Duration], limit: Duration) {
        times.sort();
        let (p50, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        self.missed |= p50 > limit;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mark = if p50 > limit { " (missed)" } else { "" };
        self.text +=
            &format!("| {what} | {:.1} ms | {:.1} ms | {:.0} ms{mark} |\n", ms(p50), ms(slowest), ms(limit));
    }
}
