//! Reading nodes and whole sets.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::gun::{Answer, Get, GunNode, Message, MessageId, Progress, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::connection::{Exchange, Lost};
use super::error::{ConnectError, GunError};
use super::relay::Relay;
use super::{CollectLimits, Ended};

/// How long to wait after a complete answer for another one from the relay's disk.
const SETTLE: Duration = Duration::from_millis(500);
/// A relay answers at once, even if only with "nothing"; after this time the connection counts as dead.
pub(super) const FIRST_ANSWER: Duration = Duration::from_secs(20);
/// How many members are asked for at a time.
const WINDOW: usize = 256;
/// Properties of one member that are read.
const MEMBER_PROPERTIES: usize = 256;
/// Properties of a node that is asked for on its own.
pub(super) const NODE_PROPERTIES: usize = 1 << 14;

/// Connects, and again after failures that may pass. The caller sets the deadline and finds the last failure in `last`.
pub(super) async fn connect(
    relay: &Arc<Relay>,
    own: bool,
    last: &std::sync::Mutex<Option<ConnectError>>,
) -> Result<Exchange, GunError> {
    loop {
        let opened = if own { relay.own_connection().await } else { relay.connection().await };
        match opened {
            Ok(connection) if own => return Ok(connection.exchange().alone()),
            Ok(connection) => return Ok(connection.exchange()),
            Err(error) if error.is_final() => return Err(GunError::Unreachable(error)),
            Err(error) => *last.lock().unwrap_or_else(|lock| lock.into_inner()) = Some(error),
        }
    }
}

/// Asks one relay for a node or a property of one, until there is an answer; the caller sets the deadline.
pub(super) async fn node(
    relay: &Arc<Relay>,
    get: &Get,
    quiet: Duration,
    last: &std::sync::Mutex<Option<ConnectError>>,
) -> Result<Option<GunNode>, GunError> {
    loop {
        let mut exchange = connect(relay, false, last).await?;
        let mut answer = Answer::new(NODE_PROPERTIES);
        let Ok(mut unheard) = exchange.ask(both(get)).await else { continue };
        let mut until = Instant::now() + FIRST_ANSWER;
        loop {
            match timeout_at(until, exchange.next()).await {
                Ok(Ok(message)) => {
                    unheard.retain(|id| message.answers.as_ref() != Some(id));
                    answer.push(message);
                    until = Instant::now() + patience(&answer, unheard.is_empty(), quiet);
                }
                Ok(Err(Lost)) => break,
                Err(_) if answer.progress() == Progress::Waiting => {
                    exchange.give_up();
                    break;
                }
                Err(_) => {
                    let wanted = |node: &GunNode| node.soul == get.soul;
                    return Ok(answer.into_nodes().into_iter().find(wanted));
                }
            }
        }
    }
}

/// The questions for a whole node, to the relay's memory and to its disk: either may be incomplete.
pub(super) fn both(get: &Get) -> Vec<Get> {
    let disk = get.property.is_none().then(|| get.clone().from_disk());
    std::iter::once(get.clone()).chain(disk).collect()
}

/// How long to wait for more of an answer.
fn patience(answer: &Answer, has_heard_all: bool, quiet: Duration) -> Duration {
    // Nothing in Gun's protocol ends an answer. A large node comes in messages that each name the next, in any order, and
    // the first of such a chain is named by nobody; a relay may answer once from memory and again from its disk; and
    // "nothing" can be followed by the node, when another peer has it. So an answer is over when none of it has come for a
    // while, and how long that is depends on what is known to be outstanding:
    // - nothing has come yet: relays answer at once, so after `FIRST_ANSWER` the connection is dead, not the answer empty;
    // - a part that was announced is missing: the caller's `quiet`, which is for a slow relay. Such an answer ends
    //   incomplete, which the caller learns (`Ended::Quiet`) and must not take for "nobody has it";
    // - all that was announced is there, and every question was answered: `SETTLE`, for a second answer from the disk.
    // Every message starts the wait again, so a slow but steady answer is never cut off before the caller's deadline.
    match answer.progress() {
        Progress::Waiting => FIRST_ANSWER,
        Progress::Complete | Progress::Missing if has_heard_all => SETTLE.min(quiet),
        _ => quiet,
    }
}

/// How reading a set from one relay ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) ended: Ended,
    pub(super) members: usize,
}

/// Reads a set from one relay, again from the start when the connection is lost; the caller sets the deadline.
pub(super) async fn set(
    relay: &Arc<Relay>,
    soul: &str,
    limits: CollectLimits,
    found: mpsc::Sender<GunNode>,
    last: &std::sync::Mutex<Option<ConnectError>>,
) -> Result<Read, GunError> {
    loop {
        let exchange = connect(relay, limits.own_connection, last).await?;
        let mut reading = Reading::new(exchange, soul, limits);
        match reading.run(&found).await {
            Ok(read) => return Ok(read),
            Err(Lost) => reading.exchange.give_up(),
        }
    }
}

/// The state of reading one set over one connection.
struct Reading<'a> {
    exchange: Exchange,
    soul: &'a str,
    limits: CollectLimits,
    /// The set's own answer, links only.
    links: Answer,
    /// Questions for the set that were not answered at all.
    unheard: HashSet<MessageId>,
    set_until: Instant,
    known: HashSet<String>,
    queue: VecDeque<String>,
    asked: HashMap<MessageId, Member>,
    /// Members without a full answer.
    open: usize,
    members_until: Instant,
}

struct Member {
    soul: String,
    answer: Answer,
    is_open: bool,
}

impl<'a> Reading<'a> {
    fn new(exchange: Exchange, soul: &'a str, limits: CollectLimits) -> Self {
        let until = Instant::now() + FIRST_ANSWER;
        Self {
            exchange,
            soul,
            limits,
            links: Answer::new(limits.members),
            unheard: HashSet::new(),
            set_until: until,
            known: HashSet::new(),
            queue: VecDeque::new(),
            asked: HashMap::new(),
            open: 0,
            members_until: until,
        }
    }

    async fn run(&mut self, found: &mpsc::Sender<GunNode>) -> Result<Read, Lost> {
        let set_ids = self.exchange.ask(both(&Get::node(self.soul))).await?;
        self.unheard = set_ids.iter().cloned().collect();
        let mut set_is_open = true;
        loop {
            self.ask_for_members().await?;
            let now = Instant::now();
            if set_is_open && now >= self.set_until {
                if self.links.progress() == Progress::Waiting {
                    return Err(Lost);
                }
                set_is_open = false;
            }
            let members_are_open = self.open > 0 && now < self.members_until;
            if !set_is_open && !members_are_open {
                return Ok(self.summary());
            }
            let until = match (set_is_open, members_are_open) {
                (true, true) => self.set_until.min(self.members_until),
                (true, false) => self.set_until,
                _ => self.members_until,
            };
            let Ok(message) = timeout_at(until, self.exchange.next()).await else { continue };
            let message = message?;
            if let Some(id) = message.answers.as_ref().filter(|id| set_ids.contains(id)) {
                self.unheard.remove(id);
                self.take_links(message);
            } else if let Some(node) = self.take_member(message)
                && found.send(node).await.is_err()
            {
                return Ok(self.summary());
            }
        }
    }

    fn take_links(&mut self, mut message: Message) {
        // Anybody can add long texts to a set; only links are members.
        for node in message.put.iter_mut().flatten() {
            node.properties.retain(|_, property| matches!(property.value, Value::Link(_)));
        }
        for node in self.links.push(message) {
            for (_, member) in node.links() {
                if node.soul == self.soul
                    && self.known.len() < self.limits.members
                    && self.known.insert(member.to_owned())
                {
                    self.queue.push_back(member.to_owned());
                }
            }
        }
        self.set_until = Instant::now() + patience(&self.links, self.unheard.is_empty(), self.limits.quiet);
    }

    async fn ask_for_members(&mut self) -> Result<(), Lost> {
        let room = WINDOW.saturating_sub(self.open).min(self.queue.len());
        if room == 0 {
            return Ok(());
        }
        let souls: Vec<String> = self.queue.drain(..room).collect();
        let ids = self.exchange.ask(souls.iter().map(Get::node).collect()).await?;
        self.open += ids.len();
        self.members_until = Instant::now() + FIRST_ANSWER;
        let member = |soul| Member { soul, answer: Answer::new(MEMBER_PROPERTIES), is_open: true };
        self.asked.extend(ids.into_iter().zip(souls.into_iter().map(member)));
        Ok(())
    }

    /// Adds a part of a member; returns the member if it is complete and new.
    fn take_member(&mut self, message: Message) -> Option<GunNode> {
        let member = self.asked.get_mut(message.answers.as_ref()?)?;
        let changes = member.answer.push(message);
        let progress = member.answer.progress();
        let is_answered = matches!(progress, Progress::Complete | Progress::Missing);
        if is_answered && member.is_open {
            member.is_open = false;
            self.open = self.open.saturating_sub(1);
        }
        self.members_until = Instant::now() + self.limits.quiet;
        let is_whole = progress == Progress::Complete && changes.iter().any(|node| node.soul == member.soul);
        is_whole.then(|| member.answer.node(&member.soul).cloned()).flatten()
    }

    fn summary(&self) -> Read {
        let ended = if self.links.is_full() || self.known.len() >= self.limits.members {
            Ended::Limit
        } else if self.open > 0 || self.links.progress() == Progress::Partial {
            Ended::Quiet
        } else {
            Ended::Complete
        };
        Read { ended, members: self.known.len() }
    }
}
