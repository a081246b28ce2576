package dohle.conformance;

import java.util.Collection;
import java.util.Map;

/** How long work will take, judged by earlier results. */
final class Estimate {
    /** Of a JVM, before and after its tests. */
    private static final double SECONDS_PER_JVM = 5;
    /** Of a class that was never run. */
    private static final double SECONDS_PER_UNKNOWN_CLASS = 60;

    private final Map<Result.Id, Result> known;

    Estimate(Map<Result.Id, Result> known) {
        this.known = known;
    }

    /** Seconds, for one runner. */
    double seconds(Work work) {
        Collection<Result.Id> ids = work.only().isEmpty()
            ? known.keySet().stream().filter(work.test()::holds).toList() : work.only();
        if (ids.isEmpty()) {
            return SECONDS_PER_UNKNOWN_CLASS;
        }
        return SECONDS_PER_JVM + ids.stream().mapToDouble(this::seconds).sum();
    }

    /** Seconds of an invocation, in a JVM that is there; 0 if it was never run. */
    double seconds(Result.Id id) {
        Result result = known.get(id);
        return result == null ? 0 : result.seconds();
    }
}
