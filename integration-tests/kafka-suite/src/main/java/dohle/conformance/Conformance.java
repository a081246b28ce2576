package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** The commands of {@code scripts/conformance}. */
public final class Conformance {
    private static final String USAGE = """
        scripts/conformance run [--peer dohle|kafka] [--module M] [--class REGEX] [--method REGEX] [--missing]
            Run tests. Without filters all of them. --missing leaves out classes that the peer's results have already.
        scripts/conformance classes
            List the test classes.
        """;

    private Conformance() {}

    /** See the usage. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length == 0 || arguments[0].equals("--help")) {
            System.out.print(USAGE);
            return;
        }
        Map<String, String> options = options(arguments);
        switch (arguments[0]) {
            case "run" -> System.exit(run(options));
            case "classes" -> Tests.all().forEach(test -> System.out.println(test.module() + "\t" + test.simpleName()));
            default -> {
                System.err.print(USAGE);
                System.exit(2);
            }
        }
    }

    private static Map<String, String> options(String[] arguments) {
        Map<String, String> options = new HashMap<>();
        for (int i = 1; i < arguments.length; i++) {
            boolean flag = i + 1 == arguments.length || arguments[i + 1].startsWith("--");
            options.put(arguments[i].substring(2), flag ? "" : arguments[++i]);
        }
        return options;
    }

    private static int run(Map<String, String> options) throws IOException, InterruptedException {
        Peer peer = Peer.valueOf(options.getOrDefault("peer", "dohle").toUpperCase(Locale.ROOT));
        Path cache = Path.of(Settings.required("cache"));
        Path store = cache.resolve("results-" + peer.label() + ".tsv");
        SortedMap<Result.Id, Result> known = ResultFile.read(store);
        Pattern classes = Pattern.compile(options.getOrDefault("class", ""));
        List<Tests.TestClass> tests = Tests.all().stream()
            .filter(test -> options.getOrDefault("module", test.module()).equals(test.module()))
            .filter(test -> classes.matcher(test.simpleName()).find())
            .filter(test -> !options.containsKey("missing") || seconds(known.values(), test) == 0)
            .toList();
        Map<Result.Id, Result> reference = ResultFile.read(cache.resolve("results-kafka.tsv"));
        Progress progress = new Progress(tests, known.isEmpty() ? reference.values() : known.values());
        int failures = 0;
        try (Runner runner = new Runner(
            peer, Settings.required("default-dohle"), cache.resolve("logs-" + peer.label()))) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try {
                    runner.close();
                } catch (IOException error) {
                    System.err.println("leftovers: " + error);
                }
            }));
            for (Tests.TestClass test : tests) {
                Collection<Result> results = runner.run(test, options.getOrDefault("method", ""));
                SortedMap<Result.Id, Result> all = new TreeMap<>(ResultFile.read(store));
                if (!options.containsKey("method")) {
                    all.keySet().removeIf(id ->
                        id.module().equals(test.module()) && id.type().split("\\$")[0].equals(test.simpleName()));
                }
                results.forEach(result -> all.put(result.id(), result));
                ResultFile.write(store, all.values());
                progress.done(test, results);
                failures += (int) results.stream().filter(Progress::failed).count();
            }
        }
        progress.end();
        return failures == 0 ? 0 : 1;
    }

    private static double seconds(Collection<Result> results, Tests.TestClass test) {
        return results.stream().filter(result -> Progress.belongs(result, test)).mapToDouble(Result::seconds).sum();
    }
}
