//! Tencent: signatures that others accept, requests that leave as documented, answers that come back typed.

mod call_engine;
mod files;
mod ingest;
mod signatures;
mod stand_in;
