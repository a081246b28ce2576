//! The Rust of one message: its structs, their defaults, how they are read and written.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Condition, Field, Message, Versions, pascal, snake};

/// The structs of a message and their codecs.
pub(super) fn code(message: &Message) -> String {
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

pub(super) fn scalar(kind: &str) -> Option<&'static str> {
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
