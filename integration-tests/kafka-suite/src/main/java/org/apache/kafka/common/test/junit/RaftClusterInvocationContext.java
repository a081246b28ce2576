package org.apache.kafka.common.test.junit;

import dohle.conformance.ClusterView;
import dohle.conformance.Collapse;
import dohle.conformance.NotApplicable;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kafka.server.ControllerServer;
import kafka.server.KafkaBroker;
import org.apache.kafka.clients.consumer.GroupProtocol;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.test.ClusterInstance;
import org.apache.kafka.common.test.KafkaClusterTestKit;
import org.apache.kafka.common.test.TestKitNodes;
import org.apache.kafka.common.test.api.ClusterConfig;
import org.apache.kafka.common.test.api.Type;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;
import org.apache.kafka.server.authorizer.Authorizer;
import org.apache.kafka.server.common.Feature;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.server.fault.FaultHandlerException;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.TestTemplateInvocationContext;

/**
 * Stands before Kafka's class of this name on the class path: gives a test a cluster whose nodes are programs outside this
 * JVM, and answers over the wire what Kafka's answers from the objects of its brokers.
 */
public final class RaftClusterInvocationContext implements TestTemplateInvocationContext {
    private final String baseDisplayName;
    private final ClusterConfig config;
    private final boolean combined;

    /** A run of a test with a cluster of this form. */
    public RaftClusterInvocationContext(String baseDisplayName, ClusterConfig config, boolean combined) {
        this.baseDisplayName = baseDisplayName;
        this.config = config;
        this.combined = combined;
    }

    @Override
    public String getDisplayName(int index) {
        return String.format("%s [%d] Type=Raft-%s, %s",
            baseDisplayName, index, combined ? "Combined" : "Isolated", String.join(",", config.displayTags()));
    }

    @Override
    public List<Extension> getAdditionalExtensions() {
        Instance instance = new Instance(config, combined);
        return List.of(
            (BeforeEachCallback) context -> {
                try {
                    instance.format();
                    if (config.isAutoStart()) {
                        instance.start();
                    }
                } catch (Exception | Error error) {
                    // Nobody else ends what was started.
                    instance.stop();
                    throw error;
                }
            },
            (AfterTestExecutionCallback) context -> instance.stop(),
            // A method that runs before the test may fail too.
            (AfterEachCallback) context -> instance.stop(),
            new ClusterInstanceParameterResolver(instance));
    }

    private static final class Instance implements ClusterInstance {
        private final ClusterConfig config;
        private final boolean combined;
        private KafkaClusterTestKit kit;
        private boolean started;
        private boolean stopped;

        private Instance(ClusterConfig config, boolean combined) {
            this.config = config;
            this.combined = combined;
        }

        private void format() throws Exception {
            if (kit != null) {
                return;
            }
            TestKitNodes nodes = new TestKitNodes.Builder()
                .setBootstrapMetadata(BootstrapMetadata.fromVersions(config.metadataVersion(), levels(), "testkit"))
                .setCombined(combined)
                .setNumBrokerNodes(config.numBrokers())
                .setNumControllerNodes(config.numControllers())
                .setNumDisksPerBroker(config.numDisksPerBroker())
                .setPerServerProperties(config.perServerOverrideProperties())
                .setBrokerListenerName(config.brokerListenerName())
                .setBrokerSecurityProtocol(config.brokerSecurityProtocol())
                .setControllerListenerName(config.controllerListenerName())
                .setControllerSecurityProtocol(config.controllerSecurityProtocol())
                .build();
            KafkaClusterTestKit.Builder builder = new KafkaClusterTestKit.Builder(nodes);
            config.serverProperties().forEach(builder::setConfigProp);
            kit = builder.setStandalone(config.standalone()).build();
            kit.format();
        }

        /** Levels of all features: those that the test names, and what the metadata version brings along. */
        private Map<String, Short> levels() {
            Map<String, Short> levels = new TreeMap<>(Feature.PRODUCTION_FEATURES.stream().collect(Collectors.toMap(
                Feature::featureName, feature -> feature.defaultLevel(config.metadataVersion()))));
            config.features().forEach((feature, level) -> levels.put(feature.featureName(), level));
            levels.put(MetadataVersion.FEATURE_NAME, config.metadataVersion().featureLevel());
            return levels;
        }

        private ClusterView view() {
            return kit.view();
        }

        @Override
        public void start() {
            try {
                format();
                if (!started) {
                    started = true;
                    kit.startup();
                }
            } catch (Exception error) {
                throw new RuntimeException("start the cluster: " + error.getMessage(), error);
            }
        }

        @Override
        public boolean started() {
            return started;
        }

        @Override
        public void stop() {
            if (!stopped && kit != null) {
                stopped = true;
                try {
                    kit.close();
                } catch (Exception error) {
                    throw new RuntimeException("stop the cluster: " + error.getMessage(), error);
                }
            }
        }

        @Override
        public boolean stopped() {
            return stopped;
        }

        @Override
        public void shutdownBroker(int id) {
            change(id, kit::stop);
        }

        @Override
        public void startBroker(int id) {
            change(id, kit::start);
        }

        private interface Change {
            void of(int id) throws Exception;
        }

        private void change(int id, Change change) {
            if (!brokerIds().contains(id)) {
                throw new IllegalArgumentException("Unknown brokerId " + id);
            }
            try {
                change.of(id);
            } catch (Exception error) {
                throw new RuntimeException("broker " + id + ": " + error.getMessage(), error);
            }
        }

        @Override
        public Type type() {
            return Collapse.combined(kit.nodes()) ? Type.CO_KRAFT : Type.KRAFT;
        }

        @Override
        public ClusterConfig config() {
            return config;
        }

        @Override
        public Set<Integer> brokerIds() {
            // Tests take ids out of what they are given.
            return new TreeSet<>(kit.nodes().brokerNodes().keySet());
        }

        @Override
        public List<Integer> brokerBoundPorts() {
            return ports(kit.bootstrapServers());
        }

        @Override
        public List<Integer> controllerBoundPorts() {
            return ports(kit.bootstrapControllers());
        }

        private static List<Integer> ports(String addresses) {
            return Stream.of(addresses.split(","))
                .map(address -> Integer.valueOf(address.substring(address.lastIndexOf(':') + 1))).toList();
        }

        @Override
        public Map<Integer, KafkaBroker> brokers() {
            return kit.brokers().keySet().stream().collect(Collectors.toMap(Function.identity(), kit.brokers()::get));
        }

        @Override
        public Map<Integer, KafkaBroker> aliveBrokers() {
            return view().runningBrokers().stream().collect(Collectors.toMap(Function.identity(), kit.brokers()::get));
        }

        @Override
        public Map<Integer, ControllerServer> controllers() {
            return Collections.unmodifiableMap(kit.controllers());
        }

        @Override
        public Set<Integer> controllerIds() {
            return new TreeSet<>(kit.nodes().controllerNodes().keySet());
        }

        @Override
        public ListenerName clientListener() {
            return config.brokerListenerName();
        }

        @Override
        public ListenerName controllerListenerName() {
            return new ListenerName(kit.nodes().controllerListenerName().value());
        }

        @Override
        public String bootstrapServers() {
            return kit.bootstrapServers();
        }

        @Override
        public String bootstrapControllers() {
            return kit.bootstrapControllers();
        }

        @Override
        public String clusterId() {
            return kit.nodes().clusterId();
        }

        @Override
        public Set<GroupProtocol> supportedGroupProtocols() {
            return brokerIds().stream().allMatch(kit::consumerGroups)
                ? Set.of(GroupProtocol.CLASSIC, GroupProtocol.CONSUMER) : Set.of(GroupProtocol.CLASSIC);
        }

        @Override
        public Optional<FaultHandlerException> firstFatalException() {
            return Optional.ofNullable(kit.fatalFaultHandler().firstException());
        }

        @Override
        public Optional<FaultHandlerException> firstNonFatalException() {
            return Optional.ofNullable(kit.nonFatalFaultHandler().firstException());
        }

        @Override
        public void waitForReadyBrokers() {
            view().awaitAllBrokers();
        }

        @Override
        public void waitTopicCreation(String topic, int partitions) {
            if (partitions <= 0) {
                throw new IllegalArgumentException("a topic has at least one partition, not " + partitions);
            }
            view().awaitTopic(topic, partitions);
        }

        @Override
        public void waitTopicDeletion(String topic) {
            view().awaitNoTopic(topic);
        }

        @Override
        public void ensureConsistentMetadata() {
            view().awaitConsistentMetadata();
        }

        @Override
        public void ensureConsistentMetadata(Collection<KafkaBroker> brokers, Collection<ControllerServer> controllers) {
            view().awaitConsistentMetadata();
        }

        @Override
        public void waitAcls(AclBindingFilter filter, Collection<AccessControlEntry> entries) {
            view().awaitAcls(filter, entries);
        }

        @Override
        public List<Authorizer> authorizers() {
            throw new NotApplicable("needs an in-JVM broker: authorizers()");
        }
    }
}
