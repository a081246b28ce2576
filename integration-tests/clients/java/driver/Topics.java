package driver;

import java.lang.reflect.Method;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;

final class Topics {
    private Topics() {}

    static void play(Play play) throws Exception {
        try (Admin admin = Admin.create(Clients.properties(play))) {
            NewTopic topic = new NewTopic(play.topic, 3, (short) 1);
            topic.configs(Collections.singletonMap("retention.ms", "86400000"));
            admin.createTopics(Collections.singleton(topic)).all().get(30, TimeUnit.SECONDS);
            try {
                admin.createTopics(Collections.singleton(topic)).all().get(30, TimeUnit.SECONDS);
                Events.fact("created-again", "yes");
            } catch (ExecutionException error) {
                Events.fact("created-again", error.getCause().getClass().getSimpleName().replace("Exception", ""));
            }
            Events.fact("listed", admin.listTopics().names().get(30, TimeUnit.SECONDS).contains(play.topic));
            TopicDescription description = describe(admin, play.topic);
            Events.fact("partitions", description.partitions().size());
            Events.fact("leaders", description.partitions().stream().filter(p -> p.leader() != null).count());
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, play.topic);
            Events.fact("retention.ms", admin.describeConfigs(Collections.singleton(resource)).all()
                    .get(30, TimeUnit.SECONDS).get(resource).get("retention.ms").value());
            admin.deleteTopics(Collections.singleton(play.topic)).all().get(30, TimeUnit.SECONDS);
            // Other nodes may learn of it later; one that answered has seen it.
            while (admin.listTopics().names().get(30, TimeUnit.SECONDS).contains(play.topic)) {
                Thread.onSpinWait();
            }
            Events.fact("deleted", "true");
        }
    }

    /** The method was renamed in 3.1 and the old name removed in 4.0. */
    @SuppressWarnings("unchecked")
    static TopicDescription describe(Admin admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(Collections.singleton(topic));
        Method all;
        try {
            all = DescribeTopicsResult.class.getMethod("allTopicNames");
        } catch (NoSuchMethodException error) {
            all = DescribeTopicsResult.class.getMethod("all");
        }
        KafkaFuture<Map<String, TopicDescription>> future = (KafkaFuture<Map<String, TopicDescription>>) all.invoke(result);
        return future.get(30, TimeUnit.SECONDS).get(topic);
    }
}
