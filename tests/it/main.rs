//! Everything that is tested through the library's public face, one file a topic.

mod deliver;
mod journal;
