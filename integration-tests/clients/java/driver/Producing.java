package driver;

import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

final class Producing {
    private Producing() {}

    /** For every codec: `records` with one of five keys, then as many without. */
    static void callbacks(Play play) {
        int records = play.number("records");
        for (String codec : play.text("codecs").split(",")) {
            Events.part(codec);
            // Batches of several records, so that there is something to compress.
            try (KafkaProducer<String, String> producer =
                    Clients.producer(play, "compression.type", codec, "linger.ms", "5", "acks", "all")) {
                for (int i = 0; i < 2 * records; i++) {
                    String key = i < records ? "key-" + i % 5 : null;
                    ProducerRecord<String, String> record = new ProducerRecord<>(play.topic, key, codec + "-" + i);
                    producer.send(record, Clients.reporting(record));
                }
            }
        }
    }

    /** As many records with keys, put where the client puts them. */
    static void partitioning(Play play) {
        try (KafkaProducer<String, String> producer = Clients.producer(play)) {
            for (int i = 0; i < play.number("keys"); i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(play.topic, "key-" + i, "key-" + i);
                producer.send(record, Clients.reporting(record));
            }
        }
    }

    /** Small batches, five of them on their way at a time. */
    static void idempotent(Play play) {
        idempotent(play, "100");
    }

    /** A batch for each record. */
    static void inFlight(Play play) {
        idempotent(play, "0");
    }

    private static void idempotent(Play play, String batchSize) {
        try (KafkaProducer<String, String> producer = Clients.producer(
                play, "enable.idempotence", "true", "acks", "all", "batch.size", batchSize, "linger.ms", "0",
                "max.in.flight.requests.per.connection", "5")) {
            for (int i = 0; i < play.number("records"); i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(play.topic, 0, null, "value-" + i);
                producer.send(record, Clients.reporting(record));
            }
        }
    }

    /**
     * Sends to two partitions in turn until standard input ends. Without idempotence one request is on its way at a time, so
     * that order is kept.
     */
    static void untilTold(Play play) throws InterruptedException {
        BooleanSupplier toldToEnd = Driver.toldToEnd();
        boolean isIdempotent = play.text("idempotent").equals("true");
        Semaphore unanswered = new Semaphore(100);
        try (KafkaProducer<String, String> producer = Clients.producer(
                play, "enable.idempotence", String.valueOf(isIdempotent), "acks", "all", "batch.size", "1000",
                "max.in.flight.requests.per.connection", isIdempotent ? "5" : "1", "reconnect.backoff.max.ms", "200")) {
            for (int i = 0; !toldToEnd.getAsBoolean(); i++) {
                ProducerRecord<String, String> record =
                        new ProducerRecord<>(play.topic, i % 2, null, String.valueOf(i));
                Callback reporting = Clients.reporting(record);
                unanswered.acquire();
                producer.send(record, (metadata, error) -> {
                    unanswered.release();
                    reporting.onCompletion(metadata, error);
                });
            }
        }
    }
}
