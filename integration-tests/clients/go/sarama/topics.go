package main

import (
	"errors"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// topics is a topic's life by the administration client.
func topics(play *driver.Play) error {
	admin, err := sarama.NewClusterAdmin(addresses(play), newest())
	if err != nil {
		return err
	}
	defer admin.Close()
	retention := "86400000"
	topic := &sarama.TopicDetail{
		NumPartitions: 3, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention},
	}
	if err := admin.CreateTopic(play.Topic, topic, false); err != nil {
		return err
	}
	again := admin.CreateTopic(play.Topic, topic, false)
	if errors.Is(again, sarama.ErrTopicAlreadyExists) {
		driver.Fact("created-again", "TopicExists")
	} else {
		driver.Fact("created-again", again)
	}
	all, err := admin.ListTopics()
	if err != nil {
		return err
	}
	_, listed := all[play.Topic]
	driver.Fact("listed", listed)
	described, err := admin.DescribeTopics([]string{play.Topic})
	if err != nil {
		return err
	}
	driver.Fact("partitions", len(described[0].Partitions))
	leaders := 0
	for _, partition := range described[0].Partitions {
		if partition.Leader >= 0 {
			leaders++
		}
	}
	driver.Fact("leaders", leaders)
	found, err := retentionOf(admin, play.Topic)
	if err != nil {
		return err
	}
	driver.Fact("retention.ms", found)
	if err := admin.DeleteTopic(play.Topic); err != nil {
		return err
	}
	// Other nodes may learn of it later; one that answered has seen it.
	for listed {
		if all, err = admin.ListTopics(); err != nil {
			return err
		}
		_, listed = all[play.Topic]
	}
	driver.Fact("deleted", true)
	return nil
}
