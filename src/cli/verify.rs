//! `offhook verify`: says which check of a captured request fails, and why, in words.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::apps::AppArgs;
use super::journal::point_in_time;
use super::{Exit, Outcome, WrongUse, output, unreadable};
use crate::clock::Clock;
use crate::event::Event;
use crate::kind::Family;
use crate::refusal::Refusal;
use crate::yunxin::{Finding, diagnose, diagnose_copy};

/// Say which check of a captured request fails, and why
///
/// Reads a raw HTTP request from stdin, or the headers and the body from files. Exit 0 when it verifies, 1 when not. A copy
/// (消息抄送) is proven in another way than a callback; which one it is, its path, headers and body tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook verify < request.http
  offhook verify --headers headers.txt --body body.json --at 2026-01-01T00:00:00Z")]
pub(super) struct Args {
    /// A file with one `Name: value` a line
    #[arg(long, value_name = "FILE", requires = "body")]
    headers: Option<PathBuf>,
    /// A file with the exact bytes of the body
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Judge it as this, whatever it looks like
    #[arg(long = "as", value_name = "SORT")]
    sort: Option<Sort>,
    /// Judge the clock as of this time: RFC 3339, Unix milliseconds, or how long ago [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: AppArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Callback,
    Copy,
}

/// A request as it was captured.
struct Captured {
    /// Where to, if the request line is there.
    path: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) fn run(args: &Args) -> Outcome {
    let now = args.at.as_deref().map_or_else(|| Ok(Clock::system().now()), point_in_time)?;
    let request = request(args)?;
    let (apps, Captured { headers, body, .. }) = (args.app.apps()?, &request);
    let sort = args.sort.unwrap_or_else(|| request.sort());
    let diagnosis = match sort {
        Sort::Callback => diagnose(&apps, headers, body, now),
        Sort::Copy => diagnose_copy(&apps, headers, body, now),
    };
    if args.json {
        let finding = |one: &Finding| json!({"check": one.check, "passed": one.passed, "text": one.text});
        output::data(json!({
            "as": if sort == Sort::Copy { "copy" } else { "callback" },
            "verified": diagnosis.refusal.is_none(),
            "refusal": diagnosis.refusal.as_ref().map(Refusal::code),
            "findings": diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
            "hint": diagnosis.cause,
        }))?;
        return Ok(if diagnosis.refusal.is_none() { Exit::Yes } else { Exit::No });
    }
    if sort == Sort::Copy {
        output::data("judged as a copy (消息抄送)")?;
    }
    for finding in &diagnosis.findings {
        let sign = if finding.passed { "ok    " } else { "FAILED" };
        output::data(format_args!("{sign}  {:<10}  {}", finding.check, finding.text))?;
    }
    let Some(refusal) = diagnosis.refusal else {
        output::data("verified: the sender holds the secret, and these are the bytes that were signed")?;
        return Ok(Exit::Yes);
    };
    output::data(format_args!("refused: {}", refusal.code()))?;
    if let Some(cause) = diagnosis.cause {
        output::data(format_args!("\nhint: {cause}"))?;
    }
    Ok(Exit::No)
}

impl Captured {
    /// What it is: callbacks are flat and have an integer as their `eventType`, and none of the headers that only copies have.
    fn sort(&self) -> Sort {
        let is_of_copies = |event: Event| event.family() == Family::YunxinCopy;
        let has_copies_headers = self.headers.contains_key("nonce") || self.headers.contains_key("type");
        let is_copy = match self.path.as_deref() {
            Some("/yunxin/copy") => true,
            Some("/yunxin/callback" | "/receiveMsg.action") => false,
            _ => has_copies_headers || Event::from_json(self.body.clone()).is_ok_and(is_of_copies),
        };
        if is_copy { Sort::Copy } else { Sort::Callback }
    }
}

fn request(args: &Args) -> anyhow::Result<Captured> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| unreadable(path, &error));
    match (&args.headers, &args.body) {
        (Some(headers), Some(body)) => {
            let head = read(headers)?;
            let head = String::from_utf8_lossy(&head);
            Ok(Captured { path: path(&head), headers: fields(&head)?, body: read(body)?.into() })
        }
        (None, Some(_)) => {
            Err(WrongUse("--body needs --headers, or give the whole request on stdin".to_owned()).into())
        }
        _ => {
            let mut raw = Vec::new();
            std::io::stdin().lock().read_to_end(&mut raw).context("cannot read stdin")?;
            split(&raw)
        }
    }
}

/// Takes a raw HTTP request apart at its first empty line.
fn split(raw: &[u8]) -> anyhow::Result<Captured> {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let end = ends.iter().filter_map(|end| find(raw, end).map(|at| (at, at + end.len()))).min();
    let Some((head_end, body_start)) = end else {
        bail!("no empty line between head and body: a raw HTTP request was expected on stdin");
    };
    let head = String::from_utf8_lossy(&raw[..head_end]);
    let (path, headers) = (path(&head), fields(&head)?);
    let body = &raw[body_start..];
    let chunked =
        headers.get("transfer-encoding").is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let body = if chunked { unchunked(body).context("the chunked body is cut short")? } else { body.to_vec() };
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.trim().parse::<usize>().ok());
    match length {
        Some(length) if body.len() < length => {
            bail!("the body has {} bytes where Content-Length says {length}: the capture is cut short", body.len())
        }
        Some(length) => Ok(Captured { path, headers, body: body[..length].to_vec().into() }),
        None => Ok(Captured { path, headers, body: body.into() }),
    }
}

/// Where the request goes, without its query.
fn path(head: &str) -> Option<String> {
    let line = head.lines().next()?.strip_prefix("POST ")?;
    let target = line.split_whitespace().next()?;
    Some(target.split_once('?').map_or(target, |(path, _)| path).to_owned())
}

/// Header lines, with or without the request line above them.
pub(super) fn fields(head: &str) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in head.lines().filter(|line| !line.trim().is_empty()) {
        let is_request_line = line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
        let Some((name, value)) = line.split_once(':').filter(|_| !is_request_line) else { continue };
        let name =
            HeaderName::from_bytes(name.trim().as_bytes()).with_context(|| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_str(value.trim()).with_context(|| format!("the value of {name} is malformed"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = find(rest, b"\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[line + 1..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?;
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    }
}
