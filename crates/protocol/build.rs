//! Generates messages, records, error codes and API keys from the tables in `schema/`.
//!
//! The tables hold facts of Apache Kafka 4.3: one line per field. What is generated decodes with bounds (never
//! more capacity than the remaining bytes could fill) and encodes every version of the tables.

#![expect(clippy::disallowed_methods, reason = "a build script writes what it generates")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[path = "build/codecs.rs"]
mod codecs;
#[path = "build/numbers.rs"]
mod numbers;
#[path = "build/samples.rs"]
mod samples;

use codecs::code;
use numbers::{api_keys, error_codes};
use samples::Samples;

/// Versions from `min` to `max`, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Versions {
    min: i16,
    max: i16,
}

impl Versions {
    const NONE: Self = Self { min: 1, max: 0 };

    fn parse(text: &str) -> Self {
        match text {
            "-" | "none" | "" => Self::NONE,
            _ => {
                if let Some(min) = text.strip_suffix('+') {
                    Self { min: number(min), max: i16::MAX }
                } else if let Some((min, max)) = text.split_once('-') {
                    Self { min: number(min), max: number(max) }
                } else {
                    Self { min: number(text), max: number(text) }
                }
            }
        }
    }

    fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// A Rust condition that `version`, known to lie in `within`, is one of these; `None` where it always is.
    fn condition(self, within: Self) -> Condition {
        if self.is_empty() || self.min > within.max || self.max < within.min {
            return Condition::Never;
        }
        let low = self.min > within.min;
        let high = self.max < within.max;
        match (low, high) {
            (false, false) => Condition::Always,
            (true, false) => Condition::If(format!("version >= {}", self.min)),
            (false, true) => Condition::If(format!("version <= {}", self.max)),
            (true, true) if self.min == self.max => Condition::If(format!("version == {}", self.min)),
            (true, true) => Condition::If(format!("({}..={}).contains(&version)", self.min, self.max)),
        }
    }
}

fn number(text: &str) -> i16 {
    text.parse().unwrap_or_else(|_| panic!("not a version: {text:?}"))
}

#[derive(Clone, PartialEq)]
enum Condition {
    Always,
    Never,
    If(String),
}

impl Condition {
    fn expression(&self) -> String {
        match self {
            Self::Always => "true".to_owned(),
            Self::Never => "false".to_owned(),
            Self::If(text) => text.clone(),
        }
    }
}

/// One field of a message, with the fields of its own struct type below it.
#[derive(Clone, PartialEq, Debug)]
struct Field {
    name: String,
    kind: String,
    versions: Versions,
    nullable: Versions,
    tag: Option<u32>,
    tagged: Versions,
    default: String,
    children: Vec<Field>,
}

/// A message or record.
struct Message {
    name: String,
    versions: Versions,
    flexible: Versions,
    fields: Vec<Field>,
    doc: String,
}

fn main() {
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let schema = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("schema");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let write = |name: &str, text: String| fs::write(Path::new(&out).join(name), text).expect("OUT_DIR is writable");
    let apis = read(&schema.join("apis.tsv"));
    write("api_key.rs", api_keys(&apis));
    write("error_code.rs", error_codes(&read(&schema.join("errors.tsv"))));
    let mut samples = Samples::default();
    write("messages.rs", messages(&read(&schema.join("messages.tsv")), &mut samples));
    write("records.rs", records(&read(&schema.join("records.tsv")), &mut samples));
    write("samples.rs", samples.finish());
}

/// The lines of a table without its heading, split at tabs.
fn read(path: &Path) -> Vec<Vec<String>> {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (i, c) in characters.iter().enumerate() {
        if c.is_ascii_uppercase() {
            let after_lower = i > 0 && (characters[i - 1].is_ascii_lowercase() || characters[i - 1].is_ascii_digit());
            let before_lower = i > 0 && characters.get(i + 1).is_some_and(char::is_ascii_lowercase);
            if after_lower || before_lower {
                text.push('_');
            }
            text.push(c.to_ascii_lowercase());
        } else {
            text.push(*c);
        }
    }
    match text.as_str() {
        "type" | "match" | "enum" | "ref" => format!("r#{text}"),
        _ => text,
    }
}

fn pascal(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Hangs a field given by its dotted path under its parents.
fn insert(fields: &mut Vec<Field>, path: &str, field: Field) {
    match path.split_once('.') {
        None => fields.push(field),
        Some((parent, rest)) => {
            let parent = fields
                .iter_mut()
                .find(|candidate| candidate.name == parent)
                .unwrap_or_else(|| panic!("{path}: its parent comes first in the table"));
            insert(&mut parent.children, rest, field);
        }
    }
}

fn messages(lines: &[Vec<String>], samples: &mut Samples) -> String {
    let mut all: Vec<(String, Message)> = Vec::new();
    for line in lines {
        let (key, kind, name) = (&line[0], &line[1], &line[2]);
        if kind != "request" && kind != "response" {
            continue;
        }
        if all.last().is_none_or(|(_, message)| &message.name != name) {
            all.push((
                key.clone(),
                Message {
                    name: name.clone(),
                    versions: Versions::parse(&line[3]),
                    flexible: Versions::parse(&line[4]),
                    fields: Vec::new(),
                    doc: format!("The {kind} of API key {key}, versions {}.", line[3]),
                },
            ));
        }
        if line[5] == "-" || line[5] == "(no fields)" {
            continue;
        }
        let message = &mut all.last_mut().expect("pushed above").1;
        insert(
            &mut message.fields,
            &line[5],
            Field {
                name: line[5].rsplit('.').next().expect("split yields one").to_owned(),
                kind: line[6].clone(),
                versions: Versions::parse(&line[7]),
                nullable: Versions::parse(&line[8]),
                tag: line[9].parse().ok(),
                tagged: Versions::parse(&line[10]),
                default: line[11].clone(),
                children: Vec::new(),
            },
        );
    }
    let mut out = String::new();
    for (key, message) in all.iter().filter(|(_, message)| !message.versions.is_empty()) {
        let module = snake(&message.name);
        let _ = writeln!(out, "pub use {module}::{};", message.name);
        let _ = writeln!(out, "/// Structs of `{}` (API key {key}).\npub mod {module} {{\n{HEAD}", message.name);
        out.push_str(&code(message));
        out.push_str("}\n");
        samples.add(&format!("crate::messages::{module}"), message);
    }
    out
}

fn records(lines: &[Vec<String>], samples: &mut Samples) -> String {
    let mut all: Vec<(String, String, Message)> = Vec::new();
    for line in lines {
        let (log, kind, name) = (&line[0], &line[1], &line[2]);
        if all.last().is_none_or(|(_, _, message)| &message.name != name) {
            let flexible = if line[4] == "-" { Versions::NONE } else { Versions::parse(&format!("{}+", line[4])) };
            all.push((
                log.clone(),
                kind.clone(),
                Message {
                    name: name.clone(),
                    versions: Versions::parse(&line[3]),
                    flexible,
                    fields: Vec::new(),
                    doc: format!("Schema `{name}`, versions {}.", line[3]),
                },
            ));
        }
        if line[5] == "-" || line[5] == "(no fields)" {
            continue;
        }
        let (tag, tagged) = line[9].split_once('@').unwrap_or(("-", "-"));
        let message = &mut all.last_mut().expect("pushed above").2;
        insert(
            &mut message.fields,
            &line[5],
            Field {
                name: line[5].rsplit('.').next().expect("split yields one").to_owned(),
                kind: line[6].clone(),
                versions: Versions::parse(&line[7]),
                nullable: Versions::parse(&line[8]),
                tag: tag.parse().ok(),
                tagged: Versions::parse(tagged),
                default: line[10].clone(),
                children: Vec::new(),
            },
        );
    }
    let mut out = String::new();
    let modules: [(&str, &[&str], &str); 4] = [
        ("metadata", &["metadata"], "Records of the cluster metadata log."),
        ("group", &["group-key", "group-value"], "Records of `__consumer_offsets`: keys and values."),
        ("embedded", &["embedded"], "What clients embed in group metadata and assignments."),
        ("control", &["control"], "Contents of control records."),
    ];
    for (module, logs, doc) in modules {
        let _ = writeln!(out, "/// {doc}\npub mod {module} {{\n{HEAD}");
        let mine: Vec<_> = all.iter().filter(|(log, _, _)| logs.contains(&log.as_str())).collect();
        for (_, kind, message) in &mine {
            // Structs of one record's own get the record's name in front where another record has the same name.
            let _ = writeln!(out, "pub use {}::{};", snake(&message.name), message.name);
            let _ = writeln!(out, "/// Structs of `{}`.\npub mod {} {{\n{HEAD}", message.name, snake(&message.name));
            out.push_str(&code(message));
            samples.add(&format!("crate::records::{module}::{}", snake(&message.name)), message);
            if let Ok(id) = kind.parse::<i16>() {
                let _ = writeln!(
                    out,
                    "impl {} {{\n/// The number that names this schema in its log.\npub const TYPE: i16 = {id};\n}}",
                    message.name
                );
            }
            out.push_str("}\n");
        }
        if module == "metadata" {
            out.push_str(&metadata_enum(&mine));
        }
        out.push_str("}\n");
    }
    out
}

fn metadata_enum(mine: &[&(String, String, Message)]) -> String {
    let mut out = String::from(
        "/// One record of the cluster metadata log.\n#[derive(Clone, Debug, PartialEq)]\n#[expect(missing_docs, reason = \"each variant is the record it holds\")]\npub enum MetadataRecord {\n",
    );
    let variant = |message: &Message| message.name.trim_end_matches("Record").to_owned();
    for (_, _, message) in mine {
        let _ = writeln!(out, "{}({}),", variant(message), message.name);
    }
    out.push_str("}\nimpl MetadataRecord {\n/// Type and version under which the record is written.\n#[must_use]\npub fn type_and_version(&self) -> (u32, i16) {\nmatch self {\n");
    for (_, id, message) in mine {
        let _ = writeln!(out, "Self::{}(_) => ({id}, {}),", variant(message), message.versions.max);
    }
    out.push_str("}\n}\npub(crate) fn encode_body(&self, writer: &mut Writer, version: i16) {\nmatch self {\n");
    for (_, _, message) in mine {
        let _ = writeln!(out, "Self::{}(record) => record.encode(writer, version),", variant(message));
    }
    out.push_str("}\n}\npub(crate) fn decode_body(kind: u32, version: i16, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {\nOk(match (kind, version) {\n");
    for (_, id, message) in mine {
        let _ = writeln!(
            out,
            "({id}, {}..={}) => Self::{}({}::decode(reader, version)?),",
            message.versions.min,
            message.versions.max,
            variant(message),
            message.name
        );
    }
    out.push_str("_ => return Err(DecodeError::UnknownRecord { kind, version }),\n})\n}\n}\n");
    for (_, _, message) in mine {
        let _ = writeln!(
            out,
            "impl From<{0}> for MetadataRecord {{ fn from(record: {0}) -> Self {{ Self::{1}(record) }} }}",
            message.name,
            variant(message)
        );
    }
    out
}

const HEAD: &str = "#[allow(unused_imports, reason = \"generated alike for all\")]\nuse crate::wire::{DecodeError, Message, Reader, Writer};\n#[allow(unused_imports, reason = \"generated alike for all\")]\nuse {bytes::Bytes, dohle_model::Uuid};";
