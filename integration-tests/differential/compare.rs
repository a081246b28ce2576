//! Two answers, field by field.

use std::collections::{BTreeMap, BTreeSet};

use crate::peer::{Outcome, Peer};
use crate::value::Value;

/// A place where the brokers do not say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The field, as `Responses.ErrorCode`; elements of arrays that have names are told apart as `Configs[retention.ms]`.
    pub(crate) field: String,
    pub(crate) kafka: String,
    pub(crate) dohle: String,
}

/// What differs. The parts of the answers that are each broker's own are given their common names first.
pub(crate) fn differences(kafka: (&Peer, &Outcome), dohle: (&Peer, &Outcome)) -> Vec<Difference> {
    let mut found = Vec::new();
    match (kafka.1, dohle.1) {
        (Outcome::Answer(left), Outcome::Answer(right)) => {
            compare("", &common("", left, kafka.0), &common("", right, dohle.0), &mut found);
        }
        (left, right) if left == right => {}
        (left, right) => {
            found.push(Difference { field: "(outcome)".to_owned(), kafka: outcome(left), dohle: outcome(right) });
        }
    }
    found
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(answer) => {
            let mut codes = BTreeSet::new();
            error_codes(answer, &mut codes);
            format!("an answer with error codes {codes:?}")
        }
        Outcome::Closed => "the connection is closed".to_owned(),
        Outcome::Silence => "no answer".to_owned(),
        Outcome::Unanswered => "no answer, as asked for".to_owned(),
        Outcome::Garbled(why) => format!("an answer that cannot be read: {why}"),
    }
}

/// Ids that requests of the corpus have made up, or that stand for none: these come back as they were sent.
const MADE_UP_IDS: [[u8; 16]; 3] = [[0; 16], [7; 16], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]];

/// Collects all error codes of an answer.
pub(crate) fn error_codes(value: &Value, codes: &mut BTreeSet<i64>) {
    match value {
        Value::Struct(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Int(code) if name == "ErrorCode" => _ = codes.insert(*code),
                    value => error_codes(value, codes),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| error_codes(element, codes)),
        _ => {}
    }
}

/// The value with what is the broker's own replaced by symbols: ids that it gave, its port, its folder.
fn common(name: &str, value: &Value, peer: &Peer) -> Value {
    match value {
        Value::Struct(fields) => {
            Value::Struct(fields.iter().map(|(name, value)| (name.clone(), common(name, value, peer))).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(|element| common(name, element, peer)).collect()),
        Value::Int(port) if name == "Port" => match peer.ports().find(|(_, own)| i64::from(*own) == *port) {
            Some((symbol, _)) => Value::symbol(symbol),
            None => value.clone(),
        },
        Value::Uuid(bytes) if !MADE_UP_IDS.contains(bytes) => {
            symbol_of(value, peer).unwrap_or_else(|| Value::symbol("an id that the broker gave"))
        }
        Value::Text(text) if !text.is_empty() => match symbol_of(value, peer) {
            Some(symbol) => symbol,
            None => {
                let data = peer.data().display().to_string();
                let mut text = text.replace(&data, "<data>");
                for (symbol, port) in peer.ports() {
                    text = text.replace(&format!(":{port}"), &format!(":<{symbol}>"));
                }
                for (symbol, meaning) in peer.symbols().filter(|(symbol, _)| symbol.starts_with("member:")) {
                    if let Value::Text(meaning) = meaning
                        && !meaning.is_empty()
                    {
                        text = text.replace(meaning, &format!("<{symbol}>"));
                    }
                }
                Value::Text(without_ids(&text))
            }
        },
        other => other.clone(),
    }
}

/// A text with the random ids in it, as in names of members, replaced.
fn without_ids(text: &str) -> String {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    const ID: usize = 36;
    let is_id = |part: &[u8]| {
        let mut groups = part.split(|byte| *byte == b'-');
        LENGTHS.iter().all(|length| {
            groups.next().is_some_and(|group| group.len() == *length && group.iter().all(u8::is_ascii_hexdigit))
        }) && groups.next().is_none()
    };
    let mut rest = text;
    let mut result = String::new();
    while let Some(start) = (0..rest.len()).find(|start| rest.as_bytes().get(*start..start + ID).is_some_and(is_id)) {
        result.push_str(&rest[..start]);
        result.push_str("<random>");
        rest = &rest[start + ID..];
    }
    result + rest
}

fn symbol_of(value: &Value, peer: &Peer) -> Option<Value> {
    peer.symbols().find(|(_, meaning)| *meaning == value).map(|(symbol, _)| Value::symbol(symbol))
}

/// Fields by which elements of an array are told apart, the first that an element has.
const NAMES: [&str; 17] = [
    "Name",
    "TopicName",
    "Topic",
    "ResourceName",
    "GroupId",
    "Key",
    "ApiKey",
    "TopicId",
    "PartitionIndex",
    "Partition",
    "Index",
    "MemberId",
    "User",
    "LogDir",
    "NodeId",
    "BrokerId",
    "EntityType",
];

fn compare(path: &str, kafka: &Value, dohle: &Value, found: &mut Vec<Difference>) {
    match (kafka, dohle) {
        (Value::Struct(left), Value::Struct(right)) => {
            for ((name, left), (_, right)) in left.iter().zip(right) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => compare_arrays(path, left, right, found),
        (left, right) if left.to_string() == right.to_string() => {}
        (left, right) => {
            found.push(Difference { field: path.to_owned(), kafka: left.to_string(), dohle: right.to_string() });
        }
    }
}

fn compare_arrays(path: &str, kafka: &[Value], dohle: &[Value], found: &mut Vec<Difference>) {
    let field = kafka.iter().chain(dohle).find_map(|element| NAMES.iter().find(|name| element.field(name).is_some()));
    let Some(field) = field else {
        if kafka.len() == dohle.len() {
            kafka.iter().zip(dohle).for_each(|(left, right)| compare(path, left, right, found));
        } else {
            let (kafka, dohle) = (Value::Array(kafka.to_vec()).to_string(), Value::Array(dohle.to_vec()).to_string());
            found.push(Difference { field: path.to_owned(), kafka, dohle });
        }
        return;
    };
    // Kafka's order is that of hash tables in many answers: elements are compared with those of the same name.
    let (left, right) = (by_name(kafka, field), by_name(dohle, field));
    let is_setting = kafka.iter().chain(dohle).any(|element| element.field("ConfigSource").is_some());
    for (name, elements) in &left {
        let path = if is_setting { format!("{path}[{name}]") } else { path.to_owned() };
        let others = right.get(name).map_or(&[][..], Vec::as_slice);
        for (index, element) in elements.iter().enumerate() {
            match others.get(index) {
                Some(other) => compare(&path, element, other, found),
                None => found.push(Difference {
                    field: path.clone(),
                    kafka: element.to_string(),
                    dohle: "(missing)".to_owned(),
                }),
            }
        }
    }
    for (name, elements) in &right {
        let path = if is_setting { format!("{path}[{name}]") } else { path.to_owned() };
        let known = left.get(name).map_or(0, Vec::len);
        for element in elements.iter().skip(known) {
            found.push(Difference { field: path.clone(), kafka: "(missing)".to_owned(), dohle: element.to_string() });
        }
    }
}

fn by_name<'a>(elements: &'a [Value], field: &str) -> BTreeMap<String, Vec<&'a Value>> {
    let mut named: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for element in elements {
        let name = match element.field(field) {
            Some(Value::Text(name)) => name.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        named.entry(name).or_default().push(element);
    }
    named
}
