//! Where clients put records with keys. Clients of different makers share topics, so each of these is a promise.

/// How the partition of a record follows from its key where nothing else is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// As the Java client has it: murmur2, without its sign bit.
    Murmur2,
    /// As @platformatic/kafka has it: murmur2, with its sign bit.
    Murmur2Unsigned,
    /// As librdkafka has it: CRC-32.
    Crc32,
    /// As sarama has it, and kafka-go where it is to keep keys together: the remainder of FNV-1a of 32 bits, read with a
    /// sign, and then without it.
    Fnv1a,
}

impl Partitioner {
    /// The partition, from 0, of a record with this key in a topic of `partitions`, which is not 0.
    #[must_use]
    pub fn partition(self, key: &[u8], partitions: u32) -> u32 {
        match self {
            Self::Murmur2 => (murmur2(key) & 0x7fff_ffff) % partitions,
            Self::Murmur2Unsigned => murmur2(key) % partitions,
            Self::Crc32 => crc32fast::hash(key) % partitions,
            // The magnitude of a remainder does not depend on signs.
            Self::Fnv1a => fnv1a(key).cast_signed().unsigned_abs() % partitions,
        }
    }
}

/// MurmurHash2 of 32 bits with the seed that Kafka uses.
fn murmur2(bytes: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // Only the low 32 bits of a length count, and no key is longer.
    #[expect(clippy::cast_possible_truncation, reason = "keys are shorter than 4 GiB")]
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_as_in_kafka() {
        let hash = |text: &str| murmur2(text.as_bytes()).cast_signed();
        assert_eq!(hash("21"), -973_932_308);
        assert_eq!(hash("abc"), 479_470_107);
        assert_eq!(hash("foobar"), -790_332_482);
        assert_eq!(hash("a-little-bit-long-string"), -985_981_536);
        assert_eq!(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58_897_971);
    }

    #[test]
    fn fnv1a_as_published() {
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn crc32_as_published() {
        assert_eq!(Partitioner::Crc32.partition(b"123456789", u32::MAX), 0xcbf4_3926);
    }
}
