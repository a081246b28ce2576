package dohle.conformance;

import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SortedSet;
import java.util.TreeSet;

/** What a node is told, and where its files are. */
final class NodeFiles {
    final int id;
    final Map<String, String> properties;
    /** The {@code server.properties}. */
    final Path settings;
    /** What the node prints. */
    final Path output;
    /** Of the listener that answers when the node serves: the brokers' one if it is a broker. */
    final int port;

    NodeFiles(int id, Path folder, Map<String, String> properties, int port) throws IOException {
        this.id = id;
        this.properties = properties;
        this.port = port;
        Files.createDirectories(folder);
        settings = folder.resolve("server-" + id + ".properties");
        output = folder.resolve("server-" + id + ".output");
        Properties file = new Properties();
        file.putAll(properties);
        try (Writer writer = Files.newBufferedWriter(settings)) {
            file.store(writer, null);
        }
    }

    String metadataFolder() {
        return properties.get("metadata.log.dir");
    }

    /** The log directories and the one of the metadata log. */
    SortedSet<String> folders() {
        SortedSet<String> folders = new TreeSet<>(List.of(properties.get("log.dirs").split(",")));
        folders.add(metadataFolder());
        return folders;
    }
}
