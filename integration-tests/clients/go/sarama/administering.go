package main

import (
	"errors"
	"strconv"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

const (
	produced = 10
	// Before this offset records are deleted.
	deleted = 4
)

// administer takes every step that the administration client offers.
func administer(play *driver.Play) error {
	client, err := sarama.NewClient(addresses(play), newest())
	if err != nil {
		return err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	// Closes the client as well.
	defer admin.Close()
	administerTopic(play, admin)
	administerRecords(play, client, admin)
	if err := readAndCommit(play, produced-deleted); err != nil {
		return err
	}
	administerGroup(play, admin)
	brokers, _, err := admin.DescribeCluster()
	step("describe-cluster", strconv.Itoa(len(brokers)), err)
	step("delete", "ok", admin.DeleteTopic(play.Topic))
	return nil
}

func administerTopic(play *driver.Play, admin sarama.ClusterAdmin) {
	retention, longer := "3600000", "7200000"
	topic := &sarama.TopicDetail{
		NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention},
	}
	step("create", "ok", admin.CreateTopic(play.Topic, topic, false))
	step("create-again", "ok", admin.CreateTopic(play.Topic, topic, false))
	step("create-partitions", "ok", admin.CreatePartitions(play.Topic, 4, nil, false))
	partitions, err := driver.AskUntil("4", func() (string, error) {
		described, err := admin.DescribeTopics([]string{play.Topic})
		if err != nil {
			return "", err
		}
		return strconv.Itoa(len(described[0].Partitions)), nil
	})
	step("partitions", partitions, err)
	found, err := retentionOf(admin, play.Topic)
	step("describe-config", found, err)
	change := map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &longer},
	}
	step("alter-config", "ok", admin.IncrementalAlterConfig(sarama.TopicResource, play.Topic, change, false))
	found, err = driver.AskUntil("7200000", func() (string, error) { return retentionOf(admin, play.Topic) })
	step("altered-config", found, err)
}

func administerRecords(play *driver.Play, client sarama.Client, admin sarama.ClusterAdmin) {
	step("produced", "ok", produceSome(play))
	step("delete-records", "ok", admin.DeleteRecords(play.Topic, map[int32]int64{0: deleted}))
	earliest, err := client.GetOffset(play.Topic, 0, sarama.OffsetOldest)
	step("earliest", strconv.FormatInt(earliest, 10), err)
	inDirectories := 0
	var brokers []int32
	for _, broker := range client.Brokers() {
		brokers = append(brokers, broker.ID())
	}
	described, err := admin.DescribeLogDirs(brokers)
	for _, directories := range described {
		for _, directory := range directories {
			for _, topic := range directory.Topics {
				if topic.Topic == play.Topic {
					inDirectories += len(topic.Partitions)
				}
			}
		}
	}
	step("describe-log-dirs", strconv.Itoa(inDirectories), err)
}

func administerGroup(play *driver.Play, admin sarama.ClusterAdmin) {
	groups, err := admin.ListConsumerGroups()
	_, listed := groups[play.Group]
	step("list-groups", strconv.FormatBool(listed), err)
	state := ""
	descriptions, err := admin.DescribeConsumerGroups([]string{play.Group})
	if err == nil {
		state = descriptions[0].State
	}
	step("describe-group", state, err)
	offset := func() (string, error) {
		offsets, err := admin.ListConsumerGroupOffsets(play.Group, map[string][]int32{play.Topic: {0}})
		if err != nil {
			return "", err
		}
		block := offsets.GetBlock(play.Topic, 0)
		if block == nil || block.Offset < 0 {
			return "none", nil
		}
		return strconv.FormatInt(block.Offset, 10), nil
	}
	found, err := offset()
	step("group-offset", found, err)
	seven := map[string]map[int32]sarama.OffsetAndMetadata{play.Topic: {0: {Offset: 7, LeaderEpoch: -1}}}
	answer, err := admin.AlterConsumerGroupOffsets(play.Group, seven, nil)
	if err == nil {
		err = kafkaError(answer.Errors[play.Topic][0])
	}
	step("alter-group-offset", "ok", err)
	found, err = offset()
	step("altered-group-offset", found, err)
	step("delete-group-offset", "ok", admin.DeleteConsumerGroupOffset(play.Group, play.Topic, 0))
	found, err = offset()
	step("deleted-group-offset", found, err)
	step("delete-group", "ok", admin.DeleteConsumerGroup(play.Group))
}

// kafkaError is the error of a code, which is one even if it says that there is none.
func kafkaError(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

// produceSome sends ten records to partition 0.
func produceSome(play *driver.Play) error {
	config := newest()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(addresses(play), config)
	if err != nil {
		return err
	}
	for number := range produced {
		value := sarama.StringEncoder("value-" + strconv.Itoa(number))
		_, _, failed := producer.SendMessage(&sarama.ProducerMessage{Topic: play.Topic, Partition: 0, Value: value})
		err = errors.Join(err, failed)
	}
	return errors.Join(err, producer.Close())
}

// readAndCommit reads so many records as a member of the group, commits, and leaves.
func readAndCommit(play *driver.Play, count int) error {
	member, err := joinGroup(play, newest())
	if err != nil {
		return err
	}
	for range count {
		member.session.MarkMessage(<-member.records, "")
	}
	return member.close()
}

func retentionOf(admin sarama.ClusterAdmin, topic string) (string, error) {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}}
	entries, err := admin.DescribeConfig(resource)
	if err != nil || len(entries) == 0 {
		return "missing", err
	}
	return entries[0].Value, nil
}

// step prints what came of a step.
func step(name, result string, err error) {
	if err != nil {
		result = named(err).Error()
	}
	driver.Fact(name, result)
}

// named is Kafka's name of an error, of those that are expected: the client has words for them only.
func named(err error) error {
	names := map[sarama.KError]string{
		sarama.ErrTopicAlreadyExists:      "TOPIC_ALREADY_EXISTS",
		sarama.ErrMessageSizeTooLarge:     "MESSAGE_TOO_LARGE",
		sarama.ErrUnknownTopicOrPartition: "UNKNOWN_TOPIC_OR_PARTITION",
	}
	var ofKafka sarama.KError
	if errors.As(err, &ofKafka) {
		if name, known := names[ofKafka]; known {
			return errors.New(name)
		}
	}
	return err
}
