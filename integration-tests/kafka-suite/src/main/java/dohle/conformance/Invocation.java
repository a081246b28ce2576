package dohle.conformance;

/**
 * What becomes known while a test runs and decides what its failure means. Tests swallow exceptions, inside loops that
 * wait for a condition above all; so what was touched is remembered here, whatever becomes of the exception.
 */
public final class Invocation {
    private static String notApplicable;
    private static String waitsForCluster;
    private static String cluster;
    private static int clustersRunning;

    private Invocation() {}

    /** A test begins. Clusters that run already, those of a whole class, are its clusters too. */
    static synchronized void begins() {
        notApplicable = null;
        waitsForCluster = null;
        RequestLog.begin();
        if (clustersRunning == 0) {
            cluster = null;
        }
    }

    static synchronized void notApplicable(String reason) {
        if (notApplicable == null) {
            notApplicable = reason;
        }
    }

    static synchronized void waitsForCluster(String reason) {
        if (waitsForCluster == null) {
            waitsForCluster = reason;
        }
    }

    /** A cluster is there, started or not. @param shape how the results name its nodes */
    public static synchronized void clusterBuilt(String shape) {
        cluster = shape;
        clustersRunning++;
    }

    /** A cluster is gone. */
    public static synchronized void clusterClosed() {
        clustersRunning--;
    }

    /** Why the test is not applicable, or null. */
    static synchronized String whyNotApplicable() {
        return notApplicable;
    }

    /** Which cluster the test waits for, or null. */
    static synchronized String whyWaiting() {
        return waitsForCluster;
    }

    /** The nodes that the test had, or null if there was no cluster. */
    static synchronized String cluster() {
        return cluster;
    }
}
