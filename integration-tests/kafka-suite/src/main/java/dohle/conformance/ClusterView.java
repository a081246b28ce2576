package dohle.conformance;

import java.io.File;
import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeQuorumResponseData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.ReplicaState;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.DescribeAclsRequest;
import org.apache.kafka.common.requests.DescribeAclsResponse;
import org.apache.kafka.common.requests.DescribeConfigsRequest;
import org.apache.kafka.common.requests.DescribeConfigsResponse;
import org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource;
import org.apache.kafka.common.requests.DescribeQuorumRequest;
import org.apache.kafka.common.requests.DescribeQuorumResponse;
import org.apache.kafka.common.requests.MetadataRequest;
import org.apache.kafka.common.requests.MetadataResponse;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.test.JaasUtils;
import org.apache.kafka.common.test.TestKitNodes;

/** What each single node of a cluster knows, asked over its listeners, and what lies in its folders. */
public final class ClusterView {
    private static final long PATIENCE_SECONDS = 60;
    private static final Set<Byte> CHANGED = Set.of(
        ConfigSource.DYNAMIC_BROKER_CONFIG.id(), ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG.id());

    private final Cluster cluster;
    private final TestKitNodes nodes;

    /** A view of a cluster of these nodes. */
    public ClusterView(Cluster cluster, TestKitNodes nodes) {
        this.cluster = cluster;
        this.nodes = nodes;
    }

    /** The ids of the brokers that run. */
    public List<Integer> runningBrokers() {
        return nodes.brokerNodes().keySet().stream().filter(id -> cluster.member(id).node.running()).toList();
    }

    /** How many partitions a topic has for this broker; empty if there is no such topic. */
    public Optional<Integer> partitions(int broker, String topic) {
        return topic(broker, topic).map(found -> found.partitions().size());
    }

    Optional<MetadataResponsePartition> partition(int broker, String topic, int index) {
        return topic(broker, topic).flatMap(found ->
            found.partitions().stream().filter(partition -> partition.partitionIndex() == index).findFirst());
    }

    /** The brokers that this broker thinks alive. Nobody, where it does not answer. */
    List<MetadataResponseData.MetadataResponseBroker> brokers(int broker) {
        return metadata(broker, List.of()).map(found -> List.copyOf(found.brokers())).orElse(List.of());
    }

    /** The topics that any running broker knows, by name. */
    Map<String, Uuid> topicIds() {
        Map<String, Uuid> ids = new HashMap<>();
        runningBrokers().stream().findFirst().flatMap(broker -> metadata(broker, null)).ifPresent(found ->
            found.topics().forEach(topic -> ids.put(topic.name(), topic.topicId())));
        return ids;
    }

    /** Whether a folder of the partition is in a log directory of the broker. */
    public boolean hasFolder(int broker, TopicPartition partition) {
        return nodes.brokerNodes().get(broker).logDataDirectories().stream()
            .anyMatch(directory -> new File(directory, partition.toString()).exists());
    }

    /** The level of a feature that is finalized for this broker; 0 if it is not. */
    public short featureLevel(int broker, String feature) {
        try (Wire wire = wire(broker)) {
            var found = wire.versions().finalizedFeatures().find(feature);
            return found == null ? 0 : found.maxVersionLevel();
        } catch (IOException error) {
            throw new IllegalStateException("ask broker " + broker + " for its features", error);
        }
    }

    /** The settings of a broker that were changed since it was started, but for secrets. Nothing, where it does not answer. */
    Map<String, String> changedSettings(int broker) {
        DescribeConfigsRequestData question = new DescribeConfigsRequestData().setResources(List.of(
            new DescribeConfigsRequestData.DescribeConfigsResource()
                .setResourceType(ConfigResource.Type.BROKER.id()).setResourceName(Integer.toString(broker))
                .setConfigurationKeys(null)));
        Map<String, String> settings = new HashMap<>();
        try (Wire wire = wire(broker)) {
            wire.ask(new DescribeConfigsRequest.Builder(question), DescribeConfigsResponse.class).data().results()
                .stream().flatMap(result -> result.configs().stream())
                .filter(setting -> setting.value() != null && CHANGED.contains(setting.configSource()))
                .forEach(setting -> settings.put(setting.name(), setting.value()));
        } catch (IOException notRunning) {
            return Map.of();
        }
        return settings;
    }

    /** Waits until every running broker has the topic with so many partitions. */
    public void awaitTopic(String topic, int partitions) {
        await(topic + " with " + partitions + " partitions on each broker", () -> runningBrokers().stream()
            .allMatch(broker -> partitions(broker, topic).equals(Optional.of(partitions))));
        awaitConsistentMetadata();
    }

    /** Waits until no running broker knows the topic or has a folder of its first partition. */
    public void awaitNoTopic(String topic) {
        await("no " + topic + " on any broker",
            () -> runningBrokers().stream().allMatch(broker -> partitions(broker, topic).isEmpty()));
        await("no folder of " + topic, () -> runningBrokers().stream()
            .noneMatch(broker -> hasFolder(broker, new TopicPartition(topic, 0))));
    }

    /** Waits until every running broker lists all brokers of the cluster. */
    public void awaitAllBrokers() {
        Set<Integer> all = nodes.brokerNodes().keySet();
        await("all brokers listed by each", () -> runningBrokers().size() == all.size() && all.stream().allMatch(
            broker -> brokers(broker).stream().map(other -> other.nodeId()).toList().containsAll(all)));
    }

    /** Waits until every running broker has what is committed in the metadata log now. */
    public void awaitConsistentMetadata() {
        long committed = metadataEnd();
        await("metadata log up to " + committed + " on each broker",
            () -> runningBrokers().stream().allMatch(broker -> metadataEnd(broker) >= committed));
    }

    /** Waits until every running node answers the filter with these entries and no others. */
    public void awaitAcls(AclBindingFilter filter, Collection<AccessControlEntry> entries) {
        await("ACLs " + entries, () -> runningBrokers().stream().allMatch(broker -> {
            try (Wire wire = wire(broker)) {
                Set<AccessControlEntry> found = new HashSet<>();
                DescribeAclsResponse.aclBindings(
                        wire.ask(new DescribeAclsRequest.Builder(filter), DescribeAclsResponse.class).acls())
                    .forEach(binding -> found.add(binding.entry()));
                return found.equals(Set.copyOf(entries));
            } catch (IOException error) {
                return false;
            }
        }));
    }

    /** Where the committed part of the metadata log ends; 0 where nobody can be asked. */
    long metadataEnd() {
        return quorum().map(DescribeQuorumResponseData.PartitionData::highWatermark).orElse(0L);
    }

    /** How far a node has read the metadata log. What cannot be asked is not waited for. */
    long metadataEnd(int node) {
        return quorum().flatMap(found ->
            Stream.concat(found.currentVoters().stream(), found.observers().stream())
                .filter(replica -> replica.replicaId() == node)
                .map(ReplicaState::logEndOffset)
                .findFirst()).orElse(Long.MAX_VALUE);
    }

    /** The leader of the metadata quorum; empty where nobody can be asked. */
    Optional<Integer> activeController() {
        return quorum().map(DescribeQuorumResponseData.PartitionData::leaderId);
    }

    private Optional<DescribeQuorumResponseData.PartitionData> quorum() {
        Optional<Integer> broker = runningBrokers().stream().findFirst();
        if (broker.isEmpty()) {
            return Optional.empty();
        }
        try (Wire wire = wire(broker.get())) {
            if (!wire.serves(ApiKeys.DESCRIBE_QUORUM)) {
                return Optional.empty();
            }
            TopicPartition metadataLog = new TopicPartition("__cluster_metadata", 0);
            DescribeQuorumResponseData data = wire.ask(
                new DescribeQuorumRequest.Builder(DescribeQuorumRequest.singletonRequest(metadataLog)),
                DescribeQuorumResponse.class).data();
            return data.errorCode() == Errors.NONE.code()
                ? Optional.of(data.topics().get(0).partitions().get(0)) : Optional.empty();
        } catch (IOException error) {
            return Optional.empty();
        }
    }

    private Optional<MetadataResponseTopic> topic(int broker, String name) {
        return metadata(broker, List.of(name))
            .map(found -> found.topics().find(name))
            .filter(topic -> topic.errorCode() != Errors.UNKNOWN_TOPIC_OR_PARTITION.code()
                && topic.errorCode() != Errors.INVALID_TOPIC_EXCEPTION.code());
    }

    /** @param topics null for all */
    private Optional<MetadataResponseData> metadata(int broker, List<String> topics) {
        try (Wire wire = wire(broker)) {
            MetadataRequest.Builder request =
                topics == null ? MetadataRequest.Builder.allTopics() : new MetadataRequest.Builder(topics, false);
            return Optional.of(wire.ask(request, MetadataResponse.class).data());
        } catch (IOException notRunning) {
            return Optional.empty();
        }
    }

    private Wire wire(int broker) throws IOException {
        Optional<Login> login = nodes.brokerListenerProtocol() == SecurityProtocol.SASL_PLAINTEXT
            ? Optional.of(new Login(JaasUtils.KAFKA_PLAIN_ADMIN, JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD))
            : Optional.empty();
        return new Wire(cluster.member(broker).port(nodes.brokerListenerName().value()), login);
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within " + PATIENCE_SECONDS + " s: " + what);
            }
            try {
                TimeUnit.MILLISECONDS.sleep(20);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted while waiting: " + what, interrupted);
            }
        }
    }
}
