package dohle.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StandingTest {
    private static Result result(String method, Result.Outcome outcome, String reason) {
        String parameters = method.equals("*") ? "" : "combined";
        return new Result(new Result.Id("tools", "SomeTest", method, parameters), "-", outcome, 1, "", reason);
    }

    private static SortedMap<Result.Id, Result> all(Result... results) {
        SortedMap<Result.Id, Result> all = new TreeMap<>();
        List.of(results).forEach(result -> all.put(result.id(), result));
        return all;
    }

    private static Capabilities capabilities(Path folder, String rules) throws IOException {
        return new Capabilities(Files.writeString(folder.resolve("rules.tsv"), rules));
    }

    @Test
    void whatStandsForAClassStandsForEachOfItsTests(@TempDir Path folder) throws IOException {
        Standing standing = new Standing(
            all(result("first", Result.Outcome.PASSED, ""), result("second", Result.Outcome.PASSED, "")),
            all(result("*", Result.Outcome.TIMEOUT, "given up"), result("second", Result.Outcome.PASSED, "")),
            capabilities(folder, "something\ttools SomeTest\\.\tgiven up\n"));
        assertEquals(new Standing.Count(2, 2, 1, 0), standing.count("tools"));
        assertEquals(List.of("something"),
            standing.gaps("tools").stream().map(gap -> gap.waitsFor().orElseThrow()).toList());
    }

    @Test
    void whatStandsForAMethodStandsForAllItsParameters(@TempDir Path folder) throws IOException {
        Result.Id method = new Result.Id("tools", "SomeTest", "first", "");
        Standing standing = new Standing(
            all(result("first", Result.Outcome.PASSED, ""), result("second", Result.Outcome.PASSED, "")),
            all(new Result(method, "-", Result.Outcome.WAITING, 0, "", "needs 3 brokers")),
            capabilities(folder, ""));
        assertEquals(List.of("a cluster: needs 3 brokers", "not run yet"),
            standing.gaps("tools").stream().map(Standing.Gap::words).toList());
    }

    @Test
    void whatWasNotAskedOnKafkaIsCounted(@TempDir Path folder) throws IOException {
        Result.Id waiting = new Result.Id("tools", "SomeTest", "first", "");
        Standing standing = new Standing(
            all(result("first", Result.Outcome.PASSED, "")),
            all(new Result(waiting, "-", Result.Outcome.WAITING, 0, "", "needs 3 brokers"),
                result("second", Result.Outcome.PASSED, ""),
                result("third", Result.Outcome.FAILED, ""),
                result("fourth", Result.Outcome.NOT_APPLICABLE, "")),
            capabilities(folder, ""));
        assertEquals(2, standing.withoutReference("tools"));
    }
}
