package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

const produced = 10

// administer takes every step that the client offers.
func administer(play *driver.Play) error {
	client := newClient(play)
	administerTopic(play, client)
	step("produced", "ok", produceSome(play))
	if err := readAndCommit(play); err != nil {
		return err
	}
	administerGroup(play, client)
	brokers := 0
	cluster, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err == nil {
		brokers = len(cluster.Brokers)
	}
	step("describe-cluster", strconv.Itoa(brokers), err)
	step("delete", "ok", deleteTopic(client, play.Topic))
	return nil
}

func administerTopic(play *driver.Play, client *kafka.Client) {
	step("create", "ok", createTopic(client, play.Topic, 2, "3600000"))
	step("create-again", "ok", createTopic(client, play.Topic, 2, "3600000"))
	increased, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: play.Topic, Count: 4}},
	})
	if err == nil {
		err = increased.Errors[play.Topic]
	}
	step("create-partitions", "ok", err)
	partitions, err := driver.AskUntil("4", func() (string, error) {
		topic, err := describeTopic(client, play.Topic)
		return strconv.Itoa(len(topic.Partitions)), err
	})
	step("partitions", partitions, err)
	retention, err := retentionOf(client, play.Topic)
	step("describe-config", retention, err)
	altered, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic,
			ResourceName: play.Topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{
				{Name: "retention.ms", Value: "7200000", ConfigOperation: kafka.ConfigOperationSet},
			},
		}},
	})
	if err == nil {
		err = altered.Resources[0].Error
	}
	step("alter-config", "ok", err)
	retention, err = driver.AskUntil("7200000", func() (string, error) { return retentionOf(client, play.Topic) })
	step("altered-config", retention, err)
}

func administerGroup(play *driver.Play, client *kafka.Client) {
	isListed := false
	groups, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err == nil {
		err = groups.Error
		for _, group := range groups.Groups {
			isListed = isListed || group.GroupID == play.Group
		}
	}
	step("list-groups", strconv.FormatBool(isListed), err)
	state := ""
	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{play.Group}})
	if err == nil {
		state, err = described.Groups[0].GroupState, described.Groups[0].Error
	}
	step("describe-group", state, err)
	offset := func() (string, error) {
		offsets, err := committed(client, play)
		for _, offset := range offsets {
			if offset.Partition == 0 {
				return strconv.FormatInt(offset.CommittedOffset, 10), errors.Join(err, offset.Error)
			}
		}
		return "none", err
	}
	found, err := offset()
	step("group-offset", found, err)
	step("alter-group-offset", "ok", commit(client, play, map[int]int64{0: 7}, ""))
	found, err = offset()
	step("altered-group-offset", found, err)
	deleted, err := client.OffsetDelete(ctx, &kafka.OffsetDeleteRequest{
		GroupID: play.Group, Topics: map[string][]int{play.Topic: {0}},
	})
	if err == nil {
		err = deleted.Error
		for _, partition := range deleted.Topics[play.Topic] {
			err = errors.Join(err, partition.Error)
		}
	}
	step("delete-group-offset", "ok", err)
	found, err = offset()
	step("deleted-group-offset", found, err)
	gone, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{play.Group}})
	if err == nil {
		err = gone.Errors[play.Group]
	}
	step("delete-group", "ok", err)
}

// produceSome sends ten records to partition 0.
func produceSome(play *driver.Play) error {
	writer := newWriter(play)
	writer.Balancer = kafka.BalancerFunc(func(kafka.Message, ...int) int { return 0 })
	writer.Completion = nil
	var messages []kafka.Message
	for number := range produced {
		messages = append(messages, kafka.Message{Value: fmt.Appendf(nil, "value-%d", number)})
	}
	return errors.Join(writer.WriteMessages(ctx, messages...), writer.Close())
}

// readAndCommit reads the records as a member of the group, which commits each, and leaves.
func readAndCommit(play *driver.Play) error {
	member := newMember(play)
	for range produced {
		if _, err := member.ReadMessage(ctx); err != nil {
			return err
		}
	}
	return member.Close()
}

// step prints what came of a step.
func step(name, result string, err error) {
	if err != nil {
		result = named(err).Error()
	}
	driver.Fact(name, result)
}
