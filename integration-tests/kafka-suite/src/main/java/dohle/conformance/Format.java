package dohle.conformance;

import java.util.Optional;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;

/**
 * What a node is formatted with.
 *
 * @param bootstrap metadata version and levels of features; a feature that is not in it is at level 0
 * @param initialVoters of a quorum whose voters may change, as {@code id@host:port:directory-id,...}; a node that is not
 *     told any in such a quorum joins later
 */
record Format(
    String clusterId,
    BootstrapMetadata bootstrap,
    String controllerListener,
    boolean dynamicQuorum,
    Optional<String> initialVoters
) {}
