//! Values of properties: parsing, bounds, and the text that tools are shown.
//!
//! What is accepted and how it is refused is Kafka's, down to the wording: tools and operators match on it.

use std::collections::BTreeSet;
use std::fmt;

/// The type of a property, with the codes of DescribeConfigs (KIP-569).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// Of a property that is not in the table.
    Unknown,
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// A fraction.
    Double,
    /// Entries separated by commas; an entry that comes again is dropped.
    List,
    /// The name of a Java class.
    Class,
    /// Text that is never shown.
    Password,
}

impl ConfigType {
    /// The code in a DescribeConfigs response.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Unknown => 0,
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Kafka's name of the type, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Boolean,
            Self::String,
            Self::Int,
            Self::Short,
            Self::Long,
            Self::Double,
            Self::List,
            Self::Class,
            Self::Password,
        ]
        .into_iter()
        .find(|config_type| config_type.name() == name)
    }

    /// Reads a value, with blanks around it left out.
    ///
    /// # Errors
    /// Kafka's words for what the text is not.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let not_a_number = || format!("Not a number of type {}", self.name());
        Ok(match self {
            Self::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Self::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Self::Boolean => return Err("Expected value to be either true or false".to_owned()),
            Self::Int => Value::Int(text.parse().map_err(|_| not_a_number())?),
            Self::Short => Value::Short(text.parse().map_err(|_| not_a_number())?),
            Self::Long => Value::Long(text.parse().map_err(|_| not_a_number())?),
            Self::Double => Value::Double(parse_double(text).ok_or_else(not_a_number)?),
            Self::List => Value::List(parse_list(text)),
            Self::Unknown | Self::String | Self::Class | Self::Password => Value::Text(text.to_owned()),
        })
    }
}

/// Java's decimal forms, a type suffix among them. Neither "NaN" nor an infinity is a setting.
fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    if !digits.ends_with(|last: char| last.is_ascii_digit() || last == '.') {
        return None;
    }
    digits.parse().ok()
}

fn parse_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    text.split(',').map(str::trim).filter(|entry| seen.insert(*entry)).map(str::to_owned).collect()
}

/// A value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not set, and without a default.
    Null,
    /// A BOOLEAN.
    Boolean(bool),
    /// An INT.
    Int(i32),
    /// A SHORT.
    Short(i16),
    /// A LONG.
    Long(i64),
    /// A DOUBLE.
    Double(f64),
    /// A STRING, CLASS or PASSWORD.
    Text(String),
    /// A LIST.
    List(Vec<String>),
}

impl Value {
    /// The text that DescribeConfigs shows: `None` for a value that is not set.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// Whole numbers of any width.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(i64::from(*number)),
            Self::Short(number) => Some(i64::from(*number)),
            Self::Long(number) => Some(*number),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "compared with small bounds")]
            other => other.as_i64().map(|number| number as f64),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Short(number) => write!(f, "{number}"),
            Self::Long(number) => write!(f, "{number}"),
            Self::Double(number) => f.write_str(&java_double(*number)),
            Self::Text(text) => f.write_str(text),
            Self::List(entries) => f.write_str(&entries.join(",")),
        }
    }
}

/// A fraction as Java writes it: `0.5`, `2.0`, `1.0E10`.
fn java_double(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

/// Which values of its type a property takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Valid {
    /// All.
    Any,
    /// Numbers from `min` on, up to and with `max` where there is one.
    Range {
        /// Inclusive.
        min: f64,
        /// Inclusive.
        max: Option<f64>,
    },
    /// Whole numbers from `min` up to and with `max`, and one more outside them.
    RangeOr {
        /// Inclusive.
        min: i64,
        /// Inclusive.
        max: i64,
        /// Also allowed.
        or: i64,
    },
    /// One of these, or for a LIST any of these.
    OneOf {
        /// The allowed words, in Kafka's order.
        words: Vec<&'static str>,
        /// Whether capitals matter.
        ignore_case: bool,
    },
    /// Not the empty text.
    NotEmpty,
    /// At least one entry.
    NotEmptyList,
    /// `*`, or `partition:broker` entries.
    ThrottledReplicas,
    /// `latest`, `earliest` or `by_duration:` with an ISO 8601 duration (KIP-1106).
    OffsetReset,
}

impl Valid {
    pub(crate) fn parse(text: &'static str) -> Option<Self> {
        if let Some(words) = text.strip_prefix("(case insensitive) ") {
            return words_of(words).map(|words| Self::OneOf { words, ignore_case: true });
        }
        Some(match text {
            "-" | "non-null string" | "Type:name separated by ;" => Self::Any,
            "non-empty string" => Self::NotEmpty,
            "non-empty list" => Self::NotEmptyList,
            "[partitionId]:[brokerId],[partitionId]:[brokerId],..." => Self::ThrottledReplicas,
            "[latest, earliest, by_duration:PnDTnHnMn.nS]" => Self::OffsetReset,
            _ => match text.split_once(",...") {
                None => Self::OneOf { words: words_of(text)?, ignore_case: false },
                Some((min, rest)) => {
                    let min = min.strip_prefix('[')?;
                    match rest.split_once("] or ") {
                        Some((max, or)) => Self::RangeOr {
                            min: min.parse().ok()?,
                            max: max.strip_prefix(',')?.parse().ok()?,
                            or: or.parse().ok()?,
                        },
                        None => {
                            let max = rest.strip_suffix(']')?.strip_prefix(',');
                            Self::Range { min: min.parse().ok()?, max: max.map(str::parse).transpose().ok()? }
                        }
                    }
                }
            },
        })
    }

    /// Checks a value of the property called `name`.
    ///
    /// # Errors
    /// Kafka's words for what is wrong.
    pub fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::Range { min, max } => match value.as_f64() {
                Some(number) if number < *min => Err(format!("Value must be at least {min}")),
                Some(number) if max.is_some_and(|max| number > max) => {
                    Err(format!("Value must be no more than {}", max.unwrap_or_default()))
                }
                _ => Ok(()),
            },
            Self::RangeOr { min, max, or } => match value.as_i64() {
                Some(number) if !(*min..=*max).contains(&number) && number != *or => {
                    Err(format!("Value must be between {min} and {max} or equal to {or}"))
                }
                _ => Ok(()),
            },
            Self::OneOf { words, ignore_case } => {
                let allowed = |entry: &str| {
                    words
                        .iter()
                        .any(|word| if *ignore_case { word.eq_ignore_ascii_case(entry) } else { *word == entry })
                };
                let good = match value {
                    Value::Text(text) => allowed(text),
                    Value::List(entries) => entries.iter().all(|entry| allowed(entry)),
                    _ => true,
                };
                if good {
                    return Ok(());
                }
                let case = if *ignore_case { " (case insensitive)" } else { "" };
                Err(format!("String must be one of{case}: {}", words.join(", ")))
            }
            Self::NotEmpty => match value {
                Value::Text(text) if text.is_empty() => Err("String must be non-empty".to_owned()),
                _ => Ok(()),
            },
            // Kafka takes an empty text here for the property not being set.
            Self::NotEmptyList => Ok(()),
            Self::ThrottledReplicas => match value {
                Value::List(entries) if !is_throttled_replicas(entries) => Err(format!(
                    "{name} must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                )),
                _ => Ok(()),
            },
            Self::OffsetReset => match value {
                Value::Text(text) if !is_offset_reset(text) => Err(format!(
                    "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of \
                     the format 'by_duration:<PnDTnHnMn.nS>'."
                )),
                _ => Ok(()),
            },
        }
    }
}

fn words_of(text: &'static str) -> Option<Vec<&'static str>> {
    Some(text.strip_prefix('[')?.strip_suffix(']')?.split(", ").collect())
}

fn is_throttled_replicas(entries: &[String]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    entries == ["*"]
        || entries.iter().all(|entry| {
            entry.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
        })
}

fn is_offset_reset(text: &str) -> bool {
    match text.split_once(':') {
        None => text == "latest" || text == "earliest",
        Some(("by_duration", duration)) => is_iso_duration(duration),
        Some(_) => false,
    }
}

/// `PnDTnHnMn.nS`: every part may be absent, but not all, and none may be negative.
fn is_iso_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else { return false };
    let (days, time) = text.split_once('T').map_or((text, None), |(days, time)| (days, Some(time)));
    let parts = |mut text: &str, units: &[char]| {
        let mut found = 0;
        for unit in units {
            if let Some((number, rest)) = text.split_once(*unit) {
                let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                if !digits(whole) || !digits(fraction) || (number.contains('.') && *unit != 'S') {
                    return None;
                }
                text = rest;
                found += 1;
            }
        }
        text.is_empty().then_some(found)
    };
    match (parts(days, &['D']), time.map(|time| parts(time, &['H', 'M', 'S']))) {
        (Some(days), None) => days > 0,
        (Some(_), Some(Some(times))) => times > 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_like_javas() {
        for (number, text) in
            [(0.5, "0.5"), (2.0, "2.0"), (f64::MAX, "1.7976931348623157E308"), (1e7, "1.0E7"), (0.0001, "1.0E-4")]
        {
            assert_eq!(java_double(number), text);
        }
    }

    #[test]
    fn numbers_are_read_as_java_reads_them() {
        assert_eq!(ConfigType::Long.parse("+5"), Ok(Value::Long(5)));
        assert_eq!(ConfigType::Int.parse(" 12 "), Ok(Value::Int(12)));
        assert_eq!(ConfigType::Double.parse("0.5f"), Ok(Value::Double(0.5)));
        assert_eq!(ConfigType::Double.parse("5e-1"), Ok(Value::Double(0.5)));
        for text in ["", "abc", "1.5", "0x10", "1e6", "99999999999999999999"] {
            assert_eq!(ConfigType::Int.parse(text), Err("Not a number of type INT".to_owned()));
        }
        for text in ["", "x", "NaN", "Infinity", "f"] {
            assert_eq!(ConfigType::Double.parse(text), Err("Not a number of type DOUBLE".to_owned()));
        }
    }

    #[test]
    fn lists_drop_what_comes_again() {
        assert_eq!(ConfigType::List.parse("delete , delete,compact").unwrap().to_string(), "delete,compact");
        assert_eq!(ConfigType::List.parse(""), Ok(Value::List(Vec::new())));
    }

    #[test]
    fn throttled_replicas() {
        let check = |text: &str| Valid::ThrottledReplicas.check("x", &ConfigType::List.parse(text).unwrap()).is_ok();
        assert!(check("*") && check("") && check("0:1,1:2"));
        assert!(!check("none") && !check("0") && !check("0:-1") && !check("*,0:1"));
    }

    #[test]
    fn offset_resets() {
        for good in ["latest", "earliest", "by_duration:P1D", "by_duration:PT1.5S", "by_duration:P2DT3H4M"] {
            assert!(is_offset_reset(good), "{good}");
        }
        for bad in ["", "none", "by_duration", "by_duration:", "by_duration:P", "by_duration:PT", "by_duration:-P1D"] {
            assert!(!is_offset_reset(bad), "{bad}");
        }
    }
}
