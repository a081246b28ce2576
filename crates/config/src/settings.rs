//! What the operator wrote: a properties or YAML file, and what the command line puts over it. Nothing is checked here
//! but the form of the files.

use std::collections::BTreeMap;
use std::fmt;

use serde_yaml::Value as Yaml;

use crate::properties_file;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line (from 1) of a properties file.
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A YAML file.
    File {
        /// The file.
        file: String,
    },
    /// An option of the command line.
    Option {
        /// Its name, with the dashes.
        name: &'static str,
    },
    /// Nowhere: what a node takes that is started without a file.
    BuiltIn,
    /// Set while the node ran.
    Dynamic {
        /// For whom, in words.
        layer: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::File { file } => f.write_str(file),
            Self::Option { name } => f.write_str(name),
            Self::BuiltIn => f.write_str("built-in settings"),
            Self::Dynamic { layer } => f.write_str(layer),
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The text, without blanks around it.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// What, naming the properties.
    pub message: String,
}

/// All that is wrong with the configuration, one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Settings by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    entries: BTreeMap<String, Setting>,
    warnings: Vec<String>,
    file: Option<String>,
}

impl Settings {
    /// What a node takes that is started without a file: one combined node, number 1, that listens on `localhost:9092`,
    /// keeps its data in `./data`, and needs one replica where Kafka's defaults ask for three.
    #[must_use]
    pub fn built_in() -> Self {
        let mut settings = Self::default();
        for (name, value) in [
            ("process.roles", "broker,controller"),
            ("node.id", "1"),
            ("controller.listener.names", "CONTROLLER"),
            ("listeners", "PLAINTEXT://localhost:9092"),
            ("log.dirs", "./data"),
            ("offsets.topic.replication.factor", "1"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.min.isr", "1"),
        ] {
            settings.set(name, value, Origin::BuiltIn);
        }
        settings
    }

    /// Reads a file: YAML where its name ends in `.yaml` or `.yml`, otherwise Java's properties format. `file` is shown
    /// in messages.
    ///
    /// # Errors
    /// The file is not of that form.
    pub fn from_file(file: &str, bytes: &[u8]) -> Result<Self, ConfigErrors> {
        if file.ends_with(".yaml") || file.ends_with(".yml") {
            Self::from_yaml(file, bytes)
        } else {
            Self::from_properties(file, bytes)
        }
    }

    /// Reads Java's properties format.
    ///
    /// # Errors
    /// A malformed `\u` escape.
    pub fn from_properties(file: &str, bytes: &[u8]) -> Result<Self, ConfigErrors> {
        let mut settings = Self { file: Some(file.to_owned()), ..Self::default() };
        let entries = properties_file::parse(bytes).map_err(|error| {
            let origin = Origin::Line { file: file.to_owned(), line: error.line };
            ConfigErrors(vec![ConfigError { origin, message: error.to_string() }])
        })?;
        for entry in entries {
            let origin = Origin::Line { file: file.to_owned(), line: entry.line };
            if let Some(earlier) = settings.entries.get(&entry.key) {
                let (name, before) = (&entry.key, &earlier.origin);
                settings.warnings.push(format!("{origin}: {name} was already set at {before}; the later line counts"));
            }
            settings.set(&entry.key, &entry.value, origin);
        }
        Ok(settings)
    }

    /// Reads YAML: flat dotted names, or nested maps whose keys are joined by dots. A LIST may be a sequence.
    ///
    /// # Errors
    /// It is not YAML, not a map, or holds what is not a setting.
    pub fn from_yaml(file: &str, bytes: &[u8]) -> Result<Self, ConfigErrors> {
        let mut settings = Self { file: Some(file.to_owned()), ..Self::default() };
        let origin = Origin::File { file: file.to_owned() };
        let mut errors = Vec::new();
        match serde_yaml::from_slice::<Yaml>(bytes) {
            Err(error) => errors.push(error.to_string()),
            Ok(Yaml::Null) => {}
            Ok(Yaml::Mapping(map)) => settings.add_yaml("", &map, &origin, &mut errors),
            Ok(_) => errors.push("expected a map of property names to values".to_owned()),
        }
        if errors.is_empty() {
            return Ok(settings);
        }
        Err(ConfigErrors(errors.into_iter().map(|message| ConfigError { origin: origin.clone(), message }).collect()))
    }

    fn add_yaml(&mut self, prefix: &str, map: &serde_yaml::Mapping, origin: &Origin, errors: &mut Vec<String>) {
        for (key, value) in map {
            let Some(key) = yaml_scalar(key) else {
                errors.push(format!("'{prefix}' holds a key that is not a name"));
                continue;
            };
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            let text = match value {
                Yaml::Mapping(inner) => {
                    self.add_yaml(&name, inner, origin, errors);
                    continue;
                }
                Yaml::Sequence(entries) => {
                    let entries: Option<Vec<String>> = entries.iter().map(yaml_scalar).collect();
                    entries.map(|entries| entries.join(","))
                }
                other => yaml_scalar(other),
            };
            match text {
                Some(_) if self.entries.contains_key(&name) => errors.push(format!("{name} is set twice")),
                Some(text) => self.set(&name, &text, origin.clone()),
                None => errors.push(format!(
                    "{name} must be a text, a number, true or false, or a sequence of these; leave it out to keep the default"
                )),
            }
        }
    }

    /// Sets a property, over what was there.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) {
        self.entries.insert(name.trim().to_owned(), Setting { value: value.trim().to_owned(), origin });
    }

    /// Takes a property back.
    pub(crate) fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Takes `name=value` from the command line, over what was there.
    ///
    /// # Errors
    /// There is no `=`, or nothing before it.
    pub fn set_override(&mut self, text: &str) -> Result<(), ConfigErrors> {
        let origin = Origin::Option { name: "--override" };
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                self.set(name, value, origin);
                Ok(())
            }
            _ => {
                let message = format!("'{text}' is not of the form name=value");
                Err(ConfigErrors(vec![ConfigError { origin, message }]))
            }
        }
    }

    /// Listens on `address` (`HOST:PORT`, `:PORT` or `PORT`; an IPv6 address in brackets) over what was there. An empty
    /// host and the addresses that mean "all" open every interface.
    ///
    /// # Errors
    /// It is not such an address.
    pub fn set_listen(&mut self, address: &str) -> Result<(), ConfigErrors> {
        let origin = Origin::Option { name: "--listen" };
        let (host, port) = address.rsplit_once(':').unwrap_or(("", address));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if port.parse::<u16>().is_err() || (bare.contains(':') && bare == host) {
            let message = format!("'{address}' is not HOST:PORT (an IPv6 address in brackets, a port from 0 to 65535)");
            return Err(ConfigErrors(vec![ConfigError { origin, message }]));
        }
        let host = if matches!(bare, "0.0.0.0" | "::" | "*") { "" } else { host };
        self.set("listeners", &format!("PLAINTEXT://{host}:{port}"), origin);
        Ok(())
    }

    /// A setting, where there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.entries.get(name)
    }

    /// All settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.entries.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// Whether they came from a file, of which more is demanded than of no file.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Where they came from as a whole.
    #[must_use]
    pub fn source(&self) -> Origin {
        self.file.clone().map_or(Origin::BuiltIn, |file| Origin::File { file })
    }

    /// What is odd about the files.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn yaml_scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Result<Vec<(String, String)>, String> {
        let settings = Settings::from_yaml("x.yaml", text.as_bytes()).map_err(|errors| errors.to_string())?;
        Ok(settings.iter().map(|(name, setting)| (name.to_owned(), setting.value.clone())).collect())
    }

    #[test]
    fn yaml_is_flat_or_nested() {
        let expected =
            Ok(vec![("log.dirs".to_owned(), "/a,/b".to_owned()), ("num.partitions".to_owned(), "3".to_owned())]);
        assert_eq!(yaml("log.dirs: /a,/b\nnum.partitions: 3\n"), expected);
        assert_eq!(yaml("log: {dirs: [/a, /b]}\nnum:\n  partitions: 3\n"), expected);
        assert_eq!(yaml("# nothing\n"), Ok(Vec::new()));
    }

    #[test]
    fn yaml_that_is_no_setting_is_refused_all_at_once() {
        let message = yaml("a: {b: 1}\na.b: 2\nc:\nd: [{e: 1}]\n").unwrap_err();
        assert!(message.contains("x.yaml: a.b is set twice"), "{message}");
        assert!(message.contains("x.yaml: c must be") && message.contains("x.yaml: d must be"), "{message}");
        assert!(yaml("[1]").is_err());
        assert!(yaml("a: [").is_err());
    }

    #[test]
    fn a_property_set_twice_keeps_the_last_and_warns() {
        let settings = Settings::from_properties("s.properties", b"a=1\na=2\n").unwrap();
        assert_eq!(settings.get("a").unwrap().value, "2");
        assert_eq!(settings.warnings(), ["s.properties:2: a was already set at s.properties:1; the later line counts"]);
    }

    #[test]
    fn listen_addresses() {
        let listen = |address: &str| {
            let mut settings = Settings::built_in();
            settings.set_listen(address).map(|()| settings.get("listeners").unwrap().value.clone())
        };
        for (address, listeners) in [
            ("127.0.0.1:9000", "PLAINTEXT://127.0.0.1:9000"),
            ("0.0.0.0:9092", "PLAINTEXT://:9092"),
            ("[::]:9092", "PLAINTEXT://:9092"),
            ("[::1]:9092", "PLAINTEXT://[::1]:9092"),
            (":9092", "PLAINTEXT://:9092"),
            ("9092", "PLAINTEXT://:9092"),
        ] {
            assert_eq!(listen(address).as_deref(), Ok(listeners));
        }
        for address in ["", "host", "host:", "host:x", "host:70000", "::1:9092"] {
            assert!(listen(address).is_err(), "{address}");
        }
    }
}
