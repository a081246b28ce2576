//! `partition.metadata`: which topic, by id, a partition's folder belongs to.

use std::io;
use std::path::Path;

use dohle_model::TopicId;
use dohle_seams::Disk;

use crate::error::LogError;

const FILE_NAME: &str = "partition.metadata";

/// Compares the topic id in the file, or writes the file, synced, where there is none.
pub(crate) fn check_or_write(disk: &dyn Disk, directory: &Path, topic_id: TopicId) -> Result<(), LogError> {
    let path = directory.join(FILE_NAME);
    let text = match disk.read_to_end(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return disk
                .replace_file(&path, format!("version: 0\ntopic_id: {topic_id}\n").as_bytes())
                .map_err(LogError::storage(path));
        }
        Err(source) => return Err(LogError::Storage { path, source }),
    };
    let found = text.lines().find_map(|line| line.strip_prefix("topic_id: ")).and_then(|id| id.trim().parse().ok());
    match found {
        Some(found) if TopicId(found) == topic_id => Ok(()),
        Some(found) => Err(LogError::TopicId { path, found: TopicId(found), expected: topic_id }),
        None => Err(LogError::Malformed { path, reason: "it holds no topic id".to_owned() }),
    }
}
