package dohle.conformance;

/** A cluster that the peer cannot be: a test of it waits until it can. */
public final class WaitsForCluster extends UnsupportedOperationException {
    private static final long serialVersionUID = 1L;

    /** @param shape the cluster that was asked for */
    public WaitsForCluster(String shape) {
        super("needs " + shape);
        Invocation.waitsForCluster(getMessage());
    }
}
