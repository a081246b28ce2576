//! What a leader knows of its partition's replicas: the ISR, how far each follower is, and so the high watermark.
//! Pure: a machine tested by lists of events.

use std::collections::BTreeMap;

use dohle_model::{BrokerId, LeaderEpoch, Offset, PartitionEpoch};

/// How far a follower is, as far as it has told in this epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FollowerPosition {
    /// One past the last record that it has.
    end: Option<Offset>,
    /// The first offset of its log.
    log_start: Option<Offset>,
}

/// The leader's view of one partition, for one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderState {
    local: BrokerId,
    leader_epoch: LeaderEpoch,
    partition_epoch: PartitionEpoch,
    isr: Vec<BrokerId>,
    /// Every replica but the leader.
    followers: BTreeMap<BrokerId, FollowerPosition>,
    min_insync_replicas: usize,
}

impl LeaderState {
    /// The state at the start of a leader epoch, when no follower has fetched yet. `min_insync_replicas` is the
    /// topic's setting.
    #[must_use]
    pub fn new(
        local: BrokerId,
        leader_epoch: LeaderEpoch,
        partition_epoch: PartitionEpoch,
        replicas: &[BrokerId],
        isr: &[BrokerId],
        min_insync_replicas: i32,
    ) -> Self {
        Self {
            local,
            leader_epoch,
            partition_epoch,
            isr: isr.to_vec(),
            followers: replicas
                .iter()
                .filter(|replica| **replica != local)
                .map(|replica| (*replica, FollowerPosition::default()))
                .collect(),
            min_insync_replicas: usize::try_from(min_insync_replicas).unwrap_or(1),
        }
    }

    /// Takes in a change of replicas or ISR within the leader epoch. What is known of followers that stay is kept.
    pub fn update_replicas(&mut self, partition_epoch: PartitionEpoch, replicas: &[BrokerId], isr: &[BrokerId]) {
        if partition_epoch < self.partition_epoch {
            return;
        }
        self.partition_epoch = partition_epoch;
        self.isr = isr.to_vec();
        let known = std::mem::take(&mut self.followers);
        let followers = replicas.iter().filter(|replica| **replica != self.local);
        self.followers = followers.map(|replica| (*replica, known.get(replica).copied().unwrap_or_default())).collect();
    }

    /// The epoch that this leader writes into batches.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The version of leader and ISR that this state stands for.
    #[must_use]
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    /// The replicas that are in sync, the leader among them.
    #[must_use]
    pub fn isr(&self) -> &[BrokerId] {
        &self.isr
    }

    /// How many replicas must be in sync for acks=all: `min.insync.replicas`, but never more than there are (KIP-966).
    #[must_use]
    pub fn effective_min_insync_replicas(&self) -> usize {
        self.min_insync_replicas.min(self.followers.len() + 1)
    }

    /// Whether enough replicas are in sync to take a write with acks=all, and to let the high watermark move.
    #[must_use]
    pub fn has_enough_insync_replicas(&self) -> bool {
        self.isr.len() >= self.effective_min_insync_replicas()
    }

    /// Whether `broker` has a replica of the partition that follows this one.
    #[must_use]
    pub fn has_follower(&self, broker: BrokerId) -> bool {
        self.followers.contains_key(&broker)
    }

    /// A follower asks for records from `fetch_offset` on, so it has all before it.
    pub fn on_follower_fetch(&mut self, follower: BrokerId, fetch_offset: Offset) {
        if let Some(position) = self.followers.get_mut(&follower) {
            position.end = Some(fetch_offset);
        }
    }

    /// A follower tells where its log starts. Gives whether that is news.
    pub fn on_follower_log_start(&mut self, follower: BrokerId, log_start_offset: Offset) -> bool {
        let Some(position) = self.followers.get_mut(&follower) else { return false };
        position.log_start.replace(log_start_offset) != Some(log_start_offset)
    }

    /// The low watermark, given where the leader's own log starts: no live replica has a record before it. `None` where a
    /// live follower has not told in this epoch where its log starts.
    #[must_use]
    pub fn low_watermark(&self, own_log_start: Offset, is_live: impl Fn(BrokerId) -> bool) -> Option<Offset> {
        let live = self.followers.iter().filter(|(follower, _)| is_live(**follower));
        live.map(|(_, position)| position.log_start).try_fold(own_log_start, |lowest, start| Some(lowest.min(start?)))
    }

    /// The topic's `min.insync.replicas` has changed.
    pub fn set_min_insync_replicas(&mut self, min_insync_replicas: i32) {
        self.min_insync_replicas = usize::try_from(min_insync_replicas).unwrap_or(1);
    }

    /// How far the high watermark may go, given the leader's own log end: the lowest end over the ISR. `None` where it
    /// may not move: too few replicas are in sync, or one of them has not fetched in this epoch.
    #[must_use]
    pub fn high_watermark(&self, log_end_offset: Offset) -> Option<Offset> {
        if !self.has_enough_insync_replicas() {
            return None;
        }
        self.isr.iter().try_fold(log_end_offset, |lowest, replica| {
            if *replica == self.local {
                return Some(lowest);
            }
            let position = self.followers.get(replica)?.end?;
            Some(lowest.min(position))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader(replicas: &[i32], isr: &[i32], min_insync_replicas: i32) -> LeaderState {
        let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
        LeaderState::new(BrokerId(1), LeaderEpoch(0), PartitionEpoch(0), &ids(replicas), &ids(isr), min_insync_replicas)
    }

    #[test]
    fn alone_the_leader_commits_what_it_has() {
        assert_eq!(leader(&[1], &[1], 1).high_watermark(Offset(7)), Some(Offset(7)));
    }

    #[test]
    fn min_insync_replicas_never_asks_for_more_than_there_are() {
        assert!(leader(&[1], &[1], 3).has_enough_insync_replicas());
        assert!(!leader(&[1, 2, 3], &[1], 2).has_enough_insync_replicas());
    }

    #[test]
    fn high_watermark_waits_for_the_slowest_in_sync_follower() {
        let mut leader = leader(&[1, 2, 3], &[1, 2, 3], 1);
        leader.on_follower_fetch(BrokerId(2), Offset(10));
        assert_eq!(leader.high_watermark(Offset(10)), None, "broker 3 has fetched nothing yet");
        leader.on_follower_fetch(BrokerId(3), Offset(7));
        assert_eq!(leader.high_watermark(Offset(10)), Some(Offset(7)));
    }

    #[test]
    fn a_change_of_the_isr_keeps_what_is_known_of_followers() {
        let mut leader = leader(&[1, 2, 3], &[1, 2, 3], 1);
        leader.on_follower_fetch(BrokerId(2), Offset(10));
        leader.update_replicas(PartitionEpoch(1), &[1, 2, 3].map(BrokerId), &[1, 2].map(BrokerId));
        assert_eq!(leader.high_watermark(Offset(12)), Some(Offset(10)));
        leader.update_replicas(PartitionEpoch(0), &[1, 2, 3].map(BrokerId), &[1, 2, 3].map(BrokerId));
        assert_eq!(leader.isr(), &[1, 2].map(BrokerId), "an older change comes too late");
    }

    #[test]
    fn low_watermark_waits_for_every_live_follower() {
        let mut leader = leader(&[1, 2, 3], &[1, 2], 1);
        let low = |leader: &LeaderState, live: &[i32]| leader.low_watermark(Offset(7), |id| live.contains(&id.0));
        assert_eq!(low(&leader, &[]), Some(Offset(7)), "the dead have no say");
        assert_eq!(low(&leader, &[2]), None, "broker 2 has told nothing yet");
        assert!(leader.on_follower_log_start(BrokerId(2), Offset(3)));
        assert!(!leader.on_follower_log_start(BrokerId(2), Offset(3)), "no news");
        assert!(!leader.on_follower_log_start(BrokerId(9), Offset(0)), "no replica");
        assert_eq!(low(&leader, &[2]), Some(Offset(3)));
        assert_eq!(low(&leader, &[2, 3]), None, "replicas out of the ISR count too");
        leader.on_follower_log_start(BrokerId(2), Offset(9));
        assert_eq!(low(&leader, &[2]), Some(Offset(7)), "the leader's own log counts");
    }

    #[test]
    fn high_watermark_stands_still_below_min_insync_replicas() {
        assert_eq!(leader(&[1, 2, 3], &[1], 2).high_watermark(Offset(10)), None);
    }
}
