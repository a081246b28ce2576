//! Record batches (format 2), valid ones and such as a broker should refuse, written by hand so that each field can be wrong.

/// Everything in a batch that a case may want to be different.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) magic: i8,
    pub(crate) attributes: i16,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    /// Key and value of each record.
    pub(crate) records: Vec<(Option<&'static str>, Option<&'static str>)>,
    /// `None`: as many as there are records.
    pub(crate) count: Option<i32>,
    /// `None`: one less than there are records.
    pub(crate) last_offset_delta: Option<i32>,
    /// Added to the batch's length as it is.
    pub(crate) length_error: i32,
    /// What the checksum is changed by.
    pub(crate) checksum_error: u32,
    /// In the place of the records.
    pub(crate) payload: Option<Vec<u8>>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: -1,
            magic: 2,
            attributes: 0,
            base_timestamp: 1_700_000_000_000,
            max_timestamp: 1_700_000_000_002,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records: vec![(Some("a"), Some("one")), (Some("b"), Some("two")), (Some("a"), Some("three"))],
            count: None,
            last_offset_delta: None,
            length_error: 0,
            checksum_error: 0,
            payload: None,
        }
    }
}

impl Batch {
    /// A batch of an idempotent producer.
    pub(crate) fn of_producer(producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        Self { producer_id, producer_epoch, base_sequence, ..Self::default() }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let records = i32::try_from(self.records.len()).unwrap_or(0);
        let mut checked = Vec::new();
        checked.extend(self.attributes.to_be_bytes());
        checked.extend(self.last_offset_delta.unwrap_or(records - 1).to_be_bytes());
        checked.extend(self.base_timestamp.to_be_bytes());
        checked.extend(self.max_timestamp.to_be_bytes());
        checked.extend(self.producer_id.to_be_bytes());
        checked.extend(self.producer_epoch.to_be_bytes());
        checked.extend(self.base_sequence.to_be_bytes());
        checked.extend(self.count.unwrap_or(records).to_be_bytes());
        checked.extend(self.payload.clone().unwrap_or_else(|| self.payload()));
        let length = i32::try_from(checked.len() + 9).unwrap_or(0) + self.length_error;
        let mut bytes = Vec::new();
        bytes.extend(self.base_offset.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.leader_epoch.to_be_bytes());
        bytes.extend(self.magic.to_be_bytes());
        bytes.extend((crc32c::crc32c(&checked) ^ self.checksum_error).to_be_bytes());
        bytes.extend(checked);
        bytes
    }

    /// The records, one millisecond apart.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        for (index, (key, value)) in (0..).zip(&self.records) {
            let mut record = vec![0];
            varint(&mut record, index);
            varint(&mut record, index);
            for part in [key, value] {
                match part {
                    None => varint(&mut record, -1),
                    Some(text) => {
                        varint(&mut record, i64::try_from(text.len()).unwrap_or(0));
                        record.extend(text.as_bytes());
                    }
                }
            }
            varint(&mut record, 0);
            varint(&mut payload, i64::try_from(record.len()).unwrap_or(0));
            payload.extend(record);
        }
        payload
    }
}

fn varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap_or(0));
}

/// A message of the formats before 2, with a checksum of zeros.
fn old_message(magic: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, magic, 0];
    if magic == 1 {
        message.extend(1_700_000_000_000_i64.to_be_bytes());
    }
    message.extend((-1_i32).to_be_bytes());
    message.extend(3_i32.to_be_bytes());
    message.extend(b"old");
    let mut bytes = 0_i64.to_be_bytes().to_vec();
    bytes.extend(i32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(message);
    bytes
}

/// What Produce may be given in the place of a valid batch, by name.
pub(crate) fn oddities() -> Vec<(&'static str, Vec<u8>)> {
    let good = Batch::default();
    let bytes = |batch: Batch| batch.bytes();
    let cut = |by: usize| {
        let whole = good.bytes();
        whole[..whole.len() - by].to_vec()
    };
    let compressed = |codec: i16| bytes(Batch { attributes: codec, ..good.clone() });
    let mut odd = vec![
        ("no bytes", Vec::new()),
        ("one byte", vec![0]),
        ("sixty zeros", vec![0; 60]),
        ("two hundred zeros", vec![0; 200]),
        ("cut by one", cut(1)),
        ("cut in the records", cut(20)),
        ("cut in the header", good.bytes()[..40].to_vec()),
        ("only a length", good.bytes()[..12].to_vec()),
        ("two batches", [good.bytes(), good.bytes()].concat()),
        ("a byte too many", [good.bytes(), vec![0]].concat()),
        ("format 0", old_message(0)),
        ("format 1", old_message(1)),
        ("format 3", bytes(Batch { magic: 3, ..good.clone() })),
        ("format -1", bytes(Batch { magic: -1, ..good.clone() })),
        ("wrong checksum", bytes(Batch { checksum_error: 1, ..good.clone() })),
        ("length too small", bytes(Batch { length_error: -1, ..good.clone() })),
        ("length too great", bytes(Batch { length_error: 1, ..good.clone() })),
        (
            "length of zero",
            bytes(Batch { length_error: -(i32::try_from(good.bytes().len()).unwrap_or(0) - 12), ..good.clone() }),
        ),
        ("count too small", bytes(Batch { count: Some(2), ..good.clone() })),
        ("count too great", bytes(Batch { count: Some(4), ..good.clone() })),
        ("count of zero", bytes(Batch { count: Some(0), ..good.clone() })),
        ("count below zero", bytes(Batch { count: Some(-1), ..good.clone() })),
        ("last offset delta too small", bytes(Batch { last_offset_delta: Some(1), ..good.clone() })),
        ("last offset delta too great", bytes(Batch { last_offset_delta: Some(3), ..good.clone() })),
        ("last offset delta below zero", bytes(Batch { last_offset_delta: Some(-1), ..good.clone() })),
        ("no records", bytes(Batch { records: Vec::new(), ..good.clone() })),
        ("base offset of seven", bytes(Batch { base_offset: 7, ..good.clone() })),
        ("base offset below zero", bytes(Batch { base_offset: -1, ..good.clone() })),
        ("a leader epoch", bytes(Batch { leader_epoch: 5, ..good.clone() })),
        ("a control batch", bytes(Batch { attributes: 0x20, ..good.clone() })),
        ("transactional", bytes(Batch { attributes: 0x10, ..Batch::of_producer(1, 0, 0) })),
        ("transactional without producer", bytes(Batch { attributes: 0x10, ..good.clone() })),
        ("append time", bytes(Batch { attributes: 0x08, ..good.clone() })),
        ("a delete horizon", bytes(Batch { attributes: 0x40, ..good.clone() })),
        ("unknown attributes", bytes(Batch { attributes: 0x0400, ..good.clone() })),
        ("gzip that is none", compressed(1)),
        ("snappy that is none", compressed(2)),
        ("lz4 that is none", compressed(3)),
        ("zstd that is none", compressed(4)),
        ("codec 5", compressed(5)),
        ("codec 7", compressed(7)),
        ("no timestamp", bytes(Batch { base_timestamp: -1, max_timestamp: -1, ..good.clone() })),
        ("a timestamp below -1", bytes(Batch { base_timestamp: -2, max_timestamp: -2, ..good.clone() })),
        ("a wrong max timestamp", bytes(Batch { max_timestamp: 5, ..good.clone() })),
        (
            "a timestamp in far future",
            bytes(Batch { base_timestamp: 4_000_000_000_000, max_timestamp: 4_000_000_000_002, ..good.clone() }),
        ),
        ("without key", bytes(Batch { records: vec![(None, Some("v"))], ..good.clone() })),
        (
            "without key in the second",
            bytes(Batch { records: vec![(Some("k"), Some("v")), (None, Some("v"))], ..good.clone() }),
        ),
        ("without value", bytes(Batch { records: vec![(Some("k"), None)], ..good.clone() })),
        ("a record that is cut", bytes(Batch { payload: Some(vec![0x20, 0, 0, 0]), ..good.clone() })),
        ("records of zeros", bytes(Batch { payload: Some(vec![0; 30]), ..good.clone() })),
        ("an idempotent producer that is not known", bytes(Batch::of_producer(12_345, 0, 0))),
        ("that begins late", bytes(Batch::of_producer(12_346, 0, 7))),
        ("a sequence without producer", bytes(Batch { base_sequence: 0, ..good.clone() })),
        ("a producer without sequence", bytes(Batch::of_producer(12_347, 0, -1))),
        ("a producer epoch below zero", bytes(Batch::of_producer(12_348, -1, 0))),
    ];
    let mut payload = good.payload();
    payload.push(0);
    odd.push(("a byte after the records", bytes(Batch { payload: Some(payload), ..good.clone() })));
    odd.push(("a thousand bytes of ones", vec![0xff; 1000]));
    odd
}
