//! All integration tests in one binary: a file per topic, each test name a promise.

mod callers;
mod commands;
mod config;
mod conform;
mod copies;
mod crash;
mod decide;
mod deliver;
mod edge;
mod events;
mod extractor;
mod journal;
mod kinds;
mod library;
mod outside;
mod reading;
mod refusals;
mod rules;
mod schema;
mod serve;
mod shim;
mod tencent;
mod verify;
mod world;
mod yunxin;
