//! offhook

pub mod admin;
pub mod budget;
pub mod clock;
pub mod cloud_event;
pub mod config;
pub mod decide;
pub mod deliver;
pub mod edge;
pub mod event;
pub mod handlers;
pub mod journal;
pub mod kind;
pub mod lenient;
pub mod metrics;
pub mod secret;
pub mod verdict;
pub mod yunxin;
