package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.test.JaasUtils;
import org.apache.kafka.common.test.TestKitNode;
import org.apache.kafka.common.test.TestKitNodes;

/** The nodes of a cluster: what each is told, and whether it runs. Knows nothing of what tests ask of them. */
public final class Cluster {
    /** One node. */
    public static final class Member {
        final NodeFiles files;
        final Node node;
        final KafkaConfig config;
        final Map<String, Integer> ports;

        private Member(NodeFiles files, Map<String, Integer> ports) {
            this.files = files;
            this.ports = ports;
            node = Peer.current() == Peer.DOHLE ? new DohleNode(files) : new KafkaNode(files);
            config = new KafkaConfig(files.properties, false);
        }

        /** The node's id. */
        public int id() {
            return files.id;
        }

        /** The port of a listener, or 0 if the node has none of that name. */
        public int port(String listener) {
            return ports.getOrDefault(listener, 0);
        }
    }

    private final TestKitNodes nodes;
    private final boolean standalone;
    private final boolean dynamicQuorum;
    private final Optional<Map<Integer, Uuid>> initialVoters;
    private final Map<Integer, Map<String, Integer>> ports = new HashMap<>();
    private final SortedMap<Integer, Member> members = new TreeMap<>();

    /**
     * @param common properties of all nodes; those of single nodes are in {@code nodes}
     * @param standalone the first controller is the only voter of a quorum whose voters may change
     * @param initialVoters the first voters of such a quorum, and their directories
     * @throws NotApplicable a node would load a plug-in written in Java
     */
    public Cluster(
        TestKitNodes nodes, Map<String, Object> common, boolean standalone, Optional<Map<Integer, Uuid>> initialVoters
    ) throws IOException {
        this.nodes = nodes;
        this.standalone = standalone;
        dynamicQuorum = standalone || initialVoters.isPresent();
        TestKitNode first = nodes.controllerNodes().get(nodes.controllerNodes().firstKey());
        this.initialVoters =
            standalone ? Optional.of(Map.of(first.id(), first.metadataDirectoryId())) : initialVoters;
        SortedMap<Integer, TestKitNode> all = new TreeMap<>(nodes.brokerNodes());
        all.putAll(nodes.controllerNodes());
        for (TestKitNode node : all.values()) {
            Map<String, String> properties = properties(node, common);
            Plugins.refuse(properties);
            Map<String, Integer> own = ports.getOrDefault(node.id(), Map.of());
            String listener = (nodes.brokerNodes().containsKey(node.id())
                ? nodes.brokerListenerName() : nodes.controllerListenerName()).value();
            NodeFiles files =
                new NodeFiles(node.id(), Path.of(nodes.baseDirectory()), properties, own.getOrDefault(listener, 0));
            members.put(node.id(), new Member(files, own));
        }
    }

    /** The node with this id. */
    public Member member(int id) {
        return members.get(id);
    }

    /** Formats all nodes. */
    public void format() throws IOException, InterruptedException {
        for (Member member : members.values()) {
            // In a quorum that begins with one voter the other nodes are not told of it: they join.
            Optional<String> voters = initialVoters
                .filter(first -> !standalone || first.containsKey(member.id()))
                .map(this::voters);
            member.node.format(new Format(
                nodes.clusterId(), nodes.bootstrapMetadata(), nodes.controllerListenerName().value(), dynamicQuorum,
                voters));
        }
    }

    /** Starts all nodes side by side, and waits until each serves. */
    public void start() throws IOException, InterruptedException {
        sideBySide(members.values(), member -> member.node.start());
    }

    /** Starts these nodes that do not run. */
    public void start(int id) throws IOException, InterruptedException {
        Node node = members.get(id).node;
        if (!node.running()) {
            node.start();
        }
    }

    /** Stops a node. A combined one takes its controller along. */
    public void stop(int id) throws IOException, InterruptedException {
        members.get(id).node.stop();
    }

    /** Stops all nodes, brokers before those that are only controllers. */
    public void stop() throws IOException, InterruptedException {
        sideBySide(members(nodes.brokerNodes().keySet()), member -> member.node.stop());
        sideBySide(members.values(), member -> member.node.stop());
    }

    /** The nodes with these ids. */
    public List<Member> members(Collection<Integer> ids) {
        return ids.stream().map(members::get).toList();
    }

    /** The ports of a listener of those nodes that have it. */
    public String bootstrap(String listener, Collection<Integer> ids) {
        return members(ids).stream().map(member -> "localhost:" + member.port(listener)).collect(Collectors.joining(","));
    }

    private interface Step {
        void on(Member member) throws IOException, InterruptedException;
    }

    private static void sideBySide(Collection<Member> members, Step step) throws IOException, InterruptedException {
        if (members.size() == 1) {
            step.on(members.iterator().next());
            return;
        }
        List<Thread> threads = new ArrayList<>();
        List<Exception> errors = new ArrayList<>();
        for (Member member : members) {
            Thread thread = new Thread(() -> {
                try {
                    step.on(member);
                } catch (IOException | InterruptedException | RuntimeException error) {
                    synchronized (errors) {
                        errors.add(error);
                    }
                }
            }, "conformance-node-" + member.id());
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (!errors.isEmpty()) {
            throw new IOException(errors.get(0).getMessage(), errors.get(0));
        }
    }

    private Map<String, String> properties(TestKitNode node, Map<String, Object> common) {
        int id = node.id();
        TestKitNode broker = nodes.brokerNodes().get(id);
        TestKitNode controller = nodes.controllerNodes().get(id);
        Map<String, String> properties = new HashMap<>();
        common.forEach((name, value) -> properties.put(name, text(value)));
        properties.put("server.max.startup.time.ms", "600000");
        properties.put("node.id", Integer.toString(id));
        properties.put("process.roles",
            broker == null ? "controller" : controller == null ? "broker" : "broker,controller");
        properties.put("metadata.log.dir", (controller == null ? broker : controller).metadataDirectory());
        properties.put("log.dirs",
            broker == null ? controller.metadataDirectory() : String.join(",", broker.logDataDirectories()));
        if (controller != null) {
            secure(properties, nodes.controllerListenerProtocol());
        }
        if (broker != null) {
            secure(properties, nodes.brokerListenerProtocol());
            properties.remove("controller.quorum.auto.join.enable");
        }
        String brokerListener = nodes.brokerListenerName().value();
        String controllerListener = nodes.controllerListenerName().value();
        login(properties, brokerListener, nodes.brokerListenerProtocol());
        login(properties, controllerListener, nodes.controllerListenerProtocol());
        properties.putIfAbsent("listener.security.protocol.map", String.format("%s:%s,%s:%s",
            brokerListener, nodes.brokerListenerProtocol().name, controllerListener,
            nodes.controllerListenerProtocol().name));
        List<String> listeners = new ArrayList<>();
        if (broker != null) {
            listeners.add(brokerListener + "://localhost:0");
        }
        if (controller != null) {
            listeners.add(controllerListener + "://localhost:0");
        }
        properties.putIfAbsent("listeners", String.join(",", listeners));
        properties.putIfAbsent("inter.broker.listener.name", brokerListener);
        properties.putIfAbsent("controller.listener.names", controllerListener);
        properties.putIfAbsent("log.cleaner.dedupe.buffer.size", "2097152");
        if (dynamicQuorum) {
            properties.put("controller.quorum.bootstrap.servers", nodes.controllerNodes().keySet().stream()
                .map(voter -> "localhost:" + port(voter, controllerListener)).collect(Collectors.joining(",")));
        } else {
            properties.put("controller.quorum.voters", nodes.controllerNodes().keySet().stream()
                .map(voter -> voter + "@localhost:" + port(voter, controllerListener)).collect(Collectors.joining(",")));
        }
        if (broker != null) {
            properties.putAll(broker.propertyOverrides());
        }
        if (controller != null) {
            properties.putAll(controller.propertyOverrides());
        }
        properties.putIfAbsent("unstable.feature.versions.enable", "true");
        properties.putIfAbsent("unstable.api.versions.enable", "true");
        properties.compute("listeners", (name, value) -> withPorts(id, value));
        properties.computeIfPresent("advertised.listeners", (name, value) -> withPorts(id, value));
        return properties;
    }

    /** The listeners, with a port of ours for each that leaves the choice to the system. */
    private String withPorts(int id, String listeners) {
        List<String> chosen = new ArrayList<>();
        for (String listener : listeners.split(",")) {
            int port = listener.lastIndexOf(':');
            String name = listener.substring(0, listener.indexOf("://")).trim();
            if (listener.substring(port + 1).trim().equals("0")) {
                chosen.add(listener.substring(0, port + 1).trim() + port(id, name));
            } else {
                ports.computeIfAbsent(id, any -> new TreeMap<>())
                    .put(name, Integer.parseInt(listener.substring(port + 1).trim()));
                chosen.add(listener.trim());
            }
        }
        return String.join(",", chosen);
    }

    private int port(int id, String listener) {
        return ports.computeIfAbsent(id, any -> new TreeMap<>()).computeIfAbsent(listener, any -> Ports.choose());
    }

    private String voters(Map<Integer, Uuid> directories) {
        return directories.entrySet().stream()
            .map(voter -> String.format("%d@localhost:%d:%s",
                voter.getKey(), port(voter.getKey(), nodes.controllerListenerName().value()), voter.getValue()))
            .collect(Collectors.joining(","));
    }

    private static void secure(Map<String, String> properties, SecurityProtocol protocol) {
        if (protocol == SecurityProtocol.SASL_PLAINTEXT) {
            properties.putIfAbsent("sasl.enabled.mechanisms", "PLAIN");
            properties.putIfAbsent("sasl.mechanism.inter.broker.protocol", "PLAIN");
            properties.putIfAbsent("sasl.mechanism.controller.protocol", "PLAIN");
            properties.putIfAbsent(
                "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
            properties.putIfAbsent("allow.everyone.if.no.acl.found", "false");
            properties.putIfAbsent("super.users", "User:" + JaasUtils.KAFKA_PLAIN_ADMIN);
        }
    }

    private static void login(Map<String, String> properties, String listener, SecurityProtocol protocol) {
        if (protocol == SecurityProtocol.SASL_PLAINTEXT) {
            String module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
                + " username=\"%1$s\" password=\"%2$s\" user_%1$s=\"%2$s\" user_%3$s=\"%4$s\";";
            properties.putIfAbsent(
                "listener.name." + listener.toLowerCase(java.util.Locale.ROOT) + ".plain.sasl.jaas.config",
                String.format(module, JaasUtils.KAFKA_PLAIN_ADMIN, JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD,
                    JaasUtils.KAFKA_PLAIN_USER1, JaasUtils.KAFKA_PLAIN_USER1_PASSWORD));
        }
    }

    private static String text(Object value) {
        if (value instanceof Collection<?> list) {
            return list.stream().map(Cluster::text).collect(Collectors.joining(","));
        }
        if (value instanceof Class<?> type) {
            return type.getName();
        }
        return value instanceof Password password ? password.value() : String.valueOf(value);
    }
}
