package main

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/driver"
)

// topics is a topic's life by the administration client.
func topics(play *driver.Play) error {
	// How long an answer about topics may be given again.
	client, err := newClient(play, kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	create := func() error {
		_, err := admin.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": kadm.StringPtr("86400000")}, play.Topic)
		return err
	}
	if err := create(); err != nil {
		return err
	}
	again := create()
	if errors.Is(again, kerr.TopicAlreadyExists) {
		driver.Fact("created-again", "TopicExists")
	} else {
		driver.Fact("created-again", again)
	}
	all, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	driver.Fact("listed", all.Has(play.Topic))
	partitions := all[play.Topic].Partitions
	driver.Fact("partitions", len(partitions))
	leaders := 0
	for _, partition := range partitions {
		if partition.Leader >= 0 {
			leaders++
		}
	}
	driver.Fact("leaders", leaders)
	retention, err := retentionOf(admin, play.Topic)
	if err != nil {
		return err
	}
	driver.Fact("retention.ms", retention)
	if _, err := admin.DeleteTopic(ctx, play.Topic); err != nil {
		return err
	}
	// Other nodes may learn of it later; one that answered has seen it.
	for all.Has(play.Topic) {
		if all, err = admin.ListTopics(ctx); err != nil {
			return err
		}
	}
	driver.Fact("deleted", true)
	return nil
}

// administer takes every step that the administration client offers.
func administer(play *driver.Play) error {
	client, err := newClient(play, kgo.DefaultProduceTopic(play.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	configs := map[string]*string{"retention.ms": kadm.StringPtr("3600000")}
	_, err = admin.CreateTopic(ctx, 2, 1, configs, play.Topic)
	step("create", "ok", err)
	_, err = admin.CreateTopic(ctx, 2, 1, configs, play.Topic)
	step("create-again", "ok", err)
	updated, err := admin.UpdatePartitions(ctx, 4, play.Topic)
	step("create-partitions", "ok", errors.Join(err, updated.Error()))
	topics, err := admin.ListTopics(ctx, play.Topic)
	step("partitions", strconv.Itoa(len(topics[play.Topic].Partitions)), err)
	retention, err := retentionOf(admin, play.Topic)
	step("describe-config", retention, err)
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("7200000")}}
	altered, err := admin.AlterTopicConfigs(ctx, change, play.Topic)
	for _, answer := range altered {
		err = errors.Join(err, answer.Err)
	}
	step("alter-config", "ok", err)
	retention, err = retentionOf(admin, play.Topic)
	step("altered-config", retention, err)

	for number := range 10 {
		record := kgo.StringRecord("value-" + strconv.Itoa(number))
		err = errors.Join(err, client.ProduceSync(ctx, record).FirstErr())
	}
	step("produced", "ok", err)
	var before kadm.Offsets
	before.AddOffset(play.Topic, 0, 4, -1)
	deleted, err := admin.DeleteRecords(ctx, before)
	step("delete-records", "ok", errors.Join(err, deleted.Error()))
	starts, err := admin.ListStartOffsets(ctx, play.Topic)
	start, _ := starts.Lookup(play.Topic, 0)
	step("earliest", strconv.FormatInt(start.Offset, 10), errors.Join(err, start.Err))

	if err := readAndCommit(play); err != nil {
		return err
	}
	groups, err := admin.ListGroups(ctx)
	step("list-groups", strconv.FormatBool(slices.Contains(groups.Groups(), play.Group)), err)
	described, err := admin.DescribeGroups(ctx, play.Group)
	step("describe-group", described[play.Group].State, errors.Join(err, described.Error()))
	offsets, err := admin.FetchOffsets(ctx, play.Group)
	committed, _ := offsets.Lookup(play.Topic, 0)
	step("group-offset", strconv.FormatInt(committed.At, 10), errors.Join(err, committed.Err))
	_, err = admin.DeleteGroup(ctx, play.Group)
	step("delete-group", "ok", err)
	brokers, err := admin.ListBrokers(ctx)
	step("describe-cluster", strconv.Itoa(len(brokers)), err)
	_, err = admin.DeleteTopic(ctx, play.Topic)
	step("delete", "ok", err)
	return nil
}

// readAndCommit reads what is left of the records as a member of the group, commits, and leaves.
func readAndCommit(play *driver.Play) error {
	member, err := newClient(play, kgo.ConsumerGroup(play.Group), kgo.ConsumeTopics(play.Topic), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	defer member.Close()
	for next := int64(0); next < 10; {
		records, err := poll(member, -1)
		if err != nil {
			return err
		}
		for _, record := range records {
			next = record.Offset + 1
		}
	}
	return member.CommitUncommittedOffsets(ctx)
}

func retentionOf(admin *kadm.Client, topic string) (string, error) {
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", err
	}
	for _, config := range described[0].Configs {
		if config.Key == "retention.ms" {
			return config.MaybeValue(), described[0].Err
		}
	}
	return "missing", described[0].Err
}

// step prints what came of a step.
func step(name, result string, err error) {
	if err != nil {
		result = named(err).Error()
	}
	driver.Fact(name, result)
}

// named is Kafka's name of an error, where it is one of Kafka's.
func named(err error) error {
	var ofKafka *kerr.Error
	if errors.As(err, &ofKafka) {
		return errors.New(ofKafka.Message)
	}
	return err
}
