//! Descriptions as a Kafka 4.3.1 broker gives them.

use super::*;
use crate::settings::Settings;

fn server(extra: &str) -> ServerConfig {
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:19192\n\
         listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19192\ncontroller.listener.names=CONTROLLER\n\
         log.dirs=/data\n{extra}"
    );
    ServerConfig::resolve(&Settings::from_properties("s", text.as_bytes()).unwrap()).unwrap().0
}

/// `source:name=value; ` per layer, after value, source, type and flags.
fn show(described: &[DescribedConfig], name: &str) -> String {
    let entry = described.iter().find(|entry| entry.name == name).unwrap();
    let layers: String = entry
        .synonyms
        .iter()
        .map(|layer| format!(" {}:{}={}", layer.source.code(), layer.name, layer.value.as_deref().unwrap_or("null")))
        .collect();
    format!(
        "{} {} {}{}{}{layers}",
        entry.value.as_deref().unwrap_or("null"),
        entry.source.code(),
        entry.config_type.name(),
        if entry.read_only { " ro" } else { "" },
        if entry.is_sensitive { " sensitive" } else { "" },
    )
}

/// As a Kafka 4.3.1 broker answers.
#[test]
fn topics() {
    let overrides = BTreeMap::from([
        ("retention.ms".to_owned(), "86400000".to_owned()),
        ("cleanup.policy".to_owned(), "compact,delete".to_owned()),
    ]);
    let described = describe_topic(&server(""), &overrides, None, true, false);
    for (name, expected) in [
        ("cleanup.policy", "compact,delete 1 LIST 1:cleanup.policy=compact,delete 5:log.cleanup.policy=delete"),
        ("retention.ms", "86400000 1 LONG 1:retention.ms=86400000"),
        ("segment.ms", "604800000 5 LONG"),
        ("segment.jitter.ms", "0 5 LONG"),
        ("flush.ms", "9223372036854775807 5 LONG"),
        ("leader.replication.throttled.replicas", " 5 LIST"),
        ("max.message.bytes", "1048588 5 INT 5:message.max.bytes=1048588"),
        ("min.cleanable.dirty.ratio", "0.5 5 DOUBLE 5:log.cleaner.min.cleanable.ratio=0.5"),
        ("remote.storage.enable", "false 5 BOOLEAN"),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
    assert_eq!(described.len(), 33, "all but the internal one");
}

#[test]
fn what_the_file_sets_shows_through_topics() {
    let server = server("log.retention.ms=5\nmessage.max.bytes=2000000\nlog.roll.hours=1\n");
    let described = describe_topic(&server, &BTreeMap::new(), None, true, false);
    for (name, expected) in [
        ("retention.ms", "5 4 LONG 4:log.retention.ms=5 5:log.retention.hours=168"),
        ("max.message.bytes", "2000000 4 INT 4:message.max.bytes=2000000 5:message.max.bytes=1048588"),
        ("segment.ms", "3600000 5 LONG"),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
}

/// As a Kafka 4.3.1 broker answers.
#[test]
fn brokers() {
    let server = server(
        "zzz=5\nsuper.users=User:a\nlistener.name.plaintext.ssl.key.password=secret\noffsets.topic.replication.factor=1\n\
         log.initial.task.delay.ms=5\n",
    );
    let described = describe_broker(&server, None, true, false);
    for (name, expected) in [
        ("node.id", "1 4 INT ro 4:node.id=1"),
        ("broker.id", "1 4 INT ro 4:broker.id=1 5:broker.id=-1"),
        ("log.retention.ms", "null 5 LONG"),
        ("log.retention.minutes", "null 5 INT ro"),
        ("log.retention.hours", "168 5 INT ro 5:log.retention.hours=168"),
        ("log.flush.interval.ms", "null 5 LONG"),
        ("ssl.keystore.password", "null 5 PASSWORD sensitive"),
        ("num.io.threads", "8 5 INT 5:num.io.threads=8"),
        ("process.roles", "broker,controller 4 LIST ro 4:process.roles=broker,controller"),
        (
            "offsets.topic.replication.factor",
            "1 4 SHORT ro 4:offsets.topic.replication.factor=1 5:offsets.topic.replication.factor=3",
        ),
        ("zzz", "null 4 UNKNOWN ro sensitive 4:zzz=null"),
        ("log.initial.task.delay.ms", "5 4 LONG ro 4:log.initial.task.delay.ms=5 5:log.initial.task.delay.ms=30000"),
        (
            "listener.name.plaintext.ssl.key.password",
            "null 4 PASSWORD ro sensitive 4:listener.name.plaintext.ssl.key.password=null",
        ),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
    assert!(described.iter().all(|entry| entry.name != "unstable.api.versions.enable"), "internal and not set");
    assert!(described.windows(2).all(|pair| pair[0].name < pair[1].name));
}

#[test]
fn only_what_is_asked_for() {
    let names = ["retention.ms".to_owned(), "nonsense".to_owned()];
    let described = describe_topic(&server(""), &BTreeMap::new(), Some(&names), false, true);
    assert_eq!(described.len(), 1);
    assert!(described[0].synonyms.is_empty() && described[0].documentation.is_some());
    assert!(describe_broker(&server(""), Some(&names), false, false).is_empty());
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_layers(file: &str, default: &[(&str, &str)], broker: &[(&str, &str)]) -> ServerConfig {
    let layers = crate::DynamicLayers::of_stored(map(default), map(broker)).0;
    server(file).with_layers(&layers).unwrap().0
}

#[test]
fn dynamic_layers_show_in_order() {
    let default = [
        ("log.retention.ms", "1000"),
        ("message.max.bytes", "2000000"),
        ("log.flush.interval.ms", "77"),
        ("max.connections", "200"),
        ("listener.name.plaintext.max.connections", "50"),
    ];
    let own = [
        ("log.retention.ms", "2000"),
        ("zzz", "5"),
        ("unclean.leader.election.enable", "TRUE"),
        ("log.cleanup.policy", "delete , compact"),
        ("leader.replication.throttled.rate", "5"),
        ("listener.name.plaintext.plain.sasl.jaas.config", "secret"),
        ("listener.name.plaintext.sasl.enabled.mechanisms", "PLAIN"),
        ("sasl.enabled.mechanisms", "PLAIN"),
    ];
    let server = with_layers("log.retention.hours=24\nmessage.max.bytes=1500000\n", &default, &own);
    let described = describe_broker(&server, None, true, false);
    for (name, expected) in [
        ("zzz", "null 2 UNKNOWN ro sensitive 2:zzz=null"),
        (
            "log.retention.ms",
            "2000 2 LONG 2:log.retention.ms=2000 3:log.retention.ms=1000 4:log.retention.hours=24 \
             5:log.retention.hours=168",
        ),
        ("log.retention.hours", "168 4 INT ro 4:log.retention.hours=24 5:log.retention.hours=168"),
        ("log.retention.minutes", "null 5 INT ro"),
        (
            "message.max.bytes",
            "2000000 3 INT 3:message.max.bytes=2000000 4:message.max.bytes=1500000 5:message.max.bytes=1048588",
        ),
        (
            "unclean.leader.election.enable",
            "true 2 BOOLEAN 2:unclean.leader.election.enable=TRUE 5:unclean.leader.election.enable=false",
        ),
        (
            "log.cleanup.policy",
            "delete,compact 2 LIST 2:log.cleanup.policy=delete , compact 5:log.cleanup.policy=delete",
        ),
        ("leader.replication.throttled.rate", "5 2 LONG 2:leader.replication.throttled.rate=5"),
        (
            "listener.name.plaintext.max.connections",
            "50 3 INT ro 3:listener.name.plaintext.max.connections=50 3:max.connections=200 \
             5:max.connections=2147483647",
        ),
        (
            "listener.name.plaintext.plain.sasl.jaas.config",
            "null 2 PASSWORD ro sensitive 2:listener.name.plaintext.plain.sasl.jaas.config=null",
        ),
        (
            "listener.name.plaintext.sasl.enabled.mechanisms",
            "PLAIN 2 LIST ro 2:listener.name.plaintext.sasl.enabled.mechanisms=PLAIN 2:sasl.enabled.mechanisms=PLAIN \
             5:sasl.enabled.mechanisms=GSSAPI",
        ),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
    let described = describe_broker_default(&server, None, true, false);
    assert_eq!(described.len(), 5);
    for (name, expected) in [
        ("max.connections", "200 3 INT 3:max.connections=200"),
        (
            "listener.name.plaintext.max.connections",
            "50 3 INT ro 3:listener.name.plaintext.max.connections=50 3:max.connections=200",
        ),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
    let described = describe_topic(&server, &BTreeMap::new(), None, true, false);
    for (name, expected) in [
        ("flush.ms", "77 3 LONG 3:log.flush.interval.ms=77 5:log.flush.scheduler.interval.ms=9223372036854775807"),
        (
            "retention.ms",
            "2000 2 LONG 2:log.retention.ms=2000 3:log.retention.ms=1000 4:log.retention.hours=24 \
             5:log.retention.hours=168",
        ),
        ("segment.ms", "604800000 5 LONG"),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
}

#[test]
fn new_topics() {
    let server = with_layers("log.retention.hours=24\nmessage.max.bytes=1500000\n", &[("log.roll.ms", "5000")], &[]);
    let described = describe_new_topic(&server, &map(&[("segment.bytes", "3000000")]));
    assert_eq!(described.len(), 33);
    for (name, expected) in [
        ("retention.ms", "86400000 4 LONG"),
        ("max.message.bytes", "1500000 4 INT"),
        ("segment.ms", "5000 3 LONG"),
        ("segment.bytes", "3000000 1 INT"),
        ("flush.ms", "9223372036854775807 5 LONG"),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
}

#[test]
fn groups_and_client_metrics() {
    let overrides = map(&[("consumer.session.timeout.ms", "50000"), ("share.auto.offset.reset", "earliest")]);
    let server = with_layers("", &[("group.share.assignment.interval.ms", "7")], &[]);
    let described = describe_group(&server, &overrides, None, true, false);
    assert_eq!(described.len(), 17);
    for (name, expected) in [
        (
            "consumer.session.timeout.ms",
            "50000 8 INT 8:consumer.session.timeout.ms=50000 5:group.consumer.session.timeout.ms=45000",
        ),
        (
            "share.auto.offset.reset",
            "earliest 8 STRING 8:share.auto.offset.reset=earliest 5:share.auto.offset.reset=latest",
        ),
        ("share.isolation.level", "read_uncommitted 5 STRING 5:share.isolation.level=read_uncommitted"),
        (
            "share.assignment.interval.ms",
            "7 3 INT 3:group.share.assignment.interval.ms=7 5:group.share.assignment.interval.ms=1000",
        ),
    ] {
        assert_eq!(show(&described, name), expected, "{name}");
    }
    let described = describe_client_metrics(&map(&[("metrics", "a,a")]), None, true, false);
    for (name, expected) in [("metrics", "a 7 LIST 7:metrics=a"), ("interval.ms", "300000 5 INT"), ("match", " 5 LIST")]
    {
        assert_eq!(show(&described, name), expected, "{name}");
    }
}
