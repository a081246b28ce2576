//! Values of messages, written and read as a schema says.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};

use crate::schema::{Field, Message, Type};

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    Array(Vec<Value>),
    /// By name of field; a field that is missing has its default.
    Struct(Vec<(String, Value)>),
    /// What each broker knows by another value: the id of a topic, the id that a member was given.
    Symbol(String),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn symbol(name: &str) -> Self {
        Self::Symbol(name.to_owned())
    }

    /// A structure, by names and values of its fields.
    pub(crate) fn of(fields: Vec<(&str, Value)>) -> Self {
        Self::Struct(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The field of a structure.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value at a path of field names, of the first element where there is an array on the way.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        let mut value = self;
        for name in path.split('.') {
            while let Self::Array(elements) = value {
                value = elements.first()?;
            }
            value = value.field(name)?;
        }
        Some(value)
    }

    /// A copy with the value at `path` changed, in the first element where there is an array on the way. A field that is
    /// not there stays so.
    pub(crate) fn with(&self, path: &str, change: impl FnOnce(&Self) -> Self) -> Self {
        let mut copy = self.clone();
        let mut value = &mut copy;
        for name in path.split('.') {
            while let Self::Array(elements) = value {
                let Some(first) = elements.first_mut() else { return copy };
                value = first;
            }
            let Self::Struct(fields) = value else { return copy };
            let Some((_, field)) = fields.iter_mut().find(|(own, _)| own == name) else { return copy };
            value = field;
        }
        *value = change(value);
        copy
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(text) if text.len() > 160 => {
                let start: String = text.chars().take(60).collect();
                write!(f, "{start:?}... ({} bytes)", text.len())
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) if bytes.len() > 32 => write!(f, "({} bytes, sum {})", bytes.len(), sum(bytes)),
            Self::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Uuid(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Struct(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}={value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Symbol(name) => write!(f, "<{name}>"),
        }
    }
}

/// Tells long byte strings apart in a report.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| sum.rotate_left(5) ^ u32::from(*byte))
}

/// What a field has when nobody gives it a value.
pub(crate) fn default(field: &Field, version: i16) -> Value {
    let text = field.default.as_deref();
    if text == Some("null") && field.nullable.contains(version) {
        return Value::Null;
    }
    match &field.kind {
        Type::Bool => Value::Bool(text.is_some_and(|text| text.eq_ignore_ascii_case("true"))),
        Type::Int(_) | Type::Uint16 => Value::Int(text.map_or(0, parse_integer)),
        Type::Float64 => Value::Float(0.0),
        Type::Text => Value::text(text.map_or("", |text| text.trim_matches('"'))),
        Type::Bytes | Type::Records => Value::Bytes(Vec::new()),
        Type::Uuid => Value::Uuid([0; 16]),
        Type::Array(_) => Value::Array(Vec::new()),
        Type::Struct(_) => Value::Struct(Vec::new()),
    }
}

fn parse_integer(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).unwrap_or(0),
        None => text.parse().unwrap_or(0),
    }
}

/// Writes a message's body. `resolve` gives what a symbol means to the broker at the other end.
///
/// # Errors
/// A value does not fit its field: a mistake of the caller's.
pub(crate) fn encode(
    message: &Message,
    value: &Value,
    version: i16,
    resolve: &dyn Fn(&str) -> Option<Value>,
) -> Result<Vec<u8>> {
    let mut encoder = Encoder { version, flexible: message.flexible.contains(version), resolve, bytes: Vec::new() };
    encoder.structure(&message.fields, value)?;
    Ok(encoder.bytes)
}

struct Encoder<'a> {
    version: i16,
    flexible: bool,
    resolve: &'a dyn Fn(&str) -> Option<Value>,
    bytes: Vec<u8>,
}

impl Encoder<'_> {
    fn structure(&mut self, fields: &[Field], value: &Value) -> Result<()> {
        let version = self.version;
        let mut tagged = Vec::new();
        for field in fields.iter().filter(|field| field.versions.contains(version)) {
            let given = value.field(&field.name);
            match field.tag_in(self.version) {
                Some(tag) => tagged.extend(given.map(|value| (tag, field, value))),
                None => {
                    let value = given.cloned().unwrap_or_else(|| default(field, self.version));
                    self.value(&field.kind, &value, field.nullable.contains(self.version))
                        .with_context(|| field.path.clone())?;
                }
            }
        }
        if self.flexible {
            self.unsigned(u64::try_from(tagged.len())?);
            tagged.sort_by_key(|(tag, ..)| *tag);
            for (tag, field, value) in tagged {
                let mut inner =
                    Encoder { version: self.version, flexible: true, resolve: self.resolve, bytes: Vec::new() };
                let nullable = field.nullable.contains(self.version);
                inner.value(&field.kind, value, nullable).with_context(|| field.path.clone())?;
                self.unsigned(u64::from(tag));
                self.unsigned(u64::try_from(inner.bytes.len())?);
                self.bytes.extend(inner.bytes);
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: &Type, value: &Value, nullable: bool) -> Result<()> {
        if let Value::Symbol(name) = value {
            let resolved = (self.resolve)(name).with_context(|| format!("nothing is known of <{name}>"))?;
            return self.value(kind, &resolved, nullable);
        }
        match (kind, value) {
            (Type::Bool, Value::Bool(value)) => self.bytes.push(u8::from(*value)),
            (Type::Int(size), Value::Int(value)) => self.bytes.extend(&value.to_be_bytes()[8 - size..]),
            (Type::Uint16, Value::Int(value)) => self.bytes.extend(&value.to_be_bytes()[6..]),
            (Type::Float64, Value::Float(value)) => self.bytes.extend(value.to_be_bytes()),
            (Type::Uuid, Value::Uuid(value)) => self.bytes.extend(value),
            (Type::Text, Value::Text(text)) => {
                self.length(Some(text.len()), 2)?;
                self.bytes.extend(text.as_bytes());
            }
            (Type::Text, Value::Null) => self.length(None, 2)?,
            (Type::Bytes | Type::Records, Value::Bytes(bytes)) => {
                self.length(Some(bytes.len()), 4)?;
                self.bytes.extend(bytes);
            }
            (Type::Bytes | Type::Records | Type::Array(_), Value::Null) => self.length(None, 4)?,
            (Type::Array(element), Value::Array(elements)) => {
                self.length(Some(elements.len()), 4)?;
                elements.iter().try_for_each(|value| self.value(element, value, false))?;
            }
            // A structure that may be null has a byte before it.
            (Type::Struct(_), Value::Null) if nullable => self.bytes.push(0xff),
            (Type::Struct(fields), Value::Struct(_)) => {
                if nullable {
                    self.bytes.push(1);
                }
                self.structure(fields, value)?;
            }
            (kind, value) => bail!("{value} is no {kind:?}"),
        }
        Ok(())
    }

    fn length(&mut self, length: Option<usize>, size: usize) -> Result<()> {
        if self.flexible {
            self.unsigned(length.map_or(Ok(0), |length| u64::try_from(length + 1))?);
        } else {
            let length = length.map_or(Ok(-1), i64::try_from)?;
            self.bytes.extend(&length.to_be_bytes()[8 - size..]);
        }
        Ok(())
    }

    fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.bytes.push(u8::try_from(value).unwrap_or(0));
    }
}

/// Reads a message's body, which must end where the bytes do.
///
/// # Errors
/// The bytes are not such a message.
pub(crate) fn decode(message: &Message, bytes: &[u8], version: i16) -> Result<Value> {
    let mut decoder = Decoder { version, flexible: message.flexible.contains(version), rest: bytes };
    let value = decoder.structure(&message.fields)?;
    ensure!(decoder.rest.is_empty(), "{} bytes are left over", decoder.rest.len());
    Ok(value)
}

struct Decoder<'a> {
    version: i16,
    flexible: bool,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).context("the message is cut")?;
        self.rest = rest;
        Ok(taken)
    }

    fn integer(&mut self, size: usize) -> Result<i64> {
        let bytes = self.take(size)?;
        let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
        Ok(bytes.iter().fold(start, |value: i64, byte| (value << 8) | i64::from(*byte)))
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a varint without end")
    }

    fn length(&mut self, size: usize) -> Result<Option<usize>> {
        if self.flexible {
            let length = self.unsigned()?;
            return Ok(length.checked_sub(1).map(usize::try_from).transpose()?);
        }
        match self.integer(size)? {
            -1 => Ok(None),
            length => Ok(Some(usize::try_from(length).context("a negative length")?)),
        }
    }

    fn structure(&mut self, fields: &[Field]) -> Result<Value> {
        let version = self.version;
        let mut values = Vec::new();
        for field in fields.iter().filter(|field| field.versions.contains(version)) {
            let value = match field.tag_in(self.version) {
                Some(_) => default(field, self.version),
                None => self
                    .value(&field.kind, field.nullable.contains(self.version))
                    .with_context(|| field.path.clone())?,
            };
            values.push((field.name.clone(), value));
        }
        if self.flexible {
            for _ in 0..self.unsigned()? {
                let tag = u32::try_from(self.unsigned()?)?;
                let size = usize::try_from(self.unsigned()?)?;
                let bytes = self.take(size)?;
                let known = fields.iter().find(|field| field.tag_in(self.version) == Some(tag));
                let field = known.with_context(|| format!("the tagged field {tag} is unknown"))?;
                let mut inner = Decoder { version: self.version, flexible: true, rest: bytes };
                let value = inner.value(&field.kind, field.nullable.contains(self.version))?;
                ensure!(inner.rest.is_empty(), "bytes are left over in {}", field.path);
                values.iter_mut().filter(|(name, _)| *name == field.name).for_each(|(_, slot)| *slot = value.clone());
            }
        }
        Ok(Value::Struct(values))
    }

    fn value(&mut self, kind: &Type, nullable: bool) -> Result<Value> {
        Ok(match kind {
            Type::Bool => Value::Bool(self.take(1)?[0] != 0),
            Type::Int(size) => Value::Int(self.integer(*size)?),
            Type::Uint16 => Value::Int(self.integer(2)? & 0xffff),
            Type::Float64 => Value::Float(f64::from_be_bytes(self.take(8)?.try_into()?)),
            Type::Uuid => Value::Uuid(self.take(16)?.try_into()?),
            Type::Text => match self.length(2)? {
                Some(length) => Value::Text(std::str::from_utf8(self.take(length)?)?.to_owned()),
                None => Value::Null,
            },
            Type::Bytes | Type::Records => match self.length(4)? {
                Some(length) => Value::Bytes(self.take(length)?.to_vec()),
                None => Value::Null,
            },
            Type::Array(element) => match self.length(4)? {
                Some(length) => {
                    ensure!(length <= self.rest.len(), "an array of {length} elements in {} bytes", self.rest.len());
                    Value::Array((0..length).map(|_| self.value(element, false)).collect::<Result<_>>()?)
                }
                None => Value::Null,
            },
            Type::Struct(_) if nullable && self.integer(1)? < 0 => Value::Null,
            Type::Struct(fields) => self.structure(fields)?,
        })
    }
}
