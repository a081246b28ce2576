//! Where these tests lie.

use std::path::PathBuf;

/// The folder of this package: the one whose tests cargo runs. What a clone has compiled may serve another one that has the
/// same cache, so the folder that was compiled in counts only where a program is started without cargo.
#[must_use]
pub fn package_folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
