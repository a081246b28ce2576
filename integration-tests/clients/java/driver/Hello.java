package driver;

import java.time.Duration;
import java.util.Collections;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

final class Hello {
    private Hello() {}

    static void play(Play play) {
        try (KafkaProducer<String, String> producer = Clients.producer(play)) {
            ProducerRecord<String, String> record = new ProducerRecord<>(play.topic, "Hello, Kafka!");
            producer.send(record, Clients.reporting(record));
        }
        try (KafkaConsumer<String, String> consumer =
                Clients.consumer(play, "group.id", play.group, "auto.offset.reset", "earliest")) {
            consumer.subscribe(Collections.singletonList(play.topic));
            for (int received = 0; received == 0; ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    Events.received(record);
                    received++;
                }
            }
        }
    }
}
