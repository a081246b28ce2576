//! Randomness for uuids and jitter.

use std::fmt::Debug;

use dohle_model::Uuid;

/// A source of random bytes; unpredictable live, seeded in a simulation.
pub trait Randomness: Send + Sync + Debug {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// Values made of random bytes.
pub trait RandomnessExt: Randomness {
    /// A uuid that Kafka could hand out (version 4, not reserved, not starting with `-`).
    fn uuid(&self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            self.fill(&mut bytes);
            if let Some(uuid) = Uuid::from_random(bytes) {
                return uuid;
            }
        }
    }

    /// A number below `bound`, close enough to uniform for placement and jitter. `bound` must not be 0.
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }
}

impl<R: Randomness + ?Sized> RandomnessExt for R {}
