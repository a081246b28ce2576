package main

import (
	"errors"
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
