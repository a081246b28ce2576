package driver;

import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

final class Consuming {
    private Consuming() {}

    private static final Duration POLL = Duration.ofMillis(100);

    /** Two consumers one after the other: about half of the records each. */
    static void automatic(Play play) {
        int records = play.number("records");
        int received = 0;
        for (String part : new String[] {"first", "second"}) {
            Events.part(part);
            int enough = part.equals("first") ? records / 2 : records;
            try (KafkaConsumer<String, String> consumer = Clients.consumer(
                    play, "group.id", play.group, "auto.offset.reset", "earliest", "enable.auto.commit", "true",
                    "auto.commit.interval.ms", "100", "max.poll.records", "20")) {
                consumer.subscribe(Collections.singletonList(play.topic));
                while (received < enough) {
                    received += report(consumer.poll(POLL));
                }
            }
        }
    }

    /** The first consumer commits in the middle and reads on; the second begins at what was committed. */
    static void manual(Play play) {
        int records = play.number("records");
        String[] settings = {
            "group.id", play.group, "auto.offset.reset", "earliest", "enable.auto.commit", "false", "max.poll.records", "20"
        };
        long committed = 0;
        Events.part("committed");
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, settings)) {
            consumer.subscribe(Collections.singletonList(play.topic));
            for (int received = 0; received < records / 3; ) {
                received += report(consumer.poll(POLL));
            }
            consumer.commitSync();
            for (Map.Entry<TopicPartition, OffsetAndMetadata> entry :
                    consumer.committed(consumer.assignment()).entrySet()) {
                if (entry.getValue() != null) {
                    Events.committed(entry.getKey().partition(), entry.getValue().offset());
                    committed += entry.getValue().offset();
                }
            }
            Events.part("uncommitted");
            for (int received = 0; received < records / 3; ) {
                received += report(consumer.poll(POLL));
            }
        }
        Events.part("again");
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, settings)) {
            consumer.subscribe(Collections.singletonList(play.topic));
            Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
            for (long received = committed; received < records; ) {
                ConsumerRecords<String, String> batch = consumer.poll(POLL);
                received += report(batch);
                for (ConsumerRecord<String, String> record : batch) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    positions.put(partition, new OffsetAndMetadata(record.offset() + 1, "read by hand"));
                }
            }
            Events.part("callback");
            AtomicBoolean answered = new AtomicBoolean();
            consumer.commitAsync(positions, (offsets, error) -> {
                if (error != null) {
                    throw new IllegalStateException(error);
                }
                offsets.forEach((partition, offset) -> Events.committed(partition.partition(), offset.offset()));
                answered.set(true);
            });
            while (!answered.get()) {
                consumer.poll(POLL);
            }
            consumer.committed(new HashSet<>(positions.keySet()))
                    .forEach((partition, offset) -> Events.fact("metadata", offset.metadata()));
        }
    }

    /** Reads from `start`, remembers where it stopped, and goes on there with another consumer. */
    static void ownOffsets(Play play) {
        int count = play.number("count");
        Map<TopicPartition, Long> kept = new HashMap<>();
        for (String part : new String[] {"first", "second"}) {
            Events.part(part);
            try (KafkaConsumer<String, String> consumer = Clients.consumer(play, "enable.auto.commit", "false")) {
                List<TopicPartition> partitions = consumer.partitionsFor(play.topic).stream()
                        .map(info -> new TopicPartition(info.topic(), info.partition())).collect(Collectors.toList());
                consumer.assign(partitions);
                for (TopicPartition partition : partitions) {
                    consumer.seek(partition, kept.getOrDefault(partition, (long) play.number("start")));
                }
                Map<TopicPartition, Integer> received = new HashMap<>();
                while (received.values().stream().mapToInt(Integer::intValue).sum() < count * partitions.size()) {
                    for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                        TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                        if (received.merge(partition, 1, Integer::sum) <= count) {
                            Events.received(record);
                            kept.put(partition, record.offset() + 1);
                        } else {
                            received.put(partition, count);
                        }
                    }
                }
                if (part.equals("second")) {
                    offsets(consumer, partitions);
                }
            }
        }
    }

    private static void offsets(KafkaConsumer<String, String> consumer, List<TopicPartition> partitions) {
        consumer.beginningOffsets(partitions).forEach((p, offset) -> Events.offset("beginning", p.partition(), offset));
        consumer.endOffsets(partitions).forEach((p, offset) -> Events.offset("end", p.partition(), offset));
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(partition -> times.put(partition, 1L));
        consumer.offsetsForTimes(times).forEach((p, found) -> Events.offset("time", p.partition(), found.offset()));
    }

    private static int report(ConsumerRecords<String, String> records) {
        records.forEach(Events::received);
        return records.count();
    }
}
