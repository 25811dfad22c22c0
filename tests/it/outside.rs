//! Deciders outside of the process: a service that is asked by HTTP, and a program that is started for each question.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod exec;
mod http;
mod late;
mod program;
