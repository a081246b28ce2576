package dohle.conformance;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;

/**
 * Ports for listeners. They lie below the range that the system takes for outgoing connections, so that a node which is
 * stopped finds its port free when it is started again.
 */
final class Ports {
    private static final int FIRST = Integer.parseInt(Settings.required("first-port"));
    private static final Random RANDOM = new Random();
    private static final Set<Integer> GIVEN = new HashSet<>();

    private Ports() {}

    /** A port of this runner's lane that nobody listens on; none is given twice while others are left. */
    static synchronized int choose() {
        if (GIVEN.size() == Lane.PORTS) {
            GIVEN.clear();
        }
        for (int attempt = 0; attempt < 20 * Lane.PORTS; attempt++) {
            int port = FIRST + RANDOM.nextInt(Lane.PORTS);
            if (!GIVEN.contains(port) && free(port)) {
                GIVEN.add(port);
                return port;
            }
        }
        throw new IllegalStateException("no free port between " + FIRST + " and " + (FIRST + Lane.PORTS - 1));
    }

    private static boolean free(int port) {
        try (ServerSocket probe = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return probe.isBound();
        } catch (IOException taken) {
            return false;
        }
    }
}
