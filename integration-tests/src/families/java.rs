//! Apache Kafka's Java client, in the versions that its users have.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use super::clients;
use crate::java::{check_toolchain, classes, jars, java};
use crate::requirement::Missing;

/// One version.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// As its jar has it.
    pub(super) version: &'static str,
    /// Which form of the example it can compile: clients before 4.0 still have `poll(long)`.
    pub(super) example: &'static str,
}

pub(super) fn toolchain() -> Result<(), Missing> {
    static TOOLCHAIN: OnceLock<Result<(), Missing>> = OnceLock::new();
    TOOLCHAIN.get_or_init(|| check_toolchain("the Java clients")).clone()
}

impl Client {
    pub(super) fn driver(&self) -> Result<Command> {
        let jars = self.jars()?;
        let classes = classes(&format!("java-driver-{}", self.version), &[clients("java").join("driver")], &jars)?;
        let mut command = java(&[classes, jars.join("*")]);
        command.arg("driver.Driver");
        Ok(command)
    }

    pub(super) fn example(&self) -> Result<Command> {
        let jars = self.jars()?;
        let folder = clients("java").join("example").join(self.example);
        let classes = classes(&format!("java-example-{}", self.version), &[folder], &jars)?;
        let mut command = java(&[classes, jars.join("*")]);
        command.arg("KafkaLoadBalancingExample");
        Ok(command)
    }

    fn jars(&self) -> Result<PathBuf> {
        let version = self.version;
        jars(
            &format!("kafka-clients-{version}"),
            &clients("java").join("pom.xml"),
            &[format!("kafka.version={version}")],
        )
    }
}
