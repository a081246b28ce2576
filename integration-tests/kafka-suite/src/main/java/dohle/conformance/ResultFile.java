package dohle.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Results in a file, one a line, tab-separated, under a heading. */
final class ResultFile {
    private ResultFile() {}

    /** What is in the file, by id; nothing if it is not there. */
    static SortedMap<Result.Id, Result> read(Path file) throws IOException {
        SortedMap<Result.Id, Result> results = new TreeMap<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                if (!line.isBlank() && !line.equals(Result.HEADER)) {
                    Result result = Result.parse(line);
                    results.put(result.id(), result);
                }
            }
        }
        return results;
    }

    /** Replaces the file, at once. */
    static void write(Path file, Collection<Result> results) throws IOException {
        List<String> lines = new ArrayList<>(List.of(Result.HEADER));
        results.stream().map(Result::line).forEach(lines::add);
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.write(fresh, lines);
        Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Adds a line; what was added is in the file when this returns. */
    static void append(Path file, Result result) throws IOException {
        Files.writeString(file, result.line() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
}
