//! Message copies (消息抄送): who is believed, which kind a body is on which path, and what a repeat is.

mod paths;
mod proof;
mod samples;
mod typed;
