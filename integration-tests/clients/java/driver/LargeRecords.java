package driver;

import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** A record that just fits, one that does not, and a small one after them. */
final class LargeRecords {
    private LargeRecords() {}

    static void play(Play play) throws InterruptedException {
        int size = play.number("size");
        int acknowledged = 0;
        try (KafkaProducer<String, String> producer = Clients.producer(play, "max.request.size", "10000000")) {
            for (String value : new String[] {"x".repeat(size), "x".repeat(size + 1), "after"}) {
                long start = System.nanoTime();
                ProducerRecord<String, String> record = new ProducerRecord<>(play.topic, value);
                try {
                    Events.acked(producer.send(record).get(), record);
                    acknowledged++;
                } catch (ExecutionException error) {
                    Events.refused(Events.name(error.getCause()), start);
                }
            }
        }
        TopicPartition partition = new TopicPartition(play.topic, 0);
        // Fetches less than that at a time by itself.
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, "enable.auto.commit", "false")) {
            consumer.assign(Collections.singleton(partition));
            consumer.seekToBeginning(Collections.singleton(partition));
            for (int received = 0; received < acknowledged; ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    Events.fact("received-length", record.value().length());
                    received++;
                }
            }
        }
    }
}
