//! Lines for people and machines, and the table of docs/anonymity.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::curves::{Bought, Point, Price};
use super::findings::Finding;
use super::invariants::Check;
use super::play::Outcome;
use super::stats::Estimate;

/// The document that lists what is missed.
pub const DOCUMENT: &str = include_str!("../../../docs/anonymity.md");

/// One line of `--json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// A game.
    Game(Outcome),
    /// A finding.
    Finding(Finding),
    /// A number beside the games.
    Point(Point),
    /// What a rule buys.
    Rule(Bought),
    /// An invariant.
    Invariant {
        /// `A` or `C`.
        level: String,
        /// `I1` to `I4`.
        invariant: String,
        /// What was looked at.
        what: String,
        /// How often it was looked at.
        looked: usize,
        /// How often the rule was broken.
        broken: usize,
        /// The mean or share that decides, if one does.
        value: Option<f64>,
    },
}

impl Line {
    /// The line of a check.
    pub fn of_check(level: &str, check: &Check) -> Self {
        Self::Invariant {
            level: level.to_owned(),
            invariant: check.invariant.to_owned(),
            what: check.what.to_owned(),
            looked: check.looked,
            broken: check.broken,
            value: check.value,
        }
    }

    /// For a terminal: `game users profile advantage [lo, hi] off-switch [lo, hi] leak-found`.
    pub fn text(&self) -> String {
        match self {
            Self::Game(game) => {
                let off = game.off.map_or("-".to_owned(), |off| shown(&off));
                let leak = game.leak_found.map_or("-", |found| if found { "yes" } else { "no" });
                format!(
                    "{:<9} {} {:>6} {:<8} {:<8} {} {}  off {off}  leak found {leak}",
                    game.game,
                    game.level,
                    game.users,
                    game.profile,
                    game.workload,
                    game.schedule,
                    shown(&game.advantage)
                )
            }
            Self::Finding(finding) => {
                format!("finding {}: {} {}", finding.finding, finding.what, shown(&finding.estimate))
            }
            Self::Point(point) => {
                let users = point.users.map_or("-".to_owned(), |users| users.to_string());
                format!("{} {users}: {} {}", point.profile, point.what, shown(&point.value))
            }
            Self::Rule(rule) => format!(
                "{:<17} {:<9} {} without {}  {} without {}",
                rule.rule,
                rule.game,
                shown(&rule.with),
                shown(&rule.without),
                price(&rule.price.0),
                price(&rule.price.1)
            ),
            Self::Invariant { level, invariant, what, looked, broken, .. } => {
                let verdict = if *broken == 0 { "holds" } else { "broken" };
                format!("{invariant} {level} {verdict:<6} {what}: {broken} of {looked}")
            }
        }
    }
}

/// Latency live and idle, median and 95 %, and exchanges.
fn price(price: &Price) -> String {
    format!(
        "{:.1}/{:.1} s, {:.0}/{:.0} s, {:.2}/s",
        price.live.0, price.live.1, price.idle.0, price.idle.1, price.exchanges
    )
}

fn shown(estimate: &Estimate) -> String {
    if estimate.low == estimate.high {
        return format!("{:.2}", estimate.value);
    }
    format!("{:.3} [{:.3}, {:.3}]", estimate.value, estimate.low, estimate.high)
}

/// The tables of the document, as Markdown, from lines of JSON.
pub fn tables(lines: &[Line]) -> String {
    let mut out = String::from(
        "| game | level | observer | users | profile | workload | messages/h | trials | advantage [95 %] | off-switch | leak found | schedule | goal |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let Line::Game(game) = line else { continue };
        let goal = match (game.goal, game.met) {
            _ if game.off_wins == Some(false) => "says nothing: the off-switch does not win".to_owned(),
            (Some(goal), Some(true)) => format!("≤ {goal}: met"),
            (Some(goal), _) => format!("≤ {goal}: **missed**"),
            (None, _) => "published".to_owned(),
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {goal} |\n",
            game.game,
            game.level,
            game.observer,
            game.users,
            game.profile,
            game.workload,
            game.per_hour,
            game.trials,
            shown(&game.advantage),
            game.off.map_or("–".to_owned(), |off| shown(&off)),
            game.leak_found.map_or("–", |found| if found { "yes" } else { "no" }),
            // Lines that were made before there was a choice are of the code of that time.
            if game.schedule.is_empty() { "today" } else { &game.schedule },
        ));
    }
    out.push_str(&points(lines));
    out.push_str(&rules(lines));
    out.push_str("\n| finding | what was counted | measured [95 %] | of |\n|---|---|---|---|\n");
    for line in lines {
        let Line::Finding(finding) = line else { continue };
        let of = if finding.of == 0 { "–".to_owned() } else { finding.of.to_string() };
        out.push_str(&format!(
            "| {} | {} | {} | {of} |\n",
            finding.finding,
            finding.what,
            shown(&finding.estimate)
        ));
    }
    out.push_str("\n| invariant | level | what was looked at | looked | broken | mean or share |\n|---|---|---|---|---|---|\n");
    for line in lines {
        let Line::Invariant { level, invariant, what, looked, broken, value } = line else { continue };
        let value = value.map_or("–".to_owned(), |value| format!("{value:.2}"));
        out.push_str(&format!("| {invariant} | {level} | {what} | {looked} | {broken} | {value} |\n"));
    }
    out
}

/// Numbers beside the games, as Markdown.
fn points(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let Line::Point(point) = line else { continue };
        if out.is_empty() {
            out.push_str("\n| what | profile | users | number [95 %] |\n|---|---|---|---|\n");
        }
        let users = point.users.map_or("–".to_owned(), |users| users.to_string());
        out.push_str(&format!(
            "| {} | {} | {users} | {} |\n",
            point.what,
            point.profile,
            shown(&point.value)
        ));
    }
    out
}

/// What each rule buys and costs, as Markdown.
fn rules(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let Line::Rule(rule) = line else { continue };
        if out.is_empty() {
            out.push_str(
                "\n| rule | game | with all rules | without it | price with all rules | price without it |\n\
                 |---|---|---|---|---|---|\n",
            );
        }
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            rule.rule,
            rule.game,
            shown(&rule.with),
            shown(&rule.without),
            price(&rule.price.0),
            price(&rule.price.1)
        ));
    }
    out
}

/// What one profile gives at a relay of one size: daemon/data/anonymity.json.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row<'a> {
    profile: &'a str,
    /// Personas online at the relay.
    users: u32,
    /// How often the relay guesses right what follows what in a live conversation; upper end.
    next: f64,
    /// Messages until relay and gateway name their reader among all with 95 %.
    reader: f64,
}

/// The rows, as JSON, from lines of JSON.
pub fn data(lines: &[Line]) -> String {
    let points = || {
        lines.iter().filter_map(|line| match line {
            Line::Point(point) => Some(point),
            _ => None,
        })
    };
    let number = |like: &Point, what: &str| {
        points()
            .find(|one| {
                one.what.starts_with(what) && (one.users, &one.profile) == (like.users, &like.profile)
            })
            .map(|one| (one.value.high * 1e4).round() / 1e4)
    };
    let rows: Vec<Row<'_>> = points()
        .filter(|point| point.what.starts_with("next: share"))
        .filter_map(|point| {
            Some(Row {
                profile: &point.profile,
                users: point.users?,
                next: number(point, "next: share")?,
                reader: number(
                    point,
                    "messages until relay and gateway name the reader among all with 95 %",
                )?,
            })
        })
        .collect();
    let rows: Vec<String> = rows.iter().filter_map(|row| serde_json::to_string(row).ok()).collect();
    format!("[\n  {}\n]\n", rows.join(",\n  "))
}

/// Goals that the document lists as missed, by game and schedule, with the greatest upper end of the number beside each.
pub fn listed(document: &str) -> BTreeMap<String, f64> {
    let mut listed = BTreeMap::new();
    for row in document.lines().filter(|row| row.contains("**missed**")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (Some(game), Some(number), Some(schedule)) = (cells.get(1), cells.get(9), cells.get(12)) else {
            continue;
        };
        let high =
            number.rsplit([',', '[']).next().and_then(|high| high.trim_end_matches(']').trim().parse().ok());
        if let Some(high) = high {
            let entry: &mut f64 = listed.entry(format!("{game} {schedule}")).or_insert(high);
            *entry = entry.max(high);
        }
    }
    listed
}

/// Why the harness is not content with a game; `None` when it is.
pub fn complaint(game: &Outcome, listed: &BTreeMap<String, f64>) -> Option<String> {
    if game.off_wins == Some(false) {
        return Some(format!(
            "{}: the attack does not win without the protection, so it shows nothing",
            game.game
        ));
    }
    if game.leak_found == Some(false) {
        return Some(format!("{}: a leak of 5 % was not found, so it shows nothing", game.game));
    }
    if game.met != Some(false) || game.schedule.contains("without") {
        return None;
    }
    match listed.get(&format!("{} {}", game.game, game.schedule)) {
        None => Some(format!("{}: the goal is missed, and docs/anonymity.md does not say so", game.game)),
        Some(high) if game.advantage.low > *high => {
            Some(format!("{}: worse than docs/anonymity.md says ({high})", game.game))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "| loop | C | relay | 50 | full | sessions | 2 | 400 | 0.300 [0.200, 0.400] | – | yes | new | ≤ 0.05: **missed** |";

    #[test]
    fn the_daemon_has_the_numbers_of_the_recorded_lines() {
        let recorded = include_str!("../../vectors/observers.jsonl");
        let lines: Vec<Line> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(data(&lines), include_str!("../../../daemon/data/anonymity.json"));
    }

    #[test]
    fn missed_goals_are_read_from_the_document() {
        assert_eq!(listed(ROW).get("loop new"), Some(&0.4));
        assert!(listed("| loop | met |").is_empty());
    }

    #[test]
    fn the_document_holds_the_tables_of_the_recorded_lines() {
        for recorded in [
            include_str!("../../vectors/observers-before.jsonl"),
            include_str!("../../vectors/observers.jsonl"),
        ] {
            let lines: Vec<Line> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(!lines.is_empty());
            for row in tables(&lines).lines() {
                assert!(DOCUMENT.contains(row), "docs/anonymity.md lacks {row}");
            }
        }
    }
}
