//! What rules add to a request: fifty of them beside none, and the dearest ones on the largest body.
//!
//! `cargo bench --bench rules`. The target is 25 µs for fifty rules, of which 25 are about the kind and read three fields
//! each.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use offhook::decide::rules::{NamedList, RuleSource, Rulebook};
use offhook::decide::{self, Action, Chain, LinkSettings, Load, Policy, Settings, Shared, Step};
use offhook::metrics::Metrics;
use offhook::{Budget, Event, Verdict, yunxin};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn rules(criterion: &mut Criterion) {
    let sample = yunxin::sample("call.start").expect("a sample");
    let fifty: Vec<String> = (0..50)
        .map(|number| {
            let kind = if number % 2 == 0 { "call.start" } else { "message.p2p" };
            let fields = if number % 2 == 0 {
                format!("data.callType != 7 && size(data.toAccountList) > {}", 8 + number)
            } else {
                format!("data.body != 'x' && data.to == 'u{number}'")
            };
            format!("kind == '{kind}' && data.fromAccount != 'u{number}' && {fields}")
        })
        .collect();
    let lists = (0..25).map(|number| {
        format!("kind == 'call.start' && data.fromAccount in lists.l && {number} == 1 || calls_by(data.fromAccount, '1m') > 99999999")
    });
    let sets: [(&str, Vec<String>); 4] = [
        ("none", Vec::new()),
        ("one", vec!["kind == 'call.start' && size(data.toAccountList) > 8".to_owned()]),
        ("fifty", fifty),
        ("lists-and-counters", lists.collect()),
    ];
    let mut group = criterion.benchmark_group("rules");
    for (name, expressions) in sets {
        let chain = chain(&expressions);
        group.bench_function(BenchmarkId::new("call.start", name), |bencher| {
            // Each request is an event of its own: what a rule read of one is of no use for the next.
            bencher.iter_batched(
                || Event::from_json(sample).expect("an event"),
                |event| match chain.decide_at_once(black_box(&event), Load::Normal) {
                    Step::Decided(decision) => (decision, event),
                    Step::Asks(_) => panic!("nobody has to be waited for"),
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The dearest things a rule can say, about a body of nearly a MiB, without a time limit.
fn worst(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("worst");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let accounts = vec!["\"a\""; 250_000].join(",");
    let body = format!(r#"{{"eventType":20,"fromAccount":"mei","toAccountList":[{accounts}]}}"#);
    for (name, when) in [
        ("size", "size(data.toAccountList) > 1000000"),
        ("exists", "data.toAccountList.exists(a, a == 'x')"),
        ("exists-list", "data.toAccountList.exists(a, a in lists.l)"),
        ("map-filter", "data.toAccountList.map(a, a + 'x').filter(a, a == 'x').size() > 1"),
    ] {
        let chain = chain(&[when.to_owned()]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let event = Event::from_json(body.clone()).expect("an event");
                match chain.decide_at_once(&event, Load::Normal) {
                    Step::Decided(decision) => decision,
                    Step::Asks(asking) => {
                        let budget = Budget::starting_now(Duration::from_secs(60));
                        runtime.block_on(chain.decide(&event, asking, budget)).decision
                    }
                }
            });
        });
    }
    group.finish();
}

fn chain(expressions: &[String]) -> Chain {
    let metrics = Metrics::new(Duration::from_millis(1500));
    let rule = |(number, when): (usize, &String)| RuleSource {
        name: format!("r{number}"),
        when: when.clone(),
        then: Verdict::reject(20010),
    };
    let sources: Vec<RuleSource> = expressions.iter().enumerate().map(rule).collect();
    let mut deciders = Vec::new();
    if !sources.is_empty() {
        let entries = (0..10_000).map(|number| format!("u{number}")).collect();
        let book = Rulebook::load(sources, vec![NamedList::written("l", entries)], Vec::new()).expect("rules");
        let settings = Settings { link: LinkSettings::new("rules"), action: Action::Rules(Arc::new(book)) };
        deciders.push(decide::build(settings, &Shared::new(Arc::clone(&metrics))).expect("a decider"));
    }
    Chain::new(Policy::default(), deciders, metrics).expect("a chain")
}

criterion_group!(benches, rules, worst);
criterion_main!(benches);
