//! The stand-in for Tencent: it takes what is documented, refuses what is not, and tells what happens, signed.

mod calls;
mod client;
mod ingests;
mod refusals;
