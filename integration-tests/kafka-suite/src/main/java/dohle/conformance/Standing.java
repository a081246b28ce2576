package dohle.conformance;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Where Dohle stands: its results beside Kafka's. What does not pass on Kafka is no measure of Dohle. */
final class Standing {
    /** Numbers of invocations. */
    record Count(int applicable, int onKafka, int onDohle, int collapsed) {
        Count plus(Count other) {
            return new Count(applicable + other.applicable, onKafka + other.onKafka, onDohle + other.onDohle,
                collapsed + other.collapsed);
        }

        /** The cells of a table's row. */
        String cells() {
            return String.format("%d | %d | %d | %d", applicable, onKafka, onDohle, collapsed);
        }
    }

    /**
     * An invocation that passes on Kafka and not on Dohle.
     *
     * @param waitsFor a capability, empty if the failure is a fault
     * @param words what to say of it
     */
    record Gap(Result.Id id, Optional<String> waitsFor, String words) {}

    private final SortedMap<Result.Id, Result> kafka;
    private final SortedMap<Result.Id, Result> dohle;
    private final Capabilities capabilities;

    Standing(SortedMap<Result.Id, Result> kafka, SortedMap<Result.Id, Result> dohle, Capabilities capabilities) {
        this.kafka = kafka;
        this.dohle = dohle;
        this.capabilities = capabilities;
    }

    /** Modules whose tests were run on Kafka. */
    Set<String> modules() {
        Set<String> modules = new TreeSet<>();
        kafka.keySet().forEach(id -> modules.add(id.module()));
        return modules;
    }

    /**
     * How many results of Dohle have no counterpart on Kafka, because it was not asked yet: invocations, and what stands for
     * all those of a method or class that waits for a cluster.
     */
    int withoutReference(String module) {
        Set<Result.Id> asked = new HashSet<>();
        for (Result.Id id : kafka.keySet()) {
            asked.add(id);
            asked.add(new Result.Id(id.module(), id.type(), id.method(), ""));
            asked.add(new Result.Id(id.module(), id.testClass(), "*", ""));
        }
        return (int) dohle.values().stream()
            .filter(result -> result.id().module().equals(module) && !asked.contains(result.id()))
            .filter(result -> result.outcome() != Result.Outcome.NOT_APPLICABLE)
            .count();
    }

    /** Numbers for each class of a module, by name. */
    SortedMap<String, Count> classes(String module) {
        SortedMap<String, Count> classes = new TreeMap<>();
        kafka.values().stream().filter(result -> result.id().module().equals(module)).forEach(result ->
            classes.merge(result.id().testClass(), count(result), Count::plus));
        return classes;
    }

    /** Numbers for a module. */
    Count count(String module) {
        return classes(module).values().stream().reduce(new Count(0, 0, 0, 0), Count::plus);
    }

    private Count count(Result onKafka) {
        boolean passes = onKafka.outcome() == Result.Outcome.PASSED;
        Result onDohle = onDohle(onKafka.id());
        boolean follows = passes && onDohle != null && onDohle.outcome() == Result.Outcome.PASSED;
        boolean collapsed = follows && onDohle.cluster().equals("collapsed");
        boolean applicable = passes || onKafka.outcome().isFailure();
        return new Count(applicable ? 1 : 0, passes ? 1 : 0, follows ? 1 : 0, collapsed ? 1 : 0);
    }

    /** What passes on Kafka and not on Dohle, in order. */
    List<Gap> gaps(String module) {
        List<Gap> gaps = new ArrayList<>();
        for (Result onKafka : kafka.values()) {
            Result onDohle = onDohle(onKafka.id());
            if (onKafka.id().module().equals(module) && onKafka.outcome() == Result.Outcome.PASSED
                && (onDohle == null || onDohle.outcome() != Result.Outcome.PASSED)) {
                gaps.add(gap(onKafka.id(), onDohle));
            }
        }
        return gaps;
    }

    /**
     * What became of it; where a class could not begin, what stands for the class, or for a method whose parameters were
     * not come to. Null if it was not run.
     */
    private Result onDohle(Result.Id id) {
        return Stream.of(id, new Result.Id(id.module(), id.type(), id.method(), ""),
                new Result.Id(id.module(), id.testClass(), "*", ""))
            .map(dohle::get).filter(Objects::nonNull).findFirst().orElse(null);
    }

    private Gap gap(Result.Id id, Result onDohle) {
        if (onDohle == null) {
            return new Gap(id, Optional.of("not run yet"), "not run yet");
        }
        if (onDohle.outcome() == Result.Outcome.WAITING) {
            return new Gap(id, Optional.of("a cluster"), "a cluster: " + onDohle.reason());
        }
        Optional<String> missing = capabilities.missing(onDohle);
        return new Gap(id, missing, missing.orElse(onDohle.outcome().label() + ": " + onDohle.reason()));
    }
}
