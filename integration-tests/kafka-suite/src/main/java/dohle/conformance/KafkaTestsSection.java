package dohle.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The part of the ledger that tells of Kafka's own integration tests. */
final class KafkaTestsSection {
    private static final String ABOUT = """
        ## Apache Kafka's own integration tests

        The test jars of Apache Kafka 4.3.1 as published, unchanged; the nodes of their clusters are processes. A row of a
        number of tests counts invocations: a method that is run with several clusters or parameters counts several times.
        *Applicable* are those that say something about a broker outside the test's JVM. What passes on an Apache Kafka run
        the same way is what Dohle is measured by. *Collapsed*: of those that pass, how many wanted broker and controller
        apart and were given both in one process. *Not asked*: results of Dohle that no run on Kafka stands beside yet; they
        count in no other column, and a whole method counts once where it waits for a cluster.

        """;
    private static final String COLUMNS = "| Applicable | Pass on Kafka | Pass on Dohle | Collapsed |\n";

    private final Standing standing;
    private final StringBuilder text = new StringBuilder(ABOUT);

    KafkaTestsSection(Standing standing) {
        this.standing = standing;
    }

    String text() {
        modules();
        capabilities();
        for (String module : standing.modules()) {
            module(module);
        }
        return text.toString();
    }

    private void modules() {
        text.append("| Module | Applicable | Pass on Kafka | Pass on Dohle | Collapsed | Not asked |\n");
        text.append("| --- | --: | --: | --: | --: | --: |\n");
        Standing.Count all = new Standing.Count(0, 0, 0, 0);
        int withoutReference = 0;
        for (String module : standing.modules()) {
            all = all.plus(standing.count(module));
            withoutReference += standing.withoutReference(module);
            text.append(String.format("| %s (`%s`) | %s | %d |%n", module, Tests.artifact(module),
                standing.count(module).cells(), standing.withoutReference(module)));
        }
        text.append(String.format("| all | %s | %d |%n%n", all.cells(), withoutReference));
    }

    private void capabilities() {
        SortedMap<String, Integer> counts = new TreeMap<>();
        standing.modules().stream().flatMap(module -> standing.gaps(module).stream()).forEach(gap ->
            counts.merge(gap.waitsFor().orElse("(nothing: these are faults)"), 1, Integer::sum));
        text.append("What the rest waits for:\n\n| Capability | Tests |\n| --- | --: |\n");
        counts.forEach((capability, count) -> text.append(String.format("| %s | %d |%n", capability, count)));
        text.append('\n');
    }

    private void module(String module) {
        text.append(String.format("### %s%n%n| Class %s| --- | --: | --: | --: | --: |%n", module, COLUMNS));
        standing.classes(module).forEach((name, count) ->
            text.append(String.format("| %s | %s |%n", name, count.cells())));
        text.append('\n');
        List<Standing.Gap> gaps = standing.gaps(module);
        if (!gaps.isEmpty()) {
            text.append("Pass on Kafka and not on Dohle:\n\n");
            together(gaps).forEach((line, parameters) -> text.append(parameters.stream().allMatch(String::isEmpty)
                ? String.format("- %s: %s%n", line.test(), line.words())
                : String.format("- %s (%s): %s%n", line.test(), String.join("; ", parameters), line.words())));
            text.append('\n');
        }
    }

    private record Line(String test, String words) {}

    /** Invocations of a method that miss the same share a line. */
    private static Map<Line, List<String>> together(List<Standing.Gap> gaps) {
        return gaps.stream().collect(Collectors.groupingBy(
            gap -> new Line(String.format("`%s.%s`", gap.id().type(), gap.id().method()), escape(gap.words())),
            LinkedHashMap::new,
            Collectors.mapping(gap -> escape(gap.id().parameters()), Collectors.toCollection(ArrayList::new))));
    }

    /** Without what Markdown would take for its own. */
    private static String escape(String words) {
        return words.replaceAll("([<>*_`\\[\\]|])", "\\\\$1");
    }
}
