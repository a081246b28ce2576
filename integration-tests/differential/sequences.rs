//! Cases of several steps in an order that matters: right ones, wrong ones, and what a broker must remember between them.

use crate::batches::Batch;
use crate::corpus::{Case, Preparation, Step, commit, create_topic, delete_topic, fetch, join, produce, sync};
use crate::value::Value;

/// All sequences.
pub(crate) fn sequences() -> Vec<Case> {
    let mut cases = vec![
        member_life(),
        static_member(),
        wrong_members(),
        group_deletion(),
        idempotent_producer(),
        producer_epochs(),
        fetch_session(),
        records_deletion(),
        topic_again(),
    ];
    cases.extend((0..=9).map(join_version));
    cases
}

fn case(name: &str, topic: Option<&str>, steps: Vec<Step>) -> Case {
    let preparation = topic.map_or(Preparation::Nothing, |topic| Preparation::NoTopic(topic.to_owned()));
    Case { name: format!("sequence: {name}"), steps, preparation }
}

fn member(group: &str) -> Value {
    Value::symbol(&format!("member:{group}"))
}

fn generation(group: &str) -> Value {
    Value::symbol(&format!("generation:{group}"))
}

fn with(mut step: Step, changes: Vec<(&str, Value)>) -> Step {
    if let Value::Struct(fields) = &mut step.request {
        for (name, value) in changes {
            fields.retain(|(own, _)| own != name);
            fields.push((name.to_owned(), value));
        }
    }
    step
}

fn heartbeat(group: &str, generation: Value, member: Value) -> Step {
    let request = vec![
        ("GroupId", Value::text(group)),
        ("GenerationId", generation),
        ("MemberId", member),
        ("GroupInstanceId", Value::Null),
    ];
    Step::new(12, 4, Value::of(request))
}

fn describe(group: &str) -> Step {
    Step::new(15, 5, Value::of(vec![("Groups", Value::Array(vec![Value::text(group)]))]))
}

fn leave(group: &str, member: Value) -> Step {
    let leaving =
        Value::of(vec![("MemberId", member), ("GroupInstanceId", Value::Null), ("Reason", Value::text("done"))]);
    Step::new(13, 5, Value::of(vec![("GroupId", Value::text(group)), ("Members", Value::Array(vec![leaving]))]))
}

fn offsets(group: &str) -> Step {
    let asked = Value::of(vec![("GroupId", Value::text(group)), ("Topics", Value::Null)]);
    Step::new(9, 8, Value::of(vec![("Groups", Value::Array(vec![asked]))]))
}

fn delete_group(group: &str) -> Step {
    Step::new(42, 2, Value::of(vec![("GroupsNames", Value::Array(vec![Value::text(group)]))]))
}

fn delete_offsets(group: &str, topic: &str) -> Step {
    let partition = Value::of(vec![("PartitionIndex", Value::Int(0))]);
    let topic = Value::of(vec![("Name", Value::text(topic)), ("Partitions", Value::Array(vec![partition]))]);
    Step::new(47, 0, Value::of(vec![("GroupId", Value::text(group)), ("Topics", Value::Array(vec![topic]))]))
}

fn metadata(topic: &str) -> Step {
    let named = Value::of(vec![("Name", Value::text(topic)), ("TopicId", Value::Uuid([0; 16]))]);
    let request = vec![("Topics", Value::Array(vec![named])), ("AllowAutoTopicCreation", Value::Bool(false))];
    Step::new(3, 12, Value::of(request))
}

fn list_offsets(topic: &str, time: i64) -> Step {
    let partition = Value::of(vec![("PartitionIndex", Value::Int(0)), ("Timestamp", Value::Int(time))]);
    let topic = Value::of(vec![("Name", Value::text(topic)), ("Partitions", Value::Array(vec![partition]))]);
    Step::new(2, 7, Value::of(vec![("ReplicaId", Value::Int(-1)), ("Topics", Value::Array(vec![topic]))]))
}

fn delete_records(topic: &str, offset: i64) -> Step {
    let partition = Value::of(vec![("PartitionIndex", Value::Int(0)), ("Offset", Value::Int(offset))]);
    let topic = Value::of(vec![("Name", Value::text(topic)), ("Partitions", Value::Array(vec![partition]))]);
    Step::new(21, 2, Value::of(vec![("Topics", Value::Array(vec![topic])), ("TimeoutMs", Value::Int(10_000))]))
}

/// A member that does everything in its order, and then what it no longer may.
fn member_life() -> Case {
    let group = "seq-life";
    let commit_as = |member: Value, generation: Value| {
        with(commit(group), vec![("MemberId", member), ("GenerationIdOrMemberEpoch", generation)])
    };
    let steps = vec![
        // Version 9 asks for an id first, and gives one.
        join(group, 9),
        describe(group),
        heartbeat(group, Value::Int(0), member(group)),
        with(join(group, 9), vec![("MemberId", member(group))]),
        describe(group),
        heartbeat(group, generation(group), member(group)),
        commit_as(member(group), generation(group)),
        with(sync(group), vec![("ProtocolName", Value::text("roundrobin"))]),
        with(sync(group), vec![("ProtocolType", Value::text("connect"))]),
        sync(group),
        sync(group),
        describe(group),
        heartbeat(group, generation(group), member(group)),
        heartbeat(group, Value::Int(99), member(group)),
        heartbeat(group, generation(group), Value::text("nobody")),
        commit_as(member(group), generation(group)),
        commit_as(member(group), Value::Int(99)),
        commit_as(Value::text("nobody"), generation(group)),
        commit(group),
        offsets(group),
        delete_group(group),
        delete_offsets(group, "plain"),
        delete_offsets(group, "empty"),
        with(join(group, 9), vec![("MemberId", member(group))]),
        sync(group),
        leave(group, member(group)),
        leave(group, member(group)),
        heartbeat(group, generation(group), member(group)),
        sync(group),
        with(join(group, 9), vec![("MemberId", member(group))]),
        describe(group),
        offsets(group),
        delete_offsets(group, "plain"),
        offsets(group),
        delete_group(group),
        describe(group),
        offsets(group),
    ];
    case("a member's life", None, steps)
}

/// A static member that comes back under a new id.
fn static_member() -> Case {
    let group = "seq-static";
    let instance = ("GroupInstanceId", Value::text("instance"));
    let first = "member:seq-static-first";
    let mut joined = with(join(group, 9), vec![instance.clone()]);
    joined.remember.push((first.to_owned(), "MemberId"));
    let mut old = heartbeat(group, generation(group), Value::symbol(first));
    old = with(old, vec![instance.clone()]);
    let own = |step: Step| with(step, vec![instance.clone()]);
    let gone = Value::of(vec![
        ("MemberId", Value::text("")),
        ("GroupInstanceId", Value::text("instance")),
        ("Reason", Value::Null),
    ]);
    let leave_instance =
        Step::new(13, 5, Value::of(vec![("GroupId", Value::text(group)), ("Members", Value::Array(vec![gone]))]));
    let steps = vec![
        joined,
        own(sync(group)),
        old.clone(),
        own(join(group, 9)),
        describe(group),
        old,
        own(heartbeat(group, generation(group), member(group))),
        with(heartbeat(group, generation(group), member(group)), vec![("GroupInstanceId", Value::text("another"))]),
        own(with(
            commit(group),
            vec![("MemberId", Value::symbol(first)), ("GenerationIdOrMemberEpoch", generation(group))],
        )),
        own(with(join(group, 9), vec![("MemberId", Value::symbol(first))])),
        leave_instance.clone(),
        leave_instance,
        describe(group),
    ];
    case("a static member", None, steps)
}

/// Requests of members to groups that are not as they think.
fn wrong_members() -> Case {
    let group = "seq-wrong";
    let steps = vec![
        heartbeat(group, Value::Int(1), Value::text("m")),
        leave(group, Value::text("m")),
        with(join(group, 9), vec![("MemberId", Value::text("made-up"))]),
        with(commit(group), vec![("MemberId", Value::text("m")), ("GenerationIdOrMemberEpoch", Value::Int(1))]),
        describe(group),
        join(group, 3),
        with(join(group, 3), vec![("ProtocolType", Value::text("connect"))]),
        sync(group),
        describe(group),
    ];
    case("members that are wrong", None, steps)
}

fn group_deletion() -> Case {
    let group = "seq-deletion";
    let steps = vec![
        delete_group(group),
        delete_offsets(group, "plain"),
        commit(group),
        describe(group),
        delete_offsets(group, "nobody-knows-this"),
        delete_offsets(group, "plain"),
        offsets(group),
        delete_group(group),
        delete_group(group),
        offsets(group),
        commit(group),
        offsets(group),
    ];
    case("a group is deleted", None, steps)
}

/// A whole group's life begins with each version of JoinGroup.
fn join_version(version: i16) -> Case {
    let group = format!("seq-join-{version}");
    let group = group.as_str();
    let steps = vec![
        join(group, version),
        with(join(group, version), vec![("MemberId", member(group))]),
        sync(group),
        with(join(group, version), vec![("MemberId", member(group))]),
        describe(group),
        leave(group, member(group)),
    ];
    case(&format!("joining with version {version}"), None, steps)
}

/// Sequences of an idempotent producer: in order, again, with a gap, long ago.
fn idempotent_producer() -> Case {
    let topic = "seq-idempotent";
    let send = |sequence| produce(topic, 0, Batch::of_producer(4_000, 0, sequence).bytes());
    let mut steps = vec![create_topic(topic, 1, &[])];
    // Three records a batch: the next is three further on.
    steps.extend([0, 0, 3, 3, 0, 9, 7, 6, 9, 12, 15, 18, 0, 3, 18, 15, 6, 1].map(send));
    let overlap = Batch { records: vec![(Some("a"), Some("x"))], ..Batch::of_producer(4_000, 0, 19) };
    steps.push(produce(topic, 0, overlap.bytes()));
    // The greatest sequence is followed by zero.
    let late = Batch::of_producer(4_001, 0, i32::MAX - 1);
    steps.push(produce(topic, 0, late.bytes()));
    let described =
        Value::of(vec![("Name", Value::text(topic)), ("PartitionIndexes", Value::Array(vec![Value::Int(0)]))]);
    steps.push(Step::new(61, 0, Value::of(vec![("Topics", Value::Array(vec![described]))])));
    steps.push(fetch(topic));
    case("an idempotent producer", Some(topic), steps)
}

fn producer_epochs() -> Case {
    let topic = "seq-epochs";
    let send = |epoch, sequence| produce(topic, 0, Batch::of_producer(5_000, epoch, sequence).bytes());
    let mut steps = vec![create_topic(topic, 1, &[])];
    steps.extend(
        [(0, 0), (1, 3), (1, 0), (0, 3), (1, 3), (3, 1), (3, 0), (2, 0), (3, 0), (32_767, 0)]
            .map(|(epoch, sequence)| send(epoch, sequence)),
    );
    steps.push(fetch(topic));
    case("epochs of a producer", Some(topic), steps)
}

/// A fetch session from its beginning to its end, and with epochs that are wrong.
fn fetch_session() -> Case {
    let topic = "seq-session";
    let session = || Value::symbol("session:seq");
    let ask = |session: Value, epoch: i64, offset: Option<i64>, forgotten: bool| {
        let partition =
            |offset| Value::of(vec![("FetchOffset", Value::Int(offset)), ("PartitionMaxBytes", Value::Int(100_000))]);
        let named = |offset| {
            Value::of(vec![("Topic", Value::text(topic)), ("Partitions", Value::Array(vec![partition(offset)]))])
        };
        let forgotten_topic =
            Value::of(vec![("Topic", Value::text(topic)), ("Partitions", Value::Array(vec![Value::Int(0)]))]);
        let request = vec![
            ("MaxWaitMs", Value::Int(10)),
            ("MinBytes", Value::Int(1)),
            ("SessionId", session),
            ("SessionEpoch", Value::Int(epoch)),
            ("Topics", Value::Array(offset.map(named).into_iter().collect())),
            ("ForgottenTopicsData", Value::Array(forgotten.then_some(forgotten_topic).into_iter().collect())),
        ];
        Step::new(1, 12, Value::of(request))
    };
    let first = || ask(Value::Int(0), 0, Some(0), false).remember("session:seq".to_owned(), "SessionId");
    let write = || produce(topic, 0, Batch::default().bytes());
    let steps = vec![
        create_topic(topic, 1, &[]),
        write(),
        first(),
        ask(session(), 1, None, false),
        ask(session(), 2, Some(3), false),
        ask(session(), 3, None, false),
        write(),
        ask(session(), 4, None, false),
        ask(session(), 4, None, false),
        ask(session(), 9, None, false),
        ask(session(), 5, Some(99), false),
        ask(session(), 6, None, false),
        ask(session(), 7, Some(0), true),
        ask(session(), 8, None, true),
        ask(session(), 9, None, false),
        ask(session(), -1, None, false),
        ask(session(), 10, None, false),
        ask(Value::Int(77), 1, None, false),
        first(),
        ask(session(), 0, Some(0), false),
        ask(session(), 1, None, false),
    ];
    case("a fetch session", Some(topic), steps)
}

fn records_deletion() -> Case {
    let topic = "seq-records";
    let from = |offset| {
        let partition =
            Value::of(vec![("FetchOffset", Value::Int(offset)), ("PartitionMaxBytes", Value::Int(100_000))]);
        let topic = Value::of(vec![("Topic", Value::text(topic)), ("Partitions", Value::Array(vec![partition]))]);
        Step::new(1, 12, Value::of(vec![("Topics", Value::Array(vec![topic]))]))
    };
    let mut steps = vec![create_topic(topic, 1, &[])];
    steps.extend((0..4).map(|_| produce(topic, 0, Batch::default().bytes())));
    steps.extend([delete_records(topic, 4), from(0), from(3), from(4), from(12), from(13)]);
    steps.extend([-1, -2, -3, -4, -5, 0, 1_700_000_000_002].map(|time| list_offsets(topic, time)));
    steps.extend([
        delete_records(topic, 2),
        delete_records(topic, 13),
        delete_records(topic, -2),
        delete_records(topic, -1),
    ]);
    steps.extend([list_offsets(topic, -2), list_offsets(topic, -3), from(4), from(12)]);
    case("records are deleted", Some(topic), steps)
}

/// A topic is deleted and made again: its id is another, its records are gone.
fn topic_again() -> Case {
    let topic = "seq-again";
    let by_id = |symbol: &str| {
        let named = Value::of(vec![("Name", Value::Null), ("TopicId", Value::symbol(symbol))]);
        let request = vec![("Topics", Value::Array(vec![named])), ("AllowAutoTopicCreation", Value::Bool(false))];
        Step::new(3, 12, Value::of(request))
    };
    let mut first = create_topic(topic, 1, &[]);
    first.remember.push(("first".to_owned(), "Topics.TopicId"));
    let steps = vec![
        first,
        produce(topic, 0, Batch::default().bytes()),
        create_topic(topic, 1, &[]),
        delete_topic(topic),
        delete_topic(topic),
        metadata(topic),
        by_id("first"),
        produce(topic, 0, Batch::default().bytes()),
        fetch(topic),
        list_offsets(topic, -1),
        create_topic(topic, 2, &[]),
        by_id("first"),
        fetch(topic),
        list_offsets(topic, -1),
        metadata(topic),
    ];
    case("a topic is made again", Some(topic), steps)
}
