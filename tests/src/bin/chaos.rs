//! Two people write to each other while everything around them fails, at random from a seed.
//!
//! Daemons and the relay are killed with SIGKILL and started again, one gateway is stopped for five seconds and another
//! for good, the Sphinx keys rotate, and every hop drops packets.
//! The last line counts what was lost, came twice or came out of order; the exit code is 0 when nothing was.
//!
//! With `--restore`, the first person's machine is lost half-way, and a new one goes on from a backup that is older.
//! Then only what its writer was told is stored counts, and order does not: two homes' lanes are read side by side.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use bauta_tests::program::{ACT_AS_BAUTA, Program, write_private};
use bauta_tests::world::{Person, STARTUP, World, introduce};
use clap::Parser;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::runtime::Handle;

/// Sends messages both ways under faults and counts what was lost, duplicated or reordered.
#[derive(Parser)]
struct Arguments {
    /// Chooses every fault and its time; drawn and printed when not given
    #[arg(long)]
    seed: Option<u64>,
    /// Messages each way
    #[arg(long, default_value_t = 40)]
    messages: usize,
    /// Packets of 1000 that every hop drops
    #[arg(long, default_value_t = 100)]
    drop_permille: u16,
    /// Mean time between two kills
    #[arg(long, default_value_t = 6.0)]
    kill_every_seconds: f64,
    /// Restore the first person's home from an older backup half-way
    #[arg(long)]
    restore: bool,
}

fn main() -> ExitCode {
    if std::env::var_os(ACT_AS_BAUTA).is_some() {
        return bauta::main();
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new(Program::current(), 3));
    // The mixnet runs on the runtime's threads; what follows blocks this one.
    run(&arguments, world, runtime.handle().clone())
}

/// What the faults and the writers share.
struct Scene {
    runtime: Handle,
    world: Mutex<World>,
    people: [RwLock<Person>; 2],
    arrived: [AtomicUsize; 2],
    /// What the writers were told is stored, with `--restore`.
    stored: AtomicUsize,
    over: AtomicBool,
    start: Instant,
}

impl Scene {
    fn say(&self, what: &str) {
        println!("{:7.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    fn progress(&self, messages: usize) -> f64 {
        let arrived: usize = self.arrived.iter().map(|n| n.load(Ordering::Relaxed)).sum();
        arrived.max(self.stored.load(Ordering::Relaxed)) as f64 / (2 * messages).max(1) as f64
    }
}

const NAMES: [&str; 2] = ["alice", "bob"];

fn run(arguments: &Arguments, mut world: World, runtime: Handle) -> ExitCode {
    let seed = arguments.seed.unwrap_or_else(rand::random);
    println!("seed {seed}, {} messages each way", arguments.messages);
    world.start_relay();
    let mut people = NAMES.map(|name| world.person(name));
    for (person, name) in people.iter_mut().zip(NAMES) {
        person.up();
        person.persona(name);
    }
    introduce(&people[0], NAMES[1], &people[1], NAMES[0], STARTUP);
    for node in world.localnet.mixes().iter().chain(world.localnet.gateways()) {
        node.set_drop(arguments.drop_permille);
    }

    let scene = Scene {
        runtime,
        world: Mutex::new(world),
        people: people.map(RwLock::new),
        arrived: Default::default(),
        stored: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        start: Instant::now(),
    };
    scene.say(&format!("every hop drops {} packets of 1000", arguments.drop_permille));
    let texts = std::thread::scope(|scope| {
        scope.spawn(|| faults(&scene, arguments, StdRng::seed_from_u64(seed)));
        let writers = [0, 1].map(|who| {
            scope.spawn({
                let scene = &scene;
                move || match arguments.restore {
                    false => write(scene, who, arguments.messages),
                    true => write_until_stored(scene, who, arguments.messages),
                }
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        let texts = await_arrivals(&scene, arguments.messages);
        scene.over.store(true, Ordering::Relaxed);
        texts
    });
    judge(&scene, arguments, &texts)
}

/// Queues `messages` texts of person `who`, each exactly once, whatever happens to the daemon meanwhile.
fn write(scene: &Scene, who: usize, messages: usize) {
    let to = NAMES[1 - who];
    for n in 0..messages {
        let text = text(who, n);
        loop {
            let answer = scene.people[who].read().unwrap().run(&["send", to, &text, "--wait", "queued"]);
            if answer.code == 0 {
                break;
            }
            // The daemon may have died before or after it queued the text: its history shows which.
            std::thread::sleep(Duration::from_millis(100));
            let history = scene.people[who].read().unwrap().run(&["history", to]);
            if history.code == 0 && history.json().as_array().unwrap().iter().any(|m| m["text"] == text) {
                break;
            }
        }
    }
    scene.say(&format!("{} has queued everything", NAMES[who]));
}

/// Sends `messages` texts of person `who`, each until it was said to be stored. A text has one id whoever sends it, so
/// that a new home which sends it again sends the same one.
fn write_until_stored(scene: &Scene, who: usize, messages: usize) {
    let to = NAMES[1 - who];
    for n in 0..messages {
        let id = format!("{:016x}{:016x}", who + 1, n + 1);
        let message = json!({ "contact": to, "text": text(who, n), "id": id }).to_string();
        let wait = json!({ "id": id, "state": "stored", "timeout_ms": 60_000 }).to_string();
        let call = |method: &str, params: &str| {
            scene.people[who].read().unwrap().run(&["rpc", method, params]).code == 0
        };
        while !(call("message.send", &message) && call("message.wait", &wait)) {
            std::thread::sleep(Duration::from_millis(100));
        }
        scene.stored.fetch_add(1, Ordering::Relaxed);
    }
    scene.say(&format!("all of {}'s messages are stored", NAMES[who]));
}

/// Does something with the first person until it works.
fn insist(scene: &Scene, what: &str, arguments: &[&str]) {
    let start = Instant::now();
    loop {
        let answer = scene.people[0].read().unwrap().run(arguments);
        if answer.code == 0 {
            return scene.say(what);
        }
        assert!(start.elapsed() < STARTUP, "{what}: {answer:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The files of the backup and of its passphrase.
fn backup_files(scene: &Scene) -> [String; 2] {
    let dir = scene.world.lock().unwrap().dir().to_owned();
    ["backup.age", "words"].map(|name| dir.join(name).to_str().unwrap().to_owned())
}

fn back_up(scene: &Scene) {
    let [file, words] = backup_files(scene);
    write_private(&words, "an old lantern");
    insist(scene, "alice's home is backed up", &["backup", &file, "--passphrase-file", &words]);
}

/// The machine is lost, and another one goes on from the backup.
fn restore(scene: &Scene) {
    let [file, words] = backup_files(scene);
    {
        let mut person = scene.people[0].write().unwrap();
        person.kill();
        std::fs::remove_dir_all(person.home()).unwrap();
        person.run(&["restore", &file, "--passphrase-file", &words, "--unlock", "keyfile"]).ok();
        person.launch();
    }
    scene.say("alice's machine is lost; a new one goes on from the backup");
}

fn text(who: usize, n: usize) -> String {
    format!("{} {n}", NAMES[who])
}

/// The texts that arrived at each person, once both have all of them or nothing has come for too long.
fn await_arrivals(scene: &Scene, messages: usize) -> [Vec<String>; 2] {
    const PATIENCE: Duration = Duration::from_secs(180);
    let mut texts: [Vec<String>; 2] = Default::default();
    let mut last = Instant::now();
    let mut said = 0.0;
    while texts.iter().any(|t| t.len() < messages) && last.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
        for who in [0, 1] {
            let answer = scene.people[who].read().unwrap().run(&["inbox"]);
            if answer.code != 0 {
                continue;
            }
            let list = answer.json();
            let new: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|m| m["text"].as_str().map(str::to_owned))
                .collect();
            if new.len() > texts[who].len() {
                last = Instant::now();
                scene.arrived[who].store(new.len(), Ordering::Relaxed);
            }
            texts[who] = new;
        }
        let progress = scene.progress(messages);
        if progress >= said + 0.1 {
            said = progress;
            scene.say(&format!("{} of {messages} at alice, {} at bob", texts[0].len(), texts[1].len()));
        }
    }
    texts
}

/// Does the faults until the run is over, and puts everything that can come back up again.
fn faults(scene: &Scene, arguments: &Arguments, mut rng: StdRng) {
    let mut gateways = [0, 1, 2];
    gateways.shuffle(&mut rng);
    let [dying, pausing, _] = gateways;
    // When the share of arrived messages passes the number, the fault happens once.
    let milestones = [
        (0.05, "pause"),
        (0.2, "rotate"),
        (0.3, "back up"),
        (0.35, "die"),
        (0.5, "restore"),
        (0.6, "rotate"),
    ];
    let is_chosen = |(_, what): &&(f64, &str)| arguments.restore || !["back up", "restore"].contains(what);
    let mut milestones = milestones.iter().filter(is_chosen).peekable();
    let mut resume: Option<Instant> = None;
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut next_kill = Instant::now() + pause(&mut rng, arguments.kill_every_seconds);
    let mut victims = [0, 1, 2];
    victims.shuffle(&mut rng);
    let mut turn = 0;
    while !scene.over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        if resume.is_some_and(|at| Instant::now() >= at) {
            resume = None;
            let world = scene.world.lock().unwrap();
            scene.runtime.block_on(world.localnet.gateways()[pausing].start()).unwrap();
            scene.say(&format!("gateway {pausing} is back"));
        }
        if let Some((_, what)) = milestones.next_if(|(share, _)| scene.progress(arguments.messages) >= *share)
        {
            *counts.entry(what).or_default() += 1;
            match *what {
                "back up" => back_up(scene),
                "restore" => restore(scene),
                _ => {}
            }
            let world = scene.world.lock().unwrap();
            match *what {
                "back up" | "restore" => {}
                "pause" => {
                    scene.runtime.block_on(world.localnet.gateways()[pausing].stop());
                    resume = Some(Instant::now() + Duration::from_secs(5));
                    scene.say(&format!("gateway {pausing} stops for 5 s"));
                }
                "die" => {
                    scene.runtime.block_on(world.localnet.gateways()[dying].stop());
                    scene.say(&format!("gateway {dying} stops for good"));
                }
                _ => {
                    scene.runtime.block_on(world.localnet.rotate_keys()).unwrap();
                    scene.say("Sphinx keys rotate");
                }
            }
        }
        if Instant::now() < next_kill {
            continue;
        }
        next_kill = Instant::now() + pause(&mut rng, arguments.kill_every_seconds);
        // The first three kills hit everyone once, the later ones at random.
        let victim = victims.get(turn).copied().unwrap_or_else(|| rng.gen_range(0..3));
        turn += 1;
        let down = Duration::from_millis(rng.gen_range(0..1500));
        if victim == 2 {
            scene.say("relay killed");
            *counts.entry("relay kills").or_default() += 1;
            let mut world = scene.world.lock().unwrap();
            world.kill_relay();
            std::thread::sleep(down);
            world.start_relay();
        } else {
            scene.say(&format!("{}'s daemon killed", NAMES[victim]));
            *counts.entry("daemon kills").or_default() += 1;
            let mut person = scene.people[victim].write().unwrap();
            person.kill();
            std::thread::sleep(down);
            person.launch();
        }
    }
    scene.say(&format!("faults done: {counts:?}"));
}

/// An exponential pause.
fn pause(rng: &mut StdRng, mean_seconds: f64) -> Duration {
    Duration::from_secs_f64(
        (-rng.gen_range(f64::MIN_POSITIVE..1.0).ln() * mean_seconds).clamp(0.5, 5.0 * mean_seconds),
    )
}

fn judge(scene: &Scene, arguments: &Arguments, texts: &[Vec<String>; 2]) -> ExitCode {
    let messages = arguments.messages;
    let (mut lost, mut duplicated, mut reordered) = (0, 0, 0);
    for who in [0, 1] {
        let mut seen = BTreeMap::<&str, usize>::new();
        for text in &texts[who] {
            *seen.entry(text).or_default() += 1;
        }
        let expected: Vec<_> = (0..messages).map(|n| text(1 - who, n)).collect();
        lost += expected.iter().filter(|text| !seen.contains_key(text.as_str())).count();
        duplicated += seen.values().map(|n| n - 1).sum::<usize>();
        let rank = |text: &String| expected.iter().position(|e| e == text);
        let ranks: Vec<_> = texts[who].iter().filter_map(rank).collect();
        reordered += ranks.windows(2).filter(|w| w[0] > w[1]).count();
    }
    scene.say("done");
    println!("lost={lost} duplicated={duplicated} reordered={reordered}");
    let wrong = lost + duplicated + if arguments.restore { 0 } else { reordered };
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
