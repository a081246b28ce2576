//! A registered controller (KIP-919).

use std::collections::BTreeMap;

use dohle_model::Uuid;

use crate::broker_image::BrokerEndpoint;
use crate::features::FeatureRange;

/// A node in its role as controller: where it is reached, and what it supports.
#[derive(Clone, Debug, PartialEq)]
pub struct ControllerImage {
    /// `node.id`
    pub id: i32,
    /// Made up by the process as it started.
    pub incarnation_id: Uuid,
    /// One for each listener of controllers.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels that the controller supports.
    pub features: BTreeMap<String, FeatureRange>,
}
