package dohle.conformance;

import java.util.Collection;
import java.util.Comparator;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.List;
import java.util.ArrayList;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a JVM is to run of a test class.
 *
 * @param methods a regular expression that is to be found in the names of methods
 * @param only the invocations to run; all of these methods if it is empty
 */
record Work(Tests.TestClass test, String methods, Set<Result.Id> only) {
    /** The whole class. */
    static Work all(Tests.TestClass test) {
        return new Work(test, "", Set.of());
    }

    /** Certain invocations, class by class. */
    static List<Work> of(Collection<Result.Id> ids, List<Tests.TestClass> tests) {
        SortedMap<Tests.TestClass, Set<Result.Id>> byClass =
            new TreeMap<>(Comparator.comparing(tests::indexOf));
        for (Result.Id id : ids) {
            tests.stream().filter(test -> test.holds(id)).findFirst().ifPresent(test ->
                byClass.computeIfAbsent(test, any -> new TreeSet<>()).add(id));
        }
        List<Work> work = new ArrayList<>();
        byClass.forEach((test, own) -> work.add(new Work(test, methods(own), own)));
        return work;
    }

    private static String methods(Set<Result.Id> ids) {
        // What stands for a class that could not begin has no method.
        return ids.stream().anyMatch(id -> id.method().equals("*")) ? ""
            : ids.stream().map(Result.Id::method).distinct().map(Pattern::quote)
                .collect(Collectors.joining("|", "^(", ")$"));
    }
}
