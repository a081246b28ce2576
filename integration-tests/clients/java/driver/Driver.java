package driver;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Plays one scenario: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. */
public final class Driver {
    private Driver() {}

    public static void main(String[] arguments) throws Exception {
        Play play = new Play(arguments);
        switch (arguments[0]) {
            case "hello": Hello.play(play); break;
            case "produce-callbacks": Producing.callbacks(play); break;
            case "produce-idempotent": Producing.idempotent(play); break;
            case "in-flight": Producing.inFlight(play); break;
            case "partitioning": Producing.partitioning(play); break;
            case "payloads": Payloads.play(play); break;
            case "large-records": LargeRecords.play(play); break;
            case "produce-until-told": Producing.untilTold(play); break;
            case "consume-automatic": Consuming.automatic(play); break;
            case "consume-manual": Consuming.manual(play); break;
            case "consume-own-offsets": Consuming.ownOffsets(play); break;
            case "seek": Seeking.seek(play); break;
            case "pause": Seeking.pause(play); break;
            case "group-member": GroupMember.play(play); break;
            case "topics": Topics.play(play); break;
            case "admin": Administration.play(play); break;
            case "refuse-transactions": Refusals.transactions(play); break;
            case "refuse-consumer-protocol": Refusals.consumerProtocol(play); break;
            default: throw new IllegalArgumentException("unknown scenario " + arguments[0]);
        }
        // A client's thread that hangs must not hide that the scenario is over.
        System.exit(0);
    }

    /** Turns true when standard input ends: then the program is to end its work in order. */
    static BooleanSupplier toldToEnd() {
        AtomicBoolean told = new AtomicBoolean();
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException error) {
                // Then nobody can ask for the end any more.
            }
            told.set(true);
        });
        watcher.setDaemon(true);
        watcher.start();
        return told::get;
    }
}

/** What a scenario is played with. */
final class Play {
    final String bootstrap;
    final String topic;
    final String group;
    private final Map<String, String> parameters = new HashMap<>();

    Play(String[] arguments) {
        bootstrap = arguments[1];
        topic = arguments[2];
        group = arguments[3];
        for (int i = 4; i < arguments.length; i++) {
            int equals = arguments[i].indexOf('=');
            parameters.put(arguments[i].substring(0, equals), arguments[i].substring(equals + 1));
        }
    }

    String text(String name) {
        String value = parameters.get(name);
        if (value == null) {
            throw new IllegalArgumentException("parameter " + name + " is missing");
        }
        return value;
    }

    void ifGiven(String name, Consumer<String> use) {
        if (parameters.containsKey(name)) {
            use.accept(parameters.get(name));
        }
    }

    int number(String name) {
        return Integer.parseInt(text(name));
    }
}
