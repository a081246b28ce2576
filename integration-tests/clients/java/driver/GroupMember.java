package driver;

import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.Properties;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a group until standard input ends. */
final class GroupMember {
    private GroupMember() {}

    static void play(Play play) {
        BooleanSupplier toldToEnd = Driver.toldToEnd();
        Properties settings = Clients.properties(
                play, "group.id", play.group, "auto.offset.reset", "earliest",
                "session.timeout.ms", play.text("session_ms"), "heartbeat.interval.ms", play.text("heartbeat_ms"),
                "auto.commit.interval.ms", "100", "metadata.max.age.ms", "1000", "reconnect.backoff.max.ms", "200");
        play.ifGiven("instance", instance -> settings.put("group.instance.id", instance));
        play.ifGiven("assignor", name -> settings.put("partition.assignment.strategy", assignor(name)));
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
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

    private static String assignor(String name) {
        switch (name) {
            case "cooperative-sticky": return CooperativeStickyAssignor.class.getName();
            case "roundrobin": return RoundRobinAssignor.class.getName();
            default: throw new IllegalArgumentException("unknown assignor " + name);
        }
    }
}
