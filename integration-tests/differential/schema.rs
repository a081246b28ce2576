//! The messages of Kafka's protocol as a table tells them, with no code generated from it: what this reads and writes is a
//! second opinion on what the broker's own codecs do.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// Every message of Apache Kafka 4.3, a field a line.
const MESSAGES: &str = include_str!("../../crates/protocol/schema/messages.tsv");

/// Versions `min..=max`; the empty range holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Versions {
    const NONE: Self = Self { min: 0, max: -1 };

    pub(crate) fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// `4-18`, `7`, `9+`, `none` or `-`.
    fn parse(text: &str) -> Result<Self> {
        let number = |text: &str| text.parse::<i16>().with_context(|| format!("versions {text:?}"));
        if matches!(text, "none" | "-" | "") {
            return Ok(Self::NONE);
        }
        if let Some(min) = text.strip_suffix('+') {
            return Ok(Self { min: number(min)?, max: i16::MAX });
        }
        match text.split_once('-') {
            Some((min, max)) => Ok(Self { min: number(min)?, max: number(max)? }),
            None => Ok(Self { min: number(text)?, max: number(text)? }),
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Bool,
    /// A signed integer of so many bytes: 1, 2, 4 or 8.
    Int(usize),
    Uint16,
    Float64,
    Text,
    Bytes,
    Records,
    Uuid,
    Struct(Vec<Field>),
    Array(Box<Type>),
}

/// A field of a message or of a structure in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// As in Kafka's schema.
    pub(crate) name: String,
    /// Names of the structures it is in and its own, joined by dots.
    pub(crate) path: String,
    pub(crate) kind: Type,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    /// The tag, in versions where it is a tagged field.
    pub(crate) tag: Option<(u32, Versions)>,
    /// What it stands for: `topicName`, `groupId`, `brokerId`...
    pub(crate) entity: Option<String>,
    /// The default as the schema writes it.
    pub(crate) default: Option<String>,
}

impl Field {
    /// The tag under which it is written in `version`, `None` where it stands in its place.
    pub(crate) fn tag_in(&self, version: i16) -> Option<u32> {
        self.tag.filter(|(_, versions)| versions.contains(version)).map(|(tag, _)| tag)
    }
}

/// A request or a response.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `Fetch`, without `Request` or `Response`.
    pub(crate) name: String,
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    pub(crate) fields: Vec<Field>,
}

/// Requests and responses by API key.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) requests: BTreeMap<i16, Message>,
    pub(crate) responses: BTreeMap<i16, Message>,
}

impl Schema {
    /// Reads the table.
    ///
    /// # Errors
    /// The table is not what it should be.
    pub(crate) fn read() -> Result<Self> {
        let mut schema = Self { requests: BTreeMap::new(), responses: BTreeMap::new() };
        for line in MESSAGES.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [
                key,
                kind,
                name,
                versions,
                flexible,
                path,
                field_type,
                field_versions,
                nullable,
                tag,
                tagged,
                default,
                ..,
            ] = columns[..]
            else {
                bail!("too few columns: {line:?}");
            };
            let (messages, name) = match kind {
                "request" => (&mut schema.requests, name.trim_end_matches("Request")),
                "response" => (&mut schema.responses, name.trim_end_matches("Response")),
                _ => continue,
            };
            let (versions, flexible) = (Versions::parse(versions)?, Versions::parse(flexible)?);
            let message = messages.entry(key.parse()?).or_insert_with(|| Message {
                name: name.to_owned(),
                versions,
                flexible,
                fields: Vec::new(),
            });
            if path == "-" {
                continue;
            }
            let tag = match tag {
                "-" => None,
                tag => Some((tag.parse()?, Versions::parse(tagged)?)),
            };
            let field = Field {
                name: path.rsplit('.').next().unwrap_or(path).to_owned(),
                path: path.to_owned(),
                kind: parse_type(field_type),
                versions: Versions::parse(field_versions)?,
                nullable: Versions::parse(nullable)?,
                tag,
                entity: columns.get(14).filter(|entity| **entity != "-").map(ToString::to_string),
                default: Some(default).filter(|default| *default != "-").map(str::to_owned),
            };
            let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            fields_at(&mut message.fields, parent).with_context(|| format!("{name}: {path}"))?.push(field);
        }
        Ok(schema)
    }
}

/// A structure's fields follow in later lines.
fn parse_type(text: &str) -> Type {
    if let Some(element) = text.strip_prefix("[]") {
        return Type::Array(Box::new(parse_type(element)));
    }
    match text {
        "bool" => Type::Bool,
        "int8" => Type::Int(1),
        "int16" => Type::Int(2),
        "int32" => Type::Int(4),
        "int64" => Type::Int(8),
        "uint16" => Type::Uint16,
        "float64" => Type::Float64,
        "string" => Type::Text,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        "uuid" => Type::Uuid,
        _ => Type::Struct(Vec::new()),
    }
}

/// The fields of the structure at `path`; the message's own where it is empty.
fn fields_at<'a>(fields: &'a mut Vec<Field>, path: &str) -> Result<&'a mut Vec<Field>> {
    if path.is_empty() {
        return Ok(fields);
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = fields.iter_mut().rev().find(|field| field.name == first).context("its structure comes later")?;
    let mut kind = &mut field.kind;
    while let Type::Array(element) = kind {
        kind = element;
    }
    match kind {
        Type::Struct(fields) => fields_at(fields, rest),
        _ => bail!("{first} is no structure"),
    }
}
