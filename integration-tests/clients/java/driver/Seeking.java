package driver;

import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/** A consumer outside of any group that says where it reads. */
final class Seeking {
    private Seeking() {}

    private static final Duration POLL = Duration.ofMillis(100);

    static void seek(Play play) {
        TopicPartition first = new TopicPartition(play.topic, 0);
        TopicPartition second = new TopicPartition(play.topic, 1);
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, "enable.auto.commit", "false")) {
            Events.part("beginning");
            consumer.assign(Collections.singleton(first));
            consumer.seekToBeginning(Collections.singleton(first));
            report(consumer, 3);

            Events.part("offset");
            consumer.assign(Collections.singleton(second));
            consumer.seek(second, 7);
            reportToEnd(consumer, Collections.singleton(second));

            Events.part("end");
            consumer.assign(Collections.singleton(first));
            consumer.seekToEnd(Collections.singleton(first));
            Events.offset("position", 0, consumer.position(first));

            Events.part("time");
            List<TopicPartition> both = Arrays.asList(first, second);
            consumer.assign(both);
            Map<TopicPartition, Long> times = new TreeMap<>((one, other) -> one.partition() - other.partition());
            both.forEach(partition -> times.put(partition, 1_000_000_004_500L));
            for (Map.Entry<TopicPartition, OffsetAndTimestamp> found : consumer.offsetsForTimes(times).entrySet()) {
                Events.offset("time", found.getKey().partition(), found.getValue().offset());
                consumer.seek(found.getKey(), found.getValue().offset());
            }
            reportToEnd(consumer, both);
        }
    }

    static void pause(Play play) {
        TopicPartition first = new TopicPartition(play.topic, 0);
        TopicPartition second = new TopicPartition(play.topic, 1);
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, "enable.auto.commit", "false")) {
            consumer.assign(Arrays.asList(first, second));
            consumer.seekToBeginning(Arrays.asList(first, second));
            Events.part("paused");
            consumer.pause(Collections.singleton(first));
            reportToEnd(consumer, Collections.singleton(second));
            // Not even now.
            consumer.poll(POLL).forEach(Events::received);
            Events.part("resumed");
            consumer.resume(Collections.singleton(first));
            reportToEnd(consumer, Collections.singleton(first));
        }
    }

    /** Prints the next `count` records. */
    private static void report(KafkaConsumer<String, String> consumer, int count) {
        for (int received = 0; received < count; ) {
            for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                if (received++ < count) {
                    Events.received(record);
                }
            }
        }
    }

    private static void reportToEnd(KafkaConsumer<String, String> consumer, Collection<TopicPartition> partitions) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
            consumer.poll(POLL).forEach(Events::received);
        }
    }
}
