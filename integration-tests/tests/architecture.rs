//! Which crates of the workspace may know which others. `docs/architecture.md` draws the same picture.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};
use dohle_integration_tests::checkout::package_folder;

/// For each crate, the crates of the workspace that it may depend on. Not more than is wanted: a new arrow is a decision.
const ALLOWED: [(&str, &[&str]); 19] = [
    ("model", &[]),
    ("seams", &["model"]),
    ("config", &["model"]),
    ("protocol", &["model"]),
    ("metadata", &["model", "protocol"]),
    // The controller is pure: of the seams it takes randomness alone, which is given to each decision.
    ("controller", &["model", "protocol", "config", "metadata", "seams"]),
    ("quorum", &["model", "protocol", "config", "metadata", "controller", "seams"]),
    ("quorum-rocksdb", &["quorum"]),
    ("log", &["model", "protocol", "config", "seams"]),
    ("replication", &["model", "protocol", "config", "metadata", "log", "seams"]),
    // Coordinators reach logs through a trait of their own.
    ("coordinator-runtime", &["protocol", "seams"]),
    ("group-coordinator", &["model", "protocol", "coordinator-runtime", "seams"]),
    ("network", &["protocol", "seams"]),
    ("broker", &BELOW_BROKER),
    ("dohle", &BELOW_DOHLE),
    // Gives hostile bytes to whatever takes bytes.
    (
        "fuzzing",
        &["model", "protocol", "config", "log", "coordinator-runtime", "group-coordinator", "network", "seams"],
    ),
    // Stands in for a crate from outside, and knows as much of us.
    ("base2histogram", &[]),
    // Reaches brokers over sockets only; it encodes what it sends with our own codecs.
    ("bench", &["protocol"]),
    // Stands outside: it knows the broker as a program only.
    ("integration-tests", &[]),
];

/// All but the store of the quorum, which is handed in.
const BELOW_BROKER: [&str; 12] = [
    "model",
    "seams",
    "config",
    "protocol",
    "metadata",
    "controller",
    "quorum",
    "log",
    "replication",
    "coordinator-runtime",
    "group-coordinator",
    "network",
];

/// The binary starts the broker with the network and the store that it links, and prepares folders with the storage tool.
const BELOW_DOHLE: [&str; 8] = ["model", "seams", "config", "log", "quorum", "quorum-rocksdb", "network", "broker"];

/// Crates from outside that few may name, and those few.
const KEPT_IN: [(&str, &[&str]); 2] = [("openraft", &["quorum"]), ("rocksdb", &["quorum-rocksdb"])];

/// A crate of the workspace, by its name without `dohle-`, and all that it names as a dependency.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Says what is wrong with a graph, each thing in one sentence.
fn wrong_arrows(graph: &Graph) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in graph {
        let Some(allowed) = allowed.get(name.as_str()) else {
            wrong.push(format!("{name} is new: say here what it may depend on"));
            continue;
        };
        for dependency in dependencies {
            if graph.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} depends on {dependency}"));
            }
            let kept_in = KEPT_IN.iter().find(|(kept, _)| kept == dependency);
            if kept_in.is_some_and(|(_, users)| !users.contains(&name.as_str())) {
                wrong.push(format!("{name} names {dependency}"));
            }
        }
    }
    wrong
}

/// The workspace as cargo sees it. What only tests of a crate use is left out: they may take from anywhere.
fn workspace() -> Graph {
    let manifest = package_folder().join("Cargo.toml");
    let metadata =
        MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo knows its own workspace");
    let short = |name: &str| name.strip_prefix("dohle-").unwrap_or(name).to_owned();
    let dependencies = |package: &cargo_metadata::Package| {
        let dependencies =
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        dependencies.map(|dependency| short(&dependency.name)).collect()
    };
    metadata.workspace_packages().into_iter().map(|package| (short(&package.name), dependencies(package))).collect()
}

fn graph(arrows: &[(&str, &[&str])]) -> Graph {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    arrows.iter().map(|(name, dependencies)| ((*name).to_owned(), owned(dependencies))).collect()
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let workspace = workspace();
    assert!(workspace.len() > 10, "cargo shows the workspace: {workspace:?}");
    assert_eq!(wrong_arrows(&workspace), Vec::<String>::new());
}

#[test]
fn every_crate_that_is_drawn_is_there() {
    let workspace = workspace();
    let missing: Vec<&str> =
        ALLOWED.iter().map(|(name, _)| *name).filter(|name| !workspace.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_drawing_has_no_circles() {
    // Each crate is drawn below all that may depend on it.
    let mut above = BTreeSet::new();
    for (name, allowed) in ALLOWED {
        assert!(
            allowed.iter().all(|dependency| above.contains(dependency)),
            "{name} may depend on what is drawn later"
        );
        above.insert(name);
    }
}

#[test]
fn a_wrong_arrow_is_found() {
    let check = |name: &str, dependency: &str, expected: &str| {
        let drawn: [(&str, &[&str]); 3] = [("log", &["model"]), ("model", &[]), ("replication", &["log", "bytes"])];
        let mut graph = graph(&drawn);
        assert_eq!(wrong_arrows(&graph), Vec::<String>::new(), "before there is a wrong arrow");
        graph.entry(name.to_owned()).or_default().insert(dependency.to_owned());
        assert_eq!(wrong_arrows(&graph), [expected]);
    };
    check("log", "replication", "log depends on replication");
    check("model", "log", "model depends on log");
    check("replication", "openraft", "replication names openraft");
    check("log", "rocksdb", "log names rocksdb");
    check("surprise", "bytes", "surprise is new: say here what it may depend on");
}

#[test]
fn what_is_kept_in_one_crate_may_be_there() {
    let drawn: [(&str, &[&str]); 2] = [("quorum", &["openraft"]), ("quorum-rocksdb", &["quorum", "rocksdb"])];
    assert_eq!(wrong_arrows(&graph(&drawn)), Vec::<String>::new());
    let drawn: [(&str, &[&str]); 1] = [("quorum", &["openraft", "rocksdb"])];
    assert_eq!(wrong_arrows(&graph(&drawn)), ["quorum names rocksdb"]);
}
