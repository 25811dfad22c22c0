//! Tencent: signatures that others accept, requests that leave as documented, answers that come back typed.

mod call_engine;
mod commands;
mod files;
mod ingest;
mod official;
mod play;
mod readings;
mod resume;
mod ring_once;
mod robot_call;
mod signatures;
mod stand_in;
mod witness;
