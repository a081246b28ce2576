package dohle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** The part of the ledger that tells where answers differ from Kafka's: what the differential check is told to expect. */
final class DeviationsSection {
    private DeviationsSection() {}

    /** @param suite the folder of the project's own suite */
    static String text(Path suite) throws IOException {
        JsonNode list = new YAMLMapper().readTree(suite.resolve("differential/allowances.yaml").toFile());
        StringBuilder text = new StringBuilder("""
            ## Answers that differ

            `make differential` sends the same requests to an Apache Kafka and to Dohle, every version of every API that both
            advertise, valid ones and others, and compares the answers field by field. This is where they differ, and why;
            what else differs is an error.

            """);
        for (JsonNode deviation : list.get("deviations")) {
            Set<String> apis = new TreeSet<>();
            deviation.get("places").forEach(place -> apis.add(place.path("api").asText("all")));
            text.append("- ").append(String.join(", ", apis)).append(": ").append(deviation.get("reason").asText().strip())
                .append('\n');
        }
        return text.append('\n').toString();
    }
}
