package driver;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.protocol.Errors;

/** The lines that the runner reads. */
final class Events {
    /** In UTF-8, whatever the locale. */
    private static final PrintStream OUTPUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);

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

    static void payload(ConsumerRecord<String, String> record) {
        StringBuilder headers = new StringBuilder();
        for (Header header : record.headers()) {
            String value = header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
            headers.append(headers.length() == 0 ? "" : ";").append(header.key()).append('=').append(orDash(value));
        }
        print("payload", record.partition(), record.offset(), orDash(record.key()), orDash(record.value()), headers);
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
        refused(text.toString().replaceAll("\\s+", " "), startNanos);
    }

    /** A refusal with a name instead of a chain of causes. */
    static void refused(String error, long startNanos) {
        print("refused", error, (System.nanoTime() - startNanos) / 1_000_000);
    }

    /** Kafka's name of an error, such as TOPIC_ALREADY_EXISTS. */
    static String name(Throwable error) {
        return Errors.forException(error).name();
    }

    private static String orDash(String text) {
        return text == null ? "-" : text;
    }

    private static synchronized void print(Object... fields) {
        StringBuilder line = new StringBuilder();
        for (Object field : fields) {
            line.append(line.length() == 0 ? "" : "\t").append(field);
        }
        OUTPUT.println(line);
        OUTPUT.flush();
    }
}
