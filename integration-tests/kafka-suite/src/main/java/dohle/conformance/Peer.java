package dohle.conformance;

/** The brokers that tests can be run against. */
public enum Peer {
    /** The {@code dohle} binary, a process for each node. */
    DOHLE,
    /** Apache Kafka, whose results are the reference: nodes in a JVM beside the tests, see {@link KafkaHost}. */
    KAFKA;

    /** The peer of this JVM. */
    public static Peer current() {
        return valueOf(Settings.required("peer").toUpperCase(java.util.Locale.ROOT));
    }

    /** The name of the peer in commands and file names. */
    public String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
