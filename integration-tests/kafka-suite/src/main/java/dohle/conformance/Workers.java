package dohle.conformance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;

/** Runners side by side that take one piece of work after the other. */
final class Workers {
    /** Told of each piece of work that is done, one at a time. */
    interface Done {
        void with(Work work, Collection<Result> results) throws IOException;
    }

    private final Peer peer;
    private final Path cache;
    private final int count;
    private final boolean requests;

    /**
     * @param cache the folder of everything that may be made again
     * @param count how many runners
     * @param requests whether results tell which requests were served, where the peer can say so
     */
    Workers(Peer peer, Path cache, int count, boolean requests) {
        this.peer = peer;
        this.cache = cache;
        this.count = count;
        this.requests = requests;
    }

    /**
     * Takes pieces in their order as long as {@code take} says yes to the next one, and waits until those are done.
     *
     * @throws IOException a runner failed, not a test; the others have ended then
     */
    void run(List<Work> all, Predicate<Work> take, Done done) throws IOException, InterruptedException {
        Iterator<Work> left = all.stream().takeWhile(take).iterator();
        List<Thread> threads = new ArrayList<>();
        List<Exception> errors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(() -> {
                try {
                    serve(left, done);
                } catch (IOException | InterruptedException | RuntimeException error) {
                    synchronized (left) {
                        errors.add(error);
                        left.forEachRemaining(work -> { });
                    }
                }
            }, "conformance-runner-" + i);
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (!errors.isEmpty()) {
            throw new IOException(errors.get(0).getMessage(), errors.get(0));
        }
    }

    private void serve(Iterator<Work> left, Done done) throws IOException, InterruptedException {
        try (Lane lane = Lane.acquire(cache.resolve("lanes"));
             Runner runner = new Runner(peer, lane, cache.resolve("logs-" + peer.label()), requests)) {
            Thread ending = new Thread(runner::closeAtExit, "conformance-end");
            Runtime.getRuntime().addShutdownHook(ending);
            while (true) {
                Work work;
                synchronized (left) {
                    if (!left.hasNext()) {
                        break;
                    }
                    work = left.next();
                }
                Collection<Result> results = runner.run(work);
                synchronized (done) {
                    done.with(work, results);
                }
            }
            Runtime.getRuntime().removeShutdownHook(ending);
        }
    }
}
