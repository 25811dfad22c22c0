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
mod journal;
mod kinds;
mod library;
mod outside;
mod refusals;
mod rules;
mod serve;
mod shim;
mod simulator;
mod tencent;
mod tencent_callback;
mod tencent_road;
mod verify;
mod world;
mod yunxin;
