//! `observers`: plays games and prints a line for each.

use std::io::BufRead;
use std::process::ExitCode;

use bauta_sphinx_client::Traffic;
use clap::{Parser, ValueEnum};

use super::clocks::Clocks;
use super::games::{Game, Setting, Shared, all};
use super::play::{Effort, Labels, outcome};
use super::report::{DOCUMENT, Line, complaint, data, listed, tables};
use super::schedule::design::{Design, RULES, Rule};
use super::schedule::{Rules, Scene, Schedule};
use super::stats::{Use, rng_of};
use super::workload::{Workload, conversation};
use super::{curves, engines, findings, games, invariants};

/// Measure what observers of Bauta learn
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The game, or `all`; `findings`, `invariants`, `rules`, `prices` and `days` are measured likewise
    #[arg(long, default_value = "all")]
    pub game: String,
    /// Whole engines over a relay's desk (A), or the simulator (C)
    #[arg(long, value_enum, default_value = "c", ignore_case = true)]
    pub level: Level,
    /// Personas online at the relay; with A: daemons that run
    #[arg(long, default_value_t = 50)]
    pub users: u32,
    /// Trials that are reported
    #[arg(long, default_value_t = 400)]
    pub trials: u64,
    /// The traffic profile
    #[arg(long, default_value = "full")]
    pub profile: Traffic,
    /// The design, or the code of 2026-11-26
    #[arg(long, value_enum, default_value = "new")]
    pub schedule: Which,
    /// Switch a rule of the design off; may be repeated
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub without: Vec<Rule>,
    /// What people do
    #[arg(long, value_enum, default_value = "sessions")]
    pub workload: Workload,
    /// Messages an hour of each online persona
    #[arg(long, default_value_t = 2.0)]
    pub per_hour: f64,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Read such lines from standard input and print the tables of docs/anonymity.md
    #[arg(long, conflicts_with_all = ["game", "json"])]
    pub table: bool,
    /// Read such lines likewise and print daemon/data/anonymity.json
    #[arg(long, conflicts_with_all = ["game", "json", "table"])]
    pub data: bool,
}

/// Which schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Which {
    /// The design.
    New,
    /// The code of 2026-11-26.
    Today,
}

fn rule(name: &str) -> Result<Rule, String> {
    let found = RULES.iter().find(|(one, _)| *one == name).map(|(_, rule)| *rule);
    found.ok_or_else(|| RULES.map(|(name, _)| name).join(", "))
}

/// How a game is played.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Level {
    /// Whole engines.
    A,
    /// The simulator.
    C,
}

/// Runs the command. The exit code is 1 where a goal is missed that docs/anonymity.md does not list with its number,
/// or where a game shows that it cannot measure.
pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.table || arguments.data {
        return print_recorded(if arguments.data { data } else { tables });
    }
    let setting = setting(arguments);
    let lines = match arguments.level {
        Level::A => of_engines(arguments, &setting),
        Level::C => of_simulator(arguments, &setting),
    };
    if lines.is_empty() {
        eprintln!("There is no game {:?} at this level.", arguments.game);
        return ExitCode::from(2);
    }
    let listed = listed(DOCUMENT);
    let mut code = ExitCode::SUCCESS;
    for line in &lines {
        if let Line::Game(game) = line
            && let Some(complaint) = complaint(game, &listed)
        {
            eprintln!("{complaint}.");
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn print_recorded(shown: fn(&[Line]) -> String) -> ExitCode {
    let lines: Result<Vec<Line>, String> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| {
            let line = line.map_err(|error| error.to_string())?;
            serde_json::from_str(&line).map_err(|error| error.to_string())
        })
        .collect();
    match lines {
        Ok(lines) => {
            print!("{}", shown(&lines));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Standard input holds no lines of --json: {error}.");
            ExitCode::from(2)
        }
    }
}

/// What a trial is played under.
pub fn setting(arguments: &Arguments) -> Setting {
    Setting {
        rules: Rules::today(Clocks::of(arguments.profile)),
        design: (arguments.schedule == Which::New).then(|| {
            let mut design = Design::of(Clocks::of(arguments.profile));
            for rule in &arguments.without {
                design.rules = design.rules.without(*rule);
            }
            design
        }),
        users: arguments.users,
        workload: arguments.workload,
        per_hour: arguments.per_hour,
        shared: match arguments.schedule {
            Which::New => Shared::of_rules(&arguments.without),
            Which::Today => Shared::TODAY,
        },
    }
}

fn of_simulator(arguments: &Arguments, setting: &Setting) -> Vec<Line> {
    let (profile, workload) = (arguments.profile.to_string(), name_of(arguments.workload));
    let schedule = name_of_schedule(arguments);
    let labels = Labels {
        users: arguments.users,
        profile: &profile,
        workload: &workload,
        per_hour: arguments.per_hour,
        schedule: &schedule,
    };
    let effort = Effort::of(arguments.trials, arguments.seed);
    let mut lines = Vec::new();
    for game in chosen(arguments) {
        let outcome = outcome(game.as_ref(), setting, labels, effort);
        // Some ask about one of the schedules only.
        if outcome.trials > 0 {
            lines.push(print(Line::Game(outcome), arguments.json));
        }
    }
    if arguments.game == "findings" {
        for finding in findings::measure(setting, (arguments.trials / 40).max(1), arguments.seed) {
            lines.push(print(Line::Finding(finding), arguments.json));
        }
    }
    if arguments.game == "rules" {
        for rule in curves::rules(setting, effort) {
            lines.push(print(Line::Rule(rule), arguments.json));
        }
    }
    if arguments.game == "prices" {
        for point in curves::points(setting, &profile, effort) {
            lines.push(print(Line::Point(point), arguments.json));
        }
    }
    if arguments.game == "days" {
        for point in curves::over_days(setting, &profile, effort) {
            lines.push(print(Line::Point(point), arguments.json));
        }
    }
    if arguments.game == "invariants" {
        for check in invariants::check(&typical(setting, arguments.seed)) {
            lines.push(print(Line::of_check("C", &check), arguments.json));
        }
    }
    lines
}

fn of_engines(arguments: &Arguments, setting: &Setting) -> Vec<Line> {
    if arguments.game == "findings" {
        let facts = engines::facts::measure(arguments.users as usize);
        return facts.into_iter().map(|fact| print(Line::Finding(fact), arguments.json)).collect();
    }
    let recorded = engines::record(arguments.users as usize, engines::TALK, arguments.seed);
    let (profile, workload) = (arguments.profile.to_string(), name_of(arguments.workload));
    let schedule = name_of_schedule(arguments);
    let labels = Labels {
        users: arguments.users,
        profile: &profile,
        workload: &workload,
        per_hour: arguments.per_hour,
        schedule: &schedule,
    };
    let effort = Effort::of(arguments.trials, arguments.seed);
    let mut lines = Vec::new();
    for game in chosen(arguments) {
        if let Some(outcome) = engines::outcome(game.as_ref(), &recorded, setting, labels, effort) {
            lines.push(print(Line::Game(outcome), arguments.json));
        }
    }
    if matches!(arguments.game.as_str(), "invariants" | "all") {
        for check in invariants::check(&recorded) {
            lines.push(print(Line::of_check("A", &check), arguments.json));
        }
    }
    lines
}

fn chosen(arguments: &Arguments) -> Vec<Box<dyn Game>> {
    all().into_iter().filter(|game| arguments.game == "all" || arguments.game == game.name()).collect()
}

fn name_of_schedule(arguments: &Arguments) -> String {
    if arguments.schedule == Which::Today {
        return "today".to_owned();
    }
    let without = RULES.iter().filter(|(_, rule)| arguments.without.contains(rule));
    let names: Vec<String> = without.map(|(name, _)| format!(" without {name}")).collect();
    format!("new{}", names.concat())
}

fn name_of(workload: Workload) -> String {
    workload.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn print(line: Line, json: bool) -> Line {
    if json {
        println!("{}", serde_json::to_string(&line).unwrap_or_default());
    } else {
        println!("{}", line.text());
    }
    line
}

/// An hour of four people: two friends who write, two who do not.
pub fn typical(setting: &Setting, seed: u64) -> super::trace::Run {
    let mut rng = rng_of(seed, "typical", Use::Finding, 0);
    let mut scene = Scene::of_people(4, 5400.0);
    let (there, back) = scene.befriend(0, 1);
    scene.befriend(2, 3);
    for message in conversation(setting.workload, (300.0, 4800.0), 40.0, &mut rng) {
        scene.write(message.at, if message.from_first { there } else { back });
    }
    games::schedule(setting).run(&scene.sorted(), &mut rng)
}
