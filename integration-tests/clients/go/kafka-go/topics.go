package main

import (
	"errors"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// topics is a topic's life by the client.
func topics(play *driver.Play) error {
	client := newClient(play)
	if err := createTopic(client, play.Topic, 3, "86400000"); err != nil {
		return err
	}
	again := createTopic(client, play.Topic, 3, "86400000")
	if errors.Is(again, kafka.TopicAlreadyExists) {
		driver.Fact("created-again", "TopicExists")
	} else {
		driver.Fact("created-again", again)
	}
	topic, err := describeTopic(client, play.Topic)
	if err != nil {
		return err
	}
	driver.Fact("listed", topic.Name == play.Topic)
	driver.Fact("partitions", len(topic.Partitions))
	leaders := 0
	for _, partition := range topic.Partitions {
		if partition.Leader.Host != "" {
			leaders++
		}
	}
	driver.Fact("leaders", leaders)
	retention, err := retentionOf(client, play.Topic)
	if err != nil {
		return err
	}
	driver.Fact("retention.ms", retention)
	if err := deleteTopic(client, play.Topic); err != nil {
		return err
	}
	deleted, err := driver.AskUntil(true, func() (bool, error) {
		topic, err := describeTopic(client, play.Topic)
		return topic.Name == "", err
	})
	driver.Fact("deleted", deleted)
	return err
}

func createTopic(client *kafka.Client, topic string, partitions int, retention string) error {
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic:             topic,
		NumPartitions:     partitions,
		ReplicationFactor: 1,
		ConfigEntries:     []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: retention}},
	}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

// describeTopic finds a topic among all; it has no name if it is not there.
func describeTopic(client *kafka.Client, name string) (kafka.Topic, error) {
	all, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return kafka.Topic{}, err
	}
	for _, topic := range all.Topics {
		if topic.Name == name {
			return topic, topic.Error
		}
	}
	return kafka.Topic{}, nil
}

func retentionOf(client *kafka.Client, topic string) (string, error) {
	answer, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"},
		}},
	})
	if err != nil {
		return "", err
	}
	described := answer.Resources[0]
	if len(described.ConfigEntries) == 0 {
		return "missing", described.Error
	}
	return described.ConfigEntries[0].ConfigValue, described.Error
}

func deleteTopic(client *kafka.Client, topic string) error {
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}
