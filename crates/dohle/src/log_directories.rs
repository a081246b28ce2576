//! Whose the log directories are, settled before a node starts.
//!
//! All of them belong to one node of one cluster. The one with the metadata must have been formatted, unless the node runs
//! without a file; another that is not yet is new, and joins the others, as in Kafka.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use dohle_config::ServerConfig;
use dohle_log::{LogDirectory, LogDirectoryError, MetaProperties};
use dohle_model::DirectoryId;
use dohle_seams::{Disk, Randomness, RandomnessExt};

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
/// The metadata's folder is not formatted and `may_format` is false, or a folder belongs to another node or cluster.
pub(crate) fn settle(
    disk: &dyn Disk,
    randomness: &dyn Randomness,
    config: &ServerConfig,
    may_format: bool,
) -> anyhow::Result<String> {
    let mut cluster_id: Option<(String, PathBuf)> = None;
    let mut new = Vec::new();
    for path in paths(config) {
        let Some(meta) = owner(disk, &path)? else {
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
    let cluster_id = cluster_id.map_or_else(|| randomness.uuid().to_string(), |(id, _)| id);
    for path in new {
        let directory_id = DirectoryId(randomness.uuid());
        let meta = MetaProperties { cluster_id: cluster_id.clone(), node_id: config.node_id.0, directory_id };
        LogDirectory::format(disk, &path, &meta).with_context(|| format!("cannot format {}", path.display()))?;
        tracing::info!(directory = %path.display(), cluster_id, "formatted a log directory");
    }
    Ok(cluster_id)
}
