package dohle.conformance;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Properties that name a Java class for the server to load. */
final class Plugins {
    private static final List<String> PROPERTIES = List.of(
        "alter.config.policy.class.name", "authorizer.class.name", "client.quota.callback.class",
        "create.topic.policy.class.name", "group.consumer.assignors", "group.share.assignors",
        "kafka.metrics.reporters", "metric.reporters", "principal.builder.class",
        "remote.log.metadata.manager.class.name", "remote.log.storage.manager.class.name", "replica.selector.class",
        "security.providers", "ssl.engine.factory.class");
    /** Classes that belong to Apache Kafka's broker itself: what they do is for any broker to do. */
    private static final List<String> BUILT_IN = List.of(
        "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        "org.apache.kafka.common.metrics.JmxReporter");

    private Plugins() {}

    /** @throws NotApplicable the server would load a class of the tests */
    static void refuse(Map<String, String> properties) {
        properties.forEach((name, value) -> {
            boolean plugin = PROPERTIES.stream().anyMatch(known -> name.equals(known) || name.endsWith("." + known));
            if (plugin) {
                Arrays.stream(value.split(","))
                    .map(String::trim)
                    .filter(type -> type.contains(".") && !BUILT_IN.contains(type))
                    .findFirst()
                    .ifPresent(type -> {
                        throw new NotApplicable("Java plug-in in the broker: " + name);
                    });
            }
        });
    }
}
