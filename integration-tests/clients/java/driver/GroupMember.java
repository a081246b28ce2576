package driver;

import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A member of a group until standard input ends. */
final class GroupMember {
    private GroupMember() {}

    static void play(Play play) {
        BooleanSupplier toldToEnd = Driver.toldToEnd();
        try (KafkaConsumer<String, String> consumer = Clients.consumer(
                play, "group.id", play.group, "auto.offset.reset", "earliest",
                "session.timeout.ms", play.text("session_ms"), "heartbeat.interval.ms", play.text("heartbeat_ms"),
                "auto.commit.interval.ms", "100", "metadata.max.age.ms", "1000", "reconnect.backoff.max.ms", "200")) {
            consumer.subscribe(Collections.singletonList(play.topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) { }

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    Events.assigned(consumer.assignment());
                }
            });
            while (!toldToEnd.getAsBoolean()) {
                consumer.poll(Duration.ofMillis(100)).forEach(Events::received);
            }
        }
    }
}
