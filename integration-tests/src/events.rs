//! What driver programs print: one event per line, its fields separated by tabs (see `README.md` beside `scenarios.yaml`).

use std::fmt;

use anyhow::{Context, Result, bail};

/// A record, as the broker acknowledged it or as a consumer received it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Where it is.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key, `None` where it has none.
    pub key: Option<String>,
    /// Its value.
    pub value: String,
}

/// A record with all that a client can see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Where it is.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key, `None` where it has none.
    pub key: Option<String>,
    /// Its value, `None` where it has none.
    pub value: Option<String>,
    /// Its headers in their order, with values that may be null.
    pub headers: Vec<(String, Option<String>)>,
}

/// One line of a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What follows belongs to this part of the scenario.
    Part(String),
    /// The callback of a send was called with success.
    Acked(Record),
    /// A consumer was given a record.
    Received(Record),
    /// A consumer was given a record, whole.
    Payload(Payload),
    /// The partitions that a member of a group now has, all of them.
    Assigned(Vec<i32>),
    /// The broker confirmed a committed offset: partition, offset.
    Committed(i32, i64),
    /// An answer to a question about offsets: which question, partition, offset.
    Offset(String, i32, i64),
    /// A fact with no shape of its own: name, value.
    Fact(String, String),
    /// The client reported that it may not do this: the error, and how long that took in milliseconds.
    Refused(String, u64),
}

impl Event {
    /// Reads a line; `None` if it is no event, but something a library has printed.
    ///
    /// # Errors
    /// It begins like an event and is none.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        let fields: Vec<&str> = line.split('\t').collect();
        let event = match fields.as_slice() {
            ["part", name] => Self::Part((*name).to_owned()),
            ["acked", record @ ..] => Self::Acked(parse_record(record, line)?),
            ["received", record @ ..] => Self::Received(parse_record(record, line)?),
            ["payload", payload @ ..] => Self::Payload(parse_payload(payload, line)?),
            ["assigned", partitions] => {
                let numbers = partitions.split(',').filter(|text| !text.is_empty());
                let mut partitions: Vec<i32> =
                    numbers.map(|text| text.parse().context(line.to_owned())).collect::<Result<_>>()?;
                partitions.sort_unstable();
                Self::Assigned(partitions)
            }
            ["committed", partition, offset] => Self::Committed(number(partition, line)?, number(offset, line)?),
            ["offset", question, partition, offset] => {
                Self::Offset((*question).to_owned(), number(partition, line)?, number(offset, line)?)
            }
            ["fact", name, value] => Self::Fact((*name).to_owned(), (*value).to_owned()),
            ["refused", error, milliseconds] => Self::Refused((*error).to_owned(), number(milliseconds, line)?),
            [first, _, ..] if KINDS.contains(first) => bail!("malformed event: {line:?}"),
            _ => return Ok(None),
        };
        Ok(Some(event))
    }

    /// Reads all events among `lines`.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn parse_all(lines: &[String]) -> Result<Vec<Self>> {
        lines.iter().filter_map(|line| Self::parse(line).transpose()).collect()
    }
}

/// The line that a driver prints for it.
impl fmt::Display for Event {
    fn fmt(&self, line: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = |line: &mut fmt::Formatter<'_>, kind: &str, record: &Record| {
            let key = record.key.as_deref().unwrap_or("-");
            write!(line, "{kind}\t{}\t{}\t{key}\t{}", record.partition, record.offset, record.value)
        };
        match self {
            Self::Part(name) => write!(line, "part\t{name}"),
            Self::Acked(acked) => record(line, "acked", acked),
            Self::Received(received) => record(line, "received", received),
            Self::Payload(payload) => {
                let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let (key, value) = (or_dash(&payload.key), or_dash(&payload.value));
                let header = |(name, value): &(String, Option<String>)| format!("{name}={}", or_dash(value));
                let headers: Vec<String> = payload.headers.iter().map(header).collect();
                let headers = headers.join(";");
                write!(line, "payload\t{}\t{}\t{key}\t{value}\t{headers}", payload.partition, payload.offset)
            }
            Self::Assigned(partitions) => {
                let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                write!(line, "assigned\t{}", partitions.join(","))
            }
            Self::Committed(partition, offset) => write!(line, "committed\t{partition}\t{offset}"),
            Self::Offset(question, partition, offset) => write!(line, "offset\t{question}\t{partition}\t{offset}"),
            Self::Fact(name, value) => write!(line, "fact\t{name}\t{value}"),
            Self::Refused(error, milliseconds) => write!(line, "refused\t{error}\t{milliseconds}"),
        }
    }
}

const KINDS: [&str; 9] = ["part", "acked", "received", "payload", "assigned", "committed", "offset", "fact", "refused"];

/// The records of all `Received` events, in the order in which they came.
#[must_use]
pub fn received(events: &[Event]) -> Vec<Record> {
    let records =
        events.iter().filter_map(|event| if let Event::Received(record) = event { Some(record) } else { None });
    records.cloned().collect()
}

/// The records of all `Acked` events, in the order in which they came.
#[must_use]
pub fn acked(events: &[Event]) -> Vec<Record> {
    let records = events.iter().filter_map(|event| if let Event::Acked(record) = event { Some(record) } else { None });
    records.cloned().collect()
}

/// The records of all `Payload` events, in the order in which they came.
#[must_use]
pub fn payloads(events: &[Event]) -> Vec<Payload> {
    let payloads =
        events.iter().filter_map(|event| if let Event::Payload(payload) = event { Some(payload) } else { None });
    payloads.cloned().collect()
}

/// The values of all facts of this name, in the order in which they came.
#[must_use]
pub fn facts(events: &[Event], name: &str) -> Vec<String> {
    let values = events.iter().filter_map(|event| match event {
        Event::Fact(fact, value) if fact == name => Some(value.clone()),
        _ => None,
    });
    values.collect()
}

/// The events between `Part(name)` and the next part.
#[must_use]
pub fn part<'a>(events: &'a [Event], name: &str) -> &'a [Event] {
    let start = events.iter().position(|event| matches!(event, Event::Part(part) if part == name));
    let Some(start) = start else { return &[] };
    let rest = &events[start + 1..];
    let end = rest.iter().position(|event| matches!(event, Event::Part(_))).unwrap_or(rest.len());
    &rest[..end]
}

fn parse_record(fields: &[&str], line: &str) -> Result<Record> {
    let [partition, offset, key, value] = fields else { bail!("malformed record: {line:?}") };
    Ok(Record {
        partition: number(partition, line)?,
        offset: number(offset, line)?,
        key: unless_dash(key),
        value: (*value).to_owned(),
    })
}

fn parse_payload(fields: &[&str], line: &str) -> Result<Payload> {
    let [partition, offset, key, value, headers] = fields else { bail!("malformed payload: {line:?}") };
    let headers = headers.split(';').filter(|text| !text.is_empty()).map(|header| {
        let (name, value) = header.split_once('=').with_context(|| format!("malformed header in {line:?}"))?;
        Ok((name.to_owned(), unless_dash(value)))
    });
    Ok(Payload {
        partition: number(partition, line)?,
        offset: number(offset, line)?,
        key: unless_dash(key),
        value: unless_dash(value),
        headers: headers.collect::<Result<_>>()?,
    })
}

fn unless_dash(text: &str) -> Option<String> {
    (text != "-").then(|| text.to_owned())
}

fn number<N: std::str::FromStr>(text: &str, line: &str) -> Result<N> {
    text.parse().ok().with_context(|| format!("not a number: {text:?} in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_kind() {
        let record =
            |key: Option<&str>| Record { partition: 1, offset: 7, key: key.map(str::to_owned), value: "v w".into() };
        let check = |line: &str, event: Event| {
            let parsed = Event::parse(line).unwrap();
            assert_eq!(parsed.as_ref(), Some(&event), "{line:?}");
            let printed = event.to_string();
            assert_eq!(Event::parse(&printed).unwrap(), parsed, "{printed:?}");
        };
        check("part\tfirst", Event::Part("first".into()));
        check("acked\t1\t7\t-\tv w", Event::Acked(record(None)));
        check("received\t1\t7\tk\tv w", Event::Received(record(Some("k"))));
        let payload = |key: Option<&str>, value: Option<&str>, headers| {
            let (key, value) = (key.map(str::to_owned), value.map(str::to_owned));
            Event::Payload(Payload { partition: 1, offset: 7, key, value, headers })
        };
        check("payload\t1\t7\t-\t\t", payload(None, Some(""), vec![]));
        let headers = vec![("a".into(), Some("1".into())), ("a".into(), None), ("b".into(), Some(String::new()))];
        check("payload\t1\t7\t\t-\ta=1;a=-;b=", payload(Some(""), None, headers));
        check("assigned\t2,0", Event::Assigned(vec![0, 2]));
        check("assigned\t", Event::Assigned(vec![]));
        check("committed\t0\t12", Event::Committed(0, 12));
        check("offset\tend\t2\t100", Event::Offset("end".into(), 2, 100));
        check("refused\tUnsupported\t15", Event::Refused("Unsupported".into(), 15));
        assert_eq!(Event::parse("OpenJDK warning: something").unwrap(), None);
        assert!(Event::parse("acked\t1\tx\t-\tv").is_err());
    }

    #[test]
    fn a_part_ends_where_the_next_begins() {
        let lines = ["part\ta", "committed\t0\t1", "part\tb", "committed\t0\t2"].map(str::to_owned);
        let events = Event::parse_all(&lines).unwrap();
        assert_eq!(part(&events, "a"), [Event::Committed(0, 1)]);
        assert_eq!(part(&events, "b"), [Event::Committed(0, 2)]);
        assert_eq!(part(&events, "c"), []);
    }
}
