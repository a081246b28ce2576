package driver;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** A topic and a group from their beginning to their end, all by the administration client. */
final class Administration {
    private Administration() {}

    private static final int RECORDS = 10;
    private static final long DELETED = 4;

    static void play(Play play) throws Exception {
        try (Admin admin = Admin.create(Clients.properties(play))) {
            topic(play, admin);
            records(play, admin);
            group(play, admin);
            step("describe-cluster", () -> get(admin.describeCluster().nodes()).size());
            step("delete", () -> done(admin.deleteTopics(Collections.singleton(play.topic)).all()));
        }
    }

    private static void topic(Play play, Admin admin) throws Exception {
        NewTopic topic = new NewTopic(play.topic, 2, (short) 1);
        topic.configs(Collections.singletonMap("retention.ms", "3600000"));
        step("create", () -> done(admin.createTopics(Collections.singleton(topic)).all()));
        step("create-again", () -> done(admin.createTopics(Collections.singleton(topic)).all()));
        step("create-partitions", () -> done(admin.createPartitions(
                Collections.singletonMap(play.topic, NewPartitions.increaseTo(4))).all()));
        eventually("partitions", "4", () -> Topics.describe(admin, play.topic).partitions().size());

        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, play.topic);
        Callable<Object> retention = () -> get(admin.describeConfigs(Collections.singleton(resource)).all())
                .get(resource).get("retention.ms").value();
        eventually("describe-config", "3600000", retention);
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET);
        step("alter-config", () -> done(admin.incrementalAlterConfigs(
                Collections.singletonMap(resource, Collections.singleton(set))).all()));
        eventually("altered-config", "7200000", retention);
    }

    private static void records(Play play, Admin admin) throws Exception {
        TopicPartition partition = new TopicPartition(play.topic, 0);
        step("produced", () -> {
            try (KafkaProducer<String, String> producer = Clients.producer(play)) {
                for (int i = 0; i < RECORDS; i++) {
                    producer.send(new ProducerRecord<>(play.topic, 0, null, "value-" + i)).get();
                }
            }
            return "ok";
        });
        step("delete-records", () -> done(admin.deleteRecords(
                Collections.singletonMap(partition, RecordsToDelete.beforeOffset(DELETED))).all()));
        step("earliest", () -> get(admin.listOffsets(
                Collections.singletonMap(partition, OffsetSpec.earliest())).all()).get(partition).offset());
        List<Integer> brokers = get(admin.describeCluster().nodes()).stream().map(Node::id).collect(Collectors.toList());
        step("describe-log-dirs", () -> get(admin.describeLogDirs(brokers).allDescriptions()).values().stream()
                .flatMap(directories -> directories.values().stream())
                .flatMap(directory -> directory.replicaInfos().keySet().stream())
                .filter(replica -> replica.topic().equals(play.topic)).count());
    }

    private static void group(Play play, Admin admin) throws Exception {
        try (KafkaConsumer<String, String> consumer = Clients.consumer(
                play, "group.id", play.group, "auto.offset.reset", "earliest", "enable.auto.commit", "false")) {
            consumer.subscribe(Collections.singleton(play.topic));
            for (long received = DELETED; received < RECORDS; ) {
                received += consumer.poll(Duration.ofMillis(100)).count();
            }
            consumer.commitSync();
        }
        step("list-groups", () -> get(admin.listConsumerGroups().all()).stream()
                .anyMatch(group -> group.groupId().equals(play.group)));
        step("describe-group", () -> get(
                admin.describeConsumerGroups(Collections.singleton(play.group)).all()).get(play.group).state());
        TopicPartition partition = new TopicPartition(play.topic, 0);
        Callable<Object> offset = () -> {
            OffsetAndMetadata found =
                    get(admin.listConsumerGroupOffsets(play.group).partitionsToOffsetAndMetadata()).get(partition);
            return found == null ? "none" : found.offset();
        };
        step("group-offset", offset);
        step("alter-group-offset", () -> done(admin.alterConsumerGroupOffsets(
                play.group, Collections.singletonMap(partition, new OffsetAndMetadata(7))).all()));
        step("altered-group-offset", offset);
        step("delete-group-offset", () -> done(
                admin.deleteConsumerGroupOffsets(play.group, Collections.singleton(partition)).all()));
        step("deleted-group-offset", offset);
        step("delete-group", () -> done(admin.deleteConsumerGroups(Collections.singleton(play.group)).all()));
    }

    private static void step(String name, Callable<Object> step) throws Exception {
        Events.fact(name, answer(step));
    }

    /** A question that a broker may answer which has not heard of the last change yet. */
    private static void eventually(String name, String expected, Callable<Object> step) throws Exception {
        Object result;
        long end = System.nanoTime() + 30_000_000_000L;
        do {
            result = answer(step);
        } while (!String.valueOf(result).equals(expected) && System.nanoTime() < end);
        Events.fact(name, result);
    }

    private static Object answer(Callable<Object> step) throws Exception {
        try {
            return step.call();
        } catch (ExecutionException error) {
            return Events.name(error.getCause());
        }
    }

    private static Object done(KafkaFuture<Void> future) throws Exception {
        get(future);
        return "ok";
    }

    private static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(30, TimeUnit.SECONDS);
    }
}
