package dohle.conformance;

import java.util.Locale;

/**
 * What became of one invocation of a test.
 *
 * @param parameters what tells the invocation from others of the method; a number behind {@code #} where nothing else does
 * @param cluster the nodes it had, {@code collapsed} where one stood for several, {@code -} for none
 * @param seconds with everything before and after
 * @param apis the keys of the requests that the nodes were sent, in order and separated by commas; empty where that is not
 *     known
 * @param reason of everything but {@code PASSED}: the first line of the failure, or why there is nothing to say
 */
public record Result(Id id, String cluster, Outcome outcome, double seconds, String apis, String reason) {
    /** Outcomes, as the results name them. */
    public enum Outcome {
        /** It passed with a cluster of the peer's. */
        PASSED,
        /** It failed and would apply. */
        FAILED,
        /** It was ended for taking too long. */
        TIMEOUT,
        /** It says nothing about a broker outside the JVM. */
        NOT_APPLICABLE,
        /** It needs a cluster that the peer cannot be. */
        WAITING;

        String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        static Outcome of(String label) {
            return valueOf(label.toUpperCase(Locale.ROOT).replace('-', '_'));
        }

        /** Whether the peer did not do what the test wants. */
        boolean isFailure() {
            return this == FAILED || this == TIMEOUT;
        }
    }

    /**
     * Which invocation.
     *
     * @param module the artifact that holds the test
     * @param type the class, without package if no other class of the module has that name
     */
    public record Id(String module, String type, String method, String parameters) implements Comparable<Id> {
        @Override
        public int compareTo(Id other) {
            return java.util.Comparator.comparing(Id::module).thenComparing(Id::type).thenComparing(Id::method)
                .thenComparing(Id::parameters).compare(this, other);
        }

        /** The class that is run to have it: classes within a test class run with it. */
        String testClass() {
            int nested = type.indexOf('$');
            return nested < 0 ? type : type.substring(0, nested);
        }

        /** The id as the first fields of a line. */
        String line() {
            return String.join("\t", module, type, method, parameters);
        }

        /** The id at the beginning of a line. */
        static Id parse(String line) {
            String[] fields = line.split("\t", -1);
            return new Id(fields[0], fields[1], fields[2], fields[3]);
        }

        @Override
        public String toString() {
            return type + "." + method + (parameters.isEmpty() ? "" : " [" + parameters + "]");
        }
    }

    static final String HEADER = "module\tclass\tmethod\tparameters\tcluster\toutcome\tseconds\tapis\treason";

    /** One line, as {@link #parse} reads it. */
    String line() {
        return String.join("\t",
            id.line(), cluster, outcome.label(), String.format(Locale.ROOT, "%.1f", seconds).replace(".0", ""), apis,
            reason);
    }

    static Result parse(String line) {
        String[] fields = line.split("\t", -1);
        return new Result(
            Id.parse(line), fields[4], Outcome.of(fields[5]), Double.parseDouble(fields[6]), fields[7], fields[8]);
    }

    /** Text on one line, without what changes from run to run. */
    static String oneLine(String text) {
        String line = text.strip().lines().findFirst().orElse("");
        line = line.replaceAll("\\s+", " ").replaceAll("@[0-9a-f]{5,}", "@").replaceAll("(/dev/shm|/tmp)/[^ ,;)]*", "FOLDER")
            .replaceAll("localhost(/127\\.0\\.0\\.1)?:\\d{4,5}", "localhost:PORT");
        return line.length() > 300 ? line.substring(0, 300) + "…" : line;
    }
}
