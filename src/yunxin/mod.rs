//! NetEase Yunxin (网易云信): who asks, what the bodies say, how an answer is written.

mod app;

pub use app::{App, AppSecret, Apps};
