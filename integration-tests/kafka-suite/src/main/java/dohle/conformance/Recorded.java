package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.SortedMap;

/** The lists beside the suite: what became of each invocation, for each peer, as of the last recording. */
final class Recorded {
    private Recorded() {}

    /** The list of a peer. */
    static SortedMap<Result.Id, Result> read(Peer peer) throws IOException {
        return ResultFile.read(file(peer));
    }

    static void write(Peer peer, Collection<Result> results) throws IOException {
        ResultFile.write(file(peer), results);
    }

    private static Path file(Peer peer) {
        return folder().resolve(peer.label() + ".tsv");
    }

    /** Where the lists are. */
    static Path folder() {
        return Path.of(Settings.required("suite")).resolve("results");
    }
}
