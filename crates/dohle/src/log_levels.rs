//! Which events are logged, by the name of what they come from: what `DOHLE_LOG` asks for, and what was changed since.
//!
//! A logger is named after modules. Its level holds for all names that begin with its own, the longest counting most: so
//! `dohle` is above all crates of ours.

use std::collections::{BTreeMap, BTreeSet};

use dohle_broker::{LogLevel, ROOT};

/// Levels of loggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLevels {
    root: LogLevel,
    own: BTreeMap<String, LogLevel>,
    /// Directives about spans and fields, which are no loggers: kept as they are.
    verbatim: Vec<String>,
}

impl LogLevels {
    /// Reads directives in the form of `RUST_LOG`, which must be good ones. Without a level for all there is none: nothing is
    /// logged but what is named.
    pub(crate) fn of_directives(directives: &str) -> Self {
        let mut levels = Self { root: LogLevel::Off, own: BTreeMap::new(), verbatim: Vec::new() };
        for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let is_about_spans = directive.contains(['[', '{']);
            match directive.split_once('=') {
                _ if is_about_spans => levels.verbatim.push(directive.to_owned()),
                Some((name, level)) => match level_of_text(level) {
                    Some(level) => drop(levels.own.insert(name.trim().to_owned(), level)),
                    None => levels.verbatim.push(directive.to_owned()),
                },
                None => match level_of_text(directive) {
                    Some(level) => levels.root = level,
                    None => drop(levels.own.insert(directive.to_owned(), LogLevel::Trace)),
                },
            }
        }
        levels
    }

    /// The same as directives.
    pub(crate) fn directives(&self) -> String {
        let own = self.own.iter().map(|(name, level)| format!("{name}={}", text_of_level(*level)));
        let root = text_of_level(self.root).to_owned();
        self.verbatim.iter().cloned().chain([root]).chain(own).collect::<Vec<_>>().join(",")
    }

    /// The level that holds for a logger.
    pub(crate) fn level_of(&self, name: &str) -> LogLevel {
        let above = self.own.iter().filter(|(own, _)| name.starts_with(own.as_str()));
        above.max_by_key(|(own, _)| own.len()).map_or(self.root, |(_, level)| *level)
    }

    /// The level of each logger: of the root, of those that have a level of their own, and of `names` with all above them.
    pub(crate) fn of_all<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeMap<String, LogLevel> {
        let mut all: BTreeSet<&str> = self.own.keys().map(String::as_str).collect();
        for name in names {
            all.extend(name.match_indices("::").map(|(end, _)| &name[..end]));
            all.insert(name);
        }
        let below = all.into_iter().map(|name| (name.to_owned(), self.level_of(name)));
        below.chain([(ROOT.to_owned(), self.root)]).collect()
    }

    /// Gives a logger a level of its own.
    pub(crate) fn set(&mut self, name: &str, level: LogLevel) {
        if name == ROOT {
            self.root = level;
        } else {
            self.own.insert(name.to_owned(), level);
        }
    }

    /// Takes a logger's own level away; the root keeps its.
    pub(crate) fn unset(&mut self, name: &str) {
        self.own.remove(name);
    }
}

fn level_of_text(text: &str) -> Option<LogLevel> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "off" | "0" => LogLevel::Off,
        "error" | "1" => LogLevel::Error,
        "warn" | "2" => LogLevel::Warn,
        "info" | "3" => LogLevel::Info,
        "debug" | "4" => LogLevel::Debug,
        "trace" | "5" => LogLevel::Trace,
        _ => return None,
    })
}

/// Nothing is logged that is graver than an error.
fn text_of_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off | LogLevel::Fatal => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_counts_most() {
        let mut levels = LogLevels::of_directives("info,openraft=warn");
        assert_eq!(levels.level_of("openraft::engine"), LogLevel::Warn);
        assert_eq!(levels.level_of("dohle_broker::node"), LogLevel::Info);
        levels.set("dohle", LogLevel::Debug);
        levels.set("dohle_broker::handlers", LogLevel::Fatal);
        levels.set(ROOT, LogLevel::Error);
        let names = ["dohle_broker::handlers::produce", "dohle_log", "hyper"];
        let all = levels.of_all(names.into_iter());
        let shown: Vec<_> = all.iter().map(|(name, level)| format!("{name}={}", level.name())).collect();
        let expected = [
            "dohle=DEBUG",
            "dohle_broker=DEBUG",
            "dohle_broker::handlers=FATAL",
            "dohle_broker::handlers::produce=FATAL",
            "dohle_log=DEBUG",
            "hyper=ERROR",
            "openraft=WARN",
            "root=ERROR",
        ];
        assert_eq!(shown, expected);
        assert_eq!(levels.directives(), "error,dohle=debug,dohle_broker::handlers=off,openraft=warn");
        levels.unset("dohle");
        levels.unset("openraft");
        assert_eq!((levels.level_of("dohle_log"), levels.level_of("openraft")), (LogLevel::Error, LogLevel::Error));
    }

    #[test]
    fn directives_are_read_as_they_are_written() {
        for (text, directives) in [
            ("", "off"),
            ("dohle", "off,dohle=trace"),
            ("WARN, dohle_log=5", "warn,dohle_log=trace"),
            ("a[span{x=1}]=debug,info", "a[span{x=1}]=debug,info"),
            ("info,debug", "debug"),
        ] {
            assert_eq!(LogLevels::of_directives(text).directives(), directives, "{text}");
            assert_eq!(LogLevels::of_directives(directives).directives(), directives);
            assert!(tracing_subscriber::EnvFilter::try_new(directives).is_ok(), "{directives}");
        }
    }
}
