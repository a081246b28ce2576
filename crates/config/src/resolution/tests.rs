//! What a node starts with, and what it refuses to start with.

use proptest::prelude::*;

use super::*;
use crate::listener::Advertised;

const COMBINED: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.quorum.bootstrap.servers", "localhost:9093"),
    ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
    ("controller.listener.names", "CONTROLLER"),
];

/// The settings above, with `changes` (`name=value`, or `-name` to remove one) over them.
fn resolve_with(changes: &[&str]) -> Result<(ServerConfig, Vec<String>), String> {
    let mut lines: BTreeMap<&str, &str> = COMBINED.iter().copied().collect();
    for change in changes {
        match change.strip_prefix('-') {
            Some(name) => lines.remove(name),
            None => change.split_once('=').and_then(|(name, value)| lines.insert(name, value)),
        };
    }
    let text: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let settings = Settings::from_properties("s.properties", text.as_bytes()).unwrap();
    ServerConfig::resolve(&settings).map_err(|errors| errors.to_string())
}

#[track_caller]
fn refused(changes: &[&str], message: &str) {
    let errors = resolve_with(changes).map(|_| ()).unwrap_err();
    assert!(errors.contains(message), "{changes:?}: {errors}");
}

/// What Kafka 4.3.1 says to the same files.
#[test]
fn kafkas_demands_at_start() {
    refused(&["-process.roles"], "Missing required configuration \"process.roles\" which has no default value.");
    refused(&["-node.id"], "Missing required configuration \"node.id\" which has no default value.");
    refused(&["-controller.listener.names"], "Missing required configuration \"controller.listener.names\"");
    refused(&["-listeners"], "controller.listener.names must contain at least one value appearing in the 'listeners'");
    refused(&["-controller.quorum.bootstrap.servers"], "If using process.roles, either controller.quorum.bootstrap");
    refused(&["broker.id=2"], "You must set `node.id` to the same value as `broker.id`");
    refused(&["node.id=-1"], "Invalid value -1 for configuration node.id: Value must be at least 0");
    refused(&["listeners="], "Configuration 'listeners' must not be empty. Valid values include: any non-empty value");
    refused(
        &["listeners=PLAINTEXT://:9092,,CONTROLLER://:9093"],
        "Configuration 'listeners' values must not be empty.",
    );
    refused(
        &["listeners=PLAINTEXT://:1,PLAINTEXT://:2,CONTROLLER://:9093"],
        "Each listener must have a different name",
    );
    refused(&["listeners=PLAINTEXT://:9092,CONTROLLER://:9092"], "Each listener must have a different port");
    refused(&["listeners=FOO://:9092,CONTROLLER://:9093"], "No security protocol defined for listener FOO");
    refused(&["listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093"], "nonroutable meta-address 0.0.0.0");
    refused(&["advertised.listeners=PLAINTEXT://0.0.0.0:9092"], "nonroutable meta-address 0.0.0.0");
    refused(&["advertised.listeners=CONTROLLER://h:1"], "There must be at least one broker advertised listener.");
    refused(
        &["inter.broker.listener.name=FOO"],
        "Listener with name FOO defined in inter.broker.listener.name not found in listener.security.protocol.map.",
    );
    refused(
        &["inter.broker.listener.name=CONTROLLER"],
        "inter.broker.listener.name must be a listener name defined in",
    );
    refused(
        &["inter.broker.listener.name=PLAINTEXT", "security.inter.broker.protocol=PLAINTEXT"],
        "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
    );
    refused(
        &["listener.security.protocol.map=FOO:BAR"],
        "Invalid security protocol `BAR` defined in listener.security",
    );
    refused(&["controller.quorum.voters=2@h:9093"], "the node id 1 must be included in the set of voters");
    refused(&["controller.quorum.voters=1@h"], "Failed to parse");
    refused(
        &["controller.listener.names=CONTROLLER,X"],
        "controller.listener.names must only contain values appearing",
    );
    refused(&["process.roles=broker,foo"], "String must be one of: broker, controller");
    refused(&["log.dirs=/a,,/b"], "Configuration 'log.dirs' values must not be empty.");
    refused(&["log.roll.ms=0"], "log.roll.ms");
    refused(&["log.retention.hours=0"], "must be unlimited (-1) or, greater than or equal to 1");
    refused(&["log.cleaner.dedupe.buffer.size=1000"], "log.cleaner.dedupe.buffer.size must be at least 1MB");
    refused(&["queued.max.request.bytes=5"], "must be larger or equal to socket.request.max.bytes");
    refused(&["max.connections.per.ip=0"], "max.connections.per.ip can be set to zero only if");
    refused(&["connections.max.idle.ms=50"], "connection.failed.authentication.delay.ms=100 should always be less");
    refused(&["group.coordinator.rebalance.protocols=consumer"], "Disabling the 'classic' protocol is not supported.");
    refused(
        &["group.consumer.session.timeout.ms=5"],
        "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
    );
    refused(
        &["group.consumer.heartbeat.interval.ms=50000", "group.consumer.max.heartbeat.interval.ms=60000"],
        "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms",
    );
    refused(&["group.streams.num.standby.replicas=9"], "must be less than or equal to group.streams.max.standby");
    refused(&["replica.fetch.wait.max.ms=40000"], "replica.fetch.wait.max.ms");
    refused(&["cordoned.log.dirs=/x"], "Missing entries : /x");
    refused(&["offsets.topic.replication.factor=99999"], "Not a number of type SHORT");
    refused(&["offsets.topic.compression.codec=9"], "Unknown compression type id: 9");
}

#[test]
fn what_would_endanger_security_roles_or_durability_is_refused() {
    refused(&["process.roles=broker"], "process.roles=broker is not served yet");
    refused(&["controller.quorum.voters=1@a:1,2@b:1"], "the metadata quorum has one voter");
    refused(&["controller.quorum.bootstrap.servers=a:1,b:1"], "the metadata quorum has one voter");
    refused(&["authorizer.class.name=x.Y"], "authorizer.class.name is not served yet (authorization)");
    refused(&["config.providers=env"], "config.providers is not served yet");
    refused(&["create.topic.policy.class.name=x.Y"], "create.topic.policy.class.name is not served yet");
    refused(&["remote.log.storage.system.enable=true"], "remote.log.storage.system.enable is not served yet");
    refused(
        &["listeners=SSL://:9092,CONTROLLER://:9093", "listener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT"],
        "TLS and SASL are not served yet",
    );
    refused(
        &["listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SASL_SSL"],
        "TLS and SASL are not served yet",
    );
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let errors = resolve_with(&["num.partitions=0", "log.retention.ms=x", "ssl.key.password=secret"]).unwrap_err();
    assert_eq!(
        errors,
        "s.properties:4: Invalid value x for configuration log.retention.ms: Not a number of type LONG (expected LONG)\n\
         s.properties:6: Invalid value 0 for configuration num.partitions: Value must be at least 1 (expected INT [1,...])"
    );
}

#[test]
fn what_has_no_effect_is_named() {
    let (_, warnings) = resolve_with(&[
        "zzz=1",
        "transaction.state.log.min.isr=1",
        "transactional.id.expiration.ms=604800000",
        "ssl.key.password=secret",
        "listener.name.plaintext.max.connections=5",
        "listener.name.plaintext.connections.max.reauth.ms=5",
        "broker.rack=${env:RACK}",
    ])
    .unwrap();
    assert_eq!(
        warnings,
        [
            "s.properties:1: broker.rack is taken as it is written, ${...} included",
            "s.properties:12: unknown property zzz is ignored",
            "without effect (TLS and SASL): ssl.key.password",
            "without effect (settings of single listeners): listener.name.plaintext.connections.max.reauth.ms",
            "without effect (transactions): transaction.state.log.min.isr",
        ]
    );
}

#[test]
fn listeners_and_what_is_advertised() {
    let (config, _) = resolve_with(&[]).unwrap();
    assert_eq!(config.listeners.len(), 1);
    assert_eq!((config.listeners[0].host.as_deref(), config.listeners[0].port), (None, 9092));
    assert_eq!(config.listeners[0].advertised, Advertised::LocalAddress { port: 9092 });
    assert_eq!(config.controller_listeners[0].to_string(), "CONTROLLER://:9093");
    assert_eq!(config.inter_broker_listener_name, "PLAINTEXT");

    let (config, _) = resolve_with(&[
        "listeners=plaintext://0.0.0.0:9092,INTERNAL://[::1]:9094,controller://:9093",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "advertised.listeners=PLAINTEXT://kafka.example:19092",
    ])
    .unwrap();
    let address = Advertised::Address { host: "kafka.example".to_owned(), port: 19092 };
    assert_eq!((config.listeners[0].host.as_deref(), &config.listeners[0].advertised), (None, &address));
    assert_eq!(config.listeners[1].to_string(), "INTERNAL://[::1]:9094");
    assert_eq!(config.listeners[1].advertised, Advertised::Nowhere);
}

#[test]
fn no_file_needs_nothing() {
    let (config, warnings) = ServerConfig::resolve(&Settings::built_in()).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.node_id, BrokerId(1));
    let address = Advertised::Address { host: "localhost".to_owned(), port: 9092 };
    assert_eq!((config.listeners[0].host.as_deref(), &config.listeners[0].advertised), (Some("localhost"), &address));
    assert!(config.controller_listeners.is_empty());
    assert_eq!(config.log_dirs, [PathBuf::from("./data")]);
    assert_eq!(config.metadata_log_dir, PathBuf::from("./data"));
    assert_eq!(config.offsets_topic_replication_factor, 1);
    assert_eq!(config.group_initial_rebalance_delay_ms, 3000);
    let open = ServerConfig::zero_config(Some("0.0.0.0:9000")).unwrap();
    assert_eq!(open.listeners[0].advertised, Advertised::LocalAddress { port: 9000 });
}

#[test]
fn later_sources_win() {
    let mut settings = Settings::built_in();
    settings.set_override("log.retention.minutes=5").unwrap();
    settings.set_override(" num.partitions = 7 ").unwrap();
    let (config, _) = ServerConfig::resolve(&settings).unwrap();
    assert_eq!((config.num_partitions, config.topic_defaults.retention_ms), (7, 300_000));
    assert!(settings.set_override("nothing").is_err());
    settings.set_override("num.partitions=x").unwrap();
    let errors = ServerConfig::resolve(&settings).unwrap_err().to_string();
    assert!(errors.starts_with("--override: Invalid value x for configuration num.partitions"), "{errors}");
}

#[test]
fn the_sample_files_say_the_same() {
    let properties = include_bytes!("../../../../config/server.properties");
    let yaml = include_bytes!("../../../../config/server.yaml");
    let properties = Settings::from_file("server.properties", properties).unwrap();
    let yaml = Settings::from_file("server.yaml", yaml).unwrap();
    let (properties, warnings) = ServerConfig::resolve(&properties).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(ServerConfig::resolve(&yaml).unwrap(), (properties, Vec::new()));
}

/// The settings of the file that Kafka ships for a combined node.
#[test]
fn kafkas_own_sample_starts() {
    let (config, warnings) = resolve_with(&[
        "inter.broker.listener.name=PLAINTEXT",
        "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
        "num.network.threads=3",
        "num.io.threads=8",
        "socket.send.buffer.bytes=102400",
        "socket.receive.buffer.bytes=102400",
        "socket.request.max.bytes=104857600",
        "log.dirs=/tmp/kraft-combined-logs",
        "num.partitions=1",
        "num.recovery.threads.per.data.dir=2",
        "offsets.topic.replication.factor=1",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "log.retention.hours=168",
        "log.segment.bytes=1073741824",
        "log.retention.check.interval.ms=300000",
    ])
    .unwrap();
    assert_eq!(warnings.len(), 2, "share groups and transactions: {warnings:?}");
    assert_eq!(config.controller_listeners.len(), 1);
    assert_eq!(config.topic_defaults, TopicConfig::default());
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(
        index in 0..properties().of(Scope::Broker).len(),
        value in "[-0-9a-zA-Z:/,.@*\\[\\]${} ]{0,20}",
    ) {
        let name = properties().of(Scope::Broker)[index].name;
        let mut settings = Settings::built_in();
        settings.set(name, &value, Origin::BuiltIn);
        if let Ok((config, _)) = ServerConfig::resolve(&settings) {
            let _ = crate::describe_broker(&config, None, true, true);
        }
    }
}
