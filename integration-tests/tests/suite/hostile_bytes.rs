//! Bytes that are no request: an error where the protocol has one, otherwise the end of that connection and a line that says
//! why; memory stays where it was, and others notice nothing.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use dohle_integration_tests::broker::{Broker, BrokerOptions};
use dohle_integration_tests::cluster::Cluster;
use dohle_integration_tests::events::Record;
use dohle_integration_tests::observer::Observer;
use libtest_mimic::{Completion, Trial};

use crate::raw_connection::{
    API_VERSIONS, FETCH, JOIN_GROUP, METADATA, PRODUCE, RECORD, RawConnection, Witness, batch, frame, header,
    metadata_request, produce_request, produced,
};
use crate::stage::{Suite, explained_by, same, trial};

const UNSUPPORTED_VERSION: i16 = 35;
const CORRUPT_MESSAGE: i16 = 2;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const INVALID_RECORD: i16 = 87;

/// What attacks may add to the most that the broker ever held.
const MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let tests: [(&'static str, Test); 12] = [
        ("connections_are_closed", connections_are_closed),
        ("frames_cut_at_every_byte", frames_cut_at_every_byte),
        ("frames_that_never_end", frames_that_never_end),
        ("requests_that_come_byte_by_byte", requests_that_come_byte_by_byte),
        ("arrays_of_more_than_a_million", arrays_of_more_than_a_million),
        ("connections_that_come_and_go", connections_that_come_and_go),
        ("api_versions_of_the_future", api_versions_of_the_future),
        ("names_that_are_no_text", names_that_are_no_text),
        ("batches_that_are_none", batches_that_are_none),
        ("batches_that_explode", batches_that_explode),
        ("batches_that_explode_in_every_codec", batches_that_explode_in_every_codec),
        ("batches_that_keep_exploding", batches_that_keep_exploding),
    ];
    let trial = |(name, test): (&'static str, Test)| {
        let suite = Arc::clone(suite);
        trial(format!("hostile_bytes::{name}"), move || run(&suite, name, test))
    };
    tests.into_iter().map(trial).collect()
}

/// Whom a test attacks.
struct Target<'a> {
    bootstrap: &'a str,
    /// A topic with one partition.
    topic: &'a str,
    /// Somebody who is served all the time.
    witness: Witness,
    broker: Option<&'a Broker>,
}

type Test = fn(&mut Target<'_>) -> Result<()>;

/// Plays `test` against a broker of its own, and sees that this one holds and takes records before and after, serves a
/// connection all the time, and takes no memory to speak of.
fn run(suite: &Suite, name: &str, test: Test) -> Result<Completion> {
    let cluster = Cluster::start(BrokerOptions::default())?;
    let result = || {
        let observer = Observer::new(cluster.bootstrap())?;
        let topic = suite.name(name);
        let witnessed = suite.name(&format!("{name}-witness"));
        observer.create_topic(&topic, 1, &[])?;
        observer.create_topic(&witnessed, 1, &[])?;
        let mut records: Vec<Record> = observer.send_numbered(&topic, 0, "before", 10)?;
        let witness = Witness::of(cluster.bootstrap(), &witnessed)?;
        let before = cluster.broker().map(Broker::memory).transpose()?;
        let mut target = Target { bootstrap: cluster.bootstrap(), topic: &topic, witness, broker: cluster.broker() };
        test(&mut target)?;
        target.witness.looks()?;
        if let (Some(before), Some(broker)) = (before, cluster.broker()) {
            let grown = broker.memory()?.peak.saturating_sub(before.peak);
            ensure!(grown <= MEMORY_BYTES_MAX, "the broker took {grown} bytes more for it");
            ensure!(!broker.log().iter().any(|line| line.contains("panicked")), "something has panicked");
        }
        let later = Observer::new(cluster.bootstrap())?;
        records.extend(later.send_numbered(&topic, 0, "after", 10)?);
        same("records", &records, &later.records(&topic)?)
    };
    explained_by(&cluster, result())?;
    Ok(Completion::Completed)
}

fn connections_are_closed(target: &mut Target<'_>) -> Result<()> {
    // Kafka's bound on a request is socket.request.max.bytes, 100 MiB.
    let too_big = 100 * 1024 * 1024 + 1_u32;
    let noise: Vec<u8> = (0..64_u32).map(|number| (number * 73 + 41).to_le_bytes()[0]).collect();
    let metadata = |version, body: &[u8]| frame(&[&header(METADATA, version)[..], body].concat());
    let elements = "more than 1000000 elements";
    // What is sent, and what the log says of it.
    let cases: [(&str, Vec<u8>, &str); 17] = [
        ("another protocol", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "looks like HTTP"),
        ("a TLS hello", [vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], vec![0; 194]].concat(), "looks like TLS"),
        ("a size of 2 GiB", vec![0x7f, 0xff, 0xff, 0xff], "invalid frame size 2147483647"),
        (
            "a size just beyond the bound",
            [too_big.to_be_bytes().to_vec(), header(METADATA, 4)].concat(),
            "invalid frame size 104857601",
        ),
        ("a size of -1", vec![0xff; 4], "invalid frame size -1"),
        ("an empty frame", vec![0; 4], "malformed request: header"),
        ("noise", frame(&noise), "malformed request: header"),
        ("half a header", frame(&[0, 3, 0, 4]), "malformed request: header"),
        (
            "a client id that is longer than the frame",
            frame(&[0, 3, 0, 4, 0, 0, 0, 1, 0x7f, 0xff, b'x']),
            "malformed request: header",
        ),
        ("an unknown API", frame(&header(0x7fff, 0)), "API key 32767"),
        ("an unknown API below 0", frame(&header(-1, 0)), "API key -1"),
        (
            "a version of the future",
            frame(&[header(PRODUCE, 99), vec![0; 10]].concat()),
            "Produce (API key 0) version 99",
        ),
        ("a version below 0", metadata(-1, &[0; 10]), "Metadata (API key 3) version -1"),
        ("2 147 483 647 topics", metadata(4, &[0x7f, 0xff, 0xff, 0xff]), elements),
        ("4 294 967 294 topics in a compact array", metadata(12, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]), elements),
        ("4 294 967 295 tagged fields", metadata(12, &[0xff, 0xff, 0xff, 0xff, 0x0f]), "length 4294967295"),
        (
            "2 147 483 647 topics to fetch",
            frame(&[header(FETCH, 4), vec![0xff; 4], vec![0; 13], vec![0x7f, 0xff, 0xff, 0xff]].concat()),
            elements,
        ),
    ];
    for (what, bytes, why) in cases {
        let mut connection = RawConnection::to(target.bootstrap)?;
        connection.send(&bytes).with_context(|| what.to_owned())?;
        let answer = connection.until_closed().with_context(|| what.to_owned())?;
        ensure!(answer.is_empty(), "{what} is answered: {answer:02x?}");
        if let Some(broker) = target.broker {
            let name = connection.name()?;
            broker.wait_for_log(&[&name, why]).with_context(|| what.to_owned())?;
            let lines = broker.log().iter().filter(|line| line.contains(&name)).count();
            ensure!(lines == 1, "{what}: {lines} lines about one connection");
        }
        target.witness.looks().with_context(|| format!("after {what}"))?;
    }
    Ok(())
}

/// A member that joins a group, in the last version: arrays in tagged structures, and bytes.
fn join_group_request() -> Vec<u8> {
    let body = [
        // No tagged fields in the header; a group of one letter; 10 and 60 seconds; nobody yet; no instance.
        &[0, 2, b'g', 0, 0, 0x27, 0x10, 0, 0, 0xea, 0x60, 1, 0][..],
        // Type "consumer"; one protocol, "range", with ten bytes.
        &[9],
        b"consumer",
        &[2, 6],
        b"range",
        &[11, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0],
        // No reason, no tagged fields.
        &[0, 0],
    ];
    [&header(JOIN_GROUP, 9)[..], &body.concat()].concat()
}

/// Requests that end early, once with a size that says so and once with the connection.
fn frames_cut_at_every_byte(target: &mut Target<'_>) -> Result<()> {
    let produce = produce_request(target.topic, &batch(0, 1, &RECORD));
    // Where records begin, what is cut is no longer the request but its batch, which is another test's.
    let before_records = produce.len() - batch(0, 1, &RECORD).len();
    let cases = [
        ("Produce", produce.clone(), before_records),
        ("Metadata", metadata_request(target.topic), usize::MAX),
        ("JoinGroup", join_group_request(), usize::MAX),
    ];
    for (what, request, until) in cases {
        let mut whole = RawConnection::to(target.bootstrap)?;
        // What is cut below would be answered if it were not.
        if what != "Produce" {
            whole.call(&request).with_context(|| format!("{what}, all of it"))?;
        }
        for length in 0..request.len().min(until) {
            let mut told = RawConnection::to(target.bootstrap)?;
            told.send(&frame(&request[..length]))?;
            let answer = told.until_closed().with_context(|| format!("{length} bytes of {what}"))?;
            ensure!(answer.is_empty(), "{length} bytes of {what} are answered: {answer:02x?}");
            let mut broken = RawConnection::to(target.bootstrap)?;
            broken.send(&frame(&request)[..length])?;
            broken.send_no_more()?;
            let answer = broken.until_closed().with_context(|| format!("{length} bytes of {what} and the end"))?;
            ensure!(answer.is_empty(), "{length} bytes of {what} are answered: {answer:02x?}");
        }
        target.witness.looks().with_context(|| format!("after {what}"))?;
    }
    if let Some(broker) = target.broker {
        // So many that most are counted only.
        broker.wait_for_log(&["malformed request: Produce version 7", "bytes early"])?;
        let lines = broker.log().iter().filter(|line| line.contains("malformed request")).count();
        ensure!(lines < 60, "{lines} lines");
    }
    Ok(())
}

/// Requests that begin well and stay incomplete, at once on many connections. They hold nothing up.
fn frames_that_never_end(target: &mut Target<'_>) -> Result<()> {
    // What is announced may not cost memory. Others do take it at once, and a hundred times the bound ends them.
    let size = if target.broker.is_none() { 1024 * 1024 } else { 100 * 1024 * 1024_u32 };
    let mut connections = Vec::new();
    for number in 0..200 {
        let mut connection = RawConnection::to(target.bootstrap)?;
        let begin = [size.to_be_bytes().to_vec(), header(PRODUCE, 3)].concat();
        // Some end within the size, some within the header, some in what follows.
        connection.send(&begin[..2 + number % (begin.len() - 2)])?;
        connections.push(connection);
        if number % 20 == 0 {
            target.witness.looks()?;
        }
    }
    let observer = Observer::new(target.bootstrap)?;
    ensure!(observer.topics()?.contains_key(target.topic), "the topic is gone");
    for connection in &mut connections {
        ensure!(connection.is_open()?, "a connection was closed that may still send");
    }
    Ok(())
}

/// Peers that send a byte now and then: all of them are served once their requests are whole.
fn requests_that_come_byte_by_byte(target: &mut Target<'_>) -> Result<()> {
    let request = frame(&metadata_request(target.topic));
    let mut connections: Vec<RawConnection> =
        (0..300).map(|_| RawConnection::to(target.bootstrap)).collect::<Result<_>>()?;
    for byte in &request {
        for connection in &mut connections {
            connection.send(&[*byte])?;
        }
        target.witness.looks()?;
    }
    for connection in &mut connections {
        connection.answer()?;
    }
    Ok(())
}

/// Arrays whose elements are all there, but too many of them: alone, and one in each of many.
fn arrays_of_more_than_a_million(target: &mut Target<'_>) -> Result<()> {
    let topics = 1_000_001_u32;
    let wide = [&header(METADATA, 4)[..], &topics.to_be_bytes(), &vec![0; topics as usize * 2], &[0]].concat();
    // 1001 topics of 1000 partitions, each of 16 bytes.
    let mut deep = [header(FETCH, 4), vec![0xff; 4], vec![0; 13]].concat();
    deep.extend(1001_u32.to_be_bytes());
    for _ in 0..1001 {
        deep.extend([0, 1, b't']);
        deep.extend(1000_u32.to_be_bytes());
        deep.extend(vec![0; 16 * 1000]);
    }
    for (what, request, why) in [("wide", wide, "Metadata version 4"), ("deep", deep, "Fetch version 4")] {
        let mut connections = Vec::new();
        for _ in 0..4 {
            let mut connection = RawConnection::to(target.bootstrap)?;
            connection.send(&frame(&request))?;
            connections.push(connection);
        }
        for connection in &mut connections {
            // Whoever has no such limit answers it.
            if let Some(broker) = target.broker {
                let answer = connection.until_closed()?;
                ensure!(answer.is_empty(), "{what} is answered with {} bytes", answer.len());
                broker.wait_for_log(&[&connection.name()?, why, "more than 1000000 elements"])?;
            }
        }
        target.witness.looks()?;
    }
    Ok(())
}

fn connections_that_come_and_go(target: &mut Target<'_>) -> Result<()> {
    let metadata = frame(&[header(METADATA, 4), vec![0, 0, 0, 0, 1]].concat());
    for number in 0..500 {
        let mut connection = RawConnection::to(target.bootstrap)?;
        // Gone before the answer, with a request or with half of one.
        let length = if number % 2 == 0 { metadata.len() } else { metadata.len() / 2 };
        connection.send(&metadata[..length])?;
        if number % 3 == 0 {
            connection.send_no_more()?;
        }
    }
    Ok(())
}

/// A client that is newer than the broker is told which versions there are, on a connection that stays open (KIP-511).
fn api_versions_of_the_future(target: &mut Target<'_>) -> Result<()> {
    let mut connection = RawConnection::to(target.bootstrap)?;
    for _ in 0..2 {
        let answer = connection.call(&[header(API_VERSIONS, 99), vec![0]].concat())?;
        ensure!(answer[..2] == UNSUPPORTED_VERSION.to_be_bytes(), "another error: {answer:02x?}");
        // Version 0: an array of (API, lowest, highest).
        let count = i32::from_be_bytes(answer[2..6].try_into()?);
        ensure!(answer.len() == 6 + 6 * usize::try_from(count)?, "not version 0: {answer:02x?}");
        let mut entries = answer[6..].chunks_exact(6);
        ensure!(entries.any(|entry| entry[..2] == API_VERSIONS.to_be_bytes()), "ApiVersions is not in {answer:02x?}");
    }
    Ok(())
}

/// What is not UTF-8 names no topic; the client that says so is answered, whatever it calls itself.
fn names_that_are_no_text(target: &mut Target<'_>) -> Result<()> {
    let mut connection = RawConnection::to(target.bootstrap)?;
    for client_id in [&[0, 2, 0xff, 0xfe][..], &[0xff, 0xff]] {
        let start = &header(METADATA, 4)[..8];
        let request = [start, client_id, &[0, 0, 0, 1, 0, 3, 0xc3, 0x28, 0xff, 0]].concat();
        let answer = connection.call(&request)?;
        let error = INVALID_TOPIC_EXCEPTION.to_be_bytes();
        // The name is given back, with the mark for what cannot be read.
        let replaced = [&error[..], &[0, 7], "\u{fffd}(\u{fffd}".as_bytes()].concat();
        ensure!(answer.windows(replaced.len()).any(|window| window == replaced), "answered {answer:02x?}");
    }
    Ok(())
}

/// What is no batch is refused for its partition alone; the connection stays open.
fn batches_that_are_none(target: &mut Target<'_>) -> Result<()> {
    let mut connection = RawConnection::to(target.bootstrap)?;
    let good = batch(0, 1, &RECORD);
    let changed = |at: usize, bytes: &[u8]| {
        let mut batch = good.clone();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch
    };
    let cases = [
        // What is too short to tell its own size is not even a damaged batch.
        ("nothing", vec![], INVALID_RECORD),
        ("1 byte", vec![0x55; 1], INVALID_RECORD),
        ("11 bytes", vec![0x55; 11], INVALID_RECORD),
        ("20 bytes of another format", vec![0x55; 20], CORRUPT_MESSAGE),
        ("200 bytes of another format", vec![0x55; 200], CORRUPT_MESSAGE),
        ("a wrong CRC", changed(17, &[1, 2, 3, 4]), CORRUPT_MESSAGE),
        ("a changed record", changed(good.len() - 2, b"!"), CORRUPT_MESSAGE),
        ("a length of more than there is", changed(8, &[0, 0, 1, 0]), INVALID_RECORD),
        ("a length of 2 GiB", changed(8, &[0x7f, 0xff, 0xff, 0xff]), INVALID_RECORD),
        ("a length of -1", changed(8, &[0xff; 4]), CORRUPT_MESSAGE),
        ("a length of 0", changed(8, &[0; 4]), CORRUPT_MESSAGE),
        ("no records", batch(0, 0, &[]), INVALID_RECORD),
        ("fewer records than it says", batch(0, 3, &RECORD), INVALID_RECORD),
        ("more records than it says", batch(0, 1, &[RECORD, RECORD].concat()), INVALID_RECORD),
        ("2 147 483 647 records", batch(0, i32::MAX, &RECORD), INVALID_RECORD),
        ("a record of 2 GiB", batch(0, 1, &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0]), INVALID_RECORD),
    ];
    for (what, batch, expected) in cases {
        let answer = connection.call(&produce_request(target.topic, &batch)).with_context(|| what.to_owned())?;
        let (error, _) = produced(target.topic, &answer)?;
        ensure!(error == expected, "{what}: not error {expected}, but {error}");
    }
    Ok(())
}

/// The beginning of a record of 2 GiB: no key, a value of nearly as much.
const RECORD_OF_2_GIB: [u8; 14] = [0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 0x80, 0xff, 0xff, 0xff, 0x0f];

/// A Zstandard frame whose records begin with a record of 2 GiB, and go on with `block_count` times 128 KiB in four bytes.
fn zstd_bomb(block_count: usize) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 * 1024;
    // A window of 128 KiB.
    let mut compressed = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    compressed.extend(&(u32::try_from(RECORD_OF_2_GIB.len()).unwrap_or(0) << 3).to_le_bytes()[..3]);
    compressed.extend(RECORD_OF_2_GIB);
    // One byte, 131 072 times.
    let block = (BLOCK_BYTES << 3) | (1 << 1);
    for _ in 0..block_count {
        compressed.extend(&block.to_le_bytes()[..3]);
        compressed.push(0);
    }
    compressed
}

const PIECE_BYTES: usize = 1024 * 1024;

/// A mebibyte that begins with [`RECORD_OF_2_GIB`]; zeros go on with the record's value.
fn first_piece() -> Vec<u8> {
    let mut piece = vec![0; PIECE_BYTES];
    piece[..RECORD_OF_2_GIB.len()].copy_from_slice(&RECORD_OF_2_GIB);
    piece
}

/// A gzip stream of that many bytes or a little more, or of that many mebibytes when decompressed.
fn gzip_bomb(compressed_bytes: usize, pieces_max: usize) -> Result<Vec<u8>> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&first_piece())?;
    let zeros = vec![0; PIECE_BYTES];
    let mut pieces = 1;
    while gzip.get_ref().len() < compressed_bytes && pieces < pieces_max {
        gzip.write_all(&zeros)?;
        pieces += 1;
    }
    Ok(gzip.finish()?)
}

/// Frames of a megabyte that decompress to thirty-two gigabytes, as the value of one record.
fn batches_that_explode(target: &mut Target<'_>) -> Result<()> {
    let bomb = frame(&produce_request(target.topic, &batch(4, 1, &zstd_bomb(250_000))));
    let mut connections: Vec<RawConnection> =
        (0..4).map(|_| RawConnection::to(target.bootstrap)).collect::<Result<_>>()?;
    for connection in &mut connections {
        connection.send(&bomb)?;
    }
    target.witness.looks()?;
    for connection in &mut connections {
        let (error, _) = produced(target.topic, &connection.answer()?)?;
        ensure!(error != 0, "a bomb was taken");
    }
    Ok(())
}

/// A record of 2 GiB as far as a batch of a megabyte holds it, in the codecs that are no zstd.
fn batches_that_explode_in_every_codec(target: &mut Target<'_>) -> Result<()> {
    const COMPRESSED_BYTES_MAX: usize = 1_000_000;
    let zeros = vec![0; PIECE_BYTES];
    let first = first_piece();
    let gzip = gzip_bomb(COMPRESSED_BYTES_MAX - 64 * 1024, usize::MAX)?;

    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&first)?;
    while lz4.get_ref().len() < COMPRESSED_BYTES_MAX - 64 * 1024 {
        lz4.write_all(&zeros)?;
    }
    let lz4 = lz4.finish()?;

    // Blocks behind their lengths, as all clients frame them; and one that claims to hold 4 GiB.
    let framed = |blocks: &mut dyn Iterator<Item = Vec<u8>>| -> Result<Vec<u8>> {
        let mut framed = vec![0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
        for block in blocks {
            framed.extend(u32::try_from(block.len())?.to_be_bytes());
            framed.extend(block);
        }
        Ok(framed)
    };
    let block_of = |plain: &[u8]| snap::raw::Encoder::new().compress_vec(plain);
    let (begin, block) = (block_of(&first)?, block_of(&zeros)?);
    let count = COMPRESSED_BYTES_MAX / (block.len() + 4) - 1;
    let snappy = framed(&mut std::iter::once(begin).chain(std::iter::repeat_n(block, count)))?;
    let lie = framed(&mut std::iter::once(vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]))?;

    let cases = [("gzip", 1, gzip), ("lz4", 3, lz4), ("snappy", 2, snappy), ("snappy that lies", 2, lie)];
    for (what, codec, compressed) in cases {
        ensure!(compressed.len() <= COMPRESSED_BYTES_MAX, "{what}: {} bytes", compressed.len());
        let request = frame(&produce_request(target.topic, &batch(codec, 1, &compressed)));
        let mut connections: Vec<RawConnection> =
            (0..4).map(|_| RawConnection::to(target.bootstrap)).collect::<Result<_>>()?;
        for connection in &mut connections {
            connection.send(&request)?;
        }
        target.witness.looks().with_context(|| what.to_owned())?;
        for connection in &mut connections {
            let (error, _) = produced(target.topic, &connection.answer()?)?;
            ensure!(error != 0, "{what} was taken");
        }
    }
    Ok(())
}

/// Many connections, each with many batches that take long to look at, one behind the other: a witness is served all the
/// while, far from having to wait for their end.
fn batches_that_keep_exploding(target: &mut Target<'_>) -> Result<()> {
    const CONNECTIONS: usize = 8;
    const BATCHES: usize = 3;
    // Slower to decompress than the other codecs.
    let bomb = frame(&produce_request(target.topic, &batch(1, 1, &gzip_bomb(usize::MAX, 380)?)));
    let mut connections: Vec<RawConnection> =
        (0..CONNECTIONS).map(|_| RawConnection::to(target.bootstrap)).collect::<Result<_>>()?;
    for connection in &mut connections {
        connection.send(&bomb.repeat(BATCHES))?;
    }
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = connections
            .iter_mut()
            .map(|connection| {
                scope.spawn(|| {
                    for _ in 0..BATCHES {
                        let (error, _) = produced(target.topic, &connection.answer()?)?;
                        ensure!(error != 0, "a bomb was taken");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        for _ in 0..100 {
            target.witness.looks()?;
        }
        let before = answered.load(Ordering::Relaxed);
        for reader in readers {
            reader.join().map_err(|_| anyhow!("a reader panicked"))??;
        }
        ensure!(before <= CONNECTIONS * BATCHES / 2, "the witness had to wait until {before} bombs were looked at");
        Ok(())
    })
}
