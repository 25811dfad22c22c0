//! The threads that handlers run on.

use std::fmt;

use tokio::runtime::Runtime;

use crate::deliver::AnyHandler;

/// The threads that handlers run on: one that blocks its thread must not slow an answer.
pub(super) struct Delivering(Option<Runtime>);

impl Delivering {
    pub(super) fn start() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("deliver").enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("the runtime is only taken when this is dropped").handle().clone()
    }

    /// Lets each take up what an earlier process left, beside everything else.
    pub(super) fn resume(&self, handlers: Vec<AnyHandler>) {
        for handler in handlers {
            self.handle().spawn(async move { handler.resume().await });
        }
    }
}

impl Drop for Delivering {
    /// Never waits for a handler that blocks its thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivering")
    }
}
