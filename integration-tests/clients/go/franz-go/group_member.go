package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/driver"
)

// groupMember is a member of the group until standard input ends.
func groupMember(play *driver.Play) error {
	told := driver.ToldToEnd()
	balancer := kgo.RangeBalancer()
	if assignor, given := play.Parameter("assignor"); given {
		balancers := map[string]kgo.GroupBalancer{
			"cooperative-sticky": kgo.CooperativeStickyBalancer(),
			"roundrobin":         kgo.RoundRobinBalancer(),
		}
		if balancer = balancers[assignor]; balancer == nil {
			return fmt.Errorf("assignor %s is unknown", assignor)
		}
	}
	// The client tells what changes; its callbacks do not run at the same time.
	var has []int32
	gained := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		has = append(has, partitions[play.Topic]...)
		driver.Assigned(has)
	}
	lost := func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
		if len(partitions) == 0 {
			return
		}
		has = slices.DeleteFunc(has, func(partition int32) bool {
			return slices.Contains(partitions[play.Topic], partition)
		})
		driver.Assigned(has)
	}
	revoked := func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
		// In place of the client's own function, which does this. A commit that fails is read again by the next owner.
		_ = client.CommitMarkedOffsets(ctx)
		lost(ctx, client, partitions)
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(play.Group),
		kgo.ConsumeTopics(play.Topic),
		kgo.SessionTimeout(time.Duration(play.Number("session_ms")) * time.Millisecond),
		kgo.HeartbeatInterval(time.Duration(play.Number("heartbeat_ms")) * time.Millisecond),
		kgo.Balancers(balancer),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(100 * time.Millisecond),
		kgo.MetadataMaxAge(time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(gained),
		kgo.OnPartitionsRevoked(revoked),
		kgo.OnPartitionsLost(lost),
		quickRetries,
	}
	if instance, given := play.Parameter("instance"); given {
		options = append(options, kgo.InstanceID(instance))
	}
	consumer, err := newClient(play, options...)
	if err != nil {
		return err
	}
	defer consumer.Close()
	untilTold, end := context.WithCancel(ctx)
	go func() {
		<-told
		end()
	}()
	for untilTold.Err() == nil {
		fetches := consumer.PollFetches(untilTold)
		for _, failed := range fetches.Errors() {
			// The client goes on by itself after an error of the group: the broker may be gone for a while.
			var ofGroup *kgo.ErrGroupSession
			if !errors.Is(failed.Err, context.Canceled) && !errors.As(failed.Err, &ofGroup) {
				return fmt.Errorf("poll: %w", failed.Err)
			}
		}
		fetches.EachRecord(func(record *kgo.Record) {
			printReceived(record)
			consumer.MarkCommitRecords(record)
		})
	}
	return nil
}
