package dohle.conformance;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The main of a JVM that runs one test class, and writes a line for each invocation. */
public final class ClassRun implements TestExecutionListener {
    private static Set<Result.Id> finished = Set.of();
    /** Empty for all. */
    private static Set<Result.Id> only = Set.of();

    private final Path results = Path.of(Settings.required("results"));
    /** Names the invocation that runs, for the runner to give it up when it takes too long. */
    private final Path current = Path.of(Settings.required("current"));
    private TestPlan plan;
    private long began;

    private ClassRun() {}

    /** The class, and a regular expression that its methods have to match. */
    public static void main(String[] arguments) throws IOException, ClassNotFoundException {
        ClassRun run = new ClassRun();
        finished = Set.copyOf(ResultFile.read(run.results).keySet());
        only = Files.readAllLines(Path.of(Settings.required("only"))).stream()
            .map(Result.Id::parse).filter(id -> !id.method().equals("*")).collect(Collectors.toUnmodifiableSet());
        Pattern methods = Pattern.compile(arguments[1]);
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(Class.forName(arguments[0], false, ClassRun.class.getClassLoader())))
            .filters((PostDiscoveryFilter) test -> FilterResult.includedIf(
                test.getSource().filter(MethodSource.class::isInstance).map(MethodSource.class::cast)
                    .map(source -> methods.matcher(source.getMethodName()).find()).orElse(true)))
            .configurationParameter("junit.jupiter.extensions.autodetection.enabled", "true")
            .build();
        LauncherFactory.create().execute(request, run);
        System.out.flush();
        // Threads of the tests must not keep the JVM.
        Runtime.getRuntime().halt(0);
    }

    /** Whether the invocation is asked for and an earlier JVM has not finished it. */
    static boolean isDue(Result.Id id) {
        return !finished.contains(id) && (only.isEmpty() || only.contains(id));
    }

    @Override
    public void testPlanExecutionStarted(TestPlan plan) {
        this.plan = plan;
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        if (test.isTest()) {
            Invocation.begins();
            began = System.nanoTime();
            announce(new Result(Ids.of(test), "-", Result.Outcome.TIMEOUT, 0, "", ""));
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        if (!test.isTest()) {
            plan.getChildren(test).forEach(child -> executionSkipped(child, reason));
            if (test.getSource().filter(MethodSource.class::isInstance).isEmpty()) {
                return;
            }
        }
        Result.Id id = Ids.of(test);
        if (isDue(id)) {
            write(new Result(id, "-", Result.Outcome.NOT_APPLICABLE, 0, "", "disabled: " + Result.oneLine(reason)));
        }
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult outcome) {
        if (test.isTest()) {
            double seconds = (System.nanoTime() - began) / 1e9;
            write(judge(Ids.of(test), seconds, outcome));
        } else if (outcome.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
            // What came before all tests of a class failed, or the invocations of a method could not be made.
            plan.getDescendants(test).stream()
                .filter(child -> child.getSource().filter(MethodSource.class::isInstance).isPresent())
                .map(Ids::of).filter(ClassRun::isDue)
                .forEach(id -> write(judge(id, 0, outcome)));
            if (test.getSource().filter(MethodSource.class::isInstance).isPresent()
                && plan.getDescendants(test).isEmpty()) {
                write(judge(Ids.of(test), 0, outcome));
            }
        }
    }

    private static Result judge(Result.Id id, double seconds, TestExecutionResult outcome) {
        String cluster = Optional.ofNullable(Invocation.cluster()).orElse("-");
        String apis = RequestLog.apis();
        BiFunction<Result.Outcome, String, Result> result =
            (what, reason) -> new Result(id, cluster, what, seconds, apis, Result.oneLine(reason));
        if (outcome.getStatus() == TestExecutionResult.Status.SUCCESSFUL) {
            return cluster.equals("-")
                ? result.apply(Result.Outcome.NOT_APPLICABLE, "starts no cluster")
                : result.apply(Result.Outcome.PASSED, "");
        }
        if (Invocation.whyWaiting() != null) {
            return result.apply(Result.Outcome.WAITING, Invocation.whyWaiting());
        }
        if (Invocation.whyNotApplicable() != null) {
            return result.apply(Result.Outcome.NOT_APPLICABLE, Invocation.whyNotApplicable());
        }
        Throwable error = outcome.getThrowable().orElse(new AssertionError("no reason given"));
        if (outcome.getStatus() == TestExecutionResult.Status.ABORTED) {
            return result.apply(Result.Outcome.NOT_APPLICABLE, "assumption: " + error.getMessage());
        }
        error.printStackTrace();
        return result.apply(
            error instanceof TimeoutException ? Result.Outcome.TIMEOUT : Result.Outcome.FAILED, reason(error));
    }

    /** What went wrong, with its cause where the error only says that something did. */
    private static String reason(Throwable error) {
        Throwable root = error;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String first = words(error);
        return root == error || first.contains(String.valueOf(root.getMessage())) ? first : first + " <- " + words(root);
    }

    private static String words(Throwable error) {
        return Result.oneLine(Ids.simple(error.getClass().getName()) + ": " + error.getMessage());
    }

    private void announce(Result running) {
        try {
            Files.writeString(current, running.line());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private void write(Result result) {
        try {
            ResultFile.append(results, result);
            Files.deleteIfExists(current);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
