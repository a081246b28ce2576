package driver;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Everything that a record may carry, and back. */
final class Payloads {
    private Payloads() {}

    static void play(Play play) throws Exception {
        int sent = 0;
        try (KafkaProducer<String, String> producer = Clients.producer(play)) {
            for (ProducerRecord<String, String> record : records(play.topic)) {
                // One after the other, so that they lie in this order.
                producer.send(record).get();
                sent++;
            }
        }
        TopicPartition partition = new TopicPartition(play.topic, 0);
        try (KafkaConsumer<String, String> consumer = Clients.consumer(play, "enable.auto.commit", "false")) {
            consumer.assign(Collections.singleton(partition));
            consumer.seekToBeginning(Collections.singleton(partition));
            for (int received = 0; received < sent; ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    Events.payload(record);
                    received++;
                }
            }
        }
    }

    private static List<ProducerRecord<String, String>> records(String topic) {
        return Arrays.asList(
                record(topic, "k", "v", header("a", "1"), header("b", "2"), header("a", "3")),
                record(topic, null, "only-value"),
                record(topic, "tombstone", null),
                record(topic, "", ""),
                record(topic, "ключ", "значение", header("empty", "")),
                record(topic, "n", "x", new RecordHeader("null", (byte[]) null)));
    }

    private static ProducerRecord<String, String> record(String topic, String key, String value, Header... headers) {
        return new ProducerRecord<>(topic, 0, key, value, Arrays.asList(headers));
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
