//! What strikes, and how.

use std::time::Duration;

use super::ground::{Ground, Wrong};
use crate::world::{Offhook, Traffic};

/// What may happen to a machine, a disk, a clock, a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9`.
    Kill,
    /// What was never synced is gone.
    PowerCut,
    /// Every write fails for a while.
    FullDisk,
    /// Every sync fails for a while.
    FailingSync,
    /// No sync returns for a while.
    StalledDisk,
    /// A page of an events file, of its log or of `lanes.db` is destroyed while nobody runs.
    BadPage,
    /// Somebody sets the clock, by up to nearly the tolerance.
    Clock,
    /// Every target dies in turn, and comes back.
    Targets,
}

impl Fault {
    pub(super) const ALL: [Self; 8] = [
        Self::Kill,
        Self::PowerCut,
        Self::FullDisk,
        Self::FailingSync,
        Self::StalledDisk,
        Self::BadPage,
        Self::Clock,
        Self::Targets,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut => "power cut",
            Self::FullDisk => "full disk",
            Self::FailingSync => "failing sync",
            Self::StalledDisk => "stalled disk",
            Self::BadPage => "bad page",
            Self::Clock => "clock",
            Self::Targets => "targets",
        }
    }

    /// Strikes `serving` in the middle of `traffic`; gives both back where they are still alive.
    pub(super) async fn strikes(
        self,
        ground: &mut Ground,
        serving: Offhook,
        traffic: Traffic,
    ) -> Result<Option<(Offhook, Traffic)>, Wrong> {
        match self {
            Self::Kill => ground.loses(serving, traffic).await,
            Self::PowerCut => {
                ground.loses(serving, traffic).await;
                ground.forgets_what_was_not_synced();
            }
            Self::BadPage => {
                ground.loses(serving, traffic).await;
                ground.loses_a_page();
            }
            Self::FullDisk | Self::FailingSync => {
                let switch = if self == Self::FullDisk { "full" } else { "fails" };
                ground.switch(switch, true);
                ground.hears(&traffic, 1..100).await?;
                // Now and then it dies in the middle of the trouble.
                if ground.draw(0..3) > 0 {
                    ground.switch(switch, false);
                    return Ok(Some((serving, traffic)));
                }
                ground.loses(serving, traffic).await;
                ground.switch(switch, false);
            }
            Self::StalledDisk => {
                ground.switch("stalls", true);
                // Each answer waits for the disk until nearly the deadline.
                ground.hears(&traffic, 1..16).await?;
                ground.switch("stalls", false);
                return Ok(Some((serving, traffic)));
            }
            Self::Clock => {
                ground.sets_the_clock();
                return Ok(Some((serving, traffic)));
            }
            Self::Targets => {
                for place in 0..ground.targets.len() {
                    ground.targets[place].1.dies();
                    ground.hears(&traffic, 1..100).await?;
                    ground.targets[place].1.comes_back().await;
                }
                return Ok(Some((serving, traffic)));
            }
        }
        Ok(None)
    }
}

/// An answer that takes longer is none: the platform has decided by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
