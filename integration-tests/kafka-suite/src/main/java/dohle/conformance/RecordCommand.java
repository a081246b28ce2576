package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SortedMap;

/** {@code record}: takes the results of runs over into the list of a peer. */
final class RecordCommand {
    private RecordCommand() {}

    /** The exit code. */
    static int run(Options options) throws IOException {
        Peer peer = options.peer();
        SortedMap<Result.Id, Result> recorded = Recorded.read(peer);
        SortedMap<Result.Id, Result> fresh = new ResultStore(Path.of(Settings.required("cache")), peer).read();
        for (Tests.TestClass test : Tests.all()) {
            if (fresh.keySet().stream().anyMatch(test::holds)) {
                recorded.keySet().removeIf(id -> test.holds(id) && !fresh.containsKey(id));
            }
        }
        fresh.forEach((id, result) ->
            recorded.merge(id, steady(result, Optional.empty()), (old, any) -> steady(result, Optional.of(old))));
        Recorded.write(peer, recorded.values());
        return LedgerCommand.write();
    }

    /** Without what differs from run to run: seconds count whole, and only where they have changed much. */
    private static Result steady(Result result, Optional<Result> old) {
        double seconds = Math.ceil(result.seconds());
        double kept = old.map(Result::seconds).filter(before -> before <= 2 * seconds && seconds <= 2 * before)
            .orElse(seconds);
        return new Result(
            result.id(), result.cluster(), result.outcome(), kept, result.apis(), result.reason());
    }
}
