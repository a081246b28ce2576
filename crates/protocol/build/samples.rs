//! Values of every generated struct from a source of random bytes, and a macro that lists all messages: for tests.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::codecs::scalar;
use super::{Field, Message, pascal, snake};

/// Gathers the structs of all messages.
#[derive(Default)]
pub(super) struct Samples {
    code: String,
    listed: String,
}

impl Samples {
    /// Adds a message whose structs lie in the module `path`.
    pub(super) fn add(&mut self, path: &str, message: &Message) {
        let mut done = BTreeSet::new();
        self.implement(path, &message.name, &message.fields, &mut done);
        let _ = writeln!(self.listed, "$check!({}, {path}::{});", message.name, message.name);
    }

    fn implement(&mut self, path: &str, name: &str, fields: &[Field], done: &mut BTreeSet<String>) {
        if !done.insert(name.to_owned()) {
            return;
        }
        let source = if fields.is_empty() { "_source" } else { "source" };
        let _ = writeln!(
            self.code,
            "impl Sample for {path}::{name} {{\nfn sample({source}: &mut Source) -> Self {{\nSelf {{"
        );
        for field in fields {
            let _ = writeln!(self.code, "{}: {},", snake(&field.name), value(path, field));
        }
        self.code.push_str("}\n}\n}\n");
        for field in fields.iter().filter(|field| !field.children.is_empty()) {
            self.implement(path, field.kind.trim_start_matches("[]"), &field.children, done);
        }
    }

    /// The implementations, and `for_each_message!`, which calls a macro with the name and the path of each.
    pub(super) fn finish(self) -> String {
        format!("{}macro_rules! for_each_message {{\n($check:ident) => {{\n{}}};\n}}\n", self.code, self.listed)
    }
}

fn value(path: &str, field: &Field) -> String {
    let one = |kind: &str| match kind {
        "string" => "source.string()".to_owned(),
        "bytes" | "records" => "source.bytes()".to_owned(),
        _ if scalar(kind).is_some() => format!("source.{kind}()"),
        _ => format!("{path}::{}::sample(source)", pascal(kind)),
    };
    let value = match field.kind.strip_prefix("[]") {
        Some(kind) => format!("source.array(|source| {})", one(kind)),
        None => one(&field.kind),
    };
    if field.nullable.is_empty() { value } else { format!("source.option(|source| {value})") }
}
