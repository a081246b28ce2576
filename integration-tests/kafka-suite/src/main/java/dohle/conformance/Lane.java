package dohle.conformance;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Ports that one runner has for itself as long as it runs, whatever other runners there are on this machine. */
final class Lane implements AutoCloseable {
    /** How many ports a lane has. */
    static final int PORTS = 1_000;
    /** Of the first lane. All lanes end below the ports that the system takes for outgoing connections. */
    private static final int FIRST_PORT = 12_000;
    private static final int COUNT = 8;

    private final FileChannel file;
    private final int number;

    private Lane(FileChannel file, int number) {
        this.file = file;
        this.number = number;
    }

    /**
     * A lane that nobody has.
     *
     * @param folder where runners of this machine tell each other which are taken
     * @throws IOException all are taken
     */
    static Lane acquire(Path folder) throws IOException {
        Files.createDirectories(folder);
        for (int number = 0; number < COUNT; number++) {
            FileChannel file = FileChannel.open(
                folder.resolve("lane-" + number), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (lock(file) != null) {
                return new Lane(file, number);
            }
            file.close();
        }
        throw new IOException("more than " + COUNT + " runners on this machine");
    }

    private static FileLock lock(FileChannel file) throws IOException {
        try {
            return file.tryLock();
        } catch (OverlappingFileLockException ownedByThisProcess) {
            return null;
        }
    }

    int firstPort() {
        return FIRST_PORT + number * PORTS;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
