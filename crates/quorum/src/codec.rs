//! The bytes of entries, votes, log ids and memberships, on disk and between replicas. They are ours, not the consensus
//! library's, so its releases may change what they like.
//!
//! Every form starts with its version. Numbers are big-endian; strings, bytes and arrays have Kafka's compact lengths,
//! read within the bounds of what is left of the bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use dohle_model::DirectoryId;
use dohle_protocol::records::metadata::MetadataRecord;
use dohle_protocol::{DecodeError, Reader, Writer};

use crate::batch::Batch;
use crate::replica::{Endpoint, Endpoints, ReplicaKey};
use crate::types::{Entry, LogId, Membership, Payload, StoredMembership, Vote, log_id};

/// The one version of all forms.
const VERSION: i8 = 0;
const BLANK: i8 = 0;
const RECORDS: i8 = 1;
const MEMBERSHIP: i8 = 2;

/// Reads a whole form; what is wrong with it becomes an error that names `what`.
fn decode<T>(bytes: &Bytes, what: &str, read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>) -> io::Result<T> {
    let mut reader = Reader::new(bytes);
    let value = version(&mut reader).and_then(|()| read(&mut reader)).and_then(|value| {
        reader.finish()?;
        Ok(value)
    });
    value.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged: {error}")))
}

fn version(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match reader.int8()? {
        VERSION => Ok(()),
        other => Err(DecodeError::Version(i16::from(other))),
    }
}

fn encode(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut writer = Writer::new();
    writer.int8(VERSION);
    write(&mut writer);
    writer.into_bytes()
}

fn unsigned(value: i64) -> Result<u64, DecodeError> {
    u64::try_from(value).map_err(|_| DecodeError::Length(value))
}

fn write_unsigned(writer: &mut Writer, value: u64) {
    writer.int64(i64::try_from(value).expect("terms and indexes fit in 63 bits"));
}

fn write_log_id(writer: &mut Writer, log_id: &LogId) {
    write_unsigned(writer, log_id.leader_id.term);
    write_unsigned(writer, log_id.index);
}

fn read_log_id(reader: &mut Reader<'_>) -> Result<LogId, DecodeError> {
    Ok(log_id(unsigned(reader.int64()?)?, unsigned(reader.int64()?)?))
}

fn write_replica(writer: &mut Writer, replica: &ReplicaKey) {
    writer.int32(replica.id);
    writer.uuid(replica.directory.0);
}

fn read_replica(reader: &mut Reader<'_>) -> Result<ReplicaKey, DecodeError> {
    Ok(ReplicaKey { id: reader.int32()?, directory: DirectoryId(reader.uuid()?) })
}

pub(crate) fn encode_log_id(log_id: &LogId) -> Bytes {
    encode(|writer| write_log_id(writer, log_id))
}

pub(crate) fn decode_log_id(bytes: &Bytes) -> io::Result<LogId> {
    decode(bytes, "a stored log position", read_log_id)
}

pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    encode(|writer| {
        write_unsigned(writer, vote.leader_id.term);
        write_replica(writer, &vote.leader_id.voted_for);
        writer.bool(vote.committed);
    })
}

pub(crate) fn decode_vote(bytes: &Bytes) -> io::Result<Vote> {
    decode(bytes, "the stored vote", |reader| {
        let term = unsigned(reader.int64()?)?;
        let voted_for = read_replica(reader)?;
        Ok(if reader.bool()? { Vote::new_committed(term, voted_for) } else { Vote::new(term, voted_for) })
    })
}

pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    encode(|writer| {
        write_log_id(writer, &entry.log_id);
        match &entry.payload {
            Payload::Blank => writer.int8(BLANK),
            Payload::Normal(batch) => {
                writer.int8(RECORDS);
                write_batch(writer, batch);
            }
            Payload::Membership(membership) => {
                writer.int8(MEMBERSHIP);
                write_membership(writer, membership);
            }
        }
    })
}

pub(crate) fn decode_entry(bytes: &Bytes) -> io::Result<Entry> {
    decode(bytes, "an entry of the metadata log", |reader| {
        let log_id = read_log_id(reader)?;
        let payload = match reader.int8()? {
            BLANK => Payload::Blank,
            RECORDS => Payload::Normal(read_batch(reader)?),
            MEMBERSHIP => Payload::Membership(read_membership(reader)?),
            _ => return Err(DecodeError::Malformed("the kind of a metadata log entry is not known")),
        };
        Ok(Entry { log_id, payload })
    })
}

/// How many bytes an entry takes.
pub(crate) fn entry_size_bytes(entry: &Entry) -> usize {
    encode_entry(entry).len()
}

/// The log id of an encoded entry.
pub(crate) fn decode_entry_log_id(bytes: &Bytes) -> io::Result<LogId> {
    let mut reader = Reader::new(bytes);
    let log_id = version(&mut reader).and_then(|()| read_log_id(&mut reader));
    log_id.map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("an entry of the metadata log is damaged: {error}"))
    })
}

fn write_batch(writer: &mut Writer, batch: &Batch) {
    write_unsigned(writer, batch.decided_in);
    writer.int64(batch.decided_at_ms);
    writer.array_length(batch.records.len(), true);
    for record in &batch.records {
        let mut frame = Writer::new();
        record.encode_frame(&mut frame);
        writer.bytes(frame.as_slice(), true);
    }
}

fn read_batch(reader: &mut Reader<'_>) -> Result<Batch, DecodeError> {
    let decided_in = unsigned(reader.int64()?)?;
    let decided_at_ms = reader.int64()?;
    let records = reader.array(true, |reader| {
        let frame = reader.bytes(true)?;
        let mut frame = Reader::new(&frame);
        let record = MetadataRecord::decode_frame(&mut frame)?;
        frame.finish()?;
        Ok(record)
    })?;
    let records = records.ok_or(DecodeError::Null("records"))?;
    Ok(Batch { decided_in, decided_at_ms, records })
}

fn write_membership(writer: &mut Writer, membership: &Membership) {
    let configs = membership.get_joint_config();
    writer.array_length(configs.len(), true);
    for config in configs {
        writer.array_length(config.len(), true);
        for replica in config {
            write_replica(writer, replica);
        }
    }
    let nodes: Vec<_> = membership.nodes().collect();
    writer.array_length(nodes.len(), true);
    for (replica, Endpoints(endpoints)) in nodes {
        write_replica(writer, replica);
        writer.array_length(endpoints.len(), true);
        for endpoint in endpoints {
            writer.string(&endpoint.listener, true);
            writer.string(&endpoint.host, true);
            writer.uint16(endpoint.port);
        }
    }
}

fn read_membership(reader: &mut Reader<'_>) -> Result<Membership, DecodeError> {
    let configs = reader.array(true, |reader| {
        let config = reader.array(true, read_replica)?.ok_or(DecodeError::Null("voters"))?;
        Ok(BTreeSet::from_iter(config))
    })?;
    let nodes = reader.array(true, |reader| {
        let replica = read_replica(reader)?;
        let endpoints = reader.array(true, |reader| {
            Ok(Endpoint { listener: reader.string(true)?, host: reader.string(true)?, port: reader.uint16()? })
        })?;
        Ok((replica, Endpoints(endpoints.ok_or(DecodeError::Null("endpoints"))?)))
    })?;
    let configs = configs.ok_or(DecodeError::Null("configurations"))?;
    let nodes: BTreeMap<_, _> = nodes.ok_or(DecodeError::Null("replicas"))?.into_iter().collect();
    Membership::new(configs, nodes).map_err(|_| DecodeError::Malformed("a membership contradicts itself"))
}

/// A membership with the position of the entry that made it.
pub(crate) fn encode_stored_membership(stored: &StoredMembership) -> Bytes {
    encode(|writer| {
        writer.bool(stored.log_id().is_some());
        if let Some(log_id) = stored.log_id() {
            write_log_id(writer, log_id);
        }
        write_membership(writer, stored.membership());
    })
}

pub(crate) fn decode_stored_membership(bytes: &Bytes) -> io::Result<StoredMembership> {
    decode(bytes, "the membership in a snapshot", |reader| {
        let log_id = if reader.bool()? { Some(read_log_id(reader)?) } else { None };
        let membership = read_membership(reader)?;
        // Nobody's membership is a valid one before the first entry.
        Ok(StoredMembership::new(log_id, membership))
    })
}
