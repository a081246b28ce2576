//! A replica from start to stop, and what it has answered for afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use dohle_metadata::features::{METADATA_VERSION, METADATA_VERSION_LEVEL};
use dohle_model::{BrokerId, ProducerId};
use dohle_protocol::ErrorCode;
use dohle_protocol::messages::CreateTopicsRequest;
use dohle_seams::simulated::SeededRandomness;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::{Machine, contents, create_topic, join, simulate};
use crate::QuorumError;

#[test]
fn a_new_quorum_begins_with_the_feature_level() {
    simulate(1, async {
        let quorum = Machine::new(1).start().await;
        let image = quorum.controller().image();
        assert_eq!(image.feature_level(METADATA_VERSION), Some(METADATA_VERSION_LEVEL));
        assert_eq!(quorum.subscribe().image(), image);
    });
}

#[test]
fn a_restart_leads_to_the_same_image_without_waiting_for_an_election() {
    simulate(2, async {
        let mut machine = Machine::new(2);
        let quorum = machine.start().await;
        let controller = quorum.controller();
        join(&controller, 1).await;
        for name in ["a", "b", "c"] {
            assert_eq!(create_topic(&controller, name).await.unwrap(), ErrorCode::None);
        }
        assert_eq!(create_topic(&controller, "a").await.unwrap(), ErrorCode::TopicAlreadyExists);
        let before = controller.image();
        quorum.shutdown().await;
        assert!(matches!(create_topic(&controller, "d").await, Err(QuorumError::Stopped)));

        let started = Instant::now();
        let quorum = machine.start().await;
        assert!(started.elapsed() < Duration::from_millis(30), "{:?}", started.elapsed());
        let after = quorum.controller().image();
        assert!(after.metadata_offset() > before.metadata_offset(), "its leader has an entry of its own");
        assert_eq!(contents(&after), contents(&before));
    });
}

#[test]
fn what_was_answered_survives_power_losses() {
    for seed in 0..40 {
        simulate(seed, async move {
            let mut machine = Machine::new(seed);
            if seed % 2 == 1 {
                // Snapshots, and the log cut behind them, in every life.
                machine.config.metadata_log_max_record_bytes_between_snapshots = 2000;
            }
            let random = SeededRandomness::new(seed);
            let mut answered = BTreeSet::<String>::new();
            let mut next_producer_id = 0;
            for life in 1..7_u8 {
                let quorum = machine.start().await;
                let controller = quorum.controller();
                for name in &answered {
                    let topic = controller.image().topic(name).cloned();
                    assert!(topic.is_some_and(|topic| topic.partition_count() == 3), "seed {seed}: {name} is lost");
                }
                assert!(controller.image().next_producer_id() >= next_producer_id, "seed {seed}");
                join(&controller, life).await;
                let names: Vec<_> = (0..random.next() % 20).map(|n| format!("topic-{life}-{n}")).collect();
                for chunk in names.chunks(3) {
                    // Together, so that they share an entry or follow one another, as it comes.
                    for result in join_all(chunk.iter().map(|name| create_topic(&controller, name))).await {
                        assert_eq!(result.unwrap(), ErrorCode::None);
                    }
                    answered.extend(chunk.iter().cloned());
                    let (first, count) = controller.allocate_producer_ids(BrokerId(1)).await.unwrap();
                    assert!(first.0 >= next_producer_id, "seed {seed}: a producer id was given away twice");
                    next_producer_id = first.0 + i64::from(count);
                }
                // One that nobody will get an answer to.
                let unanswered = tokio::spawn(async move { create_topic(&controller, "unanswered").await.is_ok() });
                sleep(Duration::from_micros(random.next() % 3000)).await;
                machine.disk.power_loss();
                drop(quorum);
                if unanswered.await.unwrap() {
                    answered.insert("unanswered".to_owned());
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        simulate(9, async {
            let mut machine = Machine::new(9);
            let quorum = machine.start().await;
            join(&quorum.controller(), 1).await;
            for n in 0..20 {
                create_topic(&quorum.controller(), &format!("t{n}")).await.unwrap();
            }
            quorum.shutdown().await;
            let started = Instant::now();
            let quorum = machine.start().await;
            (started.elapsed(), quorum.controller().image())
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn requests_that_wait_share_entries() {
    simulate(3, async {
        let mut machine = Machine::new(3);
        let quorum = machine.start().await;
        let controller = quorum.controller();
        join(&controller, 1).await;
        let before = controller.image().metadata_offset();
        let results = join_all((0..200).map(|n| {
            let controller = controller.clone();
            async move { create_topic(&controller, &format!("t{n}")).await }
        }));
        assert!(results.await.into_iter().all(|result| matches!(result, Ok(ErrorCode::None))));
        let entries = controller.image().metadata_offset() - before;
        assert!(entries <= 3, "{entries} entries for 200 requests");
        assert_eq!(controller.image().topic_count(), 200);
    });
}

#[test]
fn a_broker_that_is_not_heard_of_is_fenced_when_its_session_ends() {
    simulate(4, async {
        let mut machine = Machine::new(4);
        let quorum = machine.start().await;
        let controller = quorum.controller();
        join(&controller, 1).await;
        let mut subscription = quorum.subscribe();
        let started = Instant::now();
        let delta = subscription.next().await.unwrap();
        assert!(delta.to.broker(BrokerId(1)).unwrap().fenced);
        let timeout = Duration::from_millis(u64::try_from(machine.config.broker_session_timeout_ms).unwrap());
        let waited = started.elapsed();
        assert!(waited >= timeout && waited < timeout + Duration::from_millis(100), "{waited:?}");
    });
}

#[test]
fn a_subscription_shows_every_change_once_merged_while_nobody_reads() {
    simulate(5, async {
        let mut machine = Machine::new(5);
        let quorum = machine.start().await;
        let controller = quorum.controller();
        let mut subscription = quorum.subscribe();
        let beginning = subscription.image();
        join(&controller, 1).await;
        for n in 0..5 {
            create_topic(&controller, &format!("t{n}")).await.unwrap();
        }
        let merged = subscription.next().await.unwrap();
        assert_eq!(merged.from, beginning);
        assert_eq!(merged.to, controller.image());
        assert_eq!(merged.touched.topics().count(), 5);
        create_topic(&controller, "later").await.unwrap();
        let next = subscription.next().await.unwrap();
        assert_eq!(next.from, merged.to);
        assert_eq!(next.touched.topics().count(), 1);
        assert_eq!(subscription.image(), next.to);
        quorum.shutdown().await;
        assert!(subscription.next().await.is_none());
    });
}

#[test]
fn a_request_whose_time_is_over_is_not_begun() {
    simulate(6, async {
        let mut machine = Machine::new(6);
        let quorum = machine.start().await;
        let request = CreateTopicsRequest { timeout_ms: 0, ..Default::default() };
        assert!(matches!(quorum.controller().create_topics(request).await, Err(QuorumError::TimedOut)));
    });
}

#[test]
fn producer_ids_are_for_registered_brokers() {
    simulate(7, async {
        let mut machine = Machine::new(7);
        let quorum = machine.start().await;
        let controller = quorum.controller();
        let refused = controller.allocate_producer_ids(BrokerId(1)).await;
        assert!(matches!(refused, Err(QuorumError::Refused(ErrorCode::BrokerIdNotRegistered))), "{refused:?}");
        join(&controller, 1).await;
        assert_eq!(controller.allocate_producer_ids(BrokerId(1)).await.unwrap(), (ProducerId(0), 1000));
        assert_eq!(controller.allocate_producer_ids(BrokerId(1)).await.unwrap(), (ProducerId(1000), 1000));
    });
}
