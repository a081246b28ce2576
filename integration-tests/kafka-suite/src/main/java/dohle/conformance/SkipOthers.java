package dohle.conformance;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Leaves out invocations that nobody asked for, and those that an earlier JVM has finished: one that hung was given up, and
 * this goes on behind it.
 */
public final class SkipOthers implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return Ids.ofInvocation(context).map(ClassRun::isDue).orElse(true)
            ? ConditionEvaluationResult.enabled("due")
            : ConditionEvaluationResult.disabled("not asked for or finished");
    }
}
