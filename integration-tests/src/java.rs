//! Java programs: jars by Maven, classes by javac, and how many JVMs run at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::cache::made_once;
use crate::process::run_to_end;
use crate::requirement::{Missing, program};
use crate::sources::{sources, texts};

/// Each JVM wants a core and a quarter of a gigabyte.
const JVMS_AT_ONCE: usize = 2;

static FREE_JVMS: Mutex<usize> = Mutex::new(JVMS_AT_ONCE);
static FREED: Condvar = Condvar::new();

/// The right to run some JVMs, given back when dropped.
pub struct JvmPermits(usize);

impl JvmPermits {
    /// Waits until `count` more JVMs may run; `count` is at most two.
    #[must_use]
    pub fn acquire(count: usize) -> Self {
        let count = count.min(JVMS_AT_ONCE);
        let mut free = FREE_JVMS.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < count {
            free = FREED.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= count;
        Self(count)
    }
}

impl Drop for JvmPermits {
    fn drop(&mut self) {
        *FREE_JVMS.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        FREED.notify_all();
    }
}

/// Checks for what running Java programs takes.
///
/// # Errors
/// A program is missing; `needed_by` says for whom.
pub fn check_toolchain(needed_by: &str) -> Result<(), Missing> {
    program("java", "-version", needed_by)?;
    program("javac", "-version", needed_by)?;
    program("mvn", "-version", needed_by)
}

/// The jars that a pom names, in a folder of the cache. `properties` are given to Maven.
///
/// # Errors
/// Maven fails: offline at the first run, say.
pub fn jars(name: &str, pom: &Path, properties: &[String]) -> Result<PathBuf> {
    let pom_text = std::fs::read_to_string(pom).with_context(|| format!("read {}", pom.display()))?;
    let mut sources = vec![pom_text.as_str()];
    sources.extend(properties.iter().map(String::as_str));
    made_once(name, &sources, |folder| {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "--file"]).arg(pom).arg("dependency:copy-dependencies");
        maven.args(properties.iter().map(|property| format!("-D{property}")));
        maven.arg(format!("-DoutputDirectory={}", folder.display()));
        run_to_end(maven)
    })
}

/// The classes of all `.java` files in `folders`, compiled against `jars`, in a folder of the cache.
///
/// # Errors
/// A file cannot be read or does not compile.
pub fn classes(name: &str, folders: &[PathBuf], jars: &Path) -> Result<PathBuf> {
    let sources = sources(folders, &[".java"])?;
    let where_jars_are = jars.display().to_string();
    made_once(name, &texts(&sources, &[&where_jars_are]), |folder| {
        let mut compiler = Command::new("javac");
        // Old calls are what some of these programs are for.
        compiler.args(["-Xlint:-options", "-nowarn", "-encoding", "UTF-8", "-d"]).arg(folder);
        compiler.arg("-cp").arg(jars.join("*")).args(sources.iter().map(|source| &source.path));
        run_to_end(compiler)
    })
}

/// `java` with a class path and options for programs that live for seconds.
#[must_use]
pub fn java(class_path: &[PathBuf]) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
    command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    let paths: Vec<String> = class_path.iter().map(|path| path.display().to_string()).collect();
    command.args(["-cp", &paths.join(":")]);
    command
}
