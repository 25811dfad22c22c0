//! Reading a body: as many bytes as are allowed, in the time that is left.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body::Body;
use http_body_util::BodyExt;

use crate::budget::Budget;
use crate::refusal::Refusal;

/// Reads `body` whole, however it is framed.
pub(super) async fn read<B>(body: B, limit: usize, budget: Budget) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = Refusal::BodyTooLarge { limit };
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large);
    }
    let mut collecting = pin!(collect(body, limit));
    // What is here already needs no timer.
    let collected = match collecting.as_mut().now_or_never() {
        None => budget.wait(collecting).await,
        here => here,
    };
    match collected {
        Some(Some(Ok(bytes))) => Ok(bytes),
        Some(Some(Err(TooLarge))) => Err(too_large),
        Some(None) => Err(Refusal::BodyCutOff { waited: budget.spent() }),
        None => Err(Refusal::BodyTooSlow { waited: budget.spent() }),
    }
}

struct TooLarge;

async fn collect<B>(mut body: B, limit: usize) -> Option<Result<Bytes, TooLarge>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Some(Err(TooLarge));
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.reserve(first.len() + data.len());
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    Some(Ok(if rest.is_empty() { first } else { rest.freeze() }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{StreamExt, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_off_and_one_that_is_slow_are_told_apart() {
        let budget = || Budget::starting_now(Duration::from_millis(100));
        let part = || Ok(Frame::data(Bytes::from_static(b"{\"eventType\":")));
        let breaks_off = StreamBody::new(stream::iter([part(), Err("reset by peer")]));
        assert!(matches!(read(breaks_off, 1000, budget()).await, Err(Refusal::BodyCutOff { .. })));
        let never = stream::iter([part()]).chain(stream::pending::<Result<_, &str>>());
        assert!(matches!(read(StreamBody::new(never), 1000, budget()).await, Err(Refusal::BodyTooSlow { .. })));
        let whole = StreamBody::new(stream::iter([part(), part()]));
        assert_eq!(read(whole, 1000, budget()).await.map(|body| body.len()).ok(), Some(26));
    }
}
