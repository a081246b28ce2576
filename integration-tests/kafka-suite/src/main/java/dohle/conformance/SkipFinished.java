package dohle.conformance;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Leaves out invocations that an earlier JVM has finished: one that hung was given up, and this goes on behind it. */
public final class SkipFinished implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return Ids.ofInvocation(context).filter(ClassRun::isFinished).isPresent()
            ? ConditionEvaluationResult.disabled("finished before")
            : ConditionEvaluationResult.enabled("not finished");
    }
}
