//! Reading by offset and by time, compared with a list of all records.

use dohle_log::{PartitionLog, ReadError};
use dohle_model::{LeaderEpoch, Offset};
use dohle_protocol::compression::Compression;
use dohle_protocol::record_batch::{BatchHeader, records};
use proptest::prelude::*;

use crate::support::*;

fn sent() -> impl Strategy<Value = Sent> {
    (prop::collection::vec(0_i64..50, 1..6), 0_usize..400, 0_i16..5).prop_map(|(deltas, value_bytes, codec)| Sent {
        timestamps: deltas.into_iter().map(|delta| NOW + delta).collect(),
        value_bytes,
        producer: None,
        codec: Compression::from_code(codec).unwrap(),
    })
}

/// What a log should hold.
struct Model {
    /// Base offset and size of each batch.
    batches: Vec<(i64, usize)>,
    /// Offset and timestamp of each record.
    records: Vec<(i64, i64)>,
}

fn build(log: &mut PartitionLog, all: &[Sent]) -> Model {
    let mut model = Model { batches: Vec::new(), records: Vec::new() };
    for (tag, sent) in (0..).zip(all) {
        let batch = sent.batch(tag);
        let base = model.records.len() as i64;
        model.batches.push((base, batch.bytes.len()));
        model.records.extend((base..).zip(sent.timestamps.iter().copied()));
        append_all(log, &[batch]).remove(0).unwrap();
    }
    model
}

fn check(log: &PartitionLog, model: &Model, start: i64, bound: usize, max_bytes: usize) -> Result<(), TestCaseError> {
    let reader = log.reader();
    let (bound, _) = model.batches.get(bound).copied().unwrap_or((model.records.len() as i64, 0));
    let whole: usize = {
        let slice = reader.read(Offset(start), max_bytes, Offset(bound), true).unwrap();
        let first = model.batches.partition_point(|(base, _)| *base <= start) - 1;
        let bytes = bytes_of(&slice);
        if start >= bound {
            prop_assert_eq!(slice.size_bytes, 0);
            0
        } else {
            let header = BatchHeader::decode(&bytes).unwrap();
            prop_assert_eq!(header.base_offset, model.batches[first].0, "it starts at the batch that holds the offset");
            let batches = batches_of(bytes);
            prop_assert!(batches.len() == 1 || slice.size_bytes <= max_bytes);
            for (batch, (base, size)) in batches.iter().zip(&model.batches[first..]) {
                prop_assert_eq!(BatchHeader::decode(batch).unwrap().base_offset, *base);
                prop_assert_eq!(batch.len(), *size);
                prop_assert!(*base < bound, "nothing at or above the bound");
            }
            batches.len()
        }
    };
    let without = reader.read(Offset(start), max_bytes, Offset(bound), false).unwrap();
    prop_assert_eq!(batches_of(bytes_of(&without)).len() == whole, whole != 1 || without.size_bytes > 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn reads_equal_the_list_of_all_records(
        all in prop::collection::vec(sent(), 1..60),
        asked in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..3000), 20),
        times in prop::collection::vec((-1_i64..52, any::<prop::sample::Index>()), 20),
        reopen in any::<bool>(),
    ) {
        let disk = disk(1);
        let mut log = open(&disk);
        let model = build(&mut log, &all);
        if reopen {
            log.close().unwrap();
            log = reopen_cleanly(&disk, log.recovery_point());
        }
        let count = model.records.len();
        for (start, bound, max_bytes) in asked {
            check(&log, &model, start.index(count) as i64, bound.index(model.batches.len() + 1), max_bytes)?;
        }
        let reader = log.reader();
        for (delta, bound) in times {
            let bound = bound.index(count + 1) as i64;
            let expected = model.records.iter().find(|(_, timestamp)| *timestamp >= NOW + delta);
            let expected = expected.filter(|(offset, _)| *offset < bound);
            let found = reader.offset_for_timestamp(NOW + delta, Offset(bound)).unwrap();
            prop_assert_eq!(found, expected.map(|(offset, timestamp)| (Offset(*offset), *timestamp, LeaderEpoch(3))));
        }
        let largest = model.records.iter().map(|(_, timestamp)| *timestamp).max().unwrap();
        let expected = model.records.iter().find(|(_, timestamp)| *timestamp == largest).unwrap();
        let found = reader.max_timestamp(Offset(count as i64)).unwrap().unwrap();
        prop_assert_eq!((found.0.0, found.1), *expected);
    }
}

#[test]
fn offsets_outside_the_log_are_refused() {
    let disk = disk(1);
    let mut log = open(&disk);
    fill(&mut log, 2);
    let reader = log.reader();
    assert_eq!(reader.read(Offset(6), 100, Offset(6), true).unwrap().size_bytes, 0, "the end itself is a fine place");
    for offset in [-1, 7] {
        let error = reader.read(Offset(offset), 100, Offset(6), true).unwrap_err();
        assert!(matches!(error, ReadError::OutOfRange { log_end_offset: Offset(6), .. }));
    }
}

#[test]
fn readers_and_the_appender_do_not_disturb_each_other() {
    let disk = disk(1);
    let mut log = open(&disk);
    let reader = log.reader();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut next = 0;
                    while next < 3000 {
                        let end = reader.log_end_offset();
                        if end.0 == next {
                            std::thread::yield_now();
                            continue;
                        }
                        let slice = reader.read(Offset(next), 2000, end, true).unwrap();
                        for batch in batches_of(bytes_of(&slice)) {
                            for record in records(&batch).unwrap() {
                                assert_eq!(record.offset, next);
                                next += 1;
                                assert!(next <= end.0, "nothing beyond the bound");
                            }
                        }
                    }
                })
            })
            .collect();
        fill(&mut log, 1000);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn the_largest_timestamp_is_found_even_before_the_log_start() {
    let disk = disk(1);
    let mut log = open(&disk);
    for (tag, timestamp) in [9, 5, 7].into_iter().enumerate() {
        let sent = Sent { timestamps: vec![NOW + timestamp], ..Sent::plain(1, 10) };
        append(&mut log, &sent, u8::try_from(tag).unwrap().into()).unwrap();
    }
    log.raise_log_start_offset(Offset(1)).unwrap();
    let found =
        |largest: Option<(Offset, i64, LeaderEpoch)>| largest.map(|(offset, timestamp, _)| (offset.0, timestamp - NOW));
    let reader = log.reader();
    assert_eq!(found(reader.max_timestamp(Offset(3)).unwrap()), Some((0, 9)), "as Kafka has it");
    assert_eq!(found(reader.offset_for_timestamp(NOW + 6, Offset(3)).unwrap()), Some((2, 7)));
    assert_eq!(found(reader.offset_for_timestamp(NOW + 8, Offset(3)).unwrap()), None);
}
