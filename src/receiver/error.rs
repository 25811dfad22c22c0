//! Why a receiver could not be built or changed.

use crate::journal;

/// Why a receiver could not be built.
///
/// ```
/// use offhook::Receiver;
/// use offhook::receiver::BuildError;
/// # #[tokio::main] async fn main() {
///
/// let error = Receiver::builder().build().await.unwrap_err();
/// assert!(matches!(error, BuildError::NoApp));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Without an app, or a secret of Tencent's callbacks, nothing could ever be believed.
    #[error("no app: give at least one app key and secret, or a secret of Tencent's callbacks")]
    NoApp,
    /// The journal could not be opened.
    #[error("the journal cannot be opened: {0}")]
    Journal(#[from] journal::OpenError),
    /// Delivering could not start.
    #[error("delivering cannot start: {0}")]
    Deliver(#[from] crate::deliver::StartError),
    /// The journal cannot be read as far back as a longer `clock_tolerance` asks for.
    #[error("repeats of what was stale so far are not known: {0}")]
    Recall(#[from] journal::ReadError),
    /// A handler's position cannot be written.
    #[error("a handler has no position to start from: {0}")]
    Lane(#[from] journal::LaneError),
    /// The operating system gave no threads.
    #[error("no threads: {0}")]
    Threads(#[from] std::io::Error),
    /// The process is ending.
    #[error("cut short: the process is ending")]
    CutShort,
}
