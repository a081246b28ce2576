package dohle.conformance;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.test.TestKitNode;
import org.apache.kafka.common.test.TestKitNodes;

/**
 * Dohle is one node so far: a broker and a controller that a test wants apart are one combined node, and a cluster of more
 * is not to be had.
 */
public final class Collapse {
    private Collapse() {}

    /**
     * The nodes as the peer can run them.
     *
     * @throws WaitsForCluster it cannot
     */
    public static TestKitNodes apply(TestKitNodes nodes) {
        int brokers = nodes.brokerNodes().size();
        int controllers = nodes.controllerNodes().size();
        if (Peer.current() == Peer.KAFKA || brokers == 1 && combined(nodes) && controllers == 1) {
            return nodes;
        }
        if (brokers != 1 || controllers != 1) {
            throw new WaitsForCluster(shape(nodes));
        }
        TestKitNode broker = nodes.brokerNodes().get(nodes.brokerNodes().firstKey());
        TestKitNode controller = nodes.controllerNodes().get(nodes.controllerNodes().firstKey());
        Map<String, String> overrides = new HashMap<>(controller.propertyOverrides());
        overrides.putAll(broker.propertyOverrides());
        return new TestKitNodes.Builder(nodes.bootstrapMetadata())
            .setClusterId(nodes.clusterId())
            .setBaseDirectory(java.nio.file.Path.of(nodes.baseDirectory()))
            .setCombined(true)
            .setNumBrokerNodes(1)
            .setNumControllerNodes(1)
            .setNumDisksPerBroker(broker.logDataDirectories().size())
            .setPerServerProperties(Map.of(broker.id(), overrides))
            .setBrokerListenerName(nodes.brokerListenerName())
            .setBrokerSecurityProtocol(nodes.brokerListenerProtocol())
            .setControllerListenerName(nodes.controllerListenerName())
            .setControllerSecurityProtocol(nodes.controllerListenerProtocol())
            .build();
    }

    /** Whether a node is both. */
    public static boolean combined(TestKitNodes nodes) {
        return nodes.brokerNodes().keySet().stream().anyMatch(nodes::isCombined);
    }

    /** The nodes in words. */
    public static String shape(TestKitNodes nodes) {
        return counted(nodes.brokerNodes().size(), "broker") + (combined(nodes) ? " combined with " : " and ")
            + counted(nodes.controllerNodes().size(), "controller");
    }

    private static String counted(int count, String what) {
        return count + " " + what + (count == 1 ? "" : "s");
    }
}
