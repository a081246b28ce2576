package dohle.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ResultTest {
    private static final Result PASSED = new Result(
        new Result.Id("core", "SomeTest", "test", "isolated"), "collapsed", Result.Outcome.PASSED, 1.5, "3,18", "");
    private static final Result WAITING = new Result(
        new Result.Id("core", "SomeTest", "test", "combined"), "-", Result.Outcome.WAITING, 2, "", "needs 3 brokers");

    @Test
    void aLineSaysEverything() {
        for (Result result : List.of(PASSED, WAITING)) {
            assertEquals(result, Result.parse(result.line()));
            assertEquals(result.id(), Result.Id.parse(result.id().line()));
        }
    }

    @Test
    void aFileHoldsTheLastResultOfEachInvocation(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("results.tsv");
        assertEquals(0, ResultFile.read(file).size());
        ResultFile.write(file, List.of(PASSED, WAITING));
        Result failed = new Result(PASSED.id(), "collapsed", Result.Outcome.FAILED, 3, "", "AssertionError: no");
        ResultFile.append(file, failed);
        assertEquals(List.of(WAITING, failed), List.copyOf(ResultFile.read(file).values()));
    }

    @Test
    void theFirstRuleThatFitsSaysWhatATestWaitsFor(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("rules.tsv");
        Files.writeString(file, "# a comment\n\nsecond\tcore SomeTest\\.test \tfailed .*: no\nthird\t.\tno\n");
        Capabilities rules = new Capabilities(file);
        Result.Id other = new Result.Id("tools", "SomeTest", "test", "");
        assertEquals("second", rules.missing(new Result(
            PASSED.id(), "-", Result.Outcome.FAILED, 0, "", "AssertionError: no")).orElseThrow());
        assertEquals("third", rules.missing(new Result(
            other, "-", Result.Outcome.FAILED, 0, "", "AssertionError: no")).orElseThrow());
        assertEquals(true, rules.missing(new Result(other, "-", Result.Outcome.FAILED, 0, "", "yes")).isEmpty());
    }
}
