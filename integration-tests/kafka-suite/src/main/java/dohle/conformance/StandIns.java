package dohle.conformance;

import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.withSettings;

import java.io.File;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import kafka.cluster.Partition;
import kafka.log.LogManager;
import kafka.network.SocketServer;
import kafka.raft.KafkaRaftManager;
import kafka.server.BrokerServer;
import kafka.server.ControllerServer;
import kafka.server.KafkaApis;
import kafka.server.KafkaConfig;
import kafka.server.ReplicaManager;
import kafka.server.SharedServer;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.memory.MemoryPool;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.test.TestKitNodes;
import org.apache.kafka.controller.Controller;
import org.apache.kafka.coordinator.group.GroupCoordinator;
import org.apache.kafka.image.loader.MetadataLoader;
import org.apache.kafka.metadata.BrokerState;
import org.apache.kafka.metadata.KRaftMetadataCache;
import org.apache.kafka.metadata.LeaderAndIsr;
import org.apache.kafka.metadata.LeaderRecoveryState;
import org.apache.kafka.raft.LogOffsetMetadata;
import org.apache.kafka.raft.RaftLog;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.GroupVersion;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.mockito.stubbing.Answer;
import scala.Option;
import scala.Some;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Objects of Kafka's broker for tests that ask for them: made without their constructors, they answer what can be learnt
 * over the wire or from the folders of a node, and say of everything else that it needs a broker in this JVM.
 */
public final class StandIns {
    /** What a stand-in returns for a method that it has no answer to. */
    private static final Object NO_ANSWER = new Object();

    private interface Answers {
        Object to(String method, Object[] arguments) throws Exception;
    }

    private final Cluster cluster;
    private final ClusterView view;
    private final TestKitNodes nodes;

    /** Stand-ins for the nodes of a cluster. */
    public StandIns(Cluster cluster, ClusterView view, TestKitNodes nodes) {
        this.cluster = cluster;
        this.view = view;
        this.nodes = nodes;
    }

    /** A broker of the cluster. */
    public BrokerServer broker(int id) {
        Cluster.Member member = cluster.member(id);
        return standIn(BrokerServer.class, (method, arguments) -> switch (method) {
            case "config" -> config(member);
            case "clusterId" -> nodes.clusterId();
            case "boundPort" -> member.port(((ListenerName) arguments[0]).value());
            case "socketServer" -> socketServer(member);
            case "startup" -> {
                cluster.start(id);
                yield null;
            }
            case "shutdown", "awaitShutdown" -> {
                cluster.stop(id);
                yield null;
            }
            case "isShutdown" -> !member.node.running();
            case "brokerState" -> member.node.running() ? BrokerState.RUNNING : BrokerState.NOT_RUNNING;
            case "metadataCache" -> metadataCache(id);
            case "sharedServer" -> sharedServer(id);
            case "raftManager" -> raftManager();
            case "logManager" -> logManager(id);
            case "replicaManager" -> replicaManager(id);
            case "groupCoordinator" -> groupCoordinator(member);
            case "dataPlaneRequestProcessor" -> requestProcessor(id);
            default -> NO_ANSWER;
        });
    }

    /** A controller of the cluster. */
    public ControllerServer controller(int id) {
        Cluster.Member member = cluster.member(id);
        return standIn(ControllerServer.class, (method, arguments) -> switch (method) {
            case "config" -> member.config;
            case "clusterId" -> nodes.clusterId();
            case "socketServer" -> socketServer(member);
            case "startup" -> {
                cluster.start(id);
                yield null;
            }
            case "shutdown", "awaitShutdown" -> {
                cluster.stop(id);
                yield null;
            }
            case "sharedServer" -> sharedServer(id);
            case "raftManager" -> raftManager();
            case "controller" -> quorumController(id);
            default -> NO_ANSWER;
        });
    }

    /** The active controller as one of the nodes. */
    public Controller quorumController(int id) {
        return standIn(Controller.class, (method, arguments) -> switch (method) {
            // With one controller there is nothing to ask.
            case "isActive" -> nodes.controllerNodes().size() == 1 || view.activeController().equals(Optional.of(id));
            case "findAllTopicIds" -> CompletableFuture.completedFuture(view.topicIds());
            default -> NO_ANSWER;
        });
    }

    /** The quorum's client of any node. */
    @SuppressWarnings("unchecked")
    public KafkaRaftManager<ApiMessageAndVersion> raftManager() {
        RaftLog log = standIn(RaftLog.class, (method, arguments) ->
            method.equals("endOffset") ? new LogOffsetMetadata(view.metadataEnd()) : NO_ANSWER);
        return standIn(KafkaRaftManager.class, (method, arguments) -> method.equals("raftLog") ? log : NO_ANSWER);
    }

    private SharedServer sharedServer(int id) {
        MetadataLoader loader = standIn(MetadataLoader.class, (method, arguments) ->
            method.equals("lastAppliedOffset") ? view.metadataEnd(id) - 1 : NO_ANSWER);
        return standIn(SharedServer.class, (method, arguments) -> switch (method) {
            case "loader" -> loader;
            case "raftManager" -> raftManager();
            default -> NO_ANSWER;
        });
    }

    /** What a broker is configured with: what it was started with, and what was changed since. */
    private KafkaConfig config(Cluster.Member member) {
        Map<String, String> changed = member.node.running() ? view.changedSettings(member.id()) : Map.of();
        if (changed.isEmpty()) {
            return member.config;
        }
        Map<String, String> properties = new HashMap<>(member.files.properties);
        properties.putAll(changed);
        return new KafkaConfig(properties, false);
    }

    private SocketServer socketServer(Cluster.Member member) {
        SocketServer server = standIn(SocketServer.class, (method, arguments) ->
            method.equals("boundPort") ? member.port(((ListenerName) arguments[0]).value()) : NO_ANSWER);
        // Tests take it from the field.
        MemoryPool pool = standIn(MemoryPool.class, (method, arguments) -> NO_ANSWER);
        try {
            Field field = SocketServer.class.getDeclaredField("memoryPool");
            field.setAccessible(true);
            field.set(server, pool);
        } catch (ReflectiveOperationException other) {
            throw new IllegalStateException("SocketServer is not what it was", other);
        }
        return server;
    }

    private KRaftMetadataCache metadataCache(int id) {
        return standIn(KRaftMetadataCache.class, (method, arguments) -> switch (method) {
            case "numPartitions" -> view.partitions(id, (String) arguments[0]);
            case "getLeaderAndIsr" ->
                view.partition(id, (String) arguments[0], (Integer) arguments[1]).map(StandIns::leaderAndIsr);
            case "hasAliveBroker" -> view.brokers(id).stream().anyMatch(broker -> broker.nodeId() == (Integer) arguments[0]);
            case "getAliveBrokerNodes" -> aliveBrokers(id, (ListenerName) arguments[0]);
            case "topicNamesToIds" -> view.topicIds();
            case "getAllTopics" -> view.topicIds().keySet();
            case "contains" -> arguments[0] instanceof TopicPartition partition
                ? view.partition(id, partition.topic(), partition.partition()).isPresent()
                : view.partitions(id, (String) arguments[0]).isPresent();
            default -> NO_ANSWER;
        });
    }

    private Object aliveBrokers(int id, ListenerName listener) {
        return listener.equals(nodes.brokerListenerName())
            ? view.brokers(id).stream().map(broker -> new Node(broker.nodeId(), broker.host(), broker.port())).toList()
            : NO_ANSWER;
    }

    private static LeaderAndIsr leaderAndIsr(MetadataResponsePartition partition) {
        return new LeaderAndIsr(
            partition.leaderId(), partition.leaderEpoch(), partition.isrNodes(), LeaderRecoveryState.RECOVERED, 0);
    }

    private LogManager logManager(int id) {
        return standIn(LogManager.class, (method, arguments) -> switch (method) {
            case "getLog" -> view.hasFolder(id, (TopicPartition) arguments[0])
                ? new Some<>(standIn(UnifiedLog.class, (inner, innerArguments) -> NO_ANSWER)) : Option.empty();
            case "getLog$default$2" -> false;
            case "liveLogDirs" -> CollectionConverters.asScala(
                nodes.brokerNodes().get(id).logDataDirectories().stream().map(File::new).toList()).toSeq();
            default -> NO_ANSWER;
        });
    }

    private ReplicaManager replicaManager(int id) {
        return standIn(ReplicaManager.class, (method, arguments) -> switch (method) {
            case "onlinePartition" -> onlinePartition(id, (TopicPartition) arguments[0]);
            case "logManager" -> logManager(id);
            default -> NO_ANSWER;
        });
    }

    private Option<Partition> onlinePartition(int id, TopicPartition name) {
        Optional<MetadataResponsePartition> found = view.partition(id, name.topic(), name.partition());
        if (found.isEmpty() || !found.get().replicaNodes().contains(id)) {
            return Option.empty();
        }
        MetadataResponsePartition partition = found.get();
        return new Some<>(standIn(Partition.class, (method, arguments) -> switch (method) {
            case "leaderReplicaIdOpt" -> partition.leaderId() < 0 ? Option.empty() : new Some<>(partition.leaderId());
            case "getLeaderEpoch" -> partition.leaderEpoch();
            case "leaderLogIfLocal" -> partition.leaderId() == id
                ? new Some<>(standIn(UnifiedLog.class, (inner, innerArguments) -> NO_ANSWER)) : Option.empty();
            default -> NO_ANSWER;
        }));
    }

    private static GroupCoordinator groupCoordinator(Cluster.Member member) {
        return standIn(GroupCoordinator.class, (method, arguments) -> {
            if (!method.equals("groupMetadataTopicConfigs")) {
                return NO_ANSWER;
            }
            Properties settings = new Properties();
            settings.put(TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT);
            settings.put(TopicConfig.COMPRESSION_TYPE_CONFIG, "producer");
            settings.put(TopicConfig.SEGMENT_BYTES_CONFIG,
                Integer.toString(member.config.groupCoordinatorConfig().offsetsTopicSegmentBytes()));
            return settings;
        });
    }

    private KafkaApis requestProcessor(int id) {
        return standIn(KafkaApis.class, (method, arguments) -> switch (method) {
            case "brokerId" -> id;
            case "metadataCache" -> metadataCache(id);
            case "isConsumerGroupProtocolEnabled" -> consumerGroups(id);
            default -> NO_ANSWER;
        });
    }

    /** Whether a broker serves the consumer group protocol. */
    public boolean consumerGroups(int id) {
        List<String> protocols = cluster.member(id).config.getList("group.coordinator.rebalance.protocols").stream()
            .map(Object::toString).toList();
        return protocols.contains("consumer") && view.featureLevel(id, GroupVersion.FEATURE_NAME) > 0;
    }

    private static <T> T standIn(Class<T> type, Answers answers) {
        Answer<Object> answer = call -> {
            String method = call.getMethod().getName();
            if (method.equals("toString")) {
                return "stand-in for " + type.getSimpleName();
            }
            Object found = answers.to(method, call.getArguments());
            if (found == NO_ANSWER) {
                throw new NotApplicable("needs an in-JVM broker: " + type.getSimpleName() + "." + method + "("
                    + Arrays.stream(call.getMethod().getParameterTypes()).map(Class::getSimpleName)
                        .collect(Collectors.joining(", ")) + ")");
            }
            return found;
        };
        return mock(type, withSettings().stubOnly().defaultAnswer(answer));
    }
}
