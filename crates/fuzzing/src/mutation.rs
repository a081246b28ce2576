//! Changes to inputs as fuzzers make them, under a seed.

use dohle_seams::simulated::SeededRandomness;

/// Numbers at which lengths and counts go wrong, as they stand on the wire.
const NUMBERS: [&[u8]; 16] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0, 0],
    &[0x7f, 0xff],
    &[0xff, 0xff],
    &[0, 0, 0, 0],
    &[0, 0, 0, 1],
    &[0, 0x0f, 0x42, 0x41],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    // Variable-length: 1 000 001, the largest, and one that goes on.
    &[0xc1, 0x84, 0x3d],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x80],
];
/// The most changes to one input.
const CHANGES_MAX: usize = 8;
/// Inputs grow no further than this.
const SIZE_BYTES_MAX: usize = 64 * 1024;

/// Makes inputs from others.
#[derive(Debug)]
pub struct Mutator(SeededRandomness);

impl Mutator {
    /// A mutator that does the same in every run with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SeededRandomness::new(seed))
    }

    /// A number below `bound`, which is at least 1.
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.next() % bound as u64).unwrap_or(0)
    }

    fn byte(&self) -> u8 {
        self.0.next().to_le_bytes()[0]
    }

    /// A changed copy of one of `inputs`.
    #[must_use]
    pub fn mutate(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let Some(input) = (!inputs.is_empty()).then(|| &inputs[self.below(inputs.len())]) else { return Vec::new() };
        let mut bytes = input.clone();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut bytes, &inputs[self.below(inputs.len())]);
        }
        bytes.truncate(SIZE_BYTES_MAX);
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let rest = bytes.len() - at;
        let count = self.below(rest.min(64) + 1);
        match self.below(9) {
            0 if rest > 0 => bytes[at] ^= 1 << self.below(8),
            1 if rest > 0 => bytes[at] = self.byte(),
            2 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                let end = (at + number.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            3 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                bytes.splice(at..at, number.iter().copied());
            }
            4 => {
                bytes.drain(at..at + count);
            }
            5 => {
                let again = bytes[at..at + count].to_vec();
                bytes.splice(at..at, again);
            }
            6 => bytes.truncate(at),
            7 => {
                // The beginning of one and the end of another.
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let noise: Vec<u8> = (0..=count).map(|_| self.byte()).collect();
                bytes.splice(at..at + count, noise);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_another_does_not() {
        let inputs = [vec![0; 100], vec![1; 10], vec![]];
        let run = |seed| -> Vec<Vec<u8>> {
            let mutator = Mutator::new(seed);
            (0..1000).map(|_| mutator.mutate(&inputs)).collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let mut seen = run(1);
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 700, "only {} of 1000 inputs differ", seen.len());
        assert_eq!(Mutator::new(1).mutate(&[]), Vec::<u8>::new());
    }
}
