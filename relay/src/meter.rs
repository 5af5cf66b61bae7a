//! What the relay counts about itself. No count has a label that names a box, an inbox or a persona.

use std::sync::atomic::{AtomicU64, Ordering};

use bauta_protocol::relay::{Class, Reply};
use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::policy::Stored;

const REQUESTS: &str = "bauta_relay_requests_total";
const BATCHES: &str = "bauta_relay_commit_batch_size";
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const METADATA: Metadata<'static> = Metadata::new("bauta_relay", Level::INFO, None);

/// What an operator may see in the metrics at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// What the store holds.
    pub stored: Stored,
    /// How full the store is, in thousandths.
    pub fill_permille: u16,
    /// `Get` requests whose reply is held.
    pub held: usize,
    /// Deposits that wait for the verifier.
    pub verifier_queue: usize,
    /// Personas that asked for news in the last interval.
    pub online: u64,
    /// The digest as it was fixed last.
    pub digest: DigestLevels,
}

/// What the digest shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DigestLevels {
    /// Intervals closed since the start.
    pub intervals: u64,
    /// Tags in the set of the last one.
    pub listed: u64,
    /// Tags of the last one that did not fit.
    pub unlisted: u64,
    /// There are two to the power of this many pages.
    pub page_bits: u8,
    /// Tags that are on no page, because theirs is too full.
    pub left_out: u64,
    /// How long the pages took that were fixed last, in milliseconds.
    pub pages_ms: u64,
}

/// The counters of one relay. Exchanges are always counted, the rest only with metrics switched on.
pub struct Meter {
    small: AtomicU64,
    large: AtomicU64,
    digest: AtomicU64,
    exporter: Option<Exporter>,
}

struct Exporter {
    recorder: PrometheusRecorder,
    batches: Histogram,
}

impl Meter {
    /// Counts exchanges only.
    pub fn off() -> Self {
        Self { small: AtomicU64::new(0), large: AtomicU64::new(0), digest: AtomicU64::new(0), exporter: None }
    }

    /// Counts everything, to be rendered as Prometheus text.
    pub fn on() -> Self {
        let builder = PrometheusBuilder::new();
        // The only error is an empty list of buckets.
        let recorder = builder
            .set_buckets_for_metric(Matcher::Full(BATCHES.to_owned()), &BATCH_BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        recorder.describe_counter(REQUESTS.into(), None, "Requests by operation and outcome".into());
        recorder.describe_histogram(BATCHES.into(), None, "Changes that shared one commit".into());
        let batches = recorder.register_histogram(&Key::from_static_name(BATCHES), &METADATA);
        Self { exporter: Some(Exporter { recorder, batches }), ..Self::off() }
    }

    /// Exchanges of the class answered so far.
    pub fn exchanges(&self, class: Class) -> u64 {
        self.counter(class).load(Ordering::Relaxed)
    }

    /// The Prometheus text, or `None` with metrics switched off.
    pub fn render(&self, levels: Levels) -> Option<String> {
        let exporter = self.exporter.as_ref()?;
        let recorder = &exporter.recorder;
        let gauge = |name: &'static str, value: f64| {
            recorder.register_gauge(&Key::from_static_name(name), &METADATA).set(value);
        };
        gauge("bauta_relay_boxes", whole(levels.stored.boxes));
        gauge("bauta_relay_tombstones", whole(levels.stored.tombstones));
        gauge("bauta_relay_deposits", whole(levels.stored.deposits));
        gauge("bauta_relay_bundles", whole(levels.stored.bundles));
        gauge("bauta_relay_fill_ratio", f64::from(levels.fill_permille) / 1000.0);
        gauge("bauta_relay_held_gets", whole(levels.held as u64));
        gauge("bauta_relay_verifier_queue", whole(levels.verifier_queue as u64));
        gauge("bauta_relay_online_personas", whole(levels.online));
        gauge("bauta_relay_listed_tags", whole(levels.digest.listed));
        gauge("bauta_relay_unlisted_tags", whole(levels.digest.unlisted));
        gauge("bauta_relay_pages", f64::from(1u32 << levels.digest.page_bits.min(31)));
        gauge("bauta_relay_page_tags_left_out", whole(levels.digest.left_out));
        gauge("bauta_relay_pages_seconds", levels.digest.pages_ms as f64 / 1000.0);
        let closed = Key::from_static_name("bauta_relay_intervals_total");
        recorder.register_counter(&closed, &METADATA).absolute(levels.digest.intervals);
        for (name, class) in [("small", Class::Small), ("large", Class::Large), ("digest", Class::Digest)] {
            let key = Key::from_parts("bauta_relay_exchanges_total", vec![Label::new("class", name)]);
            recorder.register_counter(&key, &METADATA).absolute(self.exchanges(class));
        }
        let handle = recorder.handle();
        handle.run_upkeep();
        Some(handle.render())
    }

    pub(crate) fn exchanged(&self, class: Class) {
        self.counter(class).fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, class: Class) -> &AtomicU64 {
        match class {
            Class::Small => &self.small,
            Class::Large => &self.large,
            Class::Digest => &self.digest,
        }
    }

    pub(crate) fn answered(&self, operation: &'static str, reply: &Reply) {
        self.requests(operation, reply.name()).increment(1);
    }

    /// A request that is not answered.
    pub(crate) fn silent(&self, operation: &'static str) {
        self.requests(operation, "silent").increment(1);
    }

    pub(crate) fn committed(&self, changes: usize) {
        if let Some(exporter) = &self.exporter {
            exporter.batches.record(whole(changes as u64));
        }
    }

    fn requests(&self, operation: &'static str, outcome: &'static str) -> Counter {
        let Some(exporter) = &self.exporter else {
            return Counter::noop();
        };
        let labels = vec![Label::new("operation", operation), Label::new("outcome", outcome)];
        exporter.recorder.register_counter(&Key::from_parts(REQUESTS, labels), &METADATA)
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter(..)")
    }
}

/// A count as a gauge holds it: exact up to 2^53, which no count here reaches.
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use bauta_protocol::relay::Refusal;

    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let meter = Meter::on();
        meter.answered("put", &Reply::Done);
        meter.answered("put", &Reply::Done);
        meter.answered("get", &Reply::Refused(Refusal::WrongDay));
        meter.committed(3);
        meter.exchanged(Class::Small);
        let levels = Levels { held: 7, fill_permille: 250, ..Levels::default() };
        let text = meter.render(levels).unwrap();
        for line in [
            r#"bauta_relay_requests_total{operation="put",outcome="done"} 2"#,
            r#"bauta_relay_requests_total{operation="get",outcome="wrong_day"} 1"#,
            r#"bauta_relay_commit_batch_size_bucket{le="4"} 1"#,
            r#"bauta_relay_exchanges_total{class="small"} 1"#,
            "bauta_relay_held_gets 7",
            "bauta_relay_fill_ratio 0.25",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn two_relays_in_one_process_do_not_share_counts() {
        let (one, other) = (Meter::on(), Meter::on());
        one.answered("put", &Reply::Done);
        assert!(!other.render(Levels::default()).unwrap().contains("requests_total{"));
    }

    #[test]
    fn off_means_off() {
        let meter = Meter::off();
        meter.answered("put", &Reply::Done);
        meter.exchanged(Class::Large);
        assert_eq!(Class::ALL.map(|class| meter.exchanges(class)), [0, 1, 0]);
        assert!(meter.render(Levels::default()).is_none());
    }
}
