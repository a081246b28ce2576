package dohle.conformance;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What stands behind a command: {@code --name value}, or {@code --name} alone. */
final class Options {
    /** The command line is wrong, and how. */
    static final class Wrong extends IllegalArgumentException {
        private static final long serialVersionUID = 1L;

        Wrong(String message) {
            super(message);
        }
    }

    private final Map<String, String> values = new HashMap<>();

    /**
     * @param known names, those without a value with a {@code !} behind
     * @throws Wrong another name, or a value that is missing
     */
    Options(List<String> arguments, String... known) {
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            String name = argument.startsWith("--") ? argument.substring(2) : "";
            if (Arrays.asList(known).contains(name + "!")) {
                values.put(name, "");
            } else if (Arrays.asList(known).contains(name) && i + 1 < arguments.size()) {
                values.put(name, arguments.get(++i));
            } else {
                throw new Wrong("unknown or incomplete: " + argument);
            }
        }
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    Optional<String> value(String name) {
        return Optional.ofNullable(values.get(name));
    }

    /** A number of at least {@code least}. */
    int number(String name, int otherwise, int least) {
        try {
            int number = value(name).map(Integer::parseInt).orElse(otherwise);
            if (number >= least) {
                return number;
            }
        } catch (NumberFormatException noNumber) {
            // Told below.
        }
        throw new Wrong("--" + name + " takes a number of at least " + least);
    }

    Optional<Path> path(String name) {
        return value(name).map(Path::of);
    }

    /** The peer; Dohle where none is named. */
    Peer peer() {
        return peer("peer");
    }

    /** A peer; Dohle where none is named. */
    Peer peer(String option) {
        String name = value(option).orElse(Peer.DOHLE.label());
        return Arrays.stream(Peer.values()).filter(peer -> peer.label().equals(name.toLowerCase(Locale.ROOT)))
            .findFirst().orElseThrow(() -> new Wrong("--" + option + " takes dohle or kafka"));
    }
}
