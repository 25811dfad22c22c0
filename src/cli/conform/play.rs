//! Sends a case in its manner, and collects what comes back within the platform's two seconds.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::case::{Answer, Case, Manner};
use super::platform::Ask;
use super::wire::{Connection, Piece, Reply, Target};
use crate::cli::send::PATIENCE;

/// The pauses of the manners; all of a request is there long before the platform gives up.
const PAUSE: Duration = Duration::from_millis(100);
const DRIPS: usize = 10;
const BETWEEN_DRIPS: Duration = Duration::from_millis(50);

/// The answers that count, in the order of their requests but for those that leave at once.
pub(super) async fn play(target: &Arc<Target>, case: &Case, asks: &[Ask]) -> anyhow::Result<Vec<Answer>> {
    let manner = case.manner;
    Ok(match (manner, asks.split_first()) {
        (Manner::OneConnection, _) => over_one_connection(target, asks).await,
        (Manner::AtOnce(connections), _) => at_once(target, asks, connections).await?,
        (Manner::AfterAnother, Some((first, others))) => {
            let mut answers = Vec::new();
            let mut kept = target.connect().await.ok();
            in_turn(&mut kept, target, first).await;
            for ask in others {
                answers.push(in_turn(&mut kept, target, ask).await);
            }
            answers
        }
        (Manner::HangsUpAfterBody | Manner::HangsUpInBody | Manner::Stalls, Some((first, others))) => {
            let left = leave(target, first, manner).await;
            let answers = each(target, others, Manner::Plain).await;
            drop(left);
            answers
        }
        _ => each(target, asks, manner).await,
    })
}

async fn each(target: &Target, asks: &[Ask], manner: Manner) -> Vec<Answer> {
    let mut answers = Vec::new();
    for ask in asks {
        let pieces = pieces(target, ask, manner);
        let exchange = async { target.connect().await?.exchange(pieces).await };
        answers.push(timed(exchange).await);
    }
    answers
}

/// Each after the other over one connection. A receiver may close it, if it says so.
async fn over_one_connection(target: &Target, asks: &[Ask]) -> Vec<Answer> {
    let (mut answers, mut kept) = (Vec::new(), None);
    for ask in asks {
        let exchange = async {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => target.connect().await?,
            };
            let reply = connection.exchange(ask.at_once(target)).await?;
            if !reply.closes {
                kept = Some(connection);
            }
            Ok(reply)
        };
        answers.push(timed(exchange).await);
    }
    answers
}

/// Over the connection that is kept, or over a new one where the receiver has closed that.
async fn in_turn(kept: &mut Option<Connection>, target: &Target, ask: &Ask) -> Answer {
    let exchange = async {
        if let Some(mut connection) = kept.take()
            && let Ok(reply) = connection.exchange(ask.at_once(target)).await
        {
            if !reply.closes {
                *kept = Some(connection);
            }
            return Ok(reply);
        }
        target.connect().await?.exchange(ask.at_once(target)).await
    };
    timed(exchange).await
}

async fn at_once(target: &Arc<Target>, asks: &[Ask], connections: usize) -> anyhow::Result<Vec<Answer>> {
    let mut under_way = JoinSet::new();
    for share in asks.chunks(asks.len().div_ceil(connections).max(1)) {
        let (target, share) = (Arc::clone(target), share.to_vec());
        under_way.spawn(async move { over_one_connection(&target, &share).await });
    }
    let mut answers = Vec::new();
    while let Some(some) = under_way.join_next().await {
        answers.extend(some.context("an attempt fell over")?);
    }
    Ok(answers)
}

/// Begins a request and does not see it through; the connection, where it stays open.
async fn leave(target: &Target, ask: &Ask, manner: Manner) -> Option<Connection> {
    let body = ask.framed_body();
    let sent = if manner == Manner::HangsUpAfterBody { &body[..] } else { &body[..body.len() / 2] };
    let bytes = [&ask.head(target)[..], sent].concat();
    let begin = async {
        let mut connection = target.connect().await?;
        connection.write(vec![Piece { pause: Duration::ZERO, bytes }]).await?;
        io::Result::Ok(connection)
    };
    // Where even this cannot be done, the request that follows tells.
    let connection = tokio::time::timeout(PATIENCE, begin).await.ok()?.ok()?;
    (manner == Manner::Stalls).then_some(connection)
}

fn pieces(target: &Target, ask: &Ask, manner: Manner) -> Vec<Piece> {
    let (head, body) = (ask.head(target), ask.framed_body());
    let piece = |pause, bytes: &[u8]| Piece { pause, bytes: bytes.to_vec() };
    match manner {
        Manner::Split => {
            let (first, rest) = head.split_at(head.len() / 2);
            vec![piece(Duration::ZERO, first), piece(PAUSE, rest), piece(PAUSE, &body)]
        }
        Manner::Expecting => vec![piece(Duration::ZERO, &head), piece(PAUSE, &body)],
        Manner::Dripped => {
            let drips = body.chunks(body.len().div_ceil(DRIPS).max(1)).map(|drip| piece(BETWEEN_DRIPS, drip));
            [piece(Duration::ZERO, &head)].into_iter().chain(drips).collect()
        }
        _ => ask.at_once(target),
    }
}

async fn timed(exchange: impl Future<Output = io::Result<Reply>>) -> Answer {
    let began = Instant::now();
    let reply = match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(reply) => reply.map_err(|error| format!("the connection failed: {error}")),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    Answer { reply, took: began.elapsed() }
}
