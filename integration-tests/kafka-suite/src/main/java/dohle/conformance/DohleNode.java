package dohle.conformance;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.server.common.Feature;
import org.apache.kafka.server.common.MetadataVersion;

/** A process of {@code dohle server}. */
final class DohleNode implements Node {
    private static final long START_SECONDS = 60;
    private static final long STOP_SECONDS = 60;

    private final String binary = Settings.required("dohle");
    private final NodeFiles files;
    private volatile Process process;

    DohleNode(NodeFiles files) {
        this.files = files;
    }

    /**
     * Levels that the metadata version brings along by itself are left to the binary: it starts with those that it
     * serves. What a test chose is asked for, and refused if it is not there. The same with the metadata version: the tests
     * take one that is not released unless they name another.
     */
    @Override
    public void format(Format format) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
            binary, "storage", "format", "--config", files.settings.toString(), "--cluster-id", format.clusterId()));
        MetadataVersion version = format.bootstrap().metadataVersion();
        if (version.isLessThan(MetadataVersion.latestProduction())) {
            command.addAll(List.of("--feature", MetadataVersion.FEATURE_NAME + "=" + version.featureLevel()));
        }
        for (Feature feature : Feature.PRODUCTION_FEATURES) {
            short level = format.bootstrap().featureLevel(feature.featureName());
            if (feature != Feature.KRAFT_VERSION && level != feature.defaultLevel(version)) {
                command.addAll(List.of("--feature", feature.featureName() + "=" + level));
            }
        }
        if (format.initialVoters().isPresent()) {
            command.addAll(List.of("--initial-controllers", format.initialVoters().get()));
        } else if (format.dynamicQuorum()) {
            command.add("--no-initial-controllers");
        }
        Process formatting = launch(command);
        if (formatting.waitFor() != 0) {
            throw new IOException("dohle storage format: " + lastLine());
        }
    }

    @Override
    public void start() throws IOException, InterruptedException {
        if (running()) {
            throw new IllegalStateException("node " + files.id + " runs already");
        }
        RequestLog.follow(files.output);
        Process started = launch(List.of(binary, "server", "--config", files.settings.toString()));
        process = started;
        Path mark = Path.of(Settings.required("processes"), Long.toString(started.pid()));
        Files.createFile(mark);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (!answers()) {
            if (!started.isAlive()) {
                throw new IOException("dohle server ended with " + started.exitValue() + ": " + lastLine());
            }
            if (System.nanoTime() > end) {
                started.destroyForcibly().waitFor();
                throw new IOException("dohle server did not answer within " + START_SECONDS + " s: " + lastLine());
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    @Override
    public void stop() throws IOException, InterruptedException {
        Process running = process;
        if (running == null) {
            return;
        }
        running.destroy();
        boolean ended = running.waitFor(STOP_SECONDS, TimeUnit.SECONDS);
        if (!ended) {
            running.destroyForcibly().waitFor();
        }
        RequestLog.finish(files.output);
        if (!ended) {
            throw new IOException("dohle server did not stop within " + STOP_SECONDS + " s");
        }
    }

    @Override
    public boolean running() {
        Process current = process;
        return current != null && current.isAlive();
    }

    private Process launch(List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("DOHLE_LOG", RequestLog.levels());
        return builder
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(files.output.toFile()))
            .start();
    }

    /** Whether the node answers. Who may not speak before a login is answered too. */
    private boolean answers() {
        try (Wire wire = new Wire(files.port, Optional.empty())) {
            return wire.versions().errorCode() == 0;
        } catch (IOException notYet) {
            return false;
        }
    }

    private String lastLine() throws IOException {
        List<String> lines = Files.readAllLines(files.output);
        return lines.isEmpty() ? "no output" : lines.get(lines.size() - 1);
    }
}
