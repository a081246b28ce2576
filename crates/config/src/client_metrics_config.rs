//! Settings of subscriptions to clients' metrics (KIP-714).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::property::{Scope, properties};
use crate::value::Value;

/// How often clients may be asked to send, in milliseconds.
const INTERVAL_MS: RangeInclusive<i64> = 100..=3_600_000;

/// What clients can be told apart by.
const SELECTORS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Why a subscription is refused, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMetricsRefusal {
    /// INVALID_REQUEST.
    Request(String),
    /// INVALID_CONFIG.
    Config(String),
}

/// Checks a subscription with all its settings.
///
/// # Errors
/// What Kafka answers.
pub fn validate_client_metrics(
    subscription: &str,
    settings: &BTreeMap<String, String>,
) -> Result<(), ClientMetricsRefusal> {
    let request = |message: String| Err(ClientMetricsRefusal::Request(message));
    if subscription.is_empty() {
        return request("Subscription name can't be empty".to_owned());
    }
    if let Some(name) = settings.keys().find(|name| properties().find(Scope::ClientMetrics, name).is_none()) {
        return request(format!("Unknown client metrics configuration: {name}"));
    }
    let mut values = BTreeMap::new();
    for property in properties().of(Scope::ClientMetrics) {
        if let Some(text) = settings.get(property.name) {
            values.insert(property.name, property.parse(text).map_err(ClientMetricsRefusal::Config)?);
        }
    }
    if let Some(interval) = values.get("interval.ms").and_then(Value::as_i64)
        && !INTERVAL_MS.contains(&interval)
    {
        return request(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        ));
    }
    if let Some(Value::List(patterns)) = values.get("match")
        && let Some(pattern) = patterns.iter().find(|pattern| !is_pattern(pattern))
    {
        return Err(ClientMetricsRefusal::Config(format!("Illegal client matching pattern: {pattern}")));
    }
    Ok(())
}

/// `selector=regular expression`
fn is_pattern(text: &str) -> bool {
    match text.split_once('=') {
        Some((selector, expression)) => {
            let expression = expression.trim_end_matches('=');
            let is_one = !expression.is_empty() && !expression.contains('=');
            is_one && SELECTORS.contains(&selector.trim()) && fancy_regex::Regex::new(expression.trim()).is_ok()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> Result<(), String> {
        let settings = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        validate_client_metrics("m", &settings).map_err(|refusal| match refusal {
            ClientMetricsRefusal::Request(message) => format!("request: {message}"),
            ClientMetricsRefusal::Config(message) => format!("config: {message}"),
        })
    }

    /// As a Kafka 4.3.1 broker answers.
    #[test]
    fn refusals_are_kafkas() {
        let pattern = |text: &str| format!("config: Illegal client matching pattern: {text}");
        let interval = |text: &str| {
            format!("request: Invalid value {text} for interval.ms, interval must be between 100 and 3600000 (1 hour)")
        };
        for (name, value, message) in [
            ("interval.ms", "50", interval("50")),
            ("interval.ms", "5000000", interval("5000000")),
            (
                "interval.ms",
                "a",
                "config: Invalid value a for configuration interval.ms: Not a number of type INT".to_owned(),
            ),
            ("zzz", "a", "request: Unknown client metrics configuration: zzz".to_owned()),
            ("metrics", ",", "config: Configuration 'metrics' values must not be empty.".to_owned()),
            ("metrics", "a,,b", "config: Configuration 'metrics' values must not be empty.".to_owned()),
            ("match", "a", pattern("a")),
            ("match", "zzz=1", pattern("zzz=1")),
            ("match", "client_id=(", pattern("client_id=(")),
            ("match", "client_id=a=b", pattern("client_id=a=b")),
            ("match", "client_id=", pattern("client_id=")),
        ] {
            assert_eq!(check(name, value), Err(message), "{name}={value}");
        }
        for (name, value) in [
            ("interval.ms", "100"),
            ("metrics", ""),
            ("metrics", "*"),
            ("metrics", "a,a"),
            ("match", ""),
            ("match", "client_id=x.*,client_software_name=(?!java)y"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}={value}");
        }
        assert_eq!(
            validate_client_metrics("", &BTreeMap::new()),
            Err(ClientMetricsRefusal::Request("Subscription name can't be empty".to_owned()))
        );
    }
}
