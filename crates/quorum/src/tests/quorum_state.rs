//! What the leader tells of its quorum.

use super::{DIRECTORY, Machine, create_topic, join, simulate};
use crate::{Endpoints, ReplicaKey, ReplicaState};

#[test]
fn the_only_voter_leads_and_has_everything() {
    simulate(1, async {
        let mut machine = Machine::new(1);
        let mut last = (0, 0);
        for life in 1..4 {
            let quorum = machine.start().await;
            let controller = quorum.controller();
            join(&controller, life).await;
            for number in 0..3 {
                create_topic(&controller, &format!("topic-{life}-{number}")).await.unwrap();
                let state = controller.quorum_state().unwrap();
                let end = controller.image().metadata_offset() + 1;
                assert_eq!((state.leader_id, state.high_watermark), (1, end), "what was answered is committed");
                let replica = ReplicaKey { id: 1, directory: DIRECTORY };
                let voter = ReplicaState { replica, endpoints: Endpoints::default(), log_end_offset: Some(end) };
                assert_eq!((state.voters, state.observers), (vec![voter], vec![]));
                let now = (state.leader_epoch, state.high_watermark);
                assert!(last < now, "{last:?}, then {now:?}");
                last = now;
            }
            quorum.shutdown().await;
        }
    });
}
