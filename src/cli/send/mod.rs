//! `offhook send`: behaves as the platform does – signs, asks once, waits two seconds – and says what it would conclude.

mod conclusion;
mod profile;
mod question;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::apps::AppArgs;
use super::{Exit, Outcome, WrongUse, output, runtime, web_url};
use crate::clock::Clock;
use conclusion::conclude_for;
use profile::Profile;
use question::{Question, Tamper};

pub(super) use conclusion::{Conclusion, PATIENCE, conclude};
pub(super) use question::{Signed, current_secret};

/// Send a callback or a copy as the platform does, and say what it would conclude
///
/// Signs a golden sample (or a file's bytes), sends it once, waits 2 s, and tells the status, the reply, the time
/// used, and what the platform makes of it. Exit 0 on a valid verdict (of a copy: when it was taken), 1 otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook send call.start
  offhook send copy.call_duration
  offhook send call.start --set callType=1 --tamper body --to http://127.0.0.1:8080/receiveMsg.action")]
pub(super) struct Args {
    /// A kind, such as call.start, copy.message, `rtc.room_start` or `neroom.create_room`; `probe`; or a file with a body
    #[arg(value_name = "KIND|FILE")]
    what: String,
    /// Where to [default: what --config listens on, or /receiveMsg.action on 127.0.0.1:8080; for copies /yunxin/copy]
    #[arg(long, value_name = "URL", value_parser = web_url)]
    to: Option<url::Url>,
    /// Change a field of the body, e.g. callType=1; the value is JSON, or else text
    #[arg(long = "set", value_name = "PATH=VALUE")]
    changes: Vec<String>,
    /// Break this one thing and leave the rest consistent
    #[arg(long, value_enum)]
    tamper: Option<Tamper>,
    /// Send it N times, each freshly signed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// With --repeat: this many a second, whether answered or not [default: one after the other]
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// Exit 0 only on this verdict
    #[arg(long, value_enum)]
    expect: Option<Expected>,
    /// One JSON object for each answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: AppArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Expected {
    Allow,
    Reject,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status and the body; the failure's text where there was no answer.
    pub(super) reply: Result<(u16, Vec<u8>), String>,
    /// From the start of sending until the whole answer was there.
    pub(super) took: Duration,
}

pub(super) fn run(args: Args) -> Outcome {
    if args.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err(WrongUse("--rate must be a number above 0".to_owned()).into());
    }
    let apps = args.app.apps()?;
    let app = apps.iter().next().context("the configuration has no app")?;
    let body = question::body(&args.what, &args.changes)?;
    let question = Question::new(app, body, args.tamper, Clock::system().now());
    runtime::on_this_thread(async {
        let conclusions = ask_all(&args, question).await?;
        let wanted = |conclusion: &Conclusion| match args.expect {
            None => conclusion.is_verdict(),
            Some(Expected::Allow) => conclusion.is_verdict() && conclusion.allows(),
            Some(Expected::Reject) => conclusion.is_verdict() && !conclusion.allows(),
        };
        Ok(if conclusions.iter().all(wanted) { Exit::Yes } else { Exit::No })
    })
}

async fn ask_all(args: &Args, mut question: Question) -> anyhow::Result<Vec<Conclusion>> {
    let profile = question.profile();
    let to = match &args.to {
        Some(to) => to.clone(),
        None => usual_place(args, profile)?,
    };
    let client = client(&to)?;
    let clock = Clock::system();
    let mut conclusions = Vec::new();
    let mut under_way = tokio::task::JoinSet::new();
    let mut next = tokio::time::Instant::now();
    for _ in 0..args.repeat {
        let asking = ask(client.clone(), to.clone(), question.sign(clock.now()));
        if let Some(rate) = args.rate {
            tokio::time::sleep_until(next).await;
            next += Duration::from_secs_f64(1.0 / rate);
            under_way.spawn(asking);
        } else {
            conclusions.push(tell(args, profile, &asking.await)?);
        }
    }
    while let Some(answer) = under_way.join_next().await {
        conclusions.push(tell(args, profile, &answer.context("an attempt fell over")?)?);
    }
    if args.repeat > 1 {
        let verdicts = conclusions.iter().filter(|conclusion| conclusion.is_verdict()).count();
        let allowed = conclusions.iter().filter(|conclusion| conclusion.is_verdict() && conclusion.allows()).count();
        let sent = conclusions.len();
        if profile == Profile::Callback {
            output::talk(format_args!("{sent} sent, {verdicts} valid verdicts, {allowed} of them allow"));
        } else {
            output::talk(format_args!("{sent} sent, {verdicts} taken"));
        }
    }
    Ok(conclusions)
}

/// Where it goes where nothing is said: to the server of the configuration that was named, else to the usual port here.
fn usual_place(args: &Args, profile: Profile) -> anyhow::Result<url::Url> {
    let (address, path) = match args.app.configuration()? {
        None => (SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), profile.path().to_owned()),
        Some((file, config)) => {
            let (mut listen, family) = (config.edge.listen, profile.family());
            let Some(endpoint) = config.edge.endpoints.into_iter().find(|endpoint| endpoint.family == family) else {
                let what = format!("{} has no path of the family {}; give --to", file.display(), family.name());
                return Err(WrongUse(what).into());
            };
            if listen.port() == 0 {
                let what = format!("{} listens on whatever port is free; give --to", file.display());
                return Err(WrongUse(what).into());
            }
            match listen.ip() {
                ip if !ip.is_unspecified() => {}
                IpAddr::V4(_) => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(_) => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
            }
            (listen, endpoint.path)
        }
    };
    url::Url::parse(&format!("http://{address}{path}")).context("a URL")
}

fn tell(args: &Args, profile: Profile, answer: &Answer) -> std::io::Result<Conclusion> {
    let conclusion = conclude_for(profile, answer);
    if args.json {
        output::data(conclusion::as_json(answer, &conclusion))?;
    } else {
        output::data(conclusion::as_text(answer, &conclusion))?;
    }
    Ok(conclusion)
}

/// A client that asks `to` as the platform does: one connection, one try, no redirects, no proxy of this machine's.
pub(super) fn client(to: &url::Url) -> anyhow::Result<reqwest::Client> {
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(1).no_proxy();
    if to.scheme() == "http" {
        // It never becomes https, so a machine without certificates, such as a bare container, will do.
        builder = builder.tls_certs_only([]);
    }
    builder.retry(reqwest::retry::never()).build().context("no HTTP client")
}

/// Sends one signed request and waits as long as the platform does.
pub(super) async fn ask(client: reqwest::Client, to: url::Url, signed: question::Signed) -> Answer {
    let began = Instant::now();
    let request = client.post(to).headers(signed.headers).body(signed.body).timeout(PATIENCE);
    let reply = async {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await?.to_vec()))
    };
    let reply = reply.await.map_err(|error: reqwest::Error| why(&error));
    Answer { reply, took: began.elapsed() }
}

/// What kept a request from being answered, in a few words.
pub(super) fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within 2 s".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the connection failed" };
    format!("{what}: {cause}")
}

/// An answer and what the platform makes of it, for people.
pub(super) fn as_text(answer: &Answer) -> String {
    conclusion::as_text(answer, &conclude(answer))
}

/// The golden sample of `kind`, signed by `app` now.
pub(super) fn sample(kind: &str, app: &crate::yunxin::App) -> anyhow::Result<question::Signed> {
    Ok(Question::new(app, question::body(kind, &[])?, None, Clock::system().now()).sign(Clock::system().now()))
}

/// `body`, signed by `app` now, as its product does.
pub(super) fn signed(app: &crate::yunxin::App, body: bytes::Bytes) -> question::Signed {
    let now = Clock::system().now();
    Question::new(app, body, None, now).sign(now)
}
