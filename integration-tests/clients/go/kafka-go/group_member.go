package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// groupMember is a member of the group until standard input ends. A kafka.Reader would be one, too, but does not tell which
// partitions it has.
func groupMember(play *driver.Play) error {
	told := driver.ToldToEnd()
	config := kafka.ConsumerGroupConfig{
		ID:                play.Group,
		Brokers:           []string{play.Bootstrap},
		Topics:            []string{play.Topic},
		SessionTimeout:    time.Duration(play.Number("session_ms")) * time.Millisecond,
		HeartbeatInterval: time.Duration(play.Number("heartbeat_ms")) * time.Millisecond,
		// After an error.
		JoinGroupBackoff: 100 * time.Millisecond,
	}
	if assignor, given := play.Parameter("assignor"); given {
		if assignor != "roundrobin" {
			return fmt.Errorf("assignor %s is unknown", assignor)
		}
		config.GroupBalancers = []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}}
	}
	group, err := kafka.NewConsumerGroup(config)
	if err != nil {
		return err
	}
	untilTold, end := context.WithCancel(ctx)
	go func() {
		<-told
		end()
	}()
	for {
		generation, err := group.Next(untilTold)
		if untilTold.Err() != nil {
			// Ends the generation, and leaves.
			return group.Close()
		}
		// A broker that is gone for a while is an error, too: the group joins again by itself.
		if err == nil {
			consume(play, generation)
		}
	}
}

// consume has the partitions of a generation read until it ends.
func consume(play *driver.Play, generation *kafka.Generation) {
	var partitions []int
	var reading sync.WaitGroup
	positions := &positions{topic: play.Topic, next: map[int]int64{}}
	for _, assigned := range generation.Assignments[play.Topic] {
		partitions = append(partitions, assigned.ID)
		reading.Add(1)
		generation.Start(func(ctx context.Context) {
			defer reading.Done()
			if err := positions.read(ctx, play, assigned); err != nil {
				driver.Fail(err)
			}
		})
	}
	driver.Assigned(partitions)
	generation.Start(func(ctx context.Context) {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				positions.commit(generation)
			case <-ctx.Done():
				reading.Wait()
				positions.commit(generation)
				return
			}
		}
	})
}

// positions are those that are read and not committed yet.
type positions struct {
	topic string
	lock  sync.Mutex
	next  map[int]int64
}

// read prints the records of a partition until the context ends.
func (positions *positions) read(ctx context.Context, play *driver.Play, assigned kafka.PartitionAssignment) error {
	reader, err := newReader(play, assigned.ID, assigned.Offset)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		message, err := reader.ReadMessage(ctx)
		if errors.Is(err, kafka.ErrGenerationEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		printReceived(message)
		positions.lock.Lock()
		positions.next[assigned.ID] = message.Offset + 1
		positions.lock.Unlock()
	}
}

func (positions *positions) commit(generation *kafka.Generation) {
	positions.lock.Lock()
	next := positions.next
	positions.next = map[int]int64{}
	positions.lock.Unlock()
	if len(next) == 0 {
		return
	}
	// A commit that fails is read again by the next owner.
	_ = generation.CommitOffsets(map[string]map[int]int64{positions.topic: next})
}
