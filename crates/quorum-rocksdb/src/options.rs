//! How RocksDB is set up: for a log of some megabytes that is appended to, synced, and cut at its front.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel,
    LruCacheOptions, Options,
};

/// The column family of entries: index, eight bytes big-endian, to entry.
pub(crate) const LOG: &str = "log";
/// The column family of values: name to value.
pub(crate) const META: &str = "meta";

/// Nothing is in it.
const DEFAULT: &str = "default";

/// Entries are read soon after they were written, or once after a restart.
const BLOCK_CACHE_BYTES: usize = 512 * 1024;
/// Memory of entries that are not in a table yet.
const WRITE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Memory is taken in pieces of this size.
const ARENA_BLOCK_BYTES: usize = 64 * 1024;
/// Column families that are seldom written keep the write-ahead log from shrinking; beyond this they are flushed.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) fn database() -> Options {
    let mut options = family();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // A torn tail was never acknowledged and may go; damage before it must not be passed over: a replica that silently
    // forgets a vote or an entry endangers the quorum, one that does not start does not.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_paranoid_checks(true);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_recycle_log_file_num(0);
    options.set_manual_wal_flush(false);
    options.set_unordered_write(false);
    // One writer, little work behind the scenes, none while nothing happens.
    options.set_allow_concurrent_memtable_write(false);
    options.set_enable_write_thread_adaptive_yield(false);
    options.set_max_background_jobs(2);
    options.set_max_subcompactions(1);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_max_open_files(64);
    options.set_max_file_opening_threads(1);
    options.set_table_cache_num_shard_bits(0);
    options.set_skip_stats_update_on_db_open(true);
    options.set_manifest_preallocation_size(64 * 1024);
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, |level, message| match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(message = message.trim_end(), "RocksDB"),
        LogLevel::Warn => tracing::warn!(message = message.trim_end(), "RocksDB"),
        // What every start begins with: hundreds of lines of settings, which no level keeps away.
        LogLevel::Debug | LogLevel::Info | LogLevel::Header => {}
    }));
    options
}

pub(crate) fn families() -> Vec<ColumnFamilyDescriptor> {
    // RocksDB insists on the default one, and takes disk space ahead for the largest.
    [DEFAULT, LOG, META].into_iter().map(|name| ColumnFamilyDescriptor::new(name, family())).collect()
}

fn family() -> Options {
    let mut cache = LruCacheOptions::default();
    cache.set_capacity(BLOCK_CACHE_BYTES);
    cache.set_num_shard_bits(0);
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&Cache::new_lru_cache_opts(&cache));
    let mut options = Options::default();
    options.set_block_based_table_factory(&tables);
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(2);
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
    options
}
