package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code run}: tests against a peer; the results are kept for the next run. */
final class RunCommand {
    private RunCommand() {}

    /** The exit code: 1 if something failed. */
    static int run(Options options) throws IOException, InterruptedException {
        Peer peer = options.peer();
        Path cache = Path.of(Settings.required("cache"));
        ResultStore store = new ResultStore(cache, peer);
        SortedMap<Result.Id, Result> known = store.read();
        List<Work> all = work(options, known);
        SortedMap<Result.Id, Result> earlier = new TreeMap<>(Recorded.read(Peer.KAFKA));
        earlier.putAll(Recorded.read(peer));
        earlier.putAll(known);
        Progress progress = new Progress(all, new Estimate(earlier), Double.MAX_VALUE);
        int[] failures = {0};
        new Workers(peer, cache, options.number("jobs", 1, 1), true).run(all, work -> true, (work, results) -> {
            store.add(work, results);
            progress.done(work, results);
            failures[0] += (int) results.stream().filter(result -> result.outcome().isFailure()).count();
        });
        progress.end();
        return failures[0] == 0 ? 0 : 1;
    }

    private static List<Work> work(Options options, Map<Result.Id, Result> known) throws IOException {
        Pattern classes = Pattern.compile(options.value("class").orElse(""));
        Pattern methods = Pattern.compile(options.value("method").orElse(""));
        List<Tests.TestClass> tests = Tests.all().stream()
            .filter(test -> options.value("module").orElse(test.module()).equals(test.module()))
            .filter(test -> classes.matcher(test.simpleName()).find())
            .toList();
        Optional<Stream<Result>> chosen = chosen(options, known.values());
        if (chosen.isPresent()) {
            return Work.of(chosen.get().map(Result::id)
                .filter(id -> methods.matcher(id.method()).find())
                .filter(id -> !options.has("missing") || !known.containsKey(id))
                .collect(Collectors.toSet()), tests);
        }
        return tests.stream()
            .filter(test -> !options.has("missing") || known.keySet().stream().noneMatch(test::holds))
            .map(test -> new Work(test, options.value("method").orElse(""), Set.of()))
            .toList();
    }

    /** Results whose invocations are to be run, if single ones are asked for. */
    private static Optional<Stream<Result>> chosen(Options options, Collection<Result> known) throws IOException {
        if (options.has("failed")) {
            return Optional.of(known.stream().filter(result -> result.outcome().isFailure()));
        }
        if (options.has("listed")) {
            return Optional.of(Recorded.read(options.peer()).values().stream().filter(RunCommand::passed));
        }
        if (options.has("passed-on")) {
            return Optional.of(new ResultStore(Path.of(Settings.required("cache")), options.peer("passed-on"))
                .read().values().stream().filter(RunCommand::passed));
        }
        return Optional.empty();
    }

    private static boolean passed(Result result) {
        return result.outcome() == Result.Outcome.PASSED;
    }
}
