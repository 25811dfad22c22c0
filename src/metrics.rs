//! The numbers offhook keeps about itself, each written down where it happens and read at `/metrics`.

mod known;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use known::Known;

type Seconds = Gauge<f64, AtomicU64>;
type StageFamily = Family<StageLabel, Histogram, fn() -> Histogram>;

/// All of offhook's metrics. Cheap to clone by `Arc`; every field may be written from any thread.
///
/// ```
/// use std::time::Duration;
/// use offhook::metrics::{Metrics, RequestLabels};
///
/// let metrics = Metrics::new(Duration::from_millis(1500));
/// let labels = RequestLabels { family: "yunxin.callback", kind: "call.start", app: "app".into(), answer: "allow" };
/// metrics.requests.get_or_create_owned(&labels).inc();
/// assert!(metrics.render().contains("offhook_requests_total"));
/// ```
pub struct Metrics {
    registry: Registry,
    /// Requests that got a verdict.
    pub requests: Known<RequestLabels, Counter>,
    /// Requests turned away, by reason code.
    pub refusals: Family<ReasonLabel, Counter>,
    /// From a request's first byte until its answer was ready to be written.
    pub reply_seconds: Histogram,
    /// Verdicts that were the fallback, and why.
    pub fallbacks: Family<FallbackLabels, Counter>,
    /// Where the time of requests went.
    pub stages: Stages,
    /// 1 while a decider's service is left alone because it failed.
    pub breaker_open: Family<DeciderLabel, Gauge>,
    /// Deciders that failed, panicked or overran, whatever was answered then.
    pub decider_failures: Family<DeciderLabels, Counter>,
    /// What shadows said, beside the real verdict.
    pub shadows: Family<ShadowLabels, Counter>,
    /// What deciders said after they were not waited for any longer.
    pub late_opinions: Family<LateLabels, Counter>,
    /// Rules that could not be evaluated on an event, and so had no opinion.
    pub rule_faults: Family<RuleLabel, Counter>,
    /// Proven requests being worked on.
    pub in_flight: Gauge,
    /// How far the sender's clock is ahead of ours.
    pub clock_skew: Known<AppLabel, Seconds>,
    /// Which of an app's secrets proved a request, so that an old one can be retired.
    pub secret_used: Known<SecretLabels, Counter>,
    /// From handing an event to the journal until it was durable.
    pub journal_append: Histogram,
    /// The journal's size on disk.
    pub journal_bytes: Gauge,
    /// Free space on the journal's disk.
    pub journal_free_bytes: Gauge,
    /// The position of the oldest event that is kept.
    pub journal_first_position: Gauge,
    /// By how much the journal is larger than it may be, since somebody is owed what is in it.
    pub journal_over_limit_bytes: Gauge,
    /// Events whose verdict left before they were durable.
    pub unkept: Counter,
    /// Events that went to the spill file because the journal could not keep them.
    pub spilled: Counter,
    /// Deliveries by how they went.
    pub deliveries: Family<DeliveryLabels, Counter>,
    /// How long ago the event was received that a handler got last.
    pub delivery_lag: Family<HandlerLabel, Seconds>,
    /// Answers that the platform could not use, as its copy 83 tells.
    pub platform_failures: Family<FailureLabels, Counter>,
    /// Deliveries that gave up and wait for a person.
    pub parked: Family<HandlerLabel, Gauge>,
    /// Requests to Tencent, by what they came to.
    pub tencent_requests: TencentRequests,
}

/// Labels of `offhook_requests_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The sender and product.
    pub family: &'static str,
    /// What happened; undocumented kinds share `unknown`.
    pub kind: &'static str,
    /// The app key.
    pub app: Arc<str>,
    /// `allow`, `reject`, `probe` or `repeat`.
    pub answer: &'static str,
}

/// Label of `offhook_refusals_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The refusal's code.
    pub reason: &'static str,
}

/// Labels of `offhook_fallbacks_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FallbackLabels {
    /// What happened.
    pub kind: &'static str,
    /// `timeout`, `overload`, `error` or `panic`.
    pub why: &'static str,
}

/// `offhook_stage_seconds`: how much of a request's budget each stage took.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone)]
pub struct Stages {
    /// From the request's first byte to the last one of its body.
    pub read: Histogram,
    /// Waiting for a decider's turn.
    pub queue: Histogram,
    /// Being decided.
    pub decide: Histogram,
    /// Waiting for the disk.
    pub keep: Histogram,
    /// From the answer being ready until the system had taken all of it.
    pub write: Histogram,
}

/// Label of the metrics kept for each stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

/// Label of the metrics kept for each decider.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeciderLabel {
    /// The decider's name.
    pub decider: Arc<str>,
}

/// Labels of `offhook_decider_failures_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeciderLabels {
    /// The decider's name.
    pub decider: Arc<str>,
    /// `timeout`, `error` or `panic`.
    pub why: &'static str,
}

/// Labels of `offhook_shadows_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShadowLabels {
    /// The decider's name.
    pub decider: Arc<str>,
    /// `same` or `other` than the real verdict, `none` where it had no opinion, `failed`.
    pub answer: &'static str,
}

/// Labels of `offhook_late_opinions_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LateLabels {
    /// The decider's name.
    pub decider: Arc<str>,
    /// `same` or `other` than the verdict that was given, `none` where it had no opinion, `failed`, `never`.
    pub answer: &'static str,
}

/// Label of `offhook_rule_faults_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleLabel {
    /// The rule's name.
    pub rule: Arc<str>,
}

/// Label of the metrics kept for each app.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AppLabel {
    /// The app key.
    pub app: Arc<str>,
}

/// Labels of `offhook_secret_used_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SecretLabels {
    /// The app key.
    pub app: Arc<str>,
    /// Four hex digits that tell the secrets of one app apart and give nothing away.
    pub secret: Arc<str>,
}

/// Labels of `offhook_platform_failures_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// The app key.
    pub app: Arc<str>,
    /// `late`, `malformed`, `breaker_open` or `other`.
    pub reason: &'static str,
}

/// Labels of `offhook_deliveries_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabels {
    /// The handler's name.
    pub handler: Arc<str>,
    /// `done`, `retry` or `parked`.
    pub outcome: &'static str,
}

/// Label of the metrics kept for each handler.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HandlerLabel {
    /// The handler's name.
    pub handler: Arc<str>,
}

/// Requests to Tencent, to be held by whoever makes them.
///
/// Example: [`Metrics`].
pub type TencentRequests = Family<TencentLabels, Counter>;

/// Labels of `offhook_tencent_requests_total`.
///
/// Example: [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TencentLabels {
    /// The interface, by Tencent's name.
    pub api: &'static str,
    /// Tencent's code, `0` where it was done, `other` where it is not documented; `not_reached`, `no_answer` or
    /// `http_` and a status where there was none.
    pub code: Cow<'static, str>,
}

impl Metrics {
    /// Fresh metrics; `deadline` becomes a bucket of its own.
    pub fn new(deadline: Duration) -> Arc<Self> {
        let mut buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0];
        let deadline = deadline.as_secs_f64();
        if !buckets.contains(&deadline) {
            buckets.push(deadline);
            buckets.sort_by(f64::total_cmp);
        }
        let keeping = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];
        let stages = StageFamily::new_with_constructor(stage_histogram);
        let mut metrics = Self {
            registry: Registry::with_prefix("offhook"),
            requests: Known::default(),
            refusals: Family::default(),
            reply_seconds: Histogram::new(buckets),
            fallbacks: Family::default(),
            stages: Stages::in_family(&stages),
            breaker_open: Family::default(),
            decider_failures: Family::default(),
            shadows: Family::default(),
            late_opinions: Family::default(),
            rule_faults: Family::default(),
            in_flight: Gauge::default(),
            clock_skew: Known::default(),
            secret_used: Known::default(),
            journal_append: Histogram::new(keeping),
            journal_bytes: Gauge::default(),
            journal_free_bytes: Gauge::default(),
            journal_first_position: Gauge::default(),
            journal_over_limit_bytes: Gauge::default(),
            unkept: Counter::default(),
            spilled: Counter::default(),
            deliveries: Family::default(),
            delivery_lag: Family::default(),
            platform_failures: Family::default(),
            parked: Family::default(),
            tencent_requests: Family::default(),
        };
        metrics.register(stages);
        Arc::new(metrics)
    }

    /// Everything in the Prometheus (OpenMetrics) text form.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a `String` cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// Registers every field under its public name; counters get `_total`, histograms and skews `_seconds`.
    fn register(&mut self, stages: StageFamily) {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running build", version);
        registry.register("requests", "Requests that got a verdict", self.requests.family());
        registry.register("refusals", "Requests turned away", self.refusals.clone());
        let help = "From a request's first byte until its answer was ready";
        registry.register_with_unit("reply", help, Unit::Seconds, self.reply_seconds.clone());
        registry.register("fallbacks", "Verdicts that were the fallback", self.fallbacks.clone());
        let help = "Where the time of requests went";
        registry.register_with_unit("stage", help, Unit::Seconds, stages);
        let help = "Whether a decider's service is left alone because it failed";
        registry.register("breaker_open", help, self.breaker_open.clone());
        let help = "Deciders that failed, panicked or overran";
        registry.register("decider_failures", help, self.decider_failures.clone());
        registry.register("shadows", "What shadows said, beside the real verdict", self.shadows.clone());
        let help = "What deciders said after they were not waited for any longer";
        registry.register("late_opinions", help, self.late_opinions.clone());
        let help = "Rules that could not be evaluated, and had no opinion";
        registry.register("rule_faults", help, self.rule_faults.clone());
        registry.register("in_flight", "Proven requests being worked on", self.in_flight.clone());
        let help = "How far the sender's clock is ahead of ours";
        registry.register_with_unit("clock_skew", help, Unit::Seconds, self.clock_skew.family());
        registry.register("secret_used", "Requests proven, by secret", self.secret_used.family());
        let help = "From handing an event over until it was durable";
        registry.register_with_unit("journal_append", help, Unit::Seconds, self.journal_append.clone());
        registry.register_with_unit("journal", "The journal's size on disk", Unit::Bytes, self.journal_bytes.clone());
        let help = "Free space on the journal's disk";
        registry.register_with_unit("journal_free", help, Unit::Bytes, self.journal_free_bytes.clone());
        let help = "The position of the oldest event that is kept";
        registry.register("journal_first_position", help, self.journal_first_position.clone());
        let help = "By how much the journal is larger than it may be";
        registry.register_with_unit("journal_over_limit", help, Unit::Bytes, self.journal_over_limit_bytes.clone());
        registry.register("unkept", "Verdicts that left before their event was durable", self.unkept.clone());
        registry.register("spilled", "Events that went to the spill file", self.spilled.clone());
        registry.register("deliveries", "Deliveries by outcome", self.deliveries.clone());
        let help = "How long ago the event was received that a handler got last";
        registry.register_with_unit("delivery_lag", help, Unit::Seconds, self.delivery_lag.clone());
        let help = "Answers that the platform could not use, by its own word";
        registry.register("platform_failures", help, self.platform_failures.clone());
        registry.register("parked", "Deliveries that gave up and wait for a person", self.parked.clone());
        registry.register("tencent_requests", "Requests to Tencent", self.tencent_requests.clone());
    }
}

impl Stages {
    fn in_family(family: &StageFamily) -> Self {
        let [read, queue, decide, keep, write] =
            ["read", "queue", "decide", "keep", "write"].map(|stage| family.get_or_create_owned(&StageLabel { stage }));
        Self { read, queue, decide, keep, write }
    }
}

fn stage_histogram() -> Histogram {
    Histogram::new([0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0])
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
