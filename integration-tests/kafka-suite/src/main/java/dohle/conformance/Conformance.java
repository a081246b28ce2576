package dohle.conformance;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** The commands of {@code scripts/conformance}. */
public final class Conformance {
    private static final String USAGE = """
        scripts/conformance run [--peer dohle|kafka] [--module M] [--class REGEX] [--method REGEX]
                                [--failed | --listed | --passed-on PEER] [--missing] [--jobs N]
            Run tests: all that the filters leave. --failed: invocations that failed the last time; --listed: that are
            recorded as passing; --passed-on: that passed the last time on this or another peer. --missing: none that were
            run before, or, alone, no classes. --jobs: so many classes side by side.
        scripts/conformance record [--peer dohle|kafka]
            Take the results of runs over into the lists beside the suite, and write the ledger.
        scripts/conformance slice --turn NUMBER [--minutes N] [--jobs N]
            Run a part of what is recorded as passing: every API, every module, and of the rest another part in each turn.
        scripts/conformance ledger [--check]
            Write docs/compatibility.md from the lists, or say whether it is what they say.
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
        List<String> rest = Arrays.asList(arguments).subList(1, arguments.length);
        try {
            System.exit(switch (arguments[0]) {
                case "run" -> RunCommand.run(
                    new Options(rest, "peer", "module", "class", "method", "missing!", "failed!", "listed!",
                        "passed-on", "jobs"));
                case "record" -> RecordCommand.run(new Options(rest, "peer"));
                case "slice" -> SliceCommand.run(new Options(rest, "turn", "minutes", "jobs"));
                case "ledger" -> LedgerCommand.run(new Options(rest, "check!"));
                case "classes" -> classes(new Options(rest));
                default -> throw new Options.Wrong("unknown command " + arguments[0]);
            });
        } catch (Options.Wrong wrong) {
            System.err.println(wrong.getMessage());
            System.err.print(USAGE);
            System.exit(2);
        }
    }

    private static int classes(Options none) {
        Tests.all().forEach(test -> System.out.println(test.module() + "\t" + test.simpleName()));
        return 0;
    }
}
