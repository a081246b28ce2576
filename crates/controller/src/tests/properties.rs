//! What holds whatever is asked, in whatever order, batched in whatever way, with leaders changing in between.

use std::time::Duration;

use dohle_metadata::Image;
use dohle_model::BrokerId;
use dohle_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use dohle_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;
use dohle_protocol::messages::{
    AllocateProducerIdsRequest, AlterPartitionReassignmentsRequest, BrokerHeartbeatRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest, UnregisterBrokerRequest,
};
use proptest::prelude::*;

use super::cluster::{Cluster, directory, new_topic, registration, with_configs};
use crate::Registrant;

#[derive(Clone, Debug)]
enum Ask {
    Create { name: u8, partitions: i32, factor: i16, unclean: bool },
    Delete { name: u8, by_id: bool },
    AddPartitions { name: u8, count: i32 },
    Elect { unclean: bool },
    Reassign { name: u8, partition: i32, replicas: Option<Vec<i32>>, keeps_factor: bool },
    Register { broker: i32, incarnation: u8, directories: u8, same_process: bool },
    Heartbeat { broker: i32, behind: i64, fence: bool, shut_down: bool, offline: Option<u8>, cordoned: Option<u8> },
    Unregister(i32),
    Allocate(i32),
    FenceExpired,
    Lose(i32),
    Wait(u64),
    Commit,
    FailOver,
}

fn ask() -> impl Strategy<Value = Ask> {
    let broker = 0..4i32;
    let flag = any::<bool>();
    let rarely = prop::bool::weighted(0.2);
    prop_oneof![
        4 => (0..4u8, -1..4i32, -1..5i16, flag).prop_map(|(name, partitions, factor, unclean)| {
            Ask::Create { name, partitions, factor, unclean }
        }),
        2 => (0..5u8, flag).prop_map(|(name, by_id)| Ask::Delete { name, by_id }),
        1 => (0..4u8, 1..6i32).prop_map(|(name, count)| Ask::AddPartitions { name, count }),
        1 => flag.prop_map(|unclean| Ask::Elect { unclean }),
        3 => (0..4u8, 0..4i32, prop::option::weighted(0.7, prop::collection::vec(0..4i32, 1..4)), rarely).prop_map(
            |(name, partition, replicas, keeps_factor)| Ask::Reassign { name, partition, replicas, keeps_factor }
        ),
        5 => (broker.clone(), 0..3u8, 1..3u8, flag).prop_map(|(broker, incarnation, directories, same_process)| {
            Ask::Register { broker, incarnation, directories, same_process }
        }),
        9 => (
            broker.clone(), 0..3i64, rarely, rarely,
            prop::option::weighted(0.1, 0..2u8), prop::option::weighted(0.1, 0..2u8),
        ).prop_map(|(broker, behind, fence, shut_down, offline, cordoned)| {
            Ask::Heartbeat { broker, behind, fence, shut_down, offline, cordoned }
        }),
        1 => broker.clone().prop_map(Ask::Unregister),
        1 => broker.clone().prop_map(Ask::Allocate),
        2 => Just(Ask::FenceExpired),
        1 => broker.prop_map(Ask::Lose),
        2 => (0..6000u64).prop_map(Ask::Wait),
        4 => Just(Ask::Commit),
        1 => Just(Ask::FailOver),
    ]
}

const NAMES: [&str; 5] = ["a.b", "a_b", "c", "d", "never"];

fn epoch(cluster: &Cluster, broker: i32) -> i64 {
    cluster.controller.image().broker(BrokerId(broker)).map_or(-1, |broker| broker.epoch.0)
}

fn perform(cluster: &mut Cluster, ask: &Ask) {
    let now = cluster.now;
    match ask {
        Ask::Create { name, partitions, factor, unclean } => {
            let topic = new_topic(NAMES[usize::from(*name)], *partitions, *factor);
            let unclean = [("unclean.leader.election.enable", Some(if *unclean { "true" } else { "false" }))];
            let topics = vec![with_configs(topic, &unclean)];
            cluster.controller.create_topics(&CreateTopicsRequest { topics, ..Default::default() });
        }
        Ask::Delete { name, by_id } => {
            let name = NAMES[usize::from(*name)];
            let id = cluster.controller.image().topic(name).map(|topic| topic.id.0).unwrap_or_default();
            let state = if *by_id {
                DeleteTopicState { name: None, topic_id: id }
            } else {
                DeleteTopicState { name: Some(name.to_owned()), ..Default::default() }
            };
            cluster.controller.delete_topics(&DeleteTopicsRequest { topics: vec![state], ..Default::default() });
        }
        Ask::AddPartitions { name, count } => {
            let name = NAMES[usize::from(*name)].to_owned();
            let topics = vec![CreatePartitionsTopic { name, count: *count, ..Default::default() }];
            cluster.controller.create_partitions(&CreatePartitionsRequest { topics, ..Default::default() });
        }
        Ask::Elect { unclean } => {
            let election_type = i8::from(*unclean);
            let request = ElectLeadersRequest { election_type, topic_partitions: None, ..Default::default() };
            cluster.controller.elect_leaders(&request);
        }
        Ask::Reassign { name, partition, replicas, keeps_factor } => {
            let name = NAMES[usize::from(*name)].to_owned();
            let partitions = vec![ReassignablePartition { partition_index: *partition, replicas: replicas.clone() }];
            let request = AlterPartitionReassignmentsRequest {
                allow_replication_factor_change: !keeps_factor,
                topics: vec![ReassignableTopic { name, partitions }],
                ..Default::default()
            };
            cluster.controller.alter_partition_reassignments(&request);
        }
        Ask::Register { broker, incarnation, directories, same_process } => {
            let mut request = registration(*broker, *incarnation);
            request.log_dirs = (0..*directories).map(|number| directory(*broker, number)).collect();
            request.rack = (broker % 2 == 0).then(|| "even".to_owned());
            let registrant = if *same_process { Registrant::ThisProcess } else { Registrant::OtherProcess };
            cluster.controller.register_broker(&request, registrant, now);
        }
        Ask::Heartbeat { broker, behind, fence, shut_down, offline, cordoned } => {
            let request = BrokerHeartbeatRequest {
                broker_id: *broker,
                broker_epoch: epoch(cluster, *broker),
                current_metadata_offset: cluster.committed.metadata_offset() - behind,
                want_fence: *fence,
                want_shut_down: *shut_down,
                offline_log_dirs: offline.iter().map(|number| directory(*broker, *number)).collect(),
                cordoned_log_dirs: cordoned.map(|number| vec![directory(*broker, number)]),
            };
            let response = cluster.controller.broker_heartbeat(&request, now);
            let fenced = cluster.controller.image().broker(BrokerId(*broker)).is_none_or(|broker| broker.fenced);
            assert_eq!(response.is_fenced, fenced);
            assert!(!response.should_shut_down || fenced);
        }
        Ask::Unregister(broker_id) => {
            cluster.controller.unregister_broker(&UnregisterBrokerRequest { broker_id: *broker_id });
        }
        Ask::Allocate(broker_id) => {
            let request =
                AllocateProducerIdsRequest { broker_id: *broker_id, broker_epoch: epoch(cluster, *broker_id) };
            cluster.controller.allocate_producer_ids(&request);
        }
        Ask::FenceExpired => while cluster.controller.fence_expired_broker(now) {},
        Ask::Lose(broker) => cluster.controller.fence_lost_broker(BrokerId(*broker)),
        Ask::Wait(milliseconds) => cluster.now += Duration::from_millis(*milliseconds),
        Ask::Commit => drop(cluster.commit()),
        // What was not committed is gone with the leader that decided it.
        Ask::FailOver => {
            let _ = cluster.controller.take_records();
            cluster.fail_over();
        }
    }
}

/// What must hold between any two decisions.
fn check(image: &Image) {
    for (topic, index, partition) in image.partitions() {
        let what = format!("{}-{index}: {partition:?}", topic.name);
        assert!(!partition.isr.is_empty(), "somebody has everything; {what}");
        let moved = partition.adding_replicas.iter().chain(&partition.removing_replicas);
        assert!(moved.into_iter().all(|id| partition.replicas.contains(id)), "who comes or goes is a replica; {what}");
        match partition.leader {
            Some(leader) => {
                assert!(partition.isr.contains(&leader), "a leader is in sync; {what}");
                assert!(image.is_active(leader), "a leader is live; {what}");
            }
            None => assert!(partition.isr.len() == 1 || partition.isr.iter().all(|id| !image.is_active(*id)), "{what}"),
        }
        for id in &partition.isr {
            assert!(
                partition.isr.len() == 1 || image.is_active(*id),
                "only the last in sync stays when it goes; {what}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn decisions_can_be_replayed_and_keep_partitions_sound(
        asks in prop::collection::vec(ask(), 1..120),
        seed in any::<u64>(),
    ) {
        let mut cluster = Cluster::new(seed, |_| {});
        for ask in &asks {
            // Replays every record it decides, and commits replay them once more.
            perform(&mut cluster, ask);
            check(cluster.controller.image());
        }
        cluster.commit();
        let image = cluster.committed.at(0);
        prop_assert_eq!(Image::from_records(0, &image.to_records()).unwrap(), image);
    }
}
