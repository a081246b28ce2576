package driver;

import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Producers and consumers of strings; settings are NAME, VALUE, NAME, VALUE. */
final class Clients {
    private Clients() {}

    static Properties properties(Play play, String... settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", play.bootstrap);
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1]);
        }
        return properties;
    }

    static KafkaProducer<String, String> producer(Play play, String... settings) {
        return new KafkaProducer<>(properties(play, settings), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Play play, String... settings) {
        return new KafkaConsumer<>(properties(play, settings), new StringDeserializer(), new StringDeserializer());
    }

    /** Prints what the broker acknowledges; a failed send ends the program. */
    static Callback reporting(ProducerRecord<String, String> record) {
        return (metadata, error) -> {
            if (error != null) {
                error.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
            Events.acked(metadata, record);
        };
    }
}
