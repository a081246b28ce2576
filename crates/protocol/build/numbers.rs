//! The enums of API keys and error codes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::pascal;

/// `ApiKey`, from the table of APIs.
pub(super) fn api_keys(lines: &[Vec<String>]) -> String {
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

/// `ErrorCode`, from the table of errors.
pub(super) fn error_codes(lines: &[Vec<String>]) -> String {
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
    out.push_str("}\n}\n}\n");
    out
}
