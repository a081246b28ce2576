package dohle.conformance;

import java.io.IOException;

/** One node of a cluster, outside this JVM. */
interface Node {
    /** Makes the node's folders ready for its first start. */
    void format(Format format) throws IOException, InterruptedException;

    /** Starts the node, and waits until it serves its listeners. */
    void start() throws IOException, InterruptedException;

    /** Stops the node in order, and waits until it is gone. A node that does not run stays as it is. */
    void stop() throws IOException, InterruptedException;

    boolean running();
}
