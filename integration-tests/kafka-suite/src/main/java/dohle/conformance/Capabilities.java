package dohle.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Why a test that passes on Kafka does not pass on Dohle: which capability it waits for. Rules in a file say so, one a line,
 * and the first that fits is taken: what it waits for, a tab, a pattern for the module and the invocation, a tab, a pattern
 * for how it failed and the keys of the requests that were sent; a line that begins with {@code #} is a comment.
 */
final class Capabilities {
    private record Rule(String capability, Pattern test, Pattern failure) {}

    private final List<Rule> rules = new ArrayList<>();

    Capabilities(Path file) throws IOException {
        for (String line : Files.readAllLines(file)) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] fields = line.split("\t");
                if (fields.length != 3) {
                    throw new IOException(file + ": not three fields: " + line);
                }
                rules.add(new Rule(fields[0], Pattern.compile(fields[1]), Pattern.compile(fields[2])));
            }
        }
    }

    /** What the test waits for; empty if no rule says so. */
    Optional<String> missing(Result result) {
        String test = result.id().module() + " " + result.id();
        String failure = result.outcome().label() + " " + result.reason() + " apis=," + result.apis() + ",";
        return rules.stream().filter(rule -> rule.test().matcher(test).find() && rule.failure().matcher(failure).find())
            .map(Rule::capability).findFirst();
    }
}
