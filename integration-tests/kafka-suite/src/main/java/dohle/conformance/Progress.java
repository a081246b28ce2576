package dohle.conformance;

import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a run says of itself: a line for each class, below it what failed, and how long it will take. */
final class Progress {
    /** Of a JVM for a class, before and after its tests. */
    private static final double SECONDS_PER_CLASS = 6;

    private final List<Tests.TestClass> tests;
    private final Map<Tests.TestClass, Double> expected;
    private final Map<Result.Outcome, Integer> total = new EnumMap<>(Result.Outcome.class);
    private final long began = System.nanoTime();
    private double expectedSoFar;
    private int count;

    /** @param known results that tell how long a class takes */
    Progress(List<Tests.TestClass> tests, Collection<Result> known) {
        this.tests = tests;
        expected = tests.stream().collect(Collectors.toMap(test -> test, test -> SECONDS_PER_CLASS
            + known.stream().filter(result -> belongs(result, test)).mapToDouble(Result::seconds).sum()));
    }

    static boolean belongs(Result result, Tests.TestClass test) {
        return result.id().module().equals(test.module())
            && result.id().type().split("\\$")[0].equals(test.simpleName());
    }

    static boolean failed(Result result) {
        return result.outcome() == Result.Outcome.FAILED || result.outcome() == Result.Outcome.TIMEOUT;
    }

    void done(Tests.TestClass test, Collection<Result> results) {
        count++;
        expectedSoFar += expected.get(test);
        double elapsed = (System.nanoTime() - began) / 1e9;
        double all = expected.values().stream().mapToDouble(Double::doubleValue).sum();
        double left = (all - expectedSoFar) * elapsed / expectedSoFar;
        Map<Result.Outcome, Long> outcomes =
            results.stream().collect(Collectors.groupingBy(Result::outcome, Collectors.counting()));
        outcomes.forEach((outcome, number) -> total.merge(outcome, number.intValue(), Integer::sum));
        System.out.printf("[%d/%d] %s %s: %s; %.0f s so far, about %.0f min left%n",
            count, tests.size(), test.module(), test.simpleName(), words(outcomes), elapsed, left / 60);
        results.stream().filter(Progress::failed).forEach(result ->
            System.out.printf("    %s %s (%.0f s): %s%n",
                result.outcome().label(), result.id(), result.seconds(), result.reason()));
    }

    void end() {
        System.out.printf("%d classes: %s; %.0f s%n", tests.size(), words(total), (System.nanoTime() - began) / 1e9);
    }

    private static String words(Map<Result.Outcome, ? extends Number> outcomes) {
        return outcomes.isEmpty() ? "nothing to run" : java.util.Arrays.stream(Result.Outcome.values())
            .filter(outcomes::containsKey)
            .map(outcome -> outcomes.get(outcome) + " " + outcome.label()).collect(Collectors.joining(", "));
    }
}
