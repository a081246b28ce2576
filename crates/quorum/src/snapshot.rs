//! Snapshots of the metadata, in Kafka's own form: a file `<end offset>-<epoch>.checkpoint` of record batches, with control
//! records for header and footer and the records in between that make the image. Kafka's tools read it.
//!
//! What Kafka's form has no place for, the exact membership and the position of its entry, is a tagged field of the header
//! record, which its tools skip.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dohle_metadata::{Image, Replay};
use dohle_protocol::record_batch::{self, BatchBuilder, BatchHeader};
use dohle_protocol::records::control::voters_record::{Endpoint, KRaftVersionFeature, Voter};
use dohle_protocol::records::control::{KRaftVersionRecord, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord};
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_protocol::{Message, Reader, Writer};
use dohle_seams::{Disk, DiskFile, OpenMode};

use crate::codec;
use crate::replica::Endpoints;
use crate::types::{LogId, SnapshotMeta, StoredMembership, log_id};

const SUFFIX: &str = ".checkpoint";
/// Behind the name of one that is being written.
const UNFINISHED: &str = ".part";
/// The tag of the membership in the header record; far above those that Kafka gives out.
const MEMBERSHIP_TAG: u32 = 10_000;
/// A batch is closed once it has this many bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// No batch that was written here is larger: the largest record fits many times.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The feature `kraft.version` that a quorum of replicas with directory ids has (KIP-853).
const KRAFT_VERSION: i16 = 1;

/// A finished snapshot on a disk.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
}

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct SnapshotContents {
    pub(crate) image: Arc<Image>,
    pub(crate) membership: StoredMembership,
    /// When the last record in it was decided.
    pub(crate) last_decided_at_ms: i64,
}

/// The name of the snapshot with everything up to `last`, inclusive. As in Kafka, that of nothing is `0-0`.
fn file_name(last: Option<&LogId>) -> String {
    let (end, epoch) = last.map_or((0, 0), |last| (last.index + 1, last.leader_id.term));
    format!("{end:020}-{epoch:010}{SUFFIX}")
}

/// The last position in the snapshot of that name; `None` where it is no snapshot's, or that of nothing.
fn parse_file_name(name: &str) -> Option<LogId> {
    let (end, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    if end.len() != 20 || epoch.len() < 10 {
        return None;
    }
    let index = end.parse::<u64>().ok()?.checked_sub(1)?;
    Some(log_id(epoch.parse().ok()?, index))
}

/// The newest snapshot in a folder. Older ones and unfinished ones are removed. Blocks.
pub(crate) fn newest(disk: &Arc<dyn Disk>, folder: &Path) -> io::Result<Option<(SnapshotMeta, SnapshotFile)>> {
    let names: Vec<String> = disk.list(folder)?.into_iter().map(|entry| entry.name).collect();
    let newest = names.iter().filter_map(|name| parse_file_name(name)).max();
    for name in &names {
        let is_older = parse_file_name(name).is_some_and(|last| Some(last) != newest);
        let is_unfinished = name.strip_suffix(UNFINISHED).is_some_and(|name| parse_file_name(name).is_some());
        if is_older || is_unfinished {
            disk.remove_file(&folder.join(name))?;
        }
    }
    let Some(last) = newest else { return Ok(None) };
    let file = SnapshotFile { disk: Arc::clone(disk), path: folder.join(file_name(Some(&last))) };
    let (_, last_membership) = file.header()?;
    Ok(Some((SnapshotMeta { last_log_id: Some(last), last_membership }, file)))
}

/// Writes a snapshot so that a crash leaves all of it or nothing, and removes older ones. Blocks.
pub(crate) fn write(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    last: Option<&LogId>,
    contents: &SnapshotContents,
) -> io::Result<SnapshotFile> {
    let path = folder.join(file_name(last));
    let epoch = last.map_or(0, |last| last.leader_id.term);
    write_file(&**disk, &path, |file| {
        let mut writer = SnapshotWriter { file, position: 0, next_offset: 0, epoch };
        writer.write(contents)
    })?;
    finish(disk, folder, path)
}

/// Takes over a snapshot that lies elsewhere, and removes older ones. Blocks.
pub(crate) fn copy(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    last: &LogId,
    source: &SnapshotFile,
) -> io::Result<SnapshotFile> {
    let path = folder.join(file_name(Some(last)));
    if source.path == path {
        return Ok(source.clone());
    }
    let bytes = source.disk.read_to_end(&source.path)?;
    write_file(&**disk, &path, |file| file.write_vectored_at(&[IoSlice::new(&bytes)], 0))?;
    finish(disk, folder, path)
}

fn write_file(disk: &dyn Disk, path: &Path, write: impl FnOnce(&dyn DiskFile) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    let file = disk.open(&unfinished, OpenMode::CreateOrOpen)?;
    file.set_size(0)?;
    write(&*file)?;
    file.sync()?;
    drop(file);
    disk.rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |folder| disk.sync_directory(folder))
}

fn finish(disk: &Arc<dyn Disk>, folder: &Path, path: PathBuf) -> io::Result<SnapshotFile> {
    // Only now that the new one is safe.
    for entry in disk.list(folder)? {
        let older = folder.join(&entry.name);
        if parse_file_name(&entry.name).is_some() && older != path {
            disk.remove_file(&older)?;
        }
    }
    Ok(SnapshotFile { disk: Arc::clone(disk), path })
}

struct SnapshotWriter<'a> {
    file: &'a dyn DiskFile,
    position: u64,
    next_offset: i64,
    epoch: u64,
}

impl SnapshotWriter<'_> {
    fn write(&mut self, contents: &SnapshotContents) -> io::Result<()> {
        let timestamp = contents.last_decided_at_ms;
        let mut header = BatchBuilder::default().control();
        control_record(&mut header, timestamp, SnapshotHeaderRecord::TYPE, &encode_header(contents));
        let version = KRaftVersionRecord { version: 0, k_raft_version: KRAFT_VERSION };
        control_record(&mut header, timestamp, KRaftVersionRecord::TYPE, &encode(&version));
        control_record(&mut header, timestamp, VotersRecord::TYPE, &encode(&voters(&contents.membership)));
        self.batch(header)?;
        let mut batch = BatchBuilder::default();
        for record in contents.image.to_records() {
            let mut frame = Writer::new();
            record.encode_frame(&mut frame);
            batch.record(timestamp, None, Some(frame.as_slice()), &[]);
            if batch.size_bytes() >= BATCH_BYTES {
                self.batch(std::mem::take(&mut batch))?;
            }
        }
        if batch.count() > 0 {
            self.batch(batch)?;
        }
        let mut footer = BatchBuilder::default().control();
        control_record(
            &mut footer,
            timestamp,
            SnapshotFooterRecord::TYPE,
            &encode(&SnapshotFooterRecord { version: 0 }),
        );
        self.batch(footer)
    }

    fn batch(&mut self, batch: BatchBuilder) -> io::Result<()> {
        let count = batch.count();
        let batch = batch.build();
        let header = BatchHeader::decode(&batch).map_err(io::Error::other)?;
        let epoch = i32::try_from(self.epoch).map_err(io::Error::other)?;
        let prefix = header.patched_prefix(self.next_offset, epoch);
        let parts = [IoSlice::new(&prefix), IoSlice::new(&batch[BatchHeader::PREFIX_BYTES..])];
        self.file.write_vectored_at(&parts, self.position)?;
        self.position += batch.len() as u64;
        self.next_offset += i64::from(count);
        Ok(())
    }
}

fn control_record(batch: &mut BatchBuilder, timestamp: i64, kind: i16, value: &[u8]) {
    let mut key = Writer::new();
    key.int16(0);
    key.int16(kind);
    batch.record(timestamp, Some(key.as_slice()), Some(value), &[]);
}

fn encode(message: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer, 0);
    writer.into_bytes()
}

/// The header record, with one tagged field more than Kafka's schema has.
fn encode_header(contents: &SnapshotContents) -> Bytes {
    let header = SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: contents.last_decided_at_ms };
    let known = encode(&header);
    let mut writer = Writer::new();
    // All but the number of tagged fields, which is none.
    writer.raw(&known[..known.len() - 1]);
    writer.unsigned_varint(1);
    writer.tagged_field(MEMBERSHIP_TAG, |field| field.raw(&codec::encode_stored_membership(&contents.membership)));
    writer.into_bytes()
}

fn voters(membership: &StoredMembership) -> VotersRecord {
    let endpoints = |Endpoints(endpoints): &Endpoints| {
        let endpoints = endpoints.iter().map(|endpoint| Endpoint {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        });
        endpoints.collect()
    };
    let voters = membership.voter_ids().map(|key| Voter {
        voter_id: key.id,
        voter_directory_id: key.directory.0,
        endpoints: membership.get_node(&key).map(endpoints).unwrap_or_default(),
        k_raft_version_feature: KRaftVersionFeature { min_supported_version: 0, max_supported_version: KRAFT_VERSION },
    });
    VotersRecord { version: 0, voters: voters.collect() }
}

/// One control record: its type and value.
fn parse_control_record(record: &record_batch::Record) -> Option<(i16, &Bytes)> {
    let key = record.key.as_ref()?;
    let mut reader = Reader::new(key);
    reader.int16().ok()?;
    Some((reader.int16().ok()?, record.value.as_ref()?))
}

impl SnapshotFile {
    /// Reads everything. Blocks.
    pub(crate) fn read(&self, last: &LogId) -> io::Result<SnapshotContents> {
        let offset = i64::try_from(last.index).map_err(io::Error::other)?;
        let mut batches = self.batches()?;
        let (last_decided_at_ms, membership) = self.read_header(&mut batches)?;
        let mut replay = Replay::new(Arc::default(), offset);
        while let Some((header, batch)) = batches.next()? {
            let records = record_batch::records(&batch).map_err(|error| self.damaged(&error))?;
            if header.is_control() {
                let kind = records.first().and_then(parse_control_record).map(|(kind, _)| kind);
                return if kind == Some(SnapshotFooterRecord::TYPE) && batches.next()?.is_none() {
                    Ok(SnapshotContents { image: replay.finish().to, membership, last_decided_at_ms })
                } else {
                    Err(self.damaged(&"a control record stands where there should be none"))
                };
            }
            for record in records {
                let value = record.value.unwrap_or_default();
                let mut reader = Reader::new(&value);
                let record = MetadataRecord::decode_frame(&mut reader).and_then(|record| {
                    reader.finish()?;
                    Ok(record)
                });
                let record = record.map_err(|error| self.damaged(&error))?;
                replay.apply(&record).map_err(|error| self.damaged(&error))?;
            }
        }
        Err(self.damaged(&"it has no footer"))
    }

    /// When its last record was decided, and the membership at that time. Blocks.
    fn header(&self) -> io::Result<(i64, StoredMembership)> {
        self.read_header(&mut self.batches()?)
    }

    fn read_header(&self, batches: &mut Batches<'_>) -> io::Result<(i64, StoredMembership)> {
        let Some((_, batch)) = batches.next()? else { return Err(self.damaged(&"it is empty")) };
        let records = record_batch::records(&batch).map_err(|error| self.damaged(&error))?;
        let header = records.first().and_then(parse_control_record);
        let Some((_, value)) = header.filter(|(kind, _)| *kind == SnapshotHeaderRecord::TYPE) else {
            return Err(self.damaged(&"it has no header"));
        };
        let mut reader = Reader::new(value);
        let mut membership = None;
        let timestamp = reader.int16().and_then(|_version| reader.int64()).and_then(|timestamp| {
            reader.tagged_fields(|tag, field| {
                if tag == MEMBERSHIP_TAG {
                    membership = Some(field.take_bytes(field.remaining())?);
                }
                Ok(tag == MEMBERSHIP_TAG)
            })?;
            Ok(timestamp)
        });
        let timestamp = timestamp.map_err(|error| self.damaged(&error))?;
        let membership = membership.ok_or_else(|| self.damaged(&"it does not say who the voters were"))?;
        Ok((timestamp, codec::decode_stored_membership(&membership)?))
    }

    fn batches(&self) -> io::Result<Batches<'_>> {
        let file = self.disk.open(&self.path, OpenMode::Read)?;
        let size_bytes = file.size_bytes()?;
        Ok(Batches { snapshot: self, file, position: 0, size_bytes })
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("snapshot {} is damaged: {reason}", self.path.display()))
    }
}

/// Reads a snapshot batch by batch.
struct Batches<'a> {
    snapshot: &'a SnapshotFile,
    file: Arc<dyn DiskFile>,
    position: u64,
    size_bytes: u64,
}

impl Batches<'_> {
    fn next(&mut self) -> io::Result<Option<(BatchHeader, Bytes)>> {
        if self.position == self.size_bytes {
            return Ok(None);
        }
        let mut front = [0; BatchHeader::SIZE_BYTES];
        let read = self.file.read_at(&mut front, self.position)?;
        let header = BatchHeader::decode(&front[..read]).map_err(|error| self.snapshot.damaged(&error))?;
        let size = header.size_bytes();
        if size > BATCH_BYTES_MAX || size as u64 > self.size_bytes - self.position {
            return Err(self.snapshot.damaged(&"a batch is cut off"));
        }
        let mut batch = vec![0; size];
        let read = self.file.read_at(&mut batch, self.position)?;
        if read < size || !record_batch::crc_is_right(&batch) {
            return Err(self.snapshot.damaged(&format!("the batch at byte {} is not what was written", self.position)));
        }
        self.position += size as u64;
        Ok(Some((header, batch.into())))
    }
}
