package driver;

import java.time.Duration;
import java.util.Collections;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;

final class Refusals {
    private Refusals() {}

    static void transactions(Play play) {
        long start = System.nanoTime();
        KafkaProducer<String, String> producer =
                Clients.producer(play, "transactional.id", play.group, "max.block.ms", "30000");
        try {
            producer.initTransactions();
            Events.fact("transactions", "accepted");
        } catch (KafkaException error) {
            Events.refused(error, start);
        } finally {
            producer.close(Duration.ofSeconds(1));
        }
    }

    static void consumerProtocol(Play play) {
        long start = System.nanoTime();
        KafkaConsumer<String, String> consumer =
                Clients.consumer(play, "group.id", play.group, "group.protocol", "consumer");
        try {
            consumer.subscribe(Collections.singletonList(play.topic));
            for (long end = start + 30_000_000_000L; System.nanoTime() < end; ) {
                consumer.poll(Duration.ofMillis(100));
            }
            Events.fact("consumer-protocol", "accepted");
        } catch (KafkaException error) {
            Events.refused(error, start);
        }
    }
}
