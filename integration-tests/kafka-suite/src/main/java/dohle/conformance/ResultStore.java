package dohle.conformance;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.SortedMap;

/** Results of a peer that outlast a run: the next goes on from them, and runs side by side may add to them. */
final class ResultStore {
    private final Path file;

    /** @param cache the folder of everything that may be made again */
    ResultStore(Path cache, Peer peer) {
        file = cache.resolve("results-" + peer.label() + ".tsv");
    }

    SortedMap<Result.Id, Result> read() throws IOException {
        return ResultFile.read(file);
    }

    /** Adds results of a class. If it was run as a whole, they take the place of all that were known of it. */
    synchronized void add(Work work, Collection<Result> results) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Path lock = file.resolveSibling(file.getFileName() + ".lock");
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.lock();
            SortedMap<Result.Id, Result> all = read();
            if (work.methods().isEmpty() && work.only().isEmpty()) {
                all.keySet().removeIf(work.test()::holds);
            }
            all.keySet().removeIf(id -> work.only().contains(id));
            results.forEach(result -> all.put(result.id(), result));
            ResultFile.write(file, all.values());
        }
    }
}
