//! How far a run is, and how long it will still take: on standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A run under way.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    /// Estimated seconds of all steps, and of those done.
    estimated: f64,
    done: f64,
    in_place: bool,
}

impl Progress {
    /// A run that is estimated to take so many seconds.
    pub(crate) fn new(estimated: f64) -> Self {
        Self { began: Instant::now(), estimated, done: 0.0, in_place: std::io::stderr().is_terminal() }
    }

    /// Says what is done next.
    pub(crate) fn show(&self, step: &str) {
        let line = format!(
            "[{:3.0} %, {} left] {step}",
            self.share() * 100.0,
            shown(left(self.began.elapsed(), self.done, self.estimated))
        );
        // Progress is a courtesy: where nobody can see it, the run goes on.
        let _ = if self.in_place {
            write!(std::io::stderr(), "\r\x1b[K{line}")
        } else {
            writeln!(std::io::stderr(), "{line}")
        };
    }

    /// A step is done that was estimated to take so many seconds.
    pub(crate) fn advance(&mut self, estimated: f64) {
        self.done += estimated;
    }

    /// Says something that stays.
    pub(crate) fn note(&self, text: &str) {
        let clear = if self.in_place { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr(), "{clear}{text}");
    }

    /// How long the run has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the line.
    pub(crate) fn finish(&self) {
        if self.in_place {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn share(&self) -> f64 {
        if self.estimated > 0.0 { (self.done / self.estimated).min(1.0) } else { 0.0 }
    }
}

/// The rest of the estimate, corrected by how well it was kept so far.
fn left(elapsed: Duration, done: f64, estimated: f64) -> Duration {
    /// So many seconds of trust in the estimate, so that the first steps do not sway it.
    const TRUST: f64 = 30.0;
    let pace = (elapsed.as_secs_f64() + TRUST) / (done + TRUST);
    Duration::from_secs_f64(((estimated - done) * pace).max(0.0))
}

fn shown(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_what_steps_have_taken() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(0), 0.0, 600.0), seconds(600));
        assert_eq!(left(seconds(330), 150.0, 600.0), seconds(900), "twice as slow");
        assert_eq!(left(seconds(100), 600.0, 600.0), seconds(0));
        assert_eq!((shown(seconds(99)), shown(seconds(121))), ("99 s".to_owned(), "3 min".to_owned()));
    }
}
