package dohle.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The part of the ledger that tells of Kafka's command-line tools. */
final class ToolsSection {
    /** A line of the table in {@code kafka_tools.rs}. */
    private static final Pattern TOOL = Pattern.compile("\\(\"(kafka-[a-z0-9-]+)\", \"([\\w.]+)\"\\)");
    /** Test classes of {@code kafka-tools} that are not called after the class of their tool. */
    private static final Map<String, String> OTHER_NAMES = Map.of(
        "ConsumerGroupCommand", "^(Delete|Describe|List)ConsumerGroups?Test$"
            + "|^ResetConsumerGroupOffsetTest$|^DeleteOffsetsConsumerGroupCommandIntegrationTest$",
        "ConfigCommand", "^ConfigCommandIntegrationTest$|^UserScramCredentialsCommandTest$");

    private ToolsSection() {}

    /** @param suite the folder of the project's own suite */
    static String text(Path suite, Standing standing) throws IOException {
        SortedMap<String, String> tools = new TreeMap<>();
        Matcher lines = TOOL.matcher(Files.readString(suite.resolve("src/kafka_tools.rs")));
        while (lines.find()) {
            tools.put(lines.group(1), lines.group(2).substring(lines.group(2).lastIndexOf('.') + 1));
        }
        if (tools.isEmpty()) {
            throw new IOException("no table of tools in src/kafka_tools.rs");
        }
        String tests = tests(suite);
        StringBuilder text = new StringBuilder("""
            ## Console tools

            The tools of Apache Kafka 4.3.1 as published. *Played*: the project's own suite runs it against a broker on every
            change. The numbers are those of the tool's own integration tests above.

            | Tool | Played | Pass on Kafka | Pass on Dohle |
            | --- | :-: | --: | --: |
            """);
        tools.forEach((tool, main) -> {
            boolean played = tests.contains("\"" + tool + "\"");
            List<Standing.Count> own = standing.classes("tools").entrySet().stream()
                .filter(entry -> Pattern.compile(OTHER_NAMES.getOrDefault(main, "^" + main + "Test$"))
                    .matcher(entry.getKey()).find())
                .map(Map.Entry::getValue).toList();
            text.append(String.format("| `%s` | %s | %s | %s |%n", tool, played ? "yes" : "no",
                own.isEmpty() ? "" : own.stream().mapToInt(Standing.Count::onKafka).sum(),
                own.isEmpty() ? "" : own.stream().mapToInt(Standing.Count::onDohle).sum()));
        });
        return text.toString();
    }

    /** The sources of the suite's tests. */
    private static String tests(Path suite) throws IOException {
        try (Stream<Path> files = Files.list(suite.resolve("tests/suite"))) {
            return files.sorted().filter(file -> file.toString().endsWith(".rs")).map(file -> {
                try {
                    return Files.readString(file);
                } catch (IOException error) {
                    throw new java.io.UncheckedIOException(error);
                }
            }).collect(Collectors.joining());
        }
    }
}
