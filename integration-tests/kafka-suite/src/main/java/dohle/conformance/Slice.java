package dohle.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/** Chooses from what passes: a core that touches everything, and the rest in an order that each turn enters elsewhere. */
final class Slice {
    /** A piece of a class in the rest is about so long, so that every turn sees many classes. */
    private static final double SECONDS_PER_PIECE = 30;
    /** Entering at multiples of this spreads successive turns over the whole as evenly as can be. */
    private static final double GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;
    /** Mixes the pieces, the same in every turn. */
    private static final long SEED = 20_260_113;

    private final List<Tests.TestClass> tests;
    private final Estimate estimate;
    private final List<Work> core;
    private final List<Work> rest;

    /** @param passing the results of what passes, from which to choose */
    Slice(List<Result> passing, List<Tests.TestClass> tests, Estimate estimate) {
        this.tests = tests;
        this.estimate = estimate;
        Set<Result.Id> chosen = cover(passing);
        core = Work.of(chosen, tests);
        rest = pieces(passing.stream().map(Result::id).filter(id -> !chosen.contains(id)).toList());
    }

    /** What every slice has: each API, each module, and each form of cluster. */
    List<Work> core() {
        return core;
    }

    /** Everything else, from where this turn enters. */
    List<Work> rest(int turn) {
        List<Work> rotated = new ArrayList<>(rest);
        double fraction = turn * GOLDEN_RATIO % 1;
        Collections.rotate(rotated, -(int) (fraction * rotated.size()));
        return rotated;
    }

    /** The core in a few words. */
    String describe() {
        int invocations = core.stream().mapToInt(work -> work.only().size()).sum();
        double seconds = core.stream().mapToDouble(estimate::seconds).sum();
        return String.format("%d invocations of %d classes that touch everything (%.0f s for one runner)",
            invocations, core.size(), seconds);
    }

    /** Few and short invocations that together have all marks: always the one next that has most new ones for its time. */
    private static Set<Result.Id> cover(List<Result> passing) {
        Set<String> missing = new HashSet<>();
        passing.forEach(result -> missing.addAll(marks(result)));
        Set<Result.Id> chosen = new TreeSet<>();
        while (!missing.isEmpty()) {
            Result best = passing.stream().max(Comparator.comparingDouble((Result result) ->
                marks(result).stream().filter(missing::contains).count() / (result.seconds() + 5))
                .thenComparing(Result::id, Comparator.reverseOrder())).orElseThrow();
            chosen.add(best.id());
            missing.removeAll(marks(best));
        }
        return chosen;
    }

    private static List<String> marks(Result result) {
        List<String> marks = new ArrayList<>(List.of("module " + result.id().module(), "cluster " + result.cluster()));
        Arrays.stream(result.apis().split(",")).filter(api -> !api.isEmpty()).map(api -> "API " + api).forEach(marks::add);
        return marks;
    }

    private List<Work> pieces(List<Result.Id> ids) {
        List<Work> pieces = new ArrayList<>();
        for (Work whole : Work.of(ids, tests)) {
            Set<Result.Id> piece = new TreeSet<>();
            double seconds = 0;
            for (Result.Id id : whole.only()) {
                piece.add(id);
                seconds += estimate.seconds(id);
                if (seconds > SECONDS_PER_PIECE) {
                    pieces.addAll(Work.of(piece, tests));
                    piece = new TreeSet<>();
                    seconds = 0;
                }
            }
            pieces.addAll(Work.of(piece, tests));
        }
        Collections.shuffle(pieces, new Random(SEED));
        return pieces;
    }
}
