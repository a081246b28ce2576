package dohle.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** {@code ledger}: {@code docs/compatibility.md}, from what is recorded and from the project's own suite. */
final class LedgerCommand {
    private static final String HEAD = """
        # Compatibility with Apache Kafka 4.3

        Written by `make ledger` from `kafka-suite/results`, `scenarios.yaml` and `differential/allowances.yaml` in
        `integration-tests`; what is written by hand here is lost.

        """;

    private LedgerCommand() {}

    /** The exit code. */
    static int run(Options options) throws IOException {
        return options.has("check") ? check() : write();
    }

    /** Writes it; 0. */
    static int write() throws IOException {
        Files.writeString(file(), text());
        return 0;
    }

    /** 0 if it is as it would be written, else 1. */
    static int check() throws IOException {
        if (Files.exists(file()) && Files.readString(file()).equals(text())) {
            return 0;
        }
        System.err.println("docs/compatibility.md is not what the results say: run `make ledger`");
        return 1;
    }

    private static String text() throws IOException {
        Standing standing = new Standing(
            Recorded.read(Peer.KAFKA), Recorded.read(Peer.DOHLE),
            new Capabilities(Recorded.folder().resolve("capabilities.tsv")));
        return HEAD + new KafkaTestsSection(standing).text()
            + ClientsSection.text(suite()) + DeviationsSection.text(suite()) + ToolsSection.text(suite(), standing);
    }

    private static Path suite() {
        return Path.of(Settings.required("root"), "integration-tests");
    }

    private static Path file() {
        return Path.of(Settings.required("root"), "docs", "compatibility.md");
    }
}
