package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** {@code slice}: some minutes of what is recorded as passing on Dohle. What does not pass any more is a failure. */
final class SliceCommand {
    private SliceCommand() {}

    /** The exit code: 1 if something did not pass, or the ledger is not what the lists say. */
    static int run(Options options) throws IOException, InterruptedException {
        if (LedgerCommand.check() != 0) {
            return 1;
        }
        int turn = options.number("turn", -1, 0);
        double budget = 60.0 * options.number("minutes", 10, 1);
        int jobs = options.number("jobs", 2, 1);
        SortedMap<Result.Id, Result> recorded = Recorded.read(Peer.DOHLE);
        List<Result> passing =
            recorded.values().stream().filter(result -> result.outcome() == Result.Outcome.PASSED).toList();
        Slice slice = new Slice(passing, Tests.all(), new Estimate(recorded));
        List<Work> all = new ArrayList<>(slice.core());
        int core = all.size();
        all.addAll(slice.rest(turn));
        System.out.printf("%d invocations pass; turn %d begins with %s%n", passing.size(), turn, slice.describe());

        Estimate estimate = new Estimate(recorded);
        Progress progress = new Progress(all, estimate, budget);
        Set<Result.Id> failed = new TreeSet<>();
        int[] taken = {0};
        new Workers(Peer.DOHLE, Path.of(Settings.required("cache")), jobs, false).run(
            all,
            work -> taken[0]++ < core || progress.seconds() + estimate.seconds(work) < budget,
            (work, results) -> {
                progress.done(work, results);
                failed.addAll(missed(work, results));
            });
        progress.end();
        Set<Result.Id> failedTwice = failedAgain(failed, estimate);
        failed.removeAll(failedTwice);
        failed.forEach(id -> System.out.println("failed once, and passed when it ran alone: " + id.module() + " " + id));
        failedTwice.forEach(id -> System.out.println("recorded as passing, and does not: " + id.module() + " " + id));
        return failedTwice.isEmpty() ? 0 : 1;
    }

    /**
     * Runs once more, one after the other, what has failed: some of Kafka's tests give their clients seconds where a busy
     * machine takes longer. What is wrong with the broker fails again.
     */
    private static Set<Result.Id> failedAgain(Set<Result.Id> failed, Estimate estimate)
        throws IOException, InterruptedException {
        if (failed.isEmpty()) {
            return Set.of();
        }
        System.out.println(failed.size() + " did not pass and run once more, alone");
        List<Work> again = Work.of(failed, Tests.all());
        Progress progress = new Progress(again, estimate, Double.MAX_VALUE);
        Set<Result.Id> failedTwice = new TreeSet<>();
        new Workers(Peer.DOHLE, Path.of(Settings.required("cache")), 1, false).run(again, work -> true, (work, results) -> {
            progress.done(work, results);
            failedTwice.addAll(missed(work, results));
        });
        progress.end();
        return failedTwice;
    }

    /** What was to be run and did not pass, for whatever reason. */
    private static Set<Result.Id> missed(Work work, Collection<Result> results) {
        Set<Result.Id> missed = new TreeSet<>(work.only());
        missed.removeAll(results.stream().filter(result -> result.outcome() == Result.Outcome.PASSED)
            .map(Result::id).collect(Collectors.toSet()));
        return missed;
    }
}
