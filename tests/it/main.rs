//! What offhook promises, topic by topic.

mod config;
