//! Java's properties format, as `java.util.Properties.load` reads it: the form of a `server.properties`.
//!
//! Bytes are Latin-1; `\uXXXX` writes anything else. A line that ends in an odd number of backslashes goes on in the next.

/// A key, its value and the line where it begins (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line, from 1.
    pub line: usize,
    /// The key, with escapes resolved.
    pub key: String,
    /// The value, with escapes resolved; blanks at its end are kept.
    pub value: String,
}

/// An escape that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u must be followed by four hexadecimal digits")]
pub struct MalformedEscape {
    /// The line, from 1.
    pub line: usize,
}

/// Reads a file in the order of its lines. A key may come several times.
///
/// # Errors
/// [`MalformedEscape`]: the one way in which such a file can be wrong.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, MalformedEscape> {
    let mut entries = Vec::new();
    let mut lines = natural_lines(bytes).enumerate();
    while let Some((index, first)) = lines.next() {
        let mut part = trim_start(first);
        if matches!(part.first(), None | Some(b'#' | b'!')) {
            continue;
        }
        let mut logical = Vec::new();
        let is_complete = loop {
            let backslashes = part.iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 0 {
                logical.extend_from_slice(part);
                break true;
            }
            logical.extend_from_slice(&part[..part.len() - 1]);
            match lines.next() {
                Some((_, next)) => part = trim_start(next),
                None => break true,
            }
            // As long as nothing was written, a line may still be a comment or empty.
            if logical.is_empty() && matches!(part.first(), None | Some(b'#' | b'!')) {
                break false;
            }
        };
        if is_complete {
            entries.push(entry(index + 1, &logical)?);
        }
    }
    Ok(entries)
}

/// Lines end with LF, CR or both.
fn natural_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(bytes);
        };
        let width = if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&bytes[end + width..]);
        Some(&bytes[..end])
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn trim_start(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    &line[blanks..]
}

fn entry(line: usize, logical: &[u8]) -> Result<Entry, MalformedEscape> {
    let mut key_end = 0;
    while key_end < logical.len() && !matches!(logical[key_end], b'=' | b':') && !is_blank(logical[key_end]) {
        key_end += if logical[key_end] == b'\\' { 2 } else { 1 };
    }
    let key_end = key_end.min(logical.len());
    let mut value = trim_start(&logical[key_end..]);
    if let Some(b'=' | b':') = value.first() {
        value = trim_start(&value[1..]);
    }
    Ok(Entry { line, key: unescape(line, &logical[..key_end])?, value: unescape(line, value)? })
}

fn unescape(line: usize, bytes: &[u8]) -> Result<String, MalformedEscape> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            units.push(u16::from(*byte));
            continue;
        }
        match rest.next() {
            None => {}
            Some(b't') => units.push(u16::from(b'\t')),
            Some(b'n') => units.push(u16::from(b'\n')),
            Some(b'r') => units.push(u16::from(b'\r')),
            Some(b'f') => units.push(0x0c),
            Some(b'u') => {
                let digits = rest.as_slice().get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                let unit = digits
                    .and_then(|digits| std::str::from_utf8(digits).ok())
                    .and_then(|digits| u16::from_str_radix(digits, 16).ok());
                units.push(unit.ok_or(MalformedEscape { line })?);
                rest = rest.as_slice()[4..].iter();
            }
            Some(other) => units.push(u16::from(*other)),
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(usize, &str, &str)]) {
        let entries = parse(text.as_bytes()).unwrap();
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.line, entry.key.as_str(), entry.value.as_str())).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn keys_end_at_the_first_separator() {
        check("a=b=c\nd:e\nf g\n h = i \n", &[(1, "a", "b=c"), (2, "d", "e"), (3, "f", "g"), (4, "h", "i ")]);
        check("listeners=PLAINTEXT://:9092\n", &[(1, "listeners", "PLAINTEXT://:9092")]);
        check("a\\=b=c\na\\ b c\nempty\n", &[(1, "a=b", "c"), (2, "a b", "c"), (3, "empty", "")]);
    }

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        check("# a=b\n  ! c=d\n\n\t\nx=1\r\ny=2\rz=3", &[(5, "x", "1"), (6, "y", "2"), (7, "z", "3")]);
    }

    #[test]
    fn an_odd_number_of_backslashes_continues_a_line() {
        check("a=b,\\\n   c\nd=e\\\\\nf=g\\", &[(1, "a", "b,c"), (3, "d", "e\\"), (4, "f", "g")]);
        check("a=1\\\n# not a comment\n", &[(1, "a", "1# not a comment")]);
    }

    /// Compared with `java.util.Properties` on random texts; these are the cases that were wrong at first.
    #[test]
    fn corners_are_javas() {
        check("\\\r!\r#u", &[]);
        check("a\n\\", &[(1, "a", ""), (2, "", "")]);
        check("a\n\\\n", &[(1, "a", ""), (2, "", "")]);
        check("\\\r#:=.abb#\\\r:#u", &[(3, "", "#u")]);
        check("\\\n\\\nb", &[(1, "b", "")]);
    }

    #[test]
    fn escapes() {
        check("a=\\t\\n\\u00e9\\q\nb=\\uD83D\\uDE00\n", &[(1, "a", "\t\n\u{e9}q"), (2, "b", "\u{1f600}")]);
        assert_eq!(parse(b"\n\na=\\u12"), Err(MalformedEscape { line: 3 }));
        assert_eq!(parse(b"a=\xe9").unwrap()[0].value, "\u{e9}");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_escaped_comes_back(key in "\\PC{1,20}", value in "\\PC{0,30}") {
            let escape = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            let file = format!("{}={}", escape(&key), escape(&value));
            let entries = parse(file.as_bytes()).unwrap();
            prop_assert_eq!(entries, vec![Entry { line: 1, key, value }]);
        }
    }
}
