//! Topics by the administration client.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use dohle_integration_tests::events::Event;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use crate::clients::{PATIENCE, settings};
use crate::{Play, print};

pub(crate) fn play(play: &Play) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let admin: AdminClient<DefaultClientContext> = settings(play, &[]).create().context("administration client")?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let topic = NewTopic::new(&play.topic, 3, TopicReplication::Fixed(1)).set("retention.ms", "86400000");
    let create = || -> Result<_> {
        let answers = runtime.block_on(admin.create_topics([&topic], &options)).context("create")?;
        answers.into_iter().next().context("no answer")
    };
    if let Err((name, error)) = create()? {
        bail!("create {name}: {error}");
    }
    let again = match create()? {
        Ok(_) => "yes".to_owned(),
        Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => "TopicExists".to_owned(),
        Err((_, error)) => error.to_string(),
    };
    fact("created-again", again)?;
    let metadata = admin.inner().fetch_metadata(None, PATIENCE).context("metadata")?;
    let found = metadata.topics().iter().find(|found| found.name() == play.topic);
    fact("listed", found.is_some())?;
    let partitions = found.map(|topic| topic.partitions()).unwrap_or_default();
    fact("partitions", partitions.len())?;
    fact("leaders", partitions.iter().filter(|partition| partition.leader() >= 0).count())?;

    let resource = ResourceSpecifier::Topic(&play.topic);
    let answers = runtime.block_on(admin.describe_configs([&resource], &options)).context("describe")?;
    let configs = answers.into_iter().next().context("no answer")?.context("describe")?;
    let retention = configs.get("retention.ms").and_then(|entry| entry.value.as_deref());
    fact("retention.ms", retention.unwrap_or("missing"))?;

    for answer in runtime.block_on(admin.delete_topics(&[&play.topic], &options)).context("delete")? {
        answer.map_err(|(name, error)| anyhow::anyhow!("delete {name}: {error}"))?;
    }
    // Other nodes may learn of it later; one that answered has seen it.
    let end = Instant::now() + PATIENCE;
    while admin.inner().fetch_metadata(None, PATIENCE)?.topics().iter().any(|topic| topic.name() == play.topic) {
        ensure!(Instant::now() < end, "{} is still there", play.topic);
    }
    fact("deleted", true)
}

fn fact(name: &str, value: impl ToString) -> Result<()> {
    print(&Event::Fact(name.to_owned(), value.to_string()))
}
