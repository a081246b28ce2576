package dohle.conformance;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestIdentifier;

/**
 * Names of invocations that hold from run to run. JUnit numbers the invocations of a method, but in an order that may
 * change; here those of the same description are numbered among themselves.
 */
final class Ids {
    private static final Map<String, Result.Id> GIVEN = new HashMap<>();
    private static final Map<Result.Id, Integer> COUNTS = new HashMap<>();

    private Ids() {}

    /** The invocation that is about to run; empty for a class, or a method that has several. */
    static Optional<Result.Id> ofInvocation(ExtensionContext context) {
        if (context.getTestMethod().isEmpty()
            || UniqueId.parse(context.getUniqueId()).getLastSegment().getType().equals("test-template")) {
            return Optional.empty();
        }
        return Optional.of(give(context.getUniqueId(), context.getRequiredTestClass().getName(),
            context.getRequiredTestMethod().getName(), context.getDisplayName()));
    }

    /** The invocation that ran. */
    static Result.Id of(TestIdentifier test) {
        MethodSource source = (MethodSource) test.getSource().orElseThrow();
        return give(test.getUniqueId(), source.getClassName(), source.getMethodName(), test.getDisplayName());
    }

    private static synchronized Result.Id give(String uniqueId, String type, String method, String displayName) {
        return GIVEN.computeIfAbsent(uniqueId, any -> {
            Result.Id id = new Result.Id(
                Settings.required("module"), simple(type), method, Naming.parameters(displayName));
            int count = COUNTS.merge(id, 1, Integer::sum);
            return count == 1 ? id
                : new Result.Id(id.module(), id.type(), id.method(), (id.parameters() + " #" + count).strip());
        });
    }

    /** The name of a class without its package. */
    static String simple(String type) {
        return type.substring(type.lastIndexOf('.') + 1);
    }
}
