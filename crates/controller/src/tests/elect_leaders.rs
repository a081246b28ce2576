//! ElectLeaders: results and messages are those of a Kafka 4.3.1 controller.

use dohle_model::BrokerId;
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::elect_leaders_request::TopicPartitions;
use dohle_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};

use super::cluster::Cluster;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

fn elect(cluster: &mut Cluster, election_type: i8, asked: Option<&[(&str, &[i32])]>) -> ElectLeadersResponse {
    let topics = |asked: &[(&str, &[i32])]| {
        let asked = asked.iter();
        asked
            .map(|(topic, partitions)| TopicPartitions { topic: (*topic).to_owned(), partitions: partitions.to_vec() })
            .collect()
    };
    let request = ElectLeadersRequest { election_type, topic_partitions: asked.map(topics), ..Default::default() };
    let response = cluster.controller.elect_leaders(&request);
    cluster.commit();
    response
}

/// Topic, partition, code and message of each result.
fn results(response: &ElectLeadersResponse) -> Vec<(&str, i32, i16, &str)> {
    let topics = response.replica_election_results.iter();
    topics
        .flat_map(|topic| {
            topic.partition_result.iter().map(|result| {
                let message = result.error_message.as_deref().unwrap_or("");
                (topic.topic.as_str(), result.partition_id, result.error_code, message)
            })
        })
        .collect()
}

/// Topic `t` on brokers 1 and 2, topic `s` on broker 2 alone.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_assigned("s", &[&[2]]);
    cluster.create_assigned("t", &[&[1, 2]]);
    cluster
}

const NOT_NEEDED: &str = "Leader election not needed for topic partition.";

#[test]
fn who_leads_already_need_not_be_elected() {
    let mut cluster = cluster();
    let not_needed = ErrorCode::ElectionNotNeeded.code();
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    for kind in [PREFERRED, UNCLEAN] {
        let response = elect(&mut cluster, kind, Some(&[("t", &[0, 7, 0]), ("nowhere", &[0])]));
        assert_eq!(response.error_code, 0);
        assert_eq!(
            results(&response),
            [
                ("t", 0, not_needed, NOT_NEEDED),
                ("t", 7, unknown, "No such partition as t-7"),
                ("t", 0, not_needed, NOT_NEEDED),
                ("nowhere", 0, unknown, "No such topic as nowhere"),
            ]
        );
        // Asked for all, those are left out; their topics are not.
        let response = elect(&mut cluster, kind, None);
        assert_eq!((response.replica_election_results.len(), results(&response)), (2, vec![]));
    }
}

#[test]
fn an_unknown_kind_of_election() {
    let mut cluster = cluster();
    let invalid = ErrorCode::InvalidRequest.code();
    for kind in [-1, 2] {
        let message = format!("Unknown election type {kind}");
        let response = elect(&mut cluster, kind, Some(&[("t", &[0])]));
        assert_eq!(response.error_code, invalid);
        assert_eq!(results(&response), [("t", 0, invalid, message.as_str())]);
        let response = elect(&mut cluster, kind, None);
        assert_eq!((response.error_code, results(&response)), (invalid, vec![]));
        assert_eq!(elect(&mut cluster, kind, Some(&[])), ElectLeadersResponse::default());
    }
}

#[test]
fn the_preferred_leader_gets_its_lead_back() {
    let mut cluster = cluster();
    cluster.controller.fence_lost_broker(BrokerId(1));
    cluster.commit();
    assert_eq!(cluster.leadership("t", 0), "2 (1) [2]");
    let unavailable = ErrorCode::PreferredLeaderNotAvailable.code();
    let message = "The preferred leader was not available.";
    assert_eq!(results(&elect(&mut cluster, PREFERRED, None)), [("t", 0, unavailable, message)]);
    // It is back, and in sync again.
    cluster.join(1);
    let mut partition = cluster.partition("t", 0).clone();
    partition.isr = vec![BrokerId(2), BrokerId(1)];
    cluster.replace_partition("t", 0, &partition);
    assert_eq!(results(&elect(&mut cluster, UNCLEAN, Some(&[("t", &[0])])))[0].2, ErrorCode::ElectionNotNeeded.code());
    assert_eq!(results(&elect(&mut cluster, PREFERRED, None)), [("t", 0, 0, "")]);
    assert_eq!(cluster.leadership("t", 0), "1 (2) [2, 1]");
}

#[test]
fn an_unclean_election_takes_whoever_lives() {
    let mut cluster = cluster();
    for id in [1, 2] {
        cluster.controller.fence_lost_broker(BrokerId(id));
        cluster.commit();
    }
    let unavailable = ErrorCode::EligibleLeadersNotAvailable.code();
    let message = "Eligible topic partition leaders are not available.";
    let both = [("s", 0, unavailable, message), ("t", 0, unavailable, message)];
    assert_eq!(results(&elect(&mut cluster, UNCLEAN, None)), both);
    assert_eq!(cluster.leadership("t", 0), "none (2) [2]");
    cluster.join(1);
    assert_eq!(cluster.leadership("t", 0), "none (2) [2]", "broker 2 alone has everything");
    let preferred = elect(&mut cluster, PREFERRED, Some(&[("t", &[0])]));
    assert_eq!(results(&preferred)[0].2, ErrorCode::PreferredLeaderNotAvailable.code());
    let elected = elect(&mut cluster, UNCLEAN, Some(&[("t", &[0]), ("s", &[0])]));
    assert_eq!(results(&elected), [("t", 0, 0, ""), ("s", 0, unavailable, message)]);
    assert_eq!(cluster.leadership("t", 0), "1 (3) [1]");
}
