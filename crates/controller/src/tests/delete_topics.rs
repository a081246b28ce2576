//! DeleteTopics: results and messages are those of a Kafka 4.3.1 controller.

use dohle_model::Uuid;
use dohle_protocol::messages::DeleteTopicsRequest;
use dohle_protocol::messages::delete_topics_request::DeleteTopicState;

use super::cluster::{Cluster, new_topic};

const UNKNOWN: Uuid = Uuid([9; 16]);

/// Broker 1 with the topics `a` to `d`.
fn cluster(deletion: bool) -> Cluster {
    let mut cluster = Cluster::new(1, |config| config.delete_topic_enable = deletion);
    cluster.join(1);
    cluster.create(["a", "b", "c", "d"].map(|name| new_topic(name, 1, 1)).to_vec());
    cluster
}

type Answer = (Option<String>, Uuid, i16, Option<String>);

fn delete(cluster: &mut Cluster, topics: &[(Option<&str>, Uuid)]) -> Vec<Answer> {
    let topics =
        topics.iter().map(|(name, topic_id)| DeleteTopicState { name: name.map(str::to_owned), topic_id: *topic_id });
    let request = DeleteTopicsRequest { topics: topics.collect(), ..Default::default() };
    let response = cluster.controller.delete_topics(&request);
    cluster.commit();
    response.responses.into_iter().map(|it| (it.name, it.topic_id, it.error_code, it.error_message)).collect()
}

fn answer(name: Option<&str>, id: Uuid, code: i16, message: Option<&str>) -> Answer {
    (name.map(str::to_owned), id, code, message.map(str::to_owned))
}

fn id(cluster: &Cluster, name: &str) -> Uuid {
    cluster.committed.topic(name).unwrap().id.0
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut cluster = cluster(true);
    let (a, b) = (id(&cluster, "a"), id(&cluster, "b"));
    assert_eq!(
        delete(&mut cluster, &[(Some("a"), Uuid::ZERO), (None, b)]),
        [answer(Some("a"), a, 0, None), answer(Some("b"), b, 0, None)]
    );
    assert_eq!(cluster.committed.topics().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    let request = DeleteTopicsRequest { topic_names: vec!["c".to_owned(), "x".to_owned()], ..Default::default() };
    let response = cluster.controller.delete_topics(&request);
    assert_eq!(response.responses.iter().map(|it| it.error_code).collect::<Vec<_>>(), [0, 3]);
    cluster.commit();
    assert_eq!(cluster.committed.topic_count(), 1);
}

#[test]
fn what_cannot_be_deleted() {
    let mut cluster = cluster(true);
    let (a, b) = (id(&cluster, "a"), id(&cluster, "b"));
    let both = Some("You may not specify both topic name and topic id.");
    let neither = Some("Neither topic name nor id were specified.");
    let no_name = Some("This server does not host this topic-partition.");
    let no_id = Some("This server does not host this topic ID.");
    let zero = Uuid::ZERO;
    for (topics, answers) in [
        (vec![(Some("a"), a)], vec![answer(Some("a"), a, 42, both)]),
        (vec![(None, zero), (None, zero)], vec![answer(None, zero, 42, neither); 2]),
        (
            vec![(Some("x"), zero), (Some(""), zero), (Some("__cluster_metadata"), zero)],
            vec![
                answer(Some("x"), zero, 3, no_name),
                answer(Some(""), zero, 3, no_name),
                answer(Some("__cluster_metadata"), zero, 3, no_name),
            ],
        ),
        (
            vec![(None, UNKNOWN), (None, Uuid::ONE)],
            vec![answer(None, UNKNOWN, 100, no_id), answer(None, Uuid::ONE, 100, no_id)],
        ),
        (
            vec![(Some("a"), zero), (Some("a"), zero), (None, b), (None, b)],
            vec![
                answer(Some("a"), zero, 42, Some("Duplicate topic name.")),
                answer(None, b, 42, Some("Duplicate topic id.")),
            ],
        ),
        (
            vec![(Some("x"), zero), (Some("x"), zero), (None, UNKNOWN), (None, UNKNOWN)],
            vec![
                answer(Some("x"), zero, 42, Some("Duplicate topic name.")),
                answer(None, UNKNOWN, 42, Some("Duplicate topic id.")),
            ],
        ),
        (
            vec![(Some("a"), zero), (None, a)],
            vec![answer(Some("a"), a, 42, Some("The provided topic name maps to an ID that was already supplied."))],
        ),
    ] {
        assert_eq!(delete(&mut cluster, &topics), answers, "{topics:?}");
        assert_eq!(cluster.committed.topic_count(), 4);
    }
}

#[test]
fn one_refusal_does_not_hold_up_the_others() {
    let mut cluster = cluster(true);
    let (a, d) = (id(&cluster, "a"), id(&cluster, "d"));
    let answers = delete(&mut cluster, &[(Some("a"), Uuid::ZERO), (None, a), (Some("d"), Uuid::ZERO)]);
    assert_eq!(
        answers.iter().map(|(name, id, code, _)| (name.as_deref().unwrap(), *id, *code)).collect::<Vec<_>>(),
        [("a", a, 42), ("d", d, 0)]
    );
    assert_eq!(cluster.committed.topic_count(), 3);
}

#[test]
fn deletion_can_be_forbidden() {
    let mut cluster = cluster(false);
    let a = id(&cluster, "a");
    let topics = [(Some("a"), Uuid::ZERO), (None, a), (Some("x"), Uuid::ZERO), (None, Uuid::ZERO)];
    let answers: Vec<Answer> = topics.iter().map(|(name, id)| answer(*name, *id, 73, None)).collect();
    assert_eq!(delete(&mut cluster, &topics), answers);
    assert_eq!(cluster.committed.topic_count(), 4);
}
