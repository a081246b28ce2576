//! Generates messages, records, error codes and API keys from the tables in `schema/`.
//!
//! The tables hold facts of Apache Kafka 4.3: one line per field. What is generated decodes with bounds (never
//! more capacity than the remaining bytes could fill) and encodes every version of the tables.

#![expect(clippy::disallowed_methods, reason = "a build script writes what it generates")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[path = "build/samples.rs"]
mod samples;

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

/// The structs of a message and their codecs.
fn code(message: &Message) -> String {
    let mut out = String::new();
    let mut done: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    structs(&mut out, &message.name, &message.doc, &message.fields, message, true, &mut done);
    out
}

fn structs(
    out: &mut String,
    name: &str,
    doc: &str,
    fields: &[Field],
    message: &Message,
    top: bool,
    done: &mut BTreeMap<String, Vec<Field>>,
) {
    if let Some(before) = done.get(name) {
        assert!(before == fields, "{}: struct {name} has two shapes", message.name);
        return;
    }
    done.insert(name.to_owned(), fields.to_vec());
    let _ = writeln!(out, "/// {doc}\n#[derive(Clone, Debug, PartialEq)]\npub struct {name} {{");
    for field in fields {
        let _ =
            writeln!(out, "/// `{}`: {}.\npub {}: {},", field.name, field.kind, snake(&field.name), rust_type(field));
    }
    out.push_str("}\n");
    let _ = writeln!(out, "impl Default for {name} {{\nfn default() -> Self {{\nSelf {{");
    for field in fields {
        let _ = writeln!(out, "{}: {},", snake(&field.name), default_value(field));
    }
    out.push_str("}\n}\n}\n");

    let within = message.versions;
    let flexible = message.flexible.condition(within);
    if top {
        let _ = writeln!(
            out,
            "impl Message for {name} {{\nconst MIN_VERSION: i16 = {};\nconst MAX_VERSION: i16 = {};\n",
            within.min, within.max
        );
    } else {
        let _ = writeln!(out, "impl {name} {{");
    }
    let visibility = if top { "" } else { "pub(crate) " };
    // Decoding.
    let _ = writeln!(
        out,
        "#[allow(unused_variables, clippy::needless_update, clippy::default_trait_access, reason = \"generated alike for all\")]\n{visibility}fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {{"
    );
    if top {
        let _ = writeln!(
            out,
            "if !({}..={}).contains(&version) {{ return Err(DecodeError::Version(version)); }}",
            within.min, within.max
        );
    }
    let mutable = if fields.is_empty() { "" } else { "mut " };
    let _ = writeln!(out, "let flexible = {};\nlet {mutable}value = Self::default();", flexible.expression());
    for field in fields {
        let plain = plain_condition(field, within);
        if plain == Condition::Never {
            continue;
        }
        let read = read_expression(field, within, "reader", false);
        let assign = format!("value.{} = {read};", snake(&field.name));
        match plain {
            Condition::Always => {
                let _ = writeln!(out, "{assign}");
            }
            Condition::If(condition) => {
                let _ = writeln!(out, "if {condition} {{ {assign} }}");
            }
            Condition::Never => {}
        }
    }
    if flexible != Condition::Never {
        out.push_str("if flexible {\n");
        let tagged: Vec<&Field> = fields.iter().filter(|field| field.tag.is_some()).collect();
        if tagged.is_empty() {
            out.push_str("reader.skip_tagged_fields()?;\n");
        } else {
            out.push_str("reader.tagged_fields(|tag, reader| {\nmatch tag {\n");
            for field in tagged {
                let condition = field.tagged.condition(within);
                let guard = match condition {
                    Condition::Always => String::new(),
                    Condition::Never => continue,
                    Condition::If(text) => format!(" if {text}"),
                };
                let read = read_expression(field, within, "reader", true);
                let _ =
                    writeln!(out, "{}{guard} => value.{} = {read},", field.tag.expect("filtered"), snake(&field.name));
            }
            out.push_str("_ => return Ok(false),\n}\nOk(true)\n})?;\n");
        }
        out.push_str("}\n");
    }
    out.push_str("Ok(value)\n}\n");
    // Encoding.
    let _ = writeln!(
        out,
        "#[allow(unused_variables, clippy::default_trait_access, clippy::float_cmp, reason = \"generated alike for all\")]\n{visibility}fn encode(&self, writer: &mut Writer, version: i16) {{\nlet flexible = {};",
        flexible.expression()
    );
    if top {
        let _ = writeln!(
            out,
            "debug_assert!(({}..={}).contains(&version), \"version {{version}} of {name}\");",
            within.min, within.max
        );
    }
    for field in fields {
        let write = write_statement(field, within, &format!("self.{}", snake(&field.name)), "writer", false);
        match plain_condition(field, within) {
            Condition::Always => {
                let _ = writeln!(out, "{write}");
            }
            Condition::If(condition) => {
                let _ = writeln!(out, "if {condition} {{ {write} }}");
            }
            Condition::Never => {}
        }
    }
    if flexible != Condition::Never {
        let mut tagged: Vec<&Field> = fields
            .iter()
            .filter(|field| field.tag.is_some() && field.tagged.condition(within) != Condition::Never)
            .collect();
        tagged.sort_by_key(|field| field.tag);
        if tagged.is_empty() {
            out.push_str("if flexible { writer.unsigned_varint(0); }\n");
        } else {
            out.push_str("if flexible {\nlet mut count = 0_u32;\n");
            for field in &tagged {
                let _ = writeln!(
                    out,
                    "let present_{} = {} && {};\ncount += u32::from(present_{0});",
                    field.tag.expect("filtered"),
                    field.tagged.condition(within).expression(),
                    differs(field)
                );
            }
            out.push_str("writer.unsigned_varint(count);\n");
            for field in &tagged {
                let tag = field.tag.expect("filtered");
                let write = write_statement(field, within, &format!("self.{}", snake(&field.name)), "writer", true);
                let _ = writeln!(out, "if present_{tag} {{\nwriter.tagged_field({tag}, |writer| {{ {write} }});\n}}");
            }
            out.push_str("}\n");
        }
    }
    out.push_str("}\n}\n");
    for field in fields {
        if !field.children.is_empty() {
            let child = element(&field.kind);
            structs(
                out,
                child,
                &format!("Part of `{}`: `{}`.", message.name, field.name),
                &field.children,
                message,
                false,
                done,
            );
        }
    }
}

/// When a field stands in its plain place: in its versions but not in those where it is tagged.
fn plain_condition(field: &Field, within: Versions) -> Condition {
    if field.tag.is_none() {
        return field.versions.condition(within);
    }
    let max = field.versions.max.min(field.tagged.min - 1);
    Versions { min: field.versions.min, max }.condition(within)
}

fn element(kind: &str) -> &str {
    kind.strip_prefix("[]").unwrap_or(kind)
}

fn scalar(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "int8" => "i8",
        "int16" => "i16",
        "int32" => "i32",
        "int64" => "i64",
        "uint16" => "u16",
        "uint32" => "u32",
        "bool" => "bool",
        "float64" => "f64",
        "uuid" => "Uuid",
        _ => return None,
    })
}

fn rust_type(field: &Field) -> String {
    let of = |kind: &str| match kind {
        "string" => "String".to_owned(),
        "bytes" | "records" => "Bytes".to_owned(),
        _ => scalar(kind).map_or_else(|| pascal(kind), str::to_owned),
    };
    let inner = field.kind.strip_prefix("[]").map_or_else(|| of(&field.kind), |kind| format!("Vec<{}>", of(kind)));
    if field.nullable.is_empty() { inner } else { format!("Option<{inner}>") }
}

fn is_struct(kind: &str) -> bool {
    !kind.starts_with("[]") && scalar(kind).is_none() && !matches!(kind, "string" | "bytes" | "records")
}

fn default_value(field: &Field) -> String {
    let nullable = !field.nullable.is_empty();
    if nullable && field.default == "null" {
        return "None".to_owned();
    }
    let value = match field.kind.as_str() {
        "bool" => field.default.eq_ignore_ascii_case("true").to_string(),
        "float64" => {
            if field.default == "-" {
                "0.0".to_owned()
            } else {
                format!("{}_f64", field.default)
            }
        }
        "uuid" => "Uuid::ZERO".to_owned(),
        kind if scalar(kind).is_some() => match field.default.as_str() {
            "-" | "" => "0".to_owned(),
            text => text.to_owned(),
        },
        "string" => match field.default.trim_matches('"') {
            "-" | "" => "String::new()".to_owned(),
            text => format!("String::from({text:?})"),
        },
        "bytes" | "records" => "Bytes::new()".to_owned(),
        kind if kind.starts_with("[]") => "Vec::new()".to_owned(),
        kind => format!("{}::default()", pascal(kind)),
    };
    if nullable { format!("Some({value})") } else { value }
}

/// Whether a tagged field differs from its default and so must be written.
fn differs(field: &Field) -> String {
    let name = format!("self.{}", snake(&field.name));
    if field.nullable.is_empty() {
        match field.kind.as_str() {
            "bool" => return if field.default.eq_ignore_ascii_case("true") { format!("!{name}") } else { name },
            kind if kind.starts_with("[]") => return format!("!{name}.is_empty()"),
            "string" | "bytes" if default_value(field).ends_with("new()") => return format!("!{name}.is_empty()"),
            _ => {}
        }
    } else if field.default == "null" {
        return format!("{name}.is_some()");
    }
    format!("{name} != {}", default_value(field))
}

fn read_one(kind: &str, reader: &str) -> String {
    match kind {
        "string" => format!("{reader}.string(flexible)?"),
        "bytes" | "records" => format!("{reader}.bytes(flexible)?"),
        _ => scalar(kind)
            .map_or_else(|| format!("{}::decode({reader}, version)?", pascal(kind)), |_| format!("{reader}.{kind}()?")),
    }
}

fn read_expression(field: &Field, within: Versions, reader: &str, tagged: bool) -> String {
    let nullable = field.nullable.condition(within);
    if let Some(kind) = field.kind.strip_prefix("[]") {
        let each = read_one(kind, "reader");
        let call = format!("{reader}.array(flexible, |reader| Ok({each}))?");
        return wrap_null(field, &nullable, call);
    }
    match field.kind.as_str() {
        "string" => wrap_null(field, &nullable, format!("{reader}.nullable_string(flexible)?")),
        "bytes" | "records" => wrap_null(field, &nullable, format!("{reader}.nullable_bytes(flexible)?")),
        kind if is_struct(kind) && !field.nullable.is_empty() => {
            let decode = format!("Some({}::decode({reader}, version)?)", pascal(kind));
            let present = if tagged { format!("{reader}.tagged_presence()?") } else { format!("{reader}.presence()?") };
            match nullable {
                Condition::Always => format!("if {present} {{ {decode} }} else {{ None }}"),
                Condition::Never => decode,
                Condition::If(condition) => format!("if !({condition}) || {present} {{ {decode} }} else {{ None }}"),
            }
        }
        kind => {
            let one = read_one(kind, reader);
            if field.nullable.is_empty() { one } else { format!("Some({one})") }
        }
    }
}

/// `call` yields an option; a field that may not be null in this version turns none into an error.
fn wrap_null(field: &Field, nullable: &Condition, call: String) -> String {
    if field.nullable.is_empty() {
        return format!("{call}.ok_or(DecodeError::Null({:?}))?", field.name);
    }
    match nullable {
        Condition::Always => call,
        Condition::Never => format!("Some({call}.ok_or(DecodeError::Null({:?}))?)", field.name),
        Condition::If(condition) => format!(
            "{{ let read = {call}; if read.is_none() && !({condition}) {{ return Err(DecodeError::Null({:?})); }} read }}",
            field.name
        ),
    }
}

fn write_one(kind: &str, value: &str, writer: &str) -> String {
    match kind {
        "string" => format!("{writer}.string({value}, flexible);"),
        "bytes" | "records" => format!("{writer}.bytes({value}, flexible);"),
        _ => scalar(kind)
            .map_or_else(|| format!("{value}.encode({writer}, version);"), |_| format!("{writer}.{kind}(*{value});")),
    }
}

fn write_statement(field: &Field, within: Versions, value: &str, writer: &str, tagged: bool) -> String {
    let nullable = field.nullable.condition(within);
    let optional = !field.nullable.is_empty();
    if let Some(kind) = field.kind.strip_prefix("[]") {
        let each = write_one(kind, "item", writer);
        let all =
            |items: &str| format!("{writer}.array_length({items}.len(), flexible); for item in {items} {{ {each} }}");
        return if optional {
            let none = null_or_empty(
                &nullable,
                &format!("{writer}.null_array(flexible);"),
                &format!("{writer}.array_length(0, flexible);"),
            );
            format!("match &{value} {{ Some(items) => {{ {} }} None => {{ {none} }} }}", all("items"))
        } else {
            all(&format!("&{value}"))
                .replace(&format!("(&{value}.len()"), &format!("({value}.len()"))
                .replace(&format!("&{value}.len()"), &format!("{value}.len()"))
        };
    }
    match field.kind.as_str() {
        kind @ ("string" | "bytes" | "records") if optional => {
            let none = null_or_empty(
                &nullable,
                &(if kind == "string" {
                    format!("{writer}.null_string(flexible);")
                } else {
                    format!("{writer}.null_bytes(flexible);")
                }),
                &write_one(kind, if kind == "string" { "\"\"" } else { "&[]" }, writer),
            );
            format!("match &{value} {{ Some(item) => {{ {} }} None => {{ {none} }} }}", write_one(kind, "item", writer))
        }
        kind if is_struct(kind) && optional => {
            let presence = |there: bool| {
                if tagged {
                    format!("{writer}.unsigned_varint({});", u8::from(there))
                } else {
                    format!("{writer}.int8({});", if there { 1 } else { -1 })
                }
            };
            let (some, none) = match &nullable {
                Condition::Always => (presence(true), presence(false)),
                Condition::Never => (String::new(), format!("{}::default().encode({writer}, version);", pascal(kind))),
                Condition::If(condition) => (
                    format!("if {condition} {{ {} }}", presence(true)),
                    format!(
                        "if {condition} {{ {} }} else {{ {}::default().encode({writer}, version); }}",
                        presence(false),
                        pascal(kind)
                    ),
                ),
            };
            format!(
                "match &{value} {{ Some(item) => {{ {some} item.encode({writer}, version); }} None => {{ {none} }} }}"
            )
        }
        kind => write_one(kind, &format!("&{value}"), writer)
            .replace(&format!("(*&{value})"), &format!("({value})"))
            .replace(&format!("&{value}.encode"), &format!("{value}.encode")),
    }
}

fn null_or_empty(nullable: &Condition, null: &str, empty: &str) -> String {
    match nullable {
        Condition::Always => null.to_owned(),
        Condition::Never => empty.to_owned(),
        Condition::If(condition) => format!("if {condition} {{ {null} }} else {{ {empty} }}"),
    }
}

fn api_keys(lines: &[Vec<String>]) -> String {
    let mut out = String::from(
        "/// The APIs of Kafka 4.3 by name; the discriminant is the key on the wire.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\n#[expect(missing_docs, reason = \"each variant is the API of its name\")]\npub enum ApiKey {\n",
    );
    for line in lines {
        let _ = writeln!(out, "{} = {},", line[1], line[0]);
    }
    out.push_str("}\nimpl ApiKey {\n/// The API of a key, where Kafka 4.3 has one.\n#[must_use]\npub const fn from_code(code: i16) -> Option<Self> {\nSome(match code {\n");
    for line in lines {
        let _ = writeln!(out, "{} => Self::{},", line[0], line[1]);
    }
    out.push_str("_ => return None,\n})\n}\n/// The API's name.\n#[must_use]\npub const fn name(self) -> &'static str {\nmatch self {\n");
    for line in lines {
        let _ = writeln!(out, "Self::{0} => \"{0}\",", line[1]);
    }
    out.push_str("}\n}\n/// The first version with compact types and tagged fields; `None` where no version has them.\n#[must_use]\npub const fn flexible_from(self) -> Option<i16> {\nmatch self {\n");
    for line in lines {
        let version = match line[7].as_str() {
            "-" => "None".to_owned(),
            version => format!("Some({})", version.parse::<i16>().expect("the first flexible version is a number")),
        };
        let _ = writeln!(out, "Self::{} => {version},", line[1]);
    }
    out.push_str("}\n}\n}\n");
    out
}

fn error_codes(lines: &[Vec<String>]) -> String {
    let name = |text: &str| text.split('_').map(|word| pascal(&word.to_ascii_lowercase())).collect::<String>();
    let mut seen = BTreeSet::new();
    let mut out = String::from(
        "/// What a broker answers when it cannot do what was asked; `None` is success.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]\n#[repr(i16)]\n#[expect(missing_docs, reason = \"each variant is Kafka's error of that name\")]\npub enum ErrorCode {\n",
    );
    for line in lines {
        assert!(seen.insert(&line[0]), "error code {} twice", line[0]);
        let _ = writeln!(out, "{}{} = {},", if line[0] == "0" { "#[default]\n" } else { "" }, name(&line[1]), line[0]);
    }
    out.push_str("}\nimpl ErrorCode {\n/// The error of a number, where Kafka 4.3 has one.\n#[must_use]\npub const fn from_code(code: i16) -> Option<Self> {\nSome(match code {\n");
    for line in lines {
        let _ = writeln!(out, "{} => Self::{},", line[0], name(&line[1]));
    }
    out.push_str("_ => return None,\n})\n}\n/// The name as Kafka's documentation writes it.\n#[must_use]\npub const fn name(self) -> &'static str {\nmatch self {\n");
    for line in lines {
        let _ = writeln!(out, "Self::{} => \"{}\",", name(&line[1]), line[1]);
    }
    out.push_str("}\n}\n/// Whether clients try again on their own.\n#[must_use]\npub const fn is_retriable(self) -> bool {\nmatch self {\n");
    for line in lines {
        let _ = writeln!(out, "Self::{} => {},", name(&line[1]), line[2] == "yes");
    }
    out.push_str("}\n}\n}\n");
    out
}
