package dohle.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class SliceTest {
    private static final int CLASSES = 40;

    private final List<Tests.TestClass> tests = new ArrayList<>();
    private final List<Result> passing = new ArrayList<>();

    /** Classes of ten invocations, each with an API that nobody else has and one that all have. */
    SliceTest() {
        for (int type = 0; type < CLASSES; type++) {
            tests.add(new Tests.TestClass("core", "kafka.Class" + type));
            for (int i = 0; i < 10; i++) {
                passing.add(new Result(new Result.Id("core", "Class" + type, "test" + i, ""), "collapsed",
                    Result.Outcome.PASSED, 8, "18," + (i == 0 ? 100 + type : 3), ""));
            }
        }
    }

    private Slice slice() {
        return new Slice(passing, tests, new Estimate(passing.stream()
            .collect(Collectors.toMap(Result::id, result -> result, (a, b) -> a, TreeMap::new))));
    }

    private static Set<Result.Id> ids(List<Work> work) {
        return work.stream().flatMap(each -> each.only().stream()).collect(Collectors.toSet());
    }

    @Test
    void theCoreTouchesEveryApi() {
        Set<Result.Id> core = ids(slice().core());
        Set<String> apis = passing.stream().filter(result -> core.contains(result.id()))
            .flatMap(result -> List.of(result.apis().split(",")).stream()).collect(Collectors.toSet());
        assertEquals(CLASSES + 2, apis.size());
        assertTrue(core.size() <= CLASSES + 1, "no more than needed: " + core.size());
    }

    @Test
    void everyTurnHasAllOfTheRestOnce() {
        for (int turn : new int[] {0, 1, 7, 1_000_003}) {
            List<Work> rest = slice().rest(turn);
            Set<Result.Id> all = ids(rest);
            assertEquals(rest.stream().mapToInt(work -> work.only().size()).sum(), all.size());
            all.addAll(ids(slice().core()));
            assertEquals(passing.size(), all.size());
        }
    }

    @Test
    void aFewTurnsThatSeeAFifthEachSeeNearlyEverything() {
        Slice slice = slice();
        Set<Work> seen = new HashSet<>();
        int all = slice.rest(0).size();
        for (int turn = 500; turn < 508; turn++) {
            seen.addAll(slice.rest(turn).subList(0, all / 5));
        }
        assertTrue(seen.size() > all * 9 / 10, seen.size() + " of " + all);
    }

    @Test
    void aTurnCanBeRepeated() {
        assertEquals(slice().rest(12), slice().rest(12));
    }
}
