//! What one handler's lane is told.

use std::sync::Arc;

use crate::kind::KindPattern;

/// The settings that every lane has, whatever its handler is.
///
/// ```
/// use offhook::deliver::LaneSettings;
/// use offhook::kind::KindPattern;
///
/// let calls = LaneSettings { kinds: vec![KindPattern::parse("call.*")?], concurrency: 8, ..LaneSettings::new("billing") };
/// assert_eq!((&*calls.name, calls.max_attempts), ("billing", 12));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct LaneSettings {
    /// The handler's name: its lane's identity across restarts.
    pub name: Arc<str>,
    /// Which kinds it gets; empty means all.
    pub kinds: Vec<KindPattern>,
    /// How often one event is tried before it is parked.
    pub max_attempts: u32,
    /// How many events are handed over at once. More than one: in no order.
    pub concurrency: usize,
}

impl LaneSettings {
    /// How often one event is tried where nothing else is said.
    pub const MAX_ATTEMPTS: u32 = 12;

    /// A lane for everything.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), kinds: Vec::new(), max_attempts: Self::MAX_ATTEMPTS, concurrency: 1 }
    }
}
