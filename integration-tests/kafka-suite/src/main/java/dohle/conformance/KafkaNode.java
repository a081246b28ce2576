package dohle.conformance;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.raft.DynamicVoters;
import org.apache.kafka.server.common.Feature;

/** A node of Apache Kafka in the {@link KafkaHost} that runs beside the tests. */
final class KafkaNode implements Node {
    private final int hostPort = Integer.parseInt(Settings.required("kafka-host"));
    private final NodeFiles files;
    private volatile boolean running;

    KafkaNode(NodeFiles files) {
        this.files = files;
    }

    @Override
    public void format(Format format) throws IOException {
        Formatter formatter = new Formatter()
            .setPrintStream(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
            .setNodeId(files.id)
            .setClusterId(format.clusterId())
            .setDirectories(files.folders())
            .setMetadataLogDirectory(files.metadataFolder())
            .setControllerListenerName(format.controllerListener())
            .setReleaseVersion(format.bootstrap().metadataVersion())
            .setUnstableFeatureVersionsEnabled(true)
            .setIgnoreFormatted(false)
            .setHasDynamicQuorum(format.dynamicQuorum());
        for (Feature feature : Feature.PRODUCTION_FEATURES) {
            // The level of kraft.version follows from the form of the quorum.
            if (feature != Feature.KRAFT_VERSION) {
                formatter.setFeatureLevel(
                    feature.featureName(), format.bootstrap().featureLevel(feature.featureName()));
            }
        }
        format.initialVoters().ifPresent(voters -> formatter.setInitialControllers(DynamicVoters.parse(voters)));
        try {
            formatter.run();
        } catch (IOException | RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IOException("format node " + files.id, error);
        }
    }

    @Override
    public void start() throws IOException {
        tell("start");
        running = true;
    }

    @Override
    public void stop() throws IOException {
        if (running) {
            running = false;
            tell("stop");
        }
    }

    @Override
    public boolean running() {
        return running;
    }

    private void tell(String verb) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), hostPort)) {
            socket.getOutputStream().write((verb + "\t" + files.settings + "\n").getBytes(StandardCharsets.UTF_8));
            BufferedReader answers =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String answer = answers.readLine();
            if (!"ok".equals(answer)) {
                throw new IOException("kafka server: " + answer);
            }
        }
    }
}
