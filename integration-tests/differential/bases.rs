//! What the table of messages does not tell: a valid request of each API to begin with, what must be there before it, and
//! values that are special for a field.

use crate::batches::Batch;
use crate::value::Value;

/// A topic's name, its number of partitions, and its settings.
type StandingTopic = (&'static str, i64, &'static [(&'static str, &'static str)]);

/// The topics that both brokers have from the beginning; nothing changes them.
pub(crate) const STANDING_TOPICS: [StandingTopic; 3] = [
    // Some records are old: they would go at a time of each broker's own.
    ("plain", 3, &[("retention.ms", "-1")]),
    ("compacted", 1, &[("cleanup.policy", "compact")]),
    ("empty", 1, &[]),
];

/// A group that has offsets of `plain` and no members.
pub(crate) const STANDING_GROUP: &str = "standing-group";

/// What a case needs before its request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// The standing topics and groups.
    Nothing,
    /// A topic of its own with records in partition 0.
    Topic,
    /// A name that no topic has.
    Name,
    /// A group of its own with one member that has joined.
    JoinedMember,
    /// A group of its own with one member, stable.
    Member,
    /// A group of its own with committed offsets of `plain` and no members.
    Offsets,
    /// A group id that nobody has used.
    Group,
}

/// An API's requests of the corpus.
pub(crate) struct Base {
    pub(crate) before: Before,
    /// By path of field: what is not the type's usual value. Paths that a version does not have are ignored.
    pub(crate) fields: Vec<(&'static str, Value)>,
    /// What else may stand in a field, beside the values of its type.
    pub(crate) special: Vec<(&'static str, Value)>,
    /// Whole requests beside the base: name, and the fields that differ.
    pub(crate) others: Vec<(&'static str, Vec<(&'static str, Value)>)>,
    /// Fields of which no variant is made, since it would change what other cases rely on.
    pub(crate) fixed: Vec<&'static str>,
}

fn text(value: &str) -> Value {
    Value::text(value)
}

fn int(value: i64) -> Value {
    Value::Int(value)
}

fn texts(values: &[&str]) -> Value {
    Value::Array(values.iter().map(|value| text(value)).collect())
}

/// A setting with a value, as CreateTopics and AlterConfigs have it.
fn setting(name: &str, value: &str) -> Value {
    Value::of(vec![("Name", text(name)), ("Value", text(value)), ("ConfigOperation", int(0))])
}

/// Settings of topics with values that are right, out of range, or nonsense.
const TOPIC_SETTINGS: [(&str, &str); 34] = [
    ("cleanup.policy", "compact,delete"),
    ("cleanup.policy", "nonsense"),
    ("cleanup.policy", ""),
    ("compression.type", "zstd"),
    ("compression.type", "brotli"),
    ("compression.gzip.level", "10"),
    ("compression.zstd.level", "-131073"),
    ("retention.ms", "-1"),
    ("retention.ms", "-2"),
    ("retention.ms", "abc"),
    ("retention.ms", " 5 "),
    ("retention.ms", "9223372036854775808"),
    ("retention.bytes", "-2"),
    ("segment.bytes", "10"),
    ("segment.bytes", "2147483648"),
    ("segment.ms", "0"),
    ("max.message.bytes", "-1"),
    ("max.message.bytes", "1"),
    ("min.insync.replicas", "0"),
    ("min.insync.replicas", "2"),
    ("min.cleanable.dirty.ratio", "1.1"),
    ("min.cleanable.dirty.ratio", "0.25"),
    ("message.timestamp.type", "Nonsense"),
    ("message.timestamp.type", "LogAppendTime"),
    ("preallocate", "yes"),
    ("preallocate", "TRUE"),
    ("unclean.leader.election.enable", "1"),
    ("min.compaction.lag.ms", "9223372036854775807"),
    ("max.compaction.lag.ms", "0"),
    ("local.retention.ms", "-3"),
    ("remote.storage.enable", "true"),
    ("follower.replication.throttled.replicas", "0:1,1:1"),
    ("follower.replication.throttled.replicas", "nonsense"),
    ("nonsense.setting", "1"),
];

fn resource(kind: i64, name: &str) -> Vec<(&'static str, Value)> {
    vec![("Resources.ResourceType", int(kind)), ("Resources.ResourceName", text(name))]
}

fn resource_with(kind: i64, name: &str, settings: Vec<Value>) -> Vec<(&'static str, Value)> {
    let mut fields = resource(kind, name);
    fields.push(("Resources.Configs", Value::Array(settings)));
    fields
}

/// The requests of AlterConfigs and IncrementalAlterConfigs beside the base.
fn alterations() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let mut others: Vec<_> = TOPIC_SETTINGS
        .iter()
        .map(|(name, value)| {
            ("a topic's setting", vec![("Resources.Configs", Value::Array(vec![setting(name, value)]))])
        })
        .collect();
    let twice = vec![setting("retention.ms", "5"), setting("retention.ms", "6")];
    others.push(("a setting twice", vec![("Resources.Configs", Value::Array(twice))]));
    for (kind, name, key, value) in [
        (4, "1", "nonsense", "5"),
        (4, "1", "log.dirs", "/other"),
        (4, "1", "node.id", "7"),
        (4, "2", "log.retention.ms", "5"),
        (4, "x", "log.retention.ms", "5"),
        (4, "-1", "log.retention.ms", "5"),
        (4, "", "listeners", "PLAINTEXT://127.0.0.1:1"),
        (4, "", "log.retention.ms", "abc"),
        (4, "", "log.segment.bytes", "5"),
        (4, "1", "num.network.threads", "0"),
        (8, "1", "root", "DEBUG"),
        (8, "1", "ROOT", "LOUD"),
        (8, "1", "org.nobody.knows", "INFO"),
        (8, "2", "ROOT", "INFO"),
        (8, "x", "ROOT", "INFO"),
        (8, "", "ROOT", "INFO"),
        (16, "metrics-a", "interval.ms", "99"),
        (16, "metrics-a", "interval.ms", "3600001"),
        (16, "metrics-a", "match", "nonsense"),
        (16, "metrics-a", "match", "client_id=["),
        (16, "metrics-a", "nonsense", "1"),
        (16, "", "interval.ms", "1000"),
        (32, "group-a", "consumer.session.timeout.ms", "1"),
        (32, "group-a", "consumer.session.timeout.ms", "45000"),
        (32, "group-a", "consumer.heartbeat.interval.ms", "100000"),
        (32, "group-a", "nonsense", "1"),
        (32, "", "consumer.session.timeout.ms", "45000"),
        (1, "x", "retention.ms", "1"),
        (3, "x", "retention.ms", "1"),
        (2, "", "retention.ms", "1"),
        (2, "no-such-topic", "retention.ms", "1"),
        (2, "bad/name", "retention.ms", "1"),
        (2, "__consumer_offsets", "retention.ms", "100000"),
    ] {
        others.push(("a resource", resource_with(kind, name, vec![setting(key, value)])));
    }
    others
}

/// Where the corpus begins for the API `name`. `topic` and `group` are the ones of the case.
pub(crate) fn base(name: &str, topic: &str, group: &str) -> Base {
    use Before::{Group, JoinedMember, Member, Name, Nothing, Offsets, Topic};
    let mut base =
        Base { before: Nothing, fields: Vec::new(), special: Vec::new(), others: Vec::new(), fixed: Vec::new() };
    match name {
        "Produce" => {
            base.before = Topic;
            base.fields =
                vec![("Acks", int(-1)), ("TopicData.PartitionData.Records", Value::Bytes(Batch::default().bytes()))];
        }
        "Fetch" => {
            base.fields = vec![
                ("MaxWaitMs", int(50)),
                ("MinBytes", int(1)),
                ("MaxBytes", int(1_000_000)),
                ("Topics.Partitions.PartitionMaxBytes", int(100_000)),
                ("Topics.Partitions.FetchOffset", int(1)),
                ("ForgottenTopicsData", Value::Array(Vec::new())),
            ];
            base.special = vec![("SessionEpoch", int(0))];
        }
        "ListOffsets" => {
            base.fields = vec![("ReplicaId", int(-1)), ("Topics.Partitions.Timestamp", int(-1))];
            base.special = [-3, -4, -5, -6, -7, 1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003]
                .map(|time| ("Topics.Partitions.Timestamp", int(time)))
                .to_vec();
        }
        "Metadata" => {
            base.fields = vec![
                ("Topics.TopicId", Value::Uuid([0; 16])),
                ("Topics.Name", text("plain")),
                ("AllowAutoTopicCreation", Value::Bool(false)),
            ];
            base.others = vec![
                ("by id", vec![("Topics.TopicId", Value::symbol("topic:plain")), ("Topics.Name", Value::Null)]),
                ("by id and name", vec![("Topics.TopicId", Value::symbol("topic:plain"))]),
            ];
            base.fixed = vec!["AllowAutoTopicCreation"];
        }
        "OffsetCommit" => {
            base.before = Member;
            base.fields = vec![
                ("GenerationIdOrMemberEpoch", Value::symbol(&format!("generation:{group}"))),
                ("MemberId", Value::symbol(&format!("member:{group}"))),
                ("Topics.Name", text("plain")),
                ("Topics.TopicId", Value::symbol("topic:plain")),
                ("Topics.Partitions.CommittedOffset", int(3)),
                ("Topics.Partitions.CommittedMetadata", text("note")),
            ];
            base.others = vec![
                ("without a member", vec![("GenerationIdOrMemberEpoch", int(-1)), ("MemberId", text(""))]),
                ("long metadata", vec![("Topics.Partitions.CommittedMetadata", text(&"m".repeat(4097)))]),
                ("longest metadata", vec![("Topics.Partitions.CommittedMetadata", text(&"m".repeat(4096)))]),
            ];
        }
        "OffsetFetch" => base.fields = vec![("Groups.MemberEpoch", int(-1))],
        "FindCoordinator" => {
            base.fields = vec![("Key", text(STANDING_GROUP)), ("CoordinatorKeys", texts(&[STANDING_GROUP]))];
            base.others = vec![
                ("two groups", vec![("CoordinatorKeys", texts(&["a", "b"]))]),
                ("a share key", vec![("KeyType", int(2)), ("CoordinatorKeys", texts(&["g:AAAAAAAAAAAAAAAAAAAAAQ:0"]))]),
                ("a bad share key", vec![("KeyType", int(2)), ("CoordinatorKeys", texts(&["g"]))]),
            ];
        }
        "JoinGroup" => {
            base.before = Group;
            base.fields = vec![
                ("SessionTimeoutMs", int(10_000)),
                ("RebalanceTimeoutMs", int(10_000)),
                ("ProtocolType", text("consumer")),
                ("Protocols.Name", text("range")),
                ("Protocols.Metadata", Value::Bytes(vec![0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
            ];
            base.others = vec![
                ("a static member", vec![("GroupInstanceId", text("instance-1"))]),
                ("metadata that is none", vec![("Protocols.Metadata", Value::Bytes(vec![1, 2, 3]))]),
                ("a connector", vec![("ProtocolType", text("connect"))]),
            ];
            // A time-out that long would keep other members waiting as long.
            base.fixed = vec!["RebalanceTimeoutMs"];
        }
        "SyncGroup" => {
            base.before = JoinedMember;
            base.fields = vec![
                ("GenerationId", Value::symbol(&format!("generation:{group}"))),
                ("MemberId", Value::symbol(&format!("member:{group}"))),
                ("ProtocolType", text("consumer")),
                ("ProtocolName", text("range")),
                ("Assignments.MemberId", Value::symbol(&format!("member:{group}"))),
                ("Assignments.Assignment", Value::Bytes(vec![0, 1, 0, 0, 0, 0])),
            ];
        }
        "Heartbeat" => {
            base.before = Member;
            base.fields = vec![
                ("GenerationId", Value::symbol(&format!("generation:{group}"))),
                ("MemberId", Value::symbol(&format!("member:{group}"))),
            ];
        }
        "LeaveGroup" => {
            base.before = Member;
            base.fields = vec![
                ("MemberId", Value::symbol(&format!("member:{group}"))),
                ("Members.MemberId", Value::symbol(&format!("member:{group}"))),
            ];
        }
        "DescribeGroups" => {
            base.fields = vec![("Groups", texts(&[STANDING_GROUP]))];
            base.others = vec![("one that is not", vec![("Groups", texts(&["nobody-knows-this-group"]))])];
        }
        "ListGroups" => {
            base.fields = vec![("StatesFilter", texts(&["Empty"])), ("TypesFilter", texts(&["classic"]))];
            base.others = vec![
                ("states in small letters", vec![("StatesFilter", texts(&["empty", "dead"]))]),
                ("an unknown state", vec![("StatesFilter", texts(&["nonsense"]))]),
                ("an unknown type", vec![("TypesFilter", texts(&["nonsense"]))]),
                ("types in capitals", vec![("TypesFilter", texts(&["CLASSIC"]))]),
            ];
        }
        "ApiVersions" => {
            base.fields =
                vec![("ClientSoftwareName", text("apache-kafka-java")), ("ClientSoftwareVersion", text("4.3.1"))];
            base.special = vec![
                ("ClientSoftwareName", text("-a")),
                ("ClientSoftwareName", text("a-")),
                ("ClientSoftwareName", text("a b")),
                ("ClientSoftwareName", text("a.b")),
                ("ClientSoftwareVersion", text("1+2")),
            ];
        }
        "CreateTopics" => {
            base.before = Name;
            base.fields = vec![
                ("Topics.NumPartitions", int(2)),
                ("Topics.ReplicationFactor", int(1)),
                ("Topics.Assignments", Value::Array(Vec::new())),
                ("Topics.Configs", Value::Array(vec![setting("retention.ms", "60000")])),
                ("timeoutMs", int(10_000)),
            ];
            base.special = [
                ".",
                "..",
                "a.b",
                "a_b",
                "__consumer_offsets",
                "__transaction_state",
                "__cluster_metadata",
                "ü",
                "a b",
                "plain",
            ]
            .map(|name| ("Topics.Name", text(name)))
            .to_vec();
            base.others = TOPIC_SETTINGS
                .iter()
                .map(|(name, value)| ("a setting", vec![("Topics.Configs", Value::Array(vec![setting(name, value)]))]))
                .collect();
            let assignment = |partition, brokers: &[i64]| {
                let brokers = brokers.iter().copied().map(int).collect();
                Value::of(vec![("PartitionIndex", int(partition)), ("BrokerIds", Value::Array(brokers))])
            };
            for (name, assignments) in [
                ("assigned", vec![assignment(0, &[1]), assignment(1, &[1])]),
                ("assigned with a gap", vec![assignment(0, &[1]), assignment(2, &[1])]),
                ("assigned twice", vec![assignment(0, &[1]), assignment(0, &[1])]),
                ("assigned to nobody", vec![assignment(0, &[])]),
                ("assigned to a broker twice", vec![assignment(0, &[1, 1])]),
                ("assigned to a broker that is not", vec![assignment(0, &[9])]),
                ("assigned unevenly", vec![assignment(0, &[1]), assignment(1, &[1, 2])]),
                ("assigned from one", vec![assignment(1, &[1])]),
                ("assigned below zero", vec![assignment(-1, &[1])]),
            ] {
                let assignments = ("Topics.Assignments", Value::Array(assignments));
                let none =
                    vec![("Topics.NumPartitions", int(-1)), ("Topics.ReplicationFactor", int(-1)), assignments.clone()];
                base.others.push((name, none));
                base.others.push((name, vec![assignments]));
            }
            base.others
                .push(("defaults", vec![("Topics.NumPartitions", int(-1)), ("Topics.ReplicationFactor", int(-1))]));
        }
        "DeleteTopics" => {
            base.before = Topic;
            base.fields = vec![("Topics.TopicId", Value::Uuid([0; 16])), ("TimeoutMs", int(10_000))];
            base.others = vec![
                (
                    "by id",
                    vec![("Topics.TopicId", Value::symbol(&format!("topic:{topic}"))), ("Topics.Name", Value::Null)],
                ),
                ("by id and name", vec![("Topics.TopicId", Value::symbol(&format!("topic:{topic}")))]),
            ];
        }
        "DeleteRecords" => {
            base.before = Topic;
            base.fields = vec![("Topics.Partitions.Offset", int(2)), ("TimeoutMs", int(10_000))];
            base.others = vec![("of a compacted topic", vec![("Topics.Name", text("compacted"))])];
        }
        "InitProducerId" => base.fields = vec![("TransactionTimeoutMs", int(60_000))],
        "OffsetForLeaderEpoch" => base.fields = vec![("ReplicaId", int(-1))],
        "DescribeAcls" | "DeleteAcls" => {
            let prefix = if name == "DescribeAcls" { "" } else { "Filters." };
            base.fields = match prefix {
                "" => vec![
                    ("ResourceTypeFilter", int(1)),
                    ("PatternTypeFilter", int(1)),
                    ("Operation", int(1)),
                    ("PermissionType", int(1)),
                ],
                _ => vec![
                    ("Filters.ResourceTypeFilter", int(1)),
                    ("Filters.PatternTypeFilter", int(1)),
                    ("Filters.Operation", int(1)),
                    ("Filters.PermissionType", int(1)),
                ],
            };
        }
        "CreateAcls" => {
            base.fields = vec![
                ("Creations.ResourceType", int(2)),
                ("Creations.ResourceName", text("plain")),
                ("Creations.ResourcePatternType", int(3)),
                ("Creations.Principal", text("User:a")),
                ("Creations.Host", text("*")),
                ("Creations.Operation", int(3)),
                ("Creations.PermissionType", int(3)),
            ];
        }
        "DescribeConfigs" => {
            base.fields = resource(2, "plain");
            base.fields.push(("Resources.ConfigurationKeys", Value::Null));
            base.others = vec![
                ("the broker", resource(4, "1")),
                ("another broker", resource(4, "2")),
                ("no broker's id", resource(4, "x")),
                ("all brokers", resource(4, "")),
                ("the broker's loggers", resource(8, "1")),
                ("loggers of all", resource(8, "")),
                ("loggers of another", resource(8, "2")),
                ("loggers of no id", resource(8, "x")),
                ("client metrics", resource(16, "metrics-none")),
                ("client metrics without name", resource(16, "")),
                ("a group", resource(32, "group-none")),
                ("a group without name", resource(32, "")),
                ("an unknown kind", resource(3, "x")),
                ("the offsets topic", resource(2, "__consumer_offsets")),
                ("a bad name", resource(2, "bad/name")),
                ("a topic without name", resource(2, "")),
            ];
        }
        "AlterConfigs" | "IncrementalAlterConfigs" => {
            base.before = Topic;
            base.fields = resource(2, topic);
            base.fields.extend([
                ("Resources.Configs.Name", text("retention.ms")),
                ("Resources.Configs.Value", text("7200000")),
                ("Resources.Configs.ConfigOperation", int(0)),
            ]);
            base.others = alterations();
            if name == "IncrementalAlterConfigs" {
                for (operation, key, value) in [
                    (1, "retention.ms", Value::Null),
                    (1, "cleanup.policy", Value::Null),
                    (2, "cleanup.policy", text("compact")),
                    (2, "retention.ms", text("5")),
                    (3, "cleanup.policy", text("delete")),
                    (3, "cleanup.policy", text("compact")),
                    (0, "retention.ms", Value::Null),
                ] {
                    let change =
                        Value::of(vec![("Name", text(key)), ("Value", value), ("ConfigOperation", int(operation))]);
                    base.others.push(("an operation", vec![("Resources.Configs", Value::Array(vec![change]))]));
                }
            }
            // Another name or kind would be one of the standing resources.
            base.fixed = vec!["Resources.ResourceType"];
        }
        "AlterReplicaLogDirs" => {
            base.before = Topic;
            base.fields = vec![("Dirs.Path", Value::symbol("data-folder"))];
            base.special = vec![("Dirs.Path", text("/nowhere"))];
        }
        "DescribeLogDirs" => base.fields = vec![("Topics.Topic", text("plain"))],
        "CreatePartitions" => {
            base.before = Topic;
            base.fields =
                vec![("Topics.Count", int(4)), ("Topics.Assignments", Value::Null), ("TimeoutMs", int(10_000))];
            base.special = vec![("Topics.Count", int(3))];
            let assigned = |brokers: &[&[i64]]| {
                let one =
                    |ids: &&[i64]| Value::of(vec![("BrokerIds", Value::Array(ids.iter().copied().map(int).collect()))]);
                ("Topics.Assignments", Value::Array(brokers.iter().map(one).collect()))
            };
            base.others = vec![
                ("assigned", vec![("Topics.Count", int(3)), assigned(&[&[1]])]),
                ("assigned too few", vec![("Topics.Count", int(4)), assigned(&[&[1]])]),
                ("assigned too many", vec![("Topics.Count", int(3)), assigned(&[&[1], &[1]])]),
                ("assigned to nobody", vec![("Topics.Count", int(3)), assigned(&[&[]])]),
                ("assigned to another", vec![("Topics.Count", int(3)), assigned(&[&[9]])]),
                ("assigned twice", vec![("Topics.Count", int(3)), assigned(&[&[1, 1]])]),
                ("the offsets topic", vec![("Topics.Name", text("__consumer_offsets")), ("Topics.Count", int(5))]),
            ];
        }
        "DeleteGroups" => {
            base.before = Offsets;
            base.fields = vec![("GroupsNames", texts(&[group]))];
            base.others = vec![("one that is not", vec![("GroupsNames", texts(&["nobody-knows-this-group"]))])];
            base.fixed = vec!["GroupsNames"];
        }
        "ElectLeaders" => base.fields = vec![("TopicPartitions.Topic", text("plain")), ("TimeoutMs", int(10_000))],
        "AlterPartitionReassignments" => {
            base.before = Topic;
            base.fields = vec![("Topics.Partitions.Replicas", Value::Array(vec![int(1)]))];
            let replicas = |ids: &[i64]| {
                vec![("Topics.Partitions.Replicas", Value::Array(ids.iter().copied().map(int).collect()))]
            };
            base.others = vec![
                ("to nobody", replicas(&[])),
                ("to a broker twice", replicas(&[1, 1])),
                ("to another", replicas(&[9])),
                ("to two", replicas(&[1, 9])),
                ("below zero", replicas(&[-1])),
            ];
        }
        "ListPartitionReassignments" => base.fields = vec![("Topics.Name", text("plain"))],
        "OffsetDelete" => {
            base.before = Offsets;
            base.fields = vec![("Topics.Name", text("plain"))];
        }
        "DescribeClientQuotas" => {
            base.fields = vec![
                ("Components.EntityType", text("user")),
                ("Components.MatchType", int(0)),
                ("Components.Match", text("a")),
            ];
            base.special =
                ["client-id", "ip", "users", "User"].map(|kind| ("Components.EntityType", text(kind))).to_vec();
        }
        "AlterClientQuotas" => {
            base.fields = vec![
                ("Entries.Entity.EntityType", text("user")),
                ("Entries.Entity.EntityName", text("a")),
                ("Entries.Ops.Key", text("producer_byte_rate")),
                ("Entries.Ops.Value", Value::Float(1000.0)),
                ("ValidateOnly", Value::Bool(true)),
            ];
            base.fixed = vec!["ValidateOnly"];
        }
        "DescribeUserScramCredentials" => base.fields = vec![("Users.Name", text("nobody"))],
        "AlterUserScramCredentials" => {
            base.fields = vec![
                ("Deletions.Name", text("nobody")),
                ("Deletions.Mechanism", int(1)),
                ("Upsertions", Value::Array(Vec::new())),
            ];
            base.fixed = vec!["Upsertions.Name"];
        }
        "DescribeQuorum" => base.fields = vec![("Topics.TopicName", text("__cluster_metadata"))],
        "UpdateFeatures" => {
            base.fields = vec![
                ("FeatureUpdates.Feature", text("metadata.version")),
                ("FeatureUpdates.MaxVersionLevel", Value::symbol("metadata.version")),
                ("ValidateOnly", Value::Bool(true)),
            ];
            base.others = vec![
                (
                    "a feature nobody knows",
                    vec![("FeatureUpdates.Feature", text("nonsense")), ("FeatureUpdates.MaxVersionLevel", int(1))],
                ),
                ("far too high", vec![("FeatureUpdates.MaxVersionLevel", int(1000))]),
            ];
            base.fixed = vec!["ValidateOnly", "FeatureUpdates.MaxVersionLevel"];
        }
        "DescribeProducers" => base.fields = vec![("Topics.Name", text("plain"))],
        "UnregisterBroker" => {
            base.fields = vec![("BrokerId", int(99))];
            base.fixed = vec!["BrokerId"];
            base.others = vec![("below zero", vec![("BrokerId", int(-1))]), ("zero", vec![("BrokerId", int(0))])];
        }
        "ListConfigResources" => {
            base.fields = vec![("ResourceTypes", Value::Array(vec![int(2)]))];
            base.others = [1, 3, 4, 8, 16, 32, 64]
                .map(|kind| ("a kind", vec![("ResourceTypes", Value::Array(vec![int(kind)]))]))
                .to_vec();
        }
        "DescribeTopicPartitions" => {
            base.fields = vec![("Topics.Name", text("plain")), ("Cursor", Value::Null)];
            let cursor = |topic: &str, partition| {
                vec![("Cursor", Value::of(vec![("TopicName", text(topic)), ("PartitionIndex", int(partition))]))]
            };
            base.others = vec![
                ("from a cursor", cursor("plain", 1)),
                ("from a cursor behind the end", cursor("plain", 3)),
                ("from a cursor below zero", cursor("plain", -1)),
                ("from a cursor of a topic that is not", cursor("plaim", 0)),
                ("one at a time", vec![("ResponsePartitionLimit", int(1))]),
            ];
        }
        _ => {}
    }
    base
}
