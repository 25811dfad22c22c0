//! `offhook verify`: says which check of a captured request fails, and why, in words.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::apps::AppArgs;
use super::journal::point_in_time;
use super::{Exit, Outcome, WrongUse, output};
use crate::clock::Clock;
use crate::yunxin::diagnose;

/// Say which check of a captured request fails, and why
///
/// Reads a raw HTTP request from stdin, or the headers and the body from files. Exit 0 when it verifies, 1 when not.
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
    /// Judge the clock as of this time: RFC 3339, Unix milliseconds, or how long ago [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    app: AppArgs,
}

pub(super) fn run(args: &Args) -> Outcome {
    let now = args.at.as_deref().map_or_else(|| Ok(Clock::system().now()), point_in_time)?;
    let (headers, body) = request(args)?;
    let diagnosis = diagnose(&args.app.apps()?, &headers, &body, now);
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

fn request(args: &Args) -> anyhow::Result<(HeaderMap, Bytes)> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    match (&args.headers, &args.body) {
        (Some(headers), Some(body)) => Ok((fields(&String::from_utf8_lossy(&read(headers)?))?, read(body)?.into())),
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
fn split(raw: &[u8]) -> anyhow::Result<(HeaderMap, Bytes)> {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let end = ends.iter().filter_map(|end| find(raw, end).map(|at| (at, at + end.len()))).min();
    let Some((head_end, body_start)) = end else {
        bail!("no empty line between head and body: a raw HTTP request was expected on stdin");
    };
    let headers = fields(&String::from_utf8_lossy(&raw[..head_end]))?;
    let body = &raw[body_start..];
    let chunked =
        headers.get("transfer-encoding").is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let body = if chunked { unchunked(body).context("the chunked body is cut short")? } else { body.to_vec() };
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.trim().parse::<usize>().ok());
    match length {
        Some(length) if body.len() < length => {
            bail!("the body has {} bytes where Content-Length says {length}: the capture is cut short", body.len())
        }
        Some(length) => Ok((headers, body[..length].to_vec().into())),
        None => Ok((headers, body.into())),
    }
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
