//! Newtypes around the integers of Kafka's protocol, so that an offset is never taken for an epoch.

use std::fmt;

use crate::{TopicName, Uuid};

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

integer_id!(
    /// A node in its role as broker (`node.id`), from 0 up.
    BrokerId(i32)
);
integer_id!(
    /// The index of a partition within its topic, from 0 up.
    PartitionIndex(i32)
);
integer_id!(
    /// The position of a record in a partition, from 0 up.
    Offset(i64)
);
integer_id!(
    /// Counts the leaders a partition has had; set into every batch that a leader appends (KIP-101).
    LeaderEpoch(i32)
);
integer_id!(
    /// Counts the changes of a partition's leader or ISR.
    PartitionEpoch(i32)
);
integer_id!(
    /// Names one registration of a broker; grows with every registration.
    BrokerEpoch(i64)
);
integer_id!(
    /// Names an idempotent or transactional producer (KIP-98), from 0 up.
    ProducerId(i64)
);
integer_id!(
    /// Fences earlier incarnations of one producer id (KIP-98).
    ProducerEpoch(i16)
);
integer_id!(
    /// Counts the completed join phases of a classic group.
    GenerationId(i32)
);

impl Offset {
    /// The offset `count` records further on.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

uuid_id!(
    /// The identity of a topic; a topic created anew under an old name has another one (KIP-516).
    TopicId
);
uuid_id!(
    /// The identity of a log directory (`directory.id` in `meta.properties`, KIP-858).
    DirectoryId
);

impl DirectoryId {
    /// Some directory that was chosen before directory ids were recorded (KIP-858).
    pub const MIGRATING: Self = Self(Uuid([0; 16]));
    /// "Not assigned to a directory yet" (KIP-858).
    pub const UNASSIGNED: Self = Self(Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    /// "Some lost directory" (KIP-858).
    pub const LOST: Self = Self(Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]));

    /// Whether this is one of the first hundred ids, which no directory has.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        u128::from_be_bytes(self.0.0) < 100
    }
}

/// A partition by topic name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: PartitionIndex,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
