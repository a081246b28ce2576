package dohle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The part of the ledger that tells of client families: what the project's own suite plays with each. */
final class ClientsSection {
    /** An entry of the table in {@code families.rs}. */
    private static final Pattern FAMILY = Pattern.compile("^\\s+\\(\\s*\"([a-z0-9.-]+)\",\\s+[A-Z]\\w+\\(", Pattern.MULTILINE);

    private ClientsSection() {}

    /** @param suite the folder of the project's own suite */
    static String text(Path suite) throws IOException {
        List<String> families = families(suite);
        JsonNode scenarios = new YAMLMapper().readTree(suite.resolve("scenarios.yaml").toFile());
        StringBuilder text = new StringBuilder("""
            ## Client families

            What each client library plays against a broker on every change, and what is checked then; `-`: it cannot, for
            the reason below.

            """);
        text.append("| Scenario | ").append(String.join(" | ", families)).append(" |\n| --- |")
            .append(" :-: |".repeat(families.size())).append('\n');
        List<String> notes = new ArrayList<>();
        for (JsonNode scenario : scenarios) {
            String id = scenario.get("id").asText();
            text.append("| ").append(scenario.get("about").asText().strip()).append(" |");
            for (String family : families) {
                JsonNode not = scenario.path("not_for").path(family);
                JsonNode less = scenario.path("leaves_out").path(family);
                text.append(not.isMissingNode() ? less.isMissingNode() ? " yes |" : " in part |" : " - |");
                if (!not.isMissingNode()) {
                    notes.add(String.format("- `%s`, %s: %s", id, family, not.asText().strip()));
                }
                less.properties().forEach(left -> notes.add(String.format(
                    "- `%s`, %s, without %s: %s", id, family, left.getKey(), left.getValue().asText().strip())));
            }
            text.append('\n');
        }
        text.append('\n');
        notes.forEach(note -> text.append(note).append('\n'));
        return text.append('\n').toString();
    }

    private static List<String> families(Path suite) throws IOException {
        List<String> families = new ArrayList<>();
        Matcher lines = FAMILY.matcher(Files.readString(suite.resolve("src/families.rs")));
        while (lines.find()) {
            families.add(lines.group(1));
        }
        if (families.isEmpty()) {
            throw new IOException("no table of families in src/families.rs");
        }
        return families;
    }
}
