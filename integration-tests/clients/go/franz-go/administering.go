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

const produced = 10

// administer takes every step that the administration client offers.
func administer(play *driver.Play) error {
	client, err := newClient(play,
		kgo.DefaultProduceTopic(play.Topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// How long an answer about topics may be given again.
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	administerTopic(play, admin)
	administerRecords(play, client, admin)
	if err := readAndCommit(play); err != nil {
		return err
	}
	administerGroup(play, admin)
	brokers, err := admin.ListBrokers(ctx)
	step("describe-cluster", strconv.Itoa(len(brokers)), err)
	_, err = admin.DeleteTopic(ctx, play.Topic)
	step("delete", "ok", err)
	return nil
}

func administerTopic(play *driver.Play, admin *kadm.Client) {
	configs := map[string]*string{"retention.ms": kadm.StringPtr("3600000")}
	_, err := admin.CreateTopic(ctx, 2, 1, configs, play.Topic)
	step("create", "ok", err)
	_, err = admin.CreateTopic(ctx, 2, 1, configs, play.Topic)
	step("create-again", "ok", err)
	updated, err := admin.UpdatePartitions(ctx, 4, play.Topic)
	step("create-partitions", "ok", errors.Join(err, updated.Error()))
	partitions, err := driver.AskUntil("4", func() (string, error) {
		topics, err := admin.ListTopics(ctx, play.Topic)
		return strconv.Itoa(len(topics[play.Topic].Partitions)), err
	})
	step("partitions", partitions, err)
	retention, err := retentionOf(admin, play.Topic)
	step("describe-config", retention, err)
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("7200000")}}
	altered, err := admin.AlterTopicConfigs(ctx, change, play.Topic)
	for _, answer := range altered {
		err = errors.Join(err, answer.Err)
	}
	step("alter-config", "ok", err)
	retention, err = driver.AskUntil("7200000", func() (string, error) { return retentionOf(admin, play.Topic) })
	step("altered-config", retention, err)
}

func administerRecords(play *driver.Play, client *kgo.Client, admin *kadm.Client) {
	var err error
	for number := range produced {
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
	inDirectories := 0
	directories, err := admin.DescribeAllLogDirs(ctx, nil)
	directories.Each(func(directory kadm.DescribedLogDir) {
		err = errors.Join(err, directory.Err)
		inDirectories += len(directory.Topics[play.Topic])
	})
	step("describe-log-dirs", strconv.Itoa(inDirectories), err)
}

func administerGroup(play *driver.Play, admin *kadm.Client) {
	groups, err := admin.ListGroups(ctx)
	step("list-groups", strconv.FormatBool(slices.Contains(groups.Groups(), play.Group)), err)
	described, err := admin.DescribeGroups(ctx, play.Group)
	step("describe-group", described[play.Group].State, errors.Join(err, described.Error()))
	offset := func() (string, error) {
		offsets, err := admin.FetchOffsets(ctx, play.Group)
		committed, there := offsets.Lookup(play.Topic, 0)
		if err == nil && !there {
			return "none", nil
		}
		return strconv.FormatInt(committed.At, 10), errors.Join(err, committed.Err)
	}
	found, err := offset()
	step("group-offset", found, err)
	var seven kadm.Offsets
	seven.AddOffset(play.Topic, 0, 7, -1)
	altered, err := admin.CommitOffsets(ctx, play.Group, seven)
	step("alter-group-offset", "ok", errors.Join(err, altered.Error()))
	found, err = offset()
	step("altered-group-offset", found, err)
	deleted, err := admin.DeleteOffsets(ctx, play.Group, seven.TopicsSet())
	step("delete-group-offset", "ok", errors.Join(err, deleted.Error()))
	found, err = offset()
	step("deleted-group-offset", found, err)
	_, err = admin.DeleteGroup(ctx, play.Group)
	step("delete-group", "ok", err)
}

// readAndCommit reads what is left of the records as a member of the group, commits, and leaves.
func readAndCommit(play *driver.Play) error {
	member, err := newClient(play, kgo.ConsumerGroup(play.Group), kgo.ConsumeTopics(play.Topic), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	defer member.Close()
	for next := int64(0); next < produced; {
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
