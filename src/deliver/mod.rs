//! Delivering.

mod settings;

pub use settings::LaneSettings;
