package dohle.conformance;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.common.utils.Time;

/**
 * A JVM that runs nodes of Apache Kafka for tests in other JVMs. A JVM of its own for each node costs Kafka ten times as
 * much: most of a start is the warming up.
 *
 * <p>It prints its port, and then takes a line per connection: {@code start} or {@code stop}, a tab, and the node's
 * {@code server.properties}; it answers {@code ok} or what went wrong.
 */
public final class KafkaHost {
    private final Map<String, KafkaRaftServer> nodes = new ConcurrentHashMap<>();

    private KafkaHost() {}

    /** Serves until the process is ended. */
    public static void main(String[] arguments) throws IOException {
        // A node that fails badly would take the others along.
        Exit.setExitProcedure((code, message) -> {
            throw new IllegalStateException("a node wants to exit with " + code + ": " + message);
        });
        Exit.setHaltProcedure((code, message) -> {
            throw new IllegalStateException("a node wants to halt with " + code + ": " + message);
        });
        KafkaHost host = new KafkaHost();
        try (ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            System.out.println(listener.getLocalPort());
            System.out.flush();
            while (true) {
                Socket socket = listener.accept();
                new Thread(() -> host.serve(socket), "conformance-request").start();
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            BufferedReader lines =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String[] order = lines.readLine().split("\t", 2);
            String answer = obey(order[0], order[1]);
            socket.getOutputStream().write((answer + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException gone) {
            System.err.println("a test has gone: " + gone);
        }
    }

    private String obey(String verb, String settings) {
        try {
            switch (verb) {
                case "start" -> start(settings);
                case "stop" -> stop(settings);
                default -> throw new IllegalArgumentException("unknown order " + verb);
            }
            return "ok";
        } catch (Throwable error) {
            error.printStackTrace();
            Throwable root = error;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            return String.valueOf(root).replaceAll("\\s+", " ");
        }
    }

    private void start(String settings) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(settings))) {
            properties.load(reader);
        }
        KafkaRaftServer node = new KafkaRaftServer(new KafkaConfig(properties, false), Time.SYSTEM);
        nodes.put(settings, node);
        node.startup();
    }

    private void stop(String settings) {
        KafkaRaftServer node = nodes.remove(settings);
        if (node != null) {
            node.shutdown();
            node.awaitShutdown();
        }
    }
}
