//! What the schedule costs and gives beside the games: latencies, exchanges, the closed forms, and what each rule buys.

use serde::{Deserialize, Serialize};

use super::games::naming::Next;
use super::games::packets::{Delay, EVENTS_OF_A_MESSAGE, rate};
use super::games::{Game, Setting, Shared, all, people};
use super::play::{Effort, play};
use super::schedule::design::{RULES, Rule};
use super::schedule::{Scene, Schedule};
use super::stats::{Estimate, Use, phi_inverse, rng_of};
use super::workload::conversation;

/// Sizes of a relay that are published.
pub const SIZES: [u32; 4] = [20, 100, 1000, 12_000];
/// Messages an hour of a pair of friends.
const TALK: f64 = 40.0;

/// One number beside the games.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Point {
    /// What was measured.
    pub what: String,
    /// Personas online, where it depends on them.
    pub users: Option<u32>,
    /// The traffic profile.
    pub profile: String,
    /// The number; an interval where it was counted.
    pub value: Estimate,
}

/// What one rule buys: a game with all rules, and with that rule off.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Bought {
    /// The rule.
    pub rule: String,
    /// The game that it is for.
    pub game: String,
    /// The game's number with all rules.
    pub with: Estimate,
    /// The same without this rule.
    pub without: Estimate,
    /// Prices with all rules and without this one.
    pub price: (Price, Price),
}

/// What a schedule costs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Price {
    /// Seconds until a message of a live conversation is read: median and 95 %.
    pub live: (f64, f64),
    /// The same for one of an idle conversation.
    pub idle: (f64, f64),
    /// Exchanges a second of a client that is online.
    pub exchanges: f64,
    /// Held gets of a client that are answered, a second.
    pub answered: f64,
}

/// The price of a setting. Exchanges include `news` and pages, which a run leaves out.
pub fn price(setting: &Setting, trials: u64, seed: u64) -> Option<Price> {
    const SPAN: f64 = 3600.0;
    let design = setting.design?;
    let (mut live, mut idle) = (Vec::new(), Vec::new());
    let (mut seen, mut answered) = (0, 0);
    for trial in 0..trials.max(1) {
        let mut rng = rng_of(seed, "price", Use::Finding, trial);
        let mut scene = Scene::of_people(2, SPAN);
        let (there, back) = scene.befriend(0, 1);
        for message in conversation(setting.workload, (300.0, SPAN - 300.0), TALK, &mut rng) {
            scene.write(message.at, if message.from_first { there } else { back });
        }
        let run = super::games::schedule(setting).run(&scene.sorted(), &mut rng);
        (seen, answered) = (seen + run.seen.len(), answered + run.answered.len());
        for (said, read, was_live) in run.shown {
            if was_live { &mut live } else { &mut idle }.push(read - said);
        }
    }
    let quantiles = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all.get((share * all.len() as f64) as usize).copied().unwrap_or(f64::NAN);
        (at(0.5), at(0.95))
    };
    let seconds = 2.0 * SPAN * trials.max(1) as f64;
    Some(Price {
        live: quantiles(&mut live),
        idle: quantiles(&mut idle),
        exchanges: seen as f64 / seconds + 1.0 / design.interval + 1.0 / design.walk,
        answered: answered as f64 / seconds,
    })
}

/// The game that each rule is for.
fn game_of(rule: Rule) -> &'static str {
    match rule {
        Rule::Digest => "reader",
        Rule::Ahead | Rule::OwnWaits | Rule::KindsFirst => "next",
        Rule::FromTheEnd | Rule::ListedFirst => "colisting",
        Rule::LivingLoops | Rule::NoDeletes => "loop",
        Rule::ClockedReceipts => "receipt",
        Rule::SlowNames => "presence",
        Rule::StaggeredStarts => "machine",
        Rule::ProvenConflicts => "name",
        Rule::PagesByClock => "digest",
        Rule::OwnState => "meeting",
    }
}

/// What each rule buys and costs.
pub fn rules(setting: &Setting, effort: Effort) -> Vec<Bought> {
    let games = all();
    let mut with = std::collections::HashMap::new();
    let prices = effort.trials / 20;
    let Some(price_with) = price(setting, prices, effort.seed) else { return Vec::new() };
    let mut bought = Vec::new();
    for (name, rule) in RULES {
        let Some(game) = games.iter().find(|game| game.name() == game_of(rule)) else { continue };
        let number = |setting: &Setting| play(game.as_ref(), setting, effort).0;
        let with = *with.entry(game.name()).or_insert_with(|| number(setting));
        let mut off = super::games::without(*setting, rule);
        if rule == Rule::OwnState {
            off.shared = Shared::of_rules(&[rule]);
        }
        let Some(price_without) = price(&off, prices, effort.seed) else { continue };
        bought.push(Bought {
            rule: name.to_owned(),
            game: game.name().to_owned(),
            with,
            without: number(&off),
            price: (price_with, price_without),
        });
    }
    bought
}

/// The numbers beside the games, for all sizes of a relay.
pub fn points(setting: &Setting, profile: &str, effort: Effort) -> Vec<Point> {
    let exact = |value: f64| Estimate { value, low: value, high: value };
    let point = |what: &str, users: Option<u32>, value: Estimate| Point {
        what: what.to_owned(),
        users,
        profile: profile.to_owned(),
        value,
    };
    let mut all = Vec::new();
    if let Some(price) = price(setting, effort.trials / 20, effort.seed) {
        for (what, value) in [
            ("seconds until read, live conversation, median", price.live.0),
            ("seconds until read, live conversation, 95 %", price.live.1),
            ("seconds until read, idle conversation, median", price.idle.0),
            ("seconds until read, idle conversation, 95 %", price.idle.1),
            ("exchanges a second of a client that is online", price.exchanges),
        ] {
            all.push(point(what, None, exact(value)));
        }
    }
    let kappa = Delay::learn(&mut rng_of(effort.seed, "delay", Use::Finding, 0)).kappa(rate(setting));
    for users in SIZES {
        let setting = Setting { users, ..*setting };
        let game = Next { idle: false };
        all.push(point("next: share of right names", Some(users), play(&game, &setting, effort).0));
        let forms: Vec<f64> = (0..20)
            .filter_map(|trial| {
                let mut rng = rng_of(effort.seed, game.name(), Use::Finding, trial);
                Some(game.question(&setting, &mut rng)?.closed_form())
            })
            .collect();
        let mean = forms.iter().sum::<f64>() / forms.len().max(1) as f64;
        all.push(point("next: closed form (1 − e^−x)/x", Some(users), exact(mean)));
        for (chance, what) in [
            (0.5, "messages until relay and gateway name the reader among all with 50 % (closed form)"),
            (0.95, "messages until relay and gateway name the reader among all with 95 % (closed form)"),
        ] {
            let events = (phi_inverse(1.0 - 1.0 / f64::from(users)) + phi_inverse(chance)).powi(2) / kappa;
            let messages = (events / EVENTS_OF_A_MESSAGE as f64).ceil();
            all.push(point(what, Some(users), exact(messages)));
        }
    }
    all
}

/// Presence and machine over days, at some numbers of messages a day.
pub fn over_days(setting: &Setting, profile: &str, effort: Effort) -> Vec<Point> {
    let mut all = Vec::new();
    for days in [1, 7, 30] {
        for a_day in [1.0, 5.0, 20.0] {
            let games: [Box<dyn Game>; 2] =
                [Box::new(people::Presence { days, a_day }), Box::new(people::Machine { days, a_day })];
            for game in games {
                all.push(Point {
                    what: format!("{}: advantage after {days} days at {a_day} messages a day", game.name()),
                    users: None,
                    profile: profile.to_owned(),
                    value: play(game.as_ref(), setting, effort).0,
                });
            }
        }
    }
    all
}
