package dohle.conformance;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which requests the nodes were sent since the running test began, read from what they log. Tests speak in many ways to a
 * node, over sockets of their own too: only the node has seen all of it.
 */
final class RequestLog {
    private static final Pattern REQUEST = Pattern.compile("request api_key=(\\d+) ");
    /** How far the output of each running node has been read. */
    private static final Map<Path, Long> POSITIONS = new LinkedHashMap<>();
    private static final SortedSet<Integer> APIS = new TreeSet<>();

    private RequestLog() {}

    /** What a node has to log, in the words of {@code DOHLE_LOG}. */
    static String levels() {
        String usual = "info,openraft=warn";
        return Boolean.parseBoolean(Settings.required("requests")) ? usual + ",dohle_broker::service=trace" : usual;
    }

    /** A node writes to this file from now on. */
    static synchronized void follow(Path output) throws IOException {
        POSITIONS.put(output, Files.exists(output) ? Files.size(output) : 0);
    }

    /** The node that writes to this file has ended. */
    static synchronized void finish(Path output) throws IOException {
        read(output);
        POSITIONS.remove(output);
    }

    /** A test begins. */
    static synchronized void begin() {
        readAll();
        APIS.clear();
    }

    /** Keys of APIs in order, separated by commas. */
    static synchronized String apis() {
        readAll();
        return APIS.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static void readAll() {
        try {
            for (Path output : POSITIONS.keySet()) {
                read(output);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void read(Path output) throws IOException {
        Long position = POSITIONS.get(output);
        if (position == null || !Files.exists(output)) {
            return;
        }
        try (RandomAccessFile file = new RandomAccessFile(output.toFile(), "r")) {
            file.seek(position);
            byte[] fresh = new byte[Math.toIntExact(file.length() - position)];
            file.readFully(fresh);
            Matcher requests = REQUEST.matcher(new String(fresh, StandardCharsets.ISO_8859_1));
            // A line that is not complete yet is read the next time.
            int end = 0;
            while (requests.find()) {
                APIS.add(Integer.valueOf(requests.group(1)));
                end = requests.end();
            }
            POSITIONS.put(output, position + end);
        }
    }
}
