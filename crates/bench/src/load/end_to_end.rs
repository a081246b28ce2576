//! Latency from when a record was due to be sent to when a consumer had it, without a timestamp in the record: the broker
//! says which offset the record got, and the consumer which offsets it has seen by when.

use std::time::Instant;

use anyhow::{Context, Result};

use super::exchange::Seen;
use crate::latencies::Latencies;

/// A record that was produced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// When it was due to be sent.
    pub(crate) due: Instant,
    /// The offset that it got.
    pub(crate) offset: i64,
}

/// Joins records with what was `seen`, which ascends.
///
/// # Errors
/// A record was never seen.
pub(crate) fn join(mut sent: Vec<Sent>, seen: &[Seen]) -> Result<Latencies> {
    sent.sort_by_key(|sent| sent.offset);
    let mut latencies = Latencies::default();
    let mut seen = seen.iter().peekable();
    for Sent { due, offset } in sent {
        while seen.next_if(|seen| seen.next_offset <= offset).is_some() {}
        let found = seen.peek().with_context(|| format!("the consumer has never seen offset {offset}"))?;
        latencies.record(found.at.saturating_duration_since(due));
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_arrives_with_the_fetch_that_goes_past_it() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let seen = [Seen { next_offset: 2, at: at(10) }, Seen { next_offset: 3, at: at(30) }];
        let sent = [(20, 2), (0, 0), (5, 1)].map(|(due, offset)| Sent { due: at(due), offset });
        let latencies = join(sent.to_vec(), &seen).unwrap();
        assert_eq!(latencies.count(), 3);
        assert!((latencies.micros_at(0.0) / 1000.0 - 5.0).abs() < 0.01, "offset 1: due at 5, seen at 10");
        assert!((latencies.micros_at(100.0) / 1000.0 - 10.0).abs() < 0.01);
    }

    #[test]
    fn what_was_never_seen_is_not_passed_over() {
        let start = Instant::now();
        let seen = [Seen { next_offset: 1, at: start }];
        assert!(join(vec![Sent { due: start, offset: 1 }], &seen).is_err());
        assert_eq!(join(vec![], &seen).unwrap().count(), 0);
    }
}
