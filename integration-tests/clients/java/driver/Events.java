package driver;

import java.util.Collection;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** The lines that the runner reads. */
final class Events {
    private Events() {}

    static void part(String name) {
        print("part", name);
    }

    static void acked(RecordMetadata metadata, ProducerRecord<String, String> record) {
        print("acked", metadata.partition(), metadata.offset(), orDash(record.key()), record.value());
    }

    static void received(ConsumerRecord<String, String> record) {
        print("received", record.partition(), record.offset(), orDash(record.key()), record.value());
    }

    static void assigned(Collection<TopicPartition> partitions) {
        print("assigned", partitions.stream().map(p -> String.valueOf(p.partition())).collect(Collectors.joining(",")));
    }

    static void committed(int partition, long offset) {
        print("committed", partition, offset);
    }

    static void offset(String question, int partition, long offset) {
        print("offset", question, partition, offset);
    }

    static void fact(String name, Object value) {
        print("fact", name, value);
    }

    static void refused(Throwable error, long startNanos) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            text.append(text.length() == 0 ? "" : " <- ").append(cause);
        }
        print("refused", text.toString().replaceAll("\\s+", " "), (System.nanoTime() - startNanos) / 1_000_000);
    }

    private static String orDash(String key) {
        return key == null ? "-" : key;
    }

    private static synchronized void print(Object... fields) {
        StringBuilder line = new StringBuilder();
        for (Object field : fields) {
            line.append(line.length() == 0 ? "" : "\t").append(field);
        }
        System.out.println(line);
        System.out.flush();
    }
}
