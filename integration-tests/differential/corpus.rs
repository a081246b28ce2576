//! The corpus: for each version of each API a valid request, and copies of it in which one field has another value of its
//! type, a bound, an unknown name, nothing at all.

use crate::bases::{Base, Before, STANDING_GROUP, base};
use crate::batches::oddities;
use crate::schema::{Field, Schema, Type, Versions};
use crate::value::{Value, default};

/// One request of a case.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) key: i16,
    pub(crate) version: i16,
    pub(crate) request: Value,
    /// What to remember of the answer: symbol, and the path where its value stands.
    pub(crate) remember: Vec<(String, &'static str)>,
}

impl Step {
    pub(crate) fn new(key: i16, version: i16, request: Value) -> Self {
        Self { key, version, request, remember: Vec::new() }
    }

    pub(crate) fn remember(mut self, symbol: String, path: &'static str) -> Self {
        self.remember.push((symbol, path));
        self
    }
}

/// The topic of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// None of its own.
    Nothing,
    /// One with two partitions and three records, as the case before has left it if that has not changed it.
    Topic(String),
    /// One that is not there; if it is after the case, it is deleted.
    NoTopic(String),
}

/// Requests sent one after the other on one connection to each broker; every answer is compared.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
    /// What must be there before it.
    pub(crate) preparation: Preparation,
}

/// Creates a topic of one partition without settings, or with some.
pub(crate) fn create_topic(name: &str, partitions: i64, settings: &[(&str, &str)]) -> Step {
    let setting =
        |(name, value): &(&str, &str)| Value::of(vec![("Name", Value::text(name)), ("Value", Value::text(value))]);
    let topic = Value::of(vec![
        ("Name", Value::text(name)),
        ("NumPartitions", Value::Int(partitions)),
        ("ReplicationFactor", Value::Int(1)),
        ("Configs", Value::Array(settings.iter().map(setting).collect())),
    ]);
    let request = Value::of(vec![("Topics", Value::Array(vec![topic])), ("timeoutMs", Value::Int(30_000))]);
    Step::new(19, 7, request).remember(format!("topic:{name}"), "Topics.TopicId")
}

/// Writes bytes to a partition of a topic.
pub(crate) fn produce(topic: &str, partition: i64, records: Vec<u8>) -> Step {
    let partition = Value::of(vec![("Index", Value::Int(partition)), ("Records", Value::Bytes(records))]);
    let topic = Value::of(vec![("Name", Value::text(topic)), ("PartitionData", Value::Array(vec![partition]))]);
    let request = vec![
        ("TransactionalId", Value::Null),
        ("Acks", Value::Int(-1)),
        ("TimeoutMs", Value::Int(10_000)),
        ("TopicData", Value::Array(vec![topic])),
    ];
    Step::new(0, 9, Value::of(request))
}

/// Deletes a topic by its name.
pub(crate) fn delete_topic(topic: &str) -> Step {
    let named = Value::of(vec![("Name", Value::text(topic)), ("TopicId", Value::Uuid([0; 16]))]);
    Step::new(20, 6, Value::of(vec![("Topics", Value::Array(vec![named])), ("TimeoutMs", Value::Int(30_000))]))
}

/// Reads all there is in partition 0 of a topic.
pub(crate) fn fetch(topic: &str) -> Step {
    let partition = Value::of(vec![("FetchOffset", Value::Int(0)), ("PartitionMaxBytes", Value::Int(1_000_000))]);
    let topic = Value::of(vec![("Topic", Value::text(topic)), ("Partitions", Value::Array(vec![partition]))]);
    let request =
        vec![("MaxWaitMs", Value::Int(0)), ("MinBytes", Value::Int(0)), ("Topics", Value::Array(vec![topic]))];
    Step::new(1, 12, Value::of(request))
}

/// Joins a group as its only member.
pub(crate) fn join(group: &str, version: i16) -> Step {
    let protocol = Value::of(vec![
        ("Name", Value::text("range")),
        ("Metadata", Value::Bytes(vec![0, 0, 0, 0, 0, 1, 0, 5, b'p', b'l', b'a', b'i', b'n', 0xff, 0xff, 0xff, 0xff])),
    ]);
    let request = vec![
        ("GroupId", Value::text(group)),
        ("SessionTimeoutMs", Value::Int(60_000)),
        ("RebalanceTimeoutMs", Value::Int(60_000)),
        ("ProtocolType", Value::text("consumer")),
        ("Protocols", Value::Array(vec![protocol])),
    ];
    Step::new(11, version, Value::of(request))
        .remember(format!("member:{group}"), "MemberId")
        .remember(format!("generation:{group}"), "GenerationId")
}

/// Ends the rebalance of a group of one.
pub(crate) fn sync(group: &str) -> Step {
    let member = Value::symbol(&format!("member:{group}"));
    let assignment = Value::of(vec![
        ("MemberId", member.clone()),
        ("Assignment", Value::Bytes(vec![0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
    ]);
    let request = vec![
        ("GroupId", Value::text(group)),
        ("GenerationId", Value::symbol(&format!("generation:{group}"))),
        ("MemberId", member),
        ("ProtocolType", Value::text("consumer")),
        ("ProtocolName", Value::text("range")),
        ("Assignments", Value::Array(vec![assignment])),
    ];
    Step::new(14, 5, Value::of(request))
}

/// Commits offsets of partitions 0 and 1 of `plain` for a group without members.
pub(crate) fn commit(group: &str) -> Step {
    let partition = |index, offset| {
        Value::of(vec![
            ("PartitionIndex", Value::Int(index)),
            ("CommittedOffset", Value::Int(offset)),
            ("CommittedMetadata", Value::text("")),
        ])
    };
    let topic = Value::of(vec![
        ("Name", Value::text("plain")),
        ("Partitions", Value::Array(vec![partition(0, 2), partition(1, 1)])),
    ]);
    let request = vec![("GroupId", Value::text(group)), ("Topics", Value::Array(vec![topic]))];
    Step::new(8, 8, Value::of(request))
}

/// Makes the cases of an API. `number` gives each a name of its own.
pub(crate) struct Generator<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) number: usize,
}

impl Generator<'_> {
    /// All cases of an API in these versions.
    pub(crate) fn cases(&mut self, key: i16, versions: Versions) -> Vec<Case> {
        let mut cases = Vec::new();
        for version in versions.min..=versions.max {
            self.version_cases(key, version, &mut cases);
        }
        cases
    }

    fn version_cases(&mut self, key: i16, version: i16, cases: &mut Vec<Case>) {
        let message = &self.schema.requests[&key];
        for index in 0.. {
            self.number += 1;
            let before = base(&message.name, "", "").before;
            let own = format!("case-{}", self.number);
            let topic = match before {
                Before::Topic => "case-topic",
                Before::Name => own.as_str(),
                _ => "plain",
            };
            let group = match before {
                Before::JoinedMember | Before::Member | Before::Offsets | Before::Group => own.as_str(),
                _ => STANDING_GROUP,
            };
            // Made anew for each, with the names of the case.
            let mut variants = variants_of(self.schema, key, version, topic, group);
            if index >= variants.len() {
                return;
            }
            let (what, request) = variants.swap_remove(index);
            let mut steps = preparation(before, group);
            let step = Step::new(key, version, request);
            steps.push(if message.name == "JoinGroup" {
                step.remember(format!("member:{group}"), "MemberId")
            } else {
                step
            });
            steps.extend(look_after(&message.name, topic, group));
            cases.push(Case {
                name: format!("{} v{version}: {what}", message.name),
                steps,
                preparation: match before {
                    Before::Topic => Preparation::Topic(topic.to_owned()),
                    Before::Name => Preparation::NoTopic(topic.to_owned()),
                    _ => Preparation::Nothing,
                },
            });
        }
    }
}

fn preparation(before: Before, group: &str) -> Vec<Step> {
    match before {
        Before::Nothing | Before::Name | Before::Group | Before::Topic => Vec::new(),
        Before::JoinedMember => vec![join(group, 3)],
        Before::Member => vec![join(group, 3), sync(group)],
        Before::Offsets => vec![commit(group)],
    }
}

/// Shows what a request has changed.
fn look_after(name: &str, topic: &str, group: &str) -> Vec<Step> {
    let one = |field: &str, name: &str, more: Vec<(&str, Value)>| {
        let mut fields = vec![(field, Value::text(name))];
        fields.extend(more);
        Value::Array(vec![Value::of(fields)])
    };
    let describe_topic =
        Step::new(75, 0, Value::of(vec![("Topics", one("Name", topic, Vec::new())), ("Cursor", Value::Null)]));
    let resource =
        one("ResourceName", topic, vec![("ResourceType", Value::Int(2)), ("ConfigurationKeys", Value::Null)]);
    let describe_configs = Step::new(32, 4, Value::of(vec![("Resources", resource)]));
    let groups = Value::Array(vec![Value::text(group)]);
    let describe_group = Step::new(15, 5, Value::of(vec![("Groups", groups)]));
    let committed = Value::of(vec![("Groups", one("GroupId", group, vec![("Topics", Value::Null)]))]);
    let offsets = Step::new(9, 8, committed);
    match name {
        "Produce" | "DeleteRecords" => vec![fetch(topic)],
        "CreateTopics" | "AlterConfigs" | "IncrementalAlterConfigs" => vec![describe_topic, describe_configs],
        "DeleteTopics" | "CreatePartitions" | "AlterPartitionReassignments" => vec![describe_topic],
        "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" => vec![describe_group],
        "OffsetCommit" | "OffsetDelete" => vec![offsets],
        "DeleteGroups" => vec![describe_group, offsets],
        _ => Vec::new(),
    }
}

/// The requests of one version, by what is particular about each.
fn variants_of(schema: &Schema, key: i16, version: i16, topic: &str, group: &str) -> Vec<(String, Value)> {
    let message = &schema.requests[&key];
    let base = base(&message.name, topic, group);
    let making = Making { base: &base, version, is_newest: version == message.versions.max, topic, group };
    let request = making.structure(&message.fields, &[]);
    let mut variants = vec![("the base".to_owned(), request.clone())];
    for (name, fields) in &base.others {
        let other = making.structure(&message.fields, fields);
        let what = fields.iter().map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>().join(" ");
        if other != request {
            variants.push((format!("{name} ({what})"), other));
        }
    }
    making.field_variants(&message.fields, &request, &mut variants);
    if message.name == "Metadata" && version < METADATA_MAY_LEAVE_TOPICS_UNCREATED_FROM {
        variants.retain(|(what, _)| !what.contains(UNKNOWN) && !what.contains(ONE_UNKNOWN));
    }
    variants
}

/// Before, a topic is created by being asked about, and is there a little later, in each broker's own time.
const METADATA_MAY_LEAVE_TOPICS_UNCREATED_FROM: i16 = 4;
/// A name that nothing has.
const UNKNOWN: &str = "nobody-knows-this";
/// What a list is called that has it.
const ONE_UNKNOWN: &str = "one that is unknown beside";

struct Making<'a> {
    base: &'a Base,
    version: i16,
    is_newest: bool,
    topic: &'a str,
    group: &'a str,
}

impl Making<'_> {
    fn structure(&self, fields: &[Field], changed: &[(&'static str, Value)]) -> Value {
        let present = fields.iter().filter(|field| field.versions.contains(self.version));
        Value::Struct(present.map(|field| (field.name.clone(), self.field(field, changed))).collect())
    }

    fn field(&self, field: &Field, changed: &[(&'static str, Value)]) -> Value {
        let given = changed.iter().chain(&self.base.fields).find(|(path, _)| *path == field.path);
        if let Some((_, value)) = given {
            let fits = *value != Value::Null || field.nullable.contains(self.version);
            if fits {
                return value.clone();
            }
        }
        match (&field.kind, field.entity.as_deref()) {
            (Type::Text, Some("topicName")) => Value::text(self.topic),
            (Type::Text, Some("groupId")) => Value::text(self.group),
            (Type::Text, _) if field.nullable.contains(self.version) => Value::Null,
            (Type::Int(_), Some("brokerId")) if field.default.is_none() => Value::Int(1),
            (Type::Int(_), _) if field.name.eq_ignore_ascii_case("timeoutMs") => Value::Int(10_000),
            (Type::Uuid, _) if field.name == "TopicId" => Value::symbol(&format!("topic:{}", self.topic)),
            (Type::Array(element), entity) => match (&**element, entity) {
                (Type::Struct(fields), _) => Value::Array(vec![self.structure(fields, changed)]),
                (Type::Text, Some("topicName")) => Value::Array(vec![Value::text(self.topic)]),
                (Type::Text, Some("groupId")) => Value::Array(vec![Value::text(self.group)]),
                (Type::Int(_), Some("brokerId")) => Value::Array(vec![Value::Int(1)]),
                (Type::Int(_), _) => Value::Array(vec![Value::Int(0)]),
                _ => Value::Array(Vec::new()),
            },
            (Type::Struct(fields), _) => self.structure(fields, changed),
            _ => default(field, self.version),
        }
    }

    fn field_variants(&self, fields: &[Field], request: &Value, variants: &mut Vec<(String, Value)>) {
        for field in fields.iter().filter(|field| field.versions.contains(self.version)) {
            let Some(current) = request.at(&field.path) else { continue };
            if !self.base.fixed.contains(&field.path.as_str()) {
                for (what, value) in self.values(field, current) {
                    if value != *current {
                        let path = &field.path;
                        variants.push((format!("{path}={what}"), request.with(path, |_| value.clone())));
                    }
                }
            }
            match &field.kind {
                Type::Struct(inner) => self.field_variants(inner, request, variants),
                Type::Array(element) => {
                    if let Type::Struct(inner) = &**element {
                        self.field_variants(inner, request, variants);
                    }
                }
                _ => {}
            }
        }
    }

    /// What a field may be given in the place of its value, by name.
    fn values(&self, field: &Field, current: &Value) -> Vec<(String, Value)> {
        let mut values: Vec<(String, Value)> = Vec::new();
        let mut add = |what: &str, value: Value| values.push((what.to_owned(), value));
        // Kafka does not answer a Produce without records; to see that once is enough.
        let is_silent = matches!(field.kind, Type::Records) && !self.is_newest;
        if field.nullable.contains(self.version) && !is_silent {
            add("null", Value::Null);
        }
        match &field.kind {
            Type::Bool => {
                add("true", Value::Bool(true));
                add("false", Value::Bool(false));
            }
            Type::Int(size) => {
                let max = i64::MAX >> (64 - 8 * size);
                let waits = field.name.ends_with("WaitMs");
                let times_out = field.name.eq_ignore_ascii_case("timeoutMs");
                let numbers = match (waits, times_out) {
                    (true, _) => vec![-1, 0, 1],
                    // Whether a millisecond is enough depends on the moment.
                    (_, true) => vec![-1, 0, 60_000],
                    _ => vec![-1, 0, 1, i64::MIN >> (64 - 8 * size), -2, 2, 5, 100, max],
                };
                numbers.into_iter().for_each(|number| add(&number.to_string(), Value::Int(number)));
            }
            Type::Uint16 => [0, 1, 65_535].into_iter().for_each(|number| add(&number.to_string(), Value::Int(number))),
            Type::Float64 => [0.0, -1.0, f64::NAN, f64::INFINITY, 0.5]
                .into_iter()
                .for_each(|number| add(&number.to_string(), Value::Float(number))),
            Type::Text => {
                for text in ["", UNKNOWN, "a b/ü"] {
                    // Groups that cases share would be as the one before has left them, its members about to expire.
                    let is_group = field.path == "GroupId" && !text.is_empty();
                    let given = if is_group { format!("{text} of {}", self.group) } else { text.to_owned() };
                    add(&format!("{text:?}"), Value::Text(given));
                }
                add("250 letters", Value::Text("l".repeat(250)));
            }
            Type::Uuid => {
                add("zero", Value::Uuid([0; 16]));
                add("one", Value::Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
                add("unknown", Value::Uuid([7; 16]));
            }
            Type::Bytes => {
                add("no bytes", Value::Bytes(Vec::new()));
                add("one byte", Value::Bytes(vec![1]));
            }
            Type::Records => oddities().into_iter().for_each(|(what, bytes)| add(what, Value::Bytes(bytes))),
            Type::Array(_) => {
                add("empty", Value::Array(Vec::new()));
                if let Value::Array(elements) = current
                    && let Some(first) = elements.first()
                {
                    // A member of an older version that names a protocol twice is never answered by Kafka, and its group
                    // stays in a rebalance for good, for all later cases to see.
                    if field.path != "Protocols" || self.is_newest {
                        add("twice the same", Value::Array(vec![first.clone(), first.clone()]));
                    }
                    add(ONE_UNKNOWN, Value::Array(vec![first.clone(), unknown(first)]));
                }
            }
            Type::Struct(_) => {}
        }
        for (path, value) in &self.base.special {
            if *path == field.path {
                add(&value.to_string(), value.clone());
            }
        }
        values
    }
}

/// An element like this one that names something nobody knows.
fn unknown(element: &Value) -> Value {
    match element {
        Value::Int(number) => Value::Int(number + 1000),
        Value::Text(_) => Value::text(UNKNOWN),
        Value::Struct(fields) => {
            let mut fields = fields.clone();
            let names = ["Name", "Topic", "TopicName", "ResourceName", "GroupId", "MemberId", "TopicId", "Feature"];
            let numbers = ["Partition", "PartitionIndex", "Index"];
            for (name, value) in &mut fields {
                match value {
                    Value::Text(_) if names.contains(&name.as_str()) => *value = Value::text(UNKNOWN),
                    Value::Symbol(_) if name == "TopicId" => *value = Value::Uuid([7; 16]),
                    Value::Symbol(_) if name == "MemberId" => *value = Value::text(UNKNOWN),
                    Value::Int(number) if numbers.contains(&name.as_str()) => *number += 1000,
                    _ => {}
                }
            }
            Value::Struct(fields)
        }
        other => other.clone(),
    }
}
