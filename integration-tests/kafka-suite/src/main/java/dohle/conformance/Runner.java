package dohle.conformance;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Utils;

/** Runs test classes, each in a JVM of its own, with what they start. */
final class Runner implements AutoCloseable {
    /** An invocation that takes longer hangs: JUnit has given it up long before if that was possible. */
    private static final long INVOCATION_SECONDS = 180;
    /** So long may pass before the first invocation of a class, or between two. */
    private static final long SILENCE_SECONDS = 240;
    /** Classes that a host of Kafka's nodes serves before another takes its place. */
    private static final int CLASSES_PER_HOST = 12;

    private final Peer peer;
    private final Lane lane;
    private final Path logs;
    private final boolean requests;
    private final Path folder;
    private final Path processes;
    private Process kafkaHost;
    private String kafkaHostPort;
    private int classesOfHost;
    private Process testJvm;
    private boolean closed;

    /**
     * @param lane where its nodes listen
     * @param requests whether results tell which requests were served, where the peer can say so
     */
    Runner(Peer peer, Lane lane, Path logs, boolean requests) throws IOException {
        this.peer = peer;
        this.lane = lane;
        this.logs = logs;
        this.requests = requests;
        Files.createDirectories(logs);
        // Starting a node is mostly syncing: in memory that is nothing.
        Path memory = Path.of("/dev/shm");
        folder = Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "conformance-") : Files.createTempDirectory("conformance-");
        processes = Files.createDirectory(folder.resolve("processes"));
    }

    /** What became of the invocations. */
    Collection<Result> run(Work work) throws IOException, InterruptedException {
        Tests.TestClass test = work.test();
        Path results = folder.resolve("results");
        Path current = folder.resolve("current");
        Path data = Files.createDirectories(folder.resolve("data"));
        Files.deleteIfExists(results);
        Path log = logs.resolve(test.module() + "-" + test.simpleName() + ".log");
        Files.deleteIfExists(log);
        Files.write(folder.resolve("only"), work.only().stream().map(Result.Id::line).toList());
        boolean hung = true;
        while (hung) {
            if (peer == Peer.KAFKA) {
                ensureKafkaHost();
            }
            Files.deleteIfExists(current);
            testJvm = start(work, results, current, data, log);
            hung = !awaitEnd(test, testJvm, results, current, log);
            endLeftovers();
            Utils.delete(data.toFile());
            Files.createDirectories(data);
            if (hung && kafkaHost != null) {
                // Its nodes belong to tests that were given up.
                endKafkaHost();
            }
        }
        return ResultFile.read(results).values();
    }

    private Process start(Work work, Path results, Path current, Path data, Path log) throws IOException {
        List<String> command = new ArrayList<>(List.of(
            java(), "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-cp", System.getProperty("java.class.path"),
            "-Djava.io.tmpdir=" + data, "-Dlog4j2.configurationFile=conformance-log4j2.properties"));
        setting(command, "peer", peer.label());
        setting(command, "module", work.test().module());
        setting(command, "only", folder.resolve("only").toString());
        setting(command, "first-port", Integer.toString(lane.firstPort()));
        setting(command, "requests", Boolean.toString(requests));
        setting(command, "results", results.toString());
        setting(command, "current", current.toString());
        setting(command, "processes", processes.toString());
        setting(command, "dohle", Settings.required("dohle"));
        if (kafkaHostPort != null) {
            setting(command, "kafka-host", kafkaHostPort);
        }
        command.addAll(List.of(ClassRun.class.getName(), work.test().type(), work.methods()));
        return new ProcessBuilder(command)
            // What a test, or a JVM that breaks, leaves in its folder goes with the data.
            .directory(data.toFile())
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    }

    private static void setting(List<String> command, String name, String value) {
        command.add("-D" + Settings.PREFIX + name + "=" + value);
    }

    /** Whether the JVM came to its end by itself; if not, what it was at is written down. */
    private boolean awaitEnd(Tests.TestClass test, Process jvm, Path results, Path current, Path log)
        throws IOException, InterruptedException {
        long began = System.currentTimeMillis();
        while (!jvm.waitFor(200, TimeUnit.MILLISECONDS)) {
            long now = System.currentTimeMillis();
            long idle = now - Math.max(began, Math.max(modified(results), modified(current)));
            if (idle > TimeUnit.SECONDS.toMillis(SILENCE_SECONDS)
                || Files.exists(current) && now - modified(current) > TimeUnit.SECONDS.toMillis(INVOCATION_SECONDS)) {
                dumpThreads(jvm, log);
                jvm.destroyForcibly().waitFor();
                return !writeDown(test, results, current, Result.Outcome.TIMEOUT, "given up");
            }
        }
        if (jvm.exitValue() != 0) {
            return !writeDown(test, results, current, Result.Outcome.FAILED, "the JVM ended with " + jvm.exitValue());
        }
        return true;
    }

    /** Whether there is an invocation behind which a new JVM can go on. */
    private static boolean writeDown(
        Tests.TestClass test, Path results, Path current, Result.Outcome outcome, String reason
    ) throws IOException {
        if (Files.exists(current)) {
            Result running = Result.parse(Files.readString(current));
            ResultFile.append(results,
                new Result(running.id(), running.cluster(), outcome, secondsSince(modified(current)), "", reason));
            return true;
        }
        ResultFile.append(results, new Result(
            new Result.Id(test.module(), test.simpleName(), "*", ""), "-", outcome, SILENCE_SECONDS, "", reason));
        return false;
    }

    private static double secondsSince(long time) {
        return (System.currentTimeMillis() - time) / 1000.0;
    }

    private static long modified(Path file) throws IOException {
        try {
            return Files.getLastModifiedTime(file).toMillis();
        } catch (NoSuchFileException absent) {
            return 0;
        }
    }

    private static void dumpThreads(Process jvm, Path log) throws IOException, InterruptedException {
        new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jstack").toString(), Long.toString(jvm.pid()))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start()
            .waitFor(20, TimeUnit.SECONDS);
    }

    /** Ends nodes that outlived their test. */
    private void endLeftovers() throws IOException {
        // The number may be another process's by now.
        String binary = Path.of(Settings.required("dohle")).toAbsolutePath().toString();
        try (Stream<Path> marks = Files.list(processes)) {
            for (Path mark : marks.toList()) {
                ProcessHandle.of(Long.parseLong(mark.getFileName().toString()))
                    .filter(process -> process.info().command().filter(binary::equals).isPresent())
                    .ifPresent(ProcessHandle::destroyForcibly);
                Files.delete(mark);
            }
        }
    }

    private void ensureKafkaHost() throws IOException {
        if (kafkaHost != null && kafkaHost.isAlive() && classesOfHost < CLASSES_PER_HOST) {
            classesOfHost++;
            return;
        }
        endKafkaHost();
        kafkaHost = new ProcessBuilder(java(), "-Xmx1500m", "-cp", System.getProperty("java.class.path"),
            "-Dlog4j2.configurationFile=conformance-log4j2.properties", "-Dconformance.log-level=error",
            KafkaHost.class.getName())
            .redirectError(ProcessBuilder.Redirect.appendTo(logs.resolve("kafka-host.log").toFile()))
            .start();
        kafkaHostPort =
            new BufferedReader(new InputStreamReader(kafkaHost.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (kafkaHostPort == null) {
            throw new IOException("the host of Kafka's nodes does not start, see " + logs.resolve("kafka-host.log"));
        }
        classesOfHost = 1;
    }

    private void endKafkaHost() {
        if (kafkaHost != null) {
            kafkaHost.destroyForcibly();
            kafkaHost = null;
        }
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** Ends what was started if the whole run is ended. */
    void closeAtExit() {
        try {
            close();
        } catch (IOException error) {
            System.err.println("leftovers: " + error);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        if (testJvm != null) {
            testJvm.destroyForcibly();
        }
        endKafkaHost();
        endLeftovers();
        Utils.delete(folder.toFile());
    }
}
