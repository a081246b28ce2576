//! Whose the log directories are, settled before a node starts.
//!
//! All of them belong to one node of one cluster. The one with the metadata must have been formatted, unless the node runs
//! without a file; another that is not yet is new, and joins the others, as in Kafka. What would start with less than there
//! was is refused: a folder with data whose `meta.properties` is gone, and partitions whose metadata is gone. A node that
//! went on would take their topics for deleted.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use dohle_config::ServerConfig;
use dohle_log::{LogDirectory, LogDirectoryError, MetaProperties};
use dohle_model::DirectoryId;
use dohle_seams::{Disk, Randomness, RandomnessExt};

/// The folder of the metadata log in `metadata.log.dir`.
const METADATA_FOLDER: &str = "__cluster_metadata-0";
/// What every folder of a partition holds.
const PARTITION_MARK: &str = "partition.metadata";

/// All folders of a node, each once, by name.
pub(crate) fn paths(config: &ServerConfig) -> Vec<PathBuf> {
    let mut paths = config.log_dirs.clone();
    paths.push(config.metadata_log_dir.clone());
    paths.sort();
    paths.dedup();
    paths
}

/// Whose a folder is; `None` where it is not formatted.
pub(crate) fn owner(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>, LogDirectoryError> {
    match LogDirectory::read_meta(disk, path) {
        Ok(meta) => Ok(Some(meta)),
        Err(LogDirectoryError::NotFormatted(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks the folders of a node that starts, formats those that may be formatted now, and returns the cluster's id.
///
/// # Errors
/// The metadata's folder is not formatted and `may_format` is false, a folder belongs to another node or cluster, or data is
/// there whose owner or whose metadata is not.
pub(crate) fn settle(
    disk: &dyn Disk,
    randomness: &dyn Randomness,
    config: &ServerConfig,
    may_format: bool,
) -> anyhow::Result<String> {
    let mut cluster_id: Option<(String, PathBuf)> = None;
    let mut new = Vec::new();
    for path in paths(config) {
        let owner = match owner(disk, &path) {
            // The node goes on without it, as long as another is left.
            Err(error @ LogDirectoryError::Storage { .. }) if path != config.metadata_log_dir => {
                tracing::error!(directory = %path.display(), %error, "cannot read whose a log directory is");
                continue;
            }
            other => other?,
        };
        let Some(meta) = owner else {
            if let Some(name) = data_in(disk, &path)? {
                bail!(
                    "{path} holds data ({name}) but no meta.properties that says whose: put that file back, or set log.dirs to \
                     another folder",
                    path = path.display()
                );
            }
            new.push(path);
            continue;
        };
        if meta.node_id != config.node_id.0 {
            bail!(
                "{} belongs to node {}, and node.id is {}: set node.id to the data's node, or log.dirs to other folders",
                path.display(),
                meta.node_id,
                config.node_id.0
            );
        }
        match &cluster_id {
            Some((id, other)) if *id != meta.cluster_id => bail!(
                "{} belongs to cluster {}, and {} to cluster {id}: the folders in log.dirs must belong to one cluster",
                path.display(),
                meta.cluster_id,
                other.display()
            ),
            Some(_) => {}
            None => cluster_id = Some((meta.cluster_id, path)),
        }
    }
    if !may_format && new.contains(&config.metadata_log_dir) {
        return Err(LogDirectoryError::NotFormatted(config.metadata_log_dir.clone()).into());
    }
    if disk.facts(&config.metadata_log_dir.join(METADATA_FOLDER))?.is_none() {
        for path in &config.log_dirs {
            if let Some(name) = data_in(disk, path)? {
                bail!(
                    "{path} holds partitions ({name}), but the metadata that tells of them is gone: there is no \
                     {METADATA_FOLDER} in {metadata}; put that folder back, or set log.dirs to another folder",
                    path = path.display(),
                    metadata = config.metadata_log_dir.display()
                );
            }
        }
    }
    let cluster_id = cluster_id.map_or_else(|| randomness.uuid().to_string(), |(id, _)| id);
    for path in new {
        let directory_id = DirectoryId(randomness.uuid());
        let meta = MetaProperties { cluster_id: cluster_id.clone(), node_id: config.node_id.0, directory_id };
        LogDirectory::format(disk, &path, &meta).with_context(|| format!("cannot format {}", path.display()))?;
        tracing::info!(directory = %path.display(), cluster_id, "formatted a log directory");
    }
    Ok(cluster_id)
}

/// The name of a partition's folder, or of the metadata's, in a log directory; `None` where it holds neither, or is not there.
fn data_in(disk: &dyn Disk, path: &Path) -> anyhow::Result<Option<String>> {
    let entries = match disk.list(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    for entry in entries {
        let folder = path.join(&entry.name);
        if entry.name == METADATA_FOLDER || disk.facts(&folder.join(PARTITION_MARK)).is_ok_and(|mark| mark.is_some()) {
            return Ok(Some(entry.name));
        }
    }
    Ok(None)
}
