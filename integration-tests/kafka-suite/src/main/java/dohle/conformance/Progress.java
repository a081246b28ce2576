package dohle.conformance;

import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a run says of itself: a line for each class, below it what failed, and how long it will take. */
final class Progress {
    private final List<Work> all;
    private final Estimate estimate;
    private final double budget;
    private final Map<Result.Outcome, Integer> total = new EnumMap<>(Result.Outcome.class);
    private final long began = System.nanoTime();
    private double expectedSoFar;
    private int count;

    /** @param budget seconds after which no more work is begun */
    Progress(List<Work> all, Estimate estimate, double budget) {
        this.all = all;
        this.estimate = estimate;
        this.budget = budget;
    }

    /** Prints what became of a piece of work. */
    void done(Work work, Collection<Result> results) {
        count++;
        expectedSoFar += estimate.seconds(work);
        double expected = all.stream().mapToDouble(estimate::seconds).sum();
        double left = Math.min(
            (expected - expectedSoFar) * seconds() / expectedSoFar, Math.max(0, budget - seconds()));
        Map<Result.Outcome, Long> outcomes =
            results.stream().collect(Collectors.groupingBy(Result::outcome, Collectors.counting()));
        outcomes.forEach((outcome, number) -> total.merge(outcome, number.intValue(), Integer::sum));
        System.out.printf("[%d/%d] %s %s: %s; %.0f s so far, about %.0f min left%n",
            count, all.size(), work.test().module(), work.test().simpleName(), words(outcomes), seconds(), left / 60);
        results.stream().filter(result -> result.outcome().isFailure()).forEach(result ->
            System.out.printf("    %s %s (%.0f s): %s%n",
                result.outcome().label(), result.id(), result.seconds(), result.reason()));
    }

    /** Prints what became of everything. */
    void end() {
        System.out.printf("%s; %.0f s%n", words(total), seconds());
    }

    /** Since the beginning. */
    double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }

    private static String words(Map<Result.Outcome, ? extends Number> outcomes) {
        return outcomes.isEmpty() ? "nothing to run" : Arrays.stream(Result.Outcome.values())
            .filter(outcomes::containsKey)
            .map(outcome -> outcomes.get(outcome) + " " + outcome.label()).collect(Collectors.joining(", "));
    }
}
