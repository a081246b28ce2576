//! Which partition of an internal topic a key belongs to.

/// The partition of `key` among `partition_count`: Java's `String.hashCode` over UTF-16 units, its absolute value
/// (`i32::MIN` counts as 0), modulo the count. `partition_count` must be positive.
#[must_use]
pub fn partition_for(key: &str, partition_count: i32) -> i32 {
    let hash = key.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partition_count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_java() {
        // "hello".hashCode() is 99162322, "Aa" and "BB" collide, and this string's hash is the smallest integer.
        assert_eq!(partition_for("hello", 50), 99_162_322 % 50);
        assert_eq!(partition_for("Aa", 50), partition_for("BB", 50));
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        assert_eq!(partition_for("", 50), 0);
    }

    #[test]
    fn characters_beyond_the_basic_plane_count_as_two_units() {
        // 0xD83D * 31 + 0xDE00.
        assert_eq!(partition_for("\u{1F600}", i32::MAX), 0xD83D * 31 + 0xDE00);
    }
}
