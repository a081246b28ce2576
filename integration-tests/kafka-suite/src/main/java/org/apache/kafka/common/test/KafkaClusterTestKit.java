package org.apache.kafka.common.test;

import dohle.conformance.Cluster;
import dohle.conformance.ClusterView;
import dohle.conformance.Collapse;
import dohle.conformance.Invocation;
import dohle.conformance.StandIns;
import java.io.File;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import kafka.raft.KafkaRaftManager;
import kafka.server.BrokerServer;
import kafka.server.ControllerServer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.controller.Controller;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/**
 * Stands before Kafka's class of this name on the class path, with the same calls: the nodes of its clusters are not objects
 * in this JVM but programs outside.
 */
public final class KafkaClusterTestKit implements AutoCloseable {
    /** Describes a cluster. */
    public static final class Builder {
        private final TestKitNodes nodes;
        private final Map<String, Object> properties = new HashMap<>();
        private boolean standalone;
        private Optional<Map<Integer, Uuid>> initialVoters = Optional.empty();
        private boolean deleteOnClose = true;

        /** A cluster of these nodes. */
        public Builder(TestKitNodes nodes) {
            this.nodes = nodes;
        }

        /** A property of all nodes. */
        public Builder setConfigProp(String name, Object value) {
            properties.put(name, value);
            return this;
        }

        /** Whether the quorum's voters may change and begin with the first controller. */
        public Builder setStandalone(boolean standalone) {
            this.standalone = standalone;
            return this;
        }

        /** The first voters of a quorum whose voters may change, with their directories. */
        public Builder setInitialVoterSet(Map<Integer, Uuid> initialVoters) {
            this.initialVoters = Optional.of(initialVoters);
            return this;
        }

        /** Whether the data goes with the cluster. */
        public Builder setDeleteOnClose(boolean deleteOnClose) {
            this.deleteOnClose = deleteOnClose;
            return this;
        }

        /** The cluster, neither formatted nor started. */
        public KafkaClusterTestKit build() throws Exception {
            TestKitNodes real = Collapse.apply(nodes);
            boolean collapsed = real != nodes;
            Cluster cluster = new Cluster(
                real, properties, standalone || collapsed && initialVoters.isPresent(),
                collapsed ? Optional.empty() : initialVoters);
            Invocation.clusterBuilt(collapsed ? "collapsed" : Collapse.shape(real));
            return new KafkaClusterTestKit(real, cluster, deleteOnClose);
        }
    }

    private final TestKitNodes nodes;
    private final Cluster cluster;
    private final ClusterView view;
    private final StandIns standIns;
    private final boolean deleteOnClose;
    /** Made when they are asked for: few tests do, and making the first takes seconds. */
    private final Map<Integer, BrokerServer> brokers = new TreeMap<>();
    private final Map<Integer, ControllerServer> controllers = new TreeMap<>();
    private final MockFaultHandler fatalFaultHandler = new MockFaultHandler("fatalFaultHandler");
    private final MockFaultHandler nonFatalFaultHandler = new MockFaultHandler("nonFatalFaultHandler");
    private boolean closed;

    private KafkaClusterTestKit(TestKitNodes nodes, Cluster cluster, boolean deleteOnClose) {
        this.nodes = nodes;
        this.cluster = cluster;
        this.deleteOnClose = deleteOnClose;
        view = new ClusterView(cluster, nodes);
        standIns = new StandIns(cluster, view, nodes);
    }

    /** Formats the nodes' folders. */
    public void format() throws Exception {
        cluster.format();
    }

    /** Starts the nodes, and waits until they serve. */
    public void startup() throws ExecutionException, InterruptedException {
        try {
            cluster.start();
        } catch (IOException error) {
            throw new ExecutionException(error.getMessage(), error);
        }
    }

    /** Waits until every broker knows every broker. */
    public void waitForReadyBrokers() throws ExecutionException, InterruptedException {
        view.awaitAllBrokers();
    }

    /** A client of the brokers. */
    public Admin admin() {
        return admin(Map.of(), false);
    }

    /** A client of the brokers. */
    public Admin admin(Map<String, Object> settings) {
        return admin(settings, false);
    }

    /** A client of the brokers or of the controllers. */
    public Admin admin(Map<String, Object> settings, boolean ofControllers) {
        Map<String, Object> all = new HashMap<>(settings);
        if (ofControllers) {
            all.putIfAbsent("bootstrap.controllers", bootstrapControllers());
            all.remove("bootstrap.servers");
        } else {
            all.putIfAbsent("bootstrap.servers", bootstrapServers());
            all.remove("bootstrap.controllers");
        }
        SecurityProtocol protocol =
            ofControllers ? nodes.controllerListenerProtocol() : nodes.brokerListenerProtocol();
        all.putIfAbsent("security.protocol", protocol.name);
        if (protocol == SecurityProtocol.SASL_PLAINTEXT) {
            all.putIfAbsent("sasl.mechanism", "PLAIN");
            all.putIfAbsent("sasl.jaas.config", String.format(
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";",
                JaasUtils.KAFKA_PLAIN_ADMIN, JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD));
        }
        return Admin.create(all);
    }

    /** Where clients find the brokers. */
    public String bootstrapServers() {
        // The name that a configuration knows a listener by is in capitals.
        return cluster.bootstrap(
            ListenerName.normalised(nodes.brokerListenerName().value()).value(), nodes.brokerNodes().keySet());
    }

    /** Where clients find the controllers. */
    public String bootstrapControllers() {
        return cluster.bootstrap(nodes.controllerListenerName().value(), nodes.controllerNodes().keySet());
    }

    /** Stand-ins for the controllers, by id. */
    public synchronized Map<Integer, ControllerServer> controllers() {
        nodes.controllerNodes().keySet().forEach(id -> controllers.computeIfAbsent(id, standIns::controller));
        return Collections.unmodifiableMap(controllers);
    }

    /** The stand-in for the active controller. */
    public Controller waitForActiveController() throws InterruptedException {
        TestUtils.waitForCondition(() -> controllers.values().stream().anyMatch(each -> each.controller().isActive()),
            60_000, "no active controller");
        return controllers.values().stream().map(ControllerServer::controller).filter(Controller::isActive).findFirst()
            .orElseThrow();
    }

    /** Stand-ins for the brokers, by id. */
    public synchronized Map<Integer, BrokerServer> brokers() {
        nodes.brokerNodes().keySet().forEach(id -> brokers.computeIfAbsent(id, standIns::broker));
        return Collections.unmodifiableMap(brokers);
    }

    /** Stand-ins for the quorum's clients, by the id of the node. */
    public Map<Integer, KafkaRaftManager<ApiMessageAndVersion>> raftManagers() {
        Map<Integer, KafkaRaftManager<ApiMessageAndVersion>> managers = new HashMap<>();
        nodes.brokerNodes().keySet().forEach(id -> managers.put(id, standIns.raftManager()));
        nodes.controllerNodes().keySet().forEach(id -> managers.put(id, standIns.raftManager()));
        return managers;
    }

    /** The nodes that really are there. */
    public TestKitNodes nodes() {
        return nodes;
    }

    /** Never told of a fault: nodes have their own. */
    public MockFaultHandler fatalFaultHandler() {
        return fatalFaultHandler;
    }

    /** Never told of a fault: nodes have their own. */
    public MockFaultHandler nonFatalFaultHandler() {
        return nonFatalFaultHandler;
    }

    /** What the nodes know. Not in Kafka's class. */
    public ClusterView view() {
        return view;
    }

    /** Starts a node. Not in Kafka's class. */
    public void start(int id) throws Exception {
        cluster.start(id);
    }

    /** Stops a node. Not in Kafka's class. */
    public void stop(int id) throws Exception {
        cluster.stop(id);
    }

    /** Whether a broker serves the consumer group protocol. Not in Kafka's class. */
    public boolean consumerGroups(int broker) {
        return standIns.consumerGroups(broker);
    }

    @Override
    public void close() throws Exception {
        if (closed) {
            return;
        }
        closed = true;
        try {
            cluster.stop();
        } finally {
            Invocation.clusterClosed();
            if (deleteOnClose) {
                Utils.delete(new File(nodes.baseDirectory()));
            }
        }
    }
}
