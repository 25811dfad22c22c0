//! The sender: one thread, one epoll, kept-alive connections, each asking again as soon as it was answered.
//!
//! It does nothing but patch, write, read and compare, for it runs on the cores of the server that it measures.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use offhook_load::ALLOW;

use crate::requests::Requests;

/// How long the last answers may take once nothing new is asked.
const DRAIN: Duration = Duration::from_secs(10);
/// After so many broken connections the server is gone, and measuring it makes no sense.
const MAX_BROKEN: usize = 1000;

/// What came of one run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Answers with status 200 and exactly the expected body.
    pub(crate) right: u64,
    /// All other answers, and requests that got none.
    pub(crate) wrong: u64,
    /// What the first wrong one looked like.
    pub(crate) first_wrong: Option<String>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Of every right answer, in nanoseconds, sorted.
    latencies: Vec<u32>,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        self.right as f64 / self.took.as_secs_f64()
    }

    /// The latency in milliseconds that `share` of the answers did not exceed.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).map_or(f64::NAN, |nanos| f64::from(*nanos) / 1e6)
    }

    fn wrong(&mut self, why: String) {
        self.wrong += 1;
        self.first_wrong.get_or_insert(why);
    }
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    asked: Option<Instant>,
}

/// Sends the requests over `connections` connections until they are used up or `window` is over, and waits for the last answers.
///
/// # Errors
/// Where the server cannot be reached or keeps hanging up. Wrong answers are no error but a count.
pub(crate) fn run(
    address: SocketAddr,
    requests: &mut Requests,
    connections: usize,
    window: Duration,
) -> anyhow::Result<Run> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut run = Run { latencies: Vec::with_capacity(requests.len()), ..Run::default() };
    let mut open = (0..connections).map(|index| connect(address, &poll, index)).collect::<anyhow::Result<Vec<_>>>()?;
    let (mut next, mut waiting, mut broken) = (0, 0, 0);
    let start = Instant::now();
    let mut last = start;
    for connection in &mut open {
        waiting += usize::from(ask(connection, requests, &mut next, start, &mut run));
    }
    while waiting > 0 {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let Token(index) = event.token();
            let connection = &mut open[index];
            let Some(asked) = connection.asked else { continue };
            let judged = receive(connection);
            if matches!(judged, Judged::NotYet) {
                continue;
            }
            last = Instant::now();
            connection.asked = None;
            waiting -= 1;
            match judged {
                Judged::Right => {
                    run.right += 1;
                    run.latencies.push(u32::try_from((last - asked).as_nanos()).unwrap_or(u32::MAX));
                }
                Judged::Wrong(why) => run.wrong(why),
                Judged::Broken(why) => {
                    run.wrong(why);
                    broken += 1;
                    if broken > MAX_BROKEN {
                        bail!("{broken} connections broke; first: {}", run.first_wrong.unwrap_or_default());
                    }
                    *connection = connect(address, &poll, index)?;
                }
                Judged::NotYet => {}
            }
            if last - start < window {
                waiting += usize::from(ask(connection, requests, &mut next, last, &mut run));
            }
        }
        if last.elapsed() > DRAIN {
            run.wrong(format!("{waiting} requests got no answer in {DRAIN:?}"));
            run.wrong += waiting as u64 - 1;
            break;
        }
    }
    run.took = last - start;
    run.latencies.sort_unstable();
    Ok(run)
}

fn connect(address: SocketAddr, poll: &Poll, index: usize) -> anyhow::Result<Connection> {
    let stream = std::net::TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
    Ok(Connection { stream, answer: Vec::with_capacity(4096), asked: None })
}

/// Sends the next request, if there is one; whether an answer is to be waited for.
fn ask(connection: &mut Connection, requests: &mut Requests, next: &mut usize, now: Instant, run: &mut Run) -> bool {
    if *next >= requests.len() {
        return false;
    }
    let bytes = requests.bytes(*next, now);
    *next += 1;
    // The socket's buffer is empty, since the last request was answered: it takes some 600 bytes at once or never.
    match connection.stream.write(bytes) {
        Ok(sent) if sent == bytes.len() => {
            connection.asked = Some(now);
            true
        }
        other => {
            run.wrong(format!("a request could not be sent: {other:?}"));
            false
        }
    }
}

enum Judged {
    NotYet,
    Right,
    Wrong(String),
    Broken(String),
}

fn receive(connection: &mut Connection) -> Judged {
    let mut buffer = [0; 4096];
    match connection.stream.read(&mut buffer) {
        Ok(0) => Judged::Broken("the server hung up".to_owned()),
        Ok(got) if connection.answer.is_empty() => match judge(&buffer[..got]) {
            Judged::NotYet => {
                connection.answer.extend_from_slice(&buffer[..got]);
                Judged::NotYet
            }
            judged => judged,
        },
        Ok(got) => {
            connection.answer.extend_from_slice(&buffer[..got]);
            let judged = judge(&connection.answer);
            if !matches!(judged, Judged::NotYet) {
                connection.answer.clear();
            }
            judged
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Judged::NotYet,
        Err(error) => Judged::Broken(error.to_string()),
    }
}

fn judge(answer: &[u8]) -> Judged {
    let Some(end) = memmem::find(answer, b"\r\n\r\n") else { return Judged::NotYet };
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let text = || Judged::Wrong(String::from_utf8_lossy(answer).into_owned());
    let Some(length) = content_length(head) else { return text() };
    match body.len() {
        got if got < length => Judged::NotYet,
        got if got > length => text(),
        _ if head.starts_with(b"HTTP/1.1 200 ") && body == ALLOW.as_bytes() => Judged::Right,
        _ => text(),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\ncontent-length:";
    let at = memchr::memchr_iter(b'\n', head)
        .find(|at| head.get(*at..at + NAME.len()).is_some_and(|line| line.eq_ignore_ascii_case(NAME)))?;
    let value = &head[at + NAME.len()..];
    let value = &value[..memchr::memchr(b'\r', value).unwrap_or(value.len())];
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_answer_is_right() {
        let answer = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        };
        assert!(matches!(judge(&answer("200 OK", ALLOW)), Judged::Right));
        assert!(matches!(judge(&answer("200 OK", ALLOW)[..100]), Judged::NotYet));
        assert!(matches!(judge(&answer("200 OK", &ALLOW.replace('0', "1"))), Judged::Wrong(_)));
        assert!(matches!(judge(&answer("503 Service Unavailable", ALLOW)), Judged::Wrong(_)));
        assert!(matches!(judge(b"HTTP/1.1 200 OK\r\n\r\n"), Judged::Wrong(_)));
    }
}
