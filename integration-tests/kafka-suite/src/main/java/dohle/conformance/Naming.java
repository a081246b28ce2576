package dohle.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Short names for the invocations of a test, the same in every run and for every peer. */
final class Naming {
    private static final Pattern CLUSTER = Pattern.compile("^.*? ?\\[\\d+\\] Type=Raft-(Isolated|Combined), (.*)$");
    private static final Pattern INDEXED = Pattern.compile("^\\[\\d+\\] ?(.*)$", Pattern.DOTALL);
    /** What a cluster is unless its test says otherwise. */
    private static final Set<String> USUAL = Set.of(
        "MetadataVersion=4.4-IV0", "BrokerSecurityProtocol=PLAINTEXT", "BrokerListenerName=ListenerName(EXTERNAL)",
        "ControllerSecurityProtocol=PLAINTEXT", "ControllerListenerName=ListenerName(CONTROLLER)");

    private Naming() {}

    /** @param displayName what JUnit calls the invocation */
    static String parameters(String displayName) {
        Matcher cluster = CLUSTER.matcher(displayName);
        if (cluster.matches()) {
            List<String> parts = new ArrayList<>(List.of(cluster.group(1).toLowerCase(java.util.Locale.ROOT)));
            for (String tag : cluster.group(2).split(",")) {
                if (!USUAL.contains(tag)) {
                    parts.add(tag);
                }
            }
            return Result.oneLine(String.join(", ", parts));
        }
        Matcher indexed = INDEXED.matcher(displayName);
        return indexed.matches() ? Result.oneLine(indexed.group(1)) : "";
    }
}
