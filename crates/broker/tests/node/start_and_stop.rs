//! A broker from its start to its stop, as clients and the disk see it.

use std::time::Duration;

use dohle_protocol::{ApiKey, ErrorCode};
use tokio::time::Instant;

use crate::simulation::{Client, World, simulate};

/// Asks until the coordinator is there, as clients do.
async fn find_coordinator(client: &mut Client, group: &str) -> i32 {
    loop {
        match client.find_coordinator(group).await.unwrap() {
            Ok(node_id) => return node_id,
            Err(error) => assert_eq!(error, ErrorCode::CoordinatorNotAvailable.code()),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_started_node_serves_at_once() {
    simulate(1, |mut world: World| async move {
        let before = Instant::now();
        let node = world.start().await;
        assert!(before.elapsed() < Duration::from_millis(100), "nothing waits for a timer: {:?}", before.elapsed());
        let mut client = world.connect();
        let apis = client.api_versions().await.unwrap().api_keys;
        assert!(apis.iter().any(|api| api.api_key == ApiKey::Produce.code()));
        let metadata = client.metadata().await.unwrap();
        assert_eq!(metadata.brokers.len(), 1, "it is unfenced");
        let broker = &metadata.brokers[0];
        assert_eq!((broker.host.as_str(), broker.port), ("localhost", 9092));
        node.shutdown().await;
    });
}

#[test]
fn groups_are_coordinated_once_their_topic_is_there() {
    simulate(2, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        assert_eq!(find_coordinator(&mut client, "group").await, 1);
        let refused = client.join_group("group", "").await.unwrap();
        assert_eq!(refused.error_code, ErrorCode::MemberIdRequired.code());
        let joined = client.join_group("group", &refused.member_id).await.unwrap();
        assert_eq!((joined.error_code, joined.generation_id), (0, 1));
        node.shutdown().await;
    });
}

#[test]
fn a_stop_in_order_is_quick_and_marked() {
    simulate(3, |mut world: World| async move {
        for _ in 0..2 {
            let node = world.start().await;
            let mut client = world.connect();
            assert_eq!(find_coordinator(&mut client, "group").await, 1);
            assert!(!world.was_stopped_in_order(), "the mark is taken away by the start");
            let before = Instant::now();
            node.shutdown().await;
            assert!(before.elapsed() < Duration::from_millis(500), "took {:?}", before.elapsed());
            assert!(world.was_stopped_in_order());
        }
    });
}

#[test]
fn a_full_disk_fails_the_write_and_ends_the_node() {
    simulate(4, |mut world: World| async move {
        let node = world.start().await;
        let mut client = world.connect();
        client.create_topic("orders", 1, &[]).await.unwrap();
        assert_eq!(client.produce("orders", 0, &["a".to_owned()]).await.unwrap(), Ok(0));
        world.disk.set_capacity_bytes(Some(0));
        let refused = client.produce("orders", 0, &["b".to_owned()]).await.unwrap();
        assert_eq!(refused, Err(ErrorCode::KafkaStorageError.code()));
        let failure = node.failed().await;
        assert!(failure.to_string().contains("log director"), "{failure}");
        world.disk.set_capacity_bytes(None);
        world.cut_the_power(node).await;
        let _node = world.start().await;
        let mut client = world.connect();
        let kept = client.read_all("orders", 0).await.unwrap();
        assert!(kept.len() <= 1, "what was refused is not there: {kept:?}");
    });
}
