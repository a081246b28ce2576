package main

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// member is a member of a group. The client calls a function for each of its partitions; here their records come together.
type member struct {
	group   sarama.ConsumerGroup
	leave   context.CancelFunc
	ended   chan error
	records chan *sarama.ConsumerMessage
	session sarama.ConsumerGroupSession
}

// joinGroup becomes a member of the group.
func joinGroup(play *driver.Play, config *sarama.Config) (*member, error) {
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	group, err := sarama.NewConsumerGroup(addresses(play), play.Group, config)
	if err != nil {
		return nil, err
	}
	ctx, leave := context.WithCancel(context.Background())
	joined := &member{group: group, leave: leave, ended: make(chan error, 1), records: make(chan *sarama.ConsumerMessage)}
	go func() {
		for ctx.Err() == nil {
			// Returns when partitions are to be assigned anew.
			if err := group.Consume(ctx, []string{play.Topic}, joined); err != nil {
				joined.ended <- err
				return
			}
		}
		joined.ended <- nil
	}()
	return joined, nil
}

// Setup is called before the partitions of a new assignment are read.
func (member *member) Setup(session sarama.ConsumerGroupSession) error {
	member.session = session
	return nil
}

// Cleanup is called when none of them is read any more.
func (member *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim is called for each partition.
func (member *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		select {
		case member.records <- message:
		case <-session.Context().Done():
			return nil
		}
	}
	return nil
}

// report prints the next `count` records, and marks them as read; the metadata goes into the commit.
func (member *member) report(count int, metadata string) error {
	for range count {
		select {
		case message := <-member.records:
			printReceived(message)
			member.session.MarkMessage(message, metadata)
		case err := <-member.ended:
			return fmt.Errorf("the group ended: %w", err)
		}
	}
	return nil
}

// close commits what is marked, where that is automatic, and leaves the group.
func (member *member) close() error {
	member.leave()
	if err := <-member.ended; err != nil {
		return err
	}
	return member.group.Close()
}

// groupMember is a member of the group until standard input ends.
func groupMember(play *driver.Play) error {
	told := driver.ToldToEnd()
	config := newest()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	config.Consumer.Group.Session.Timeout = time.Duration(play.Number("session_ms")) * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = time.Duration(play.Number("heartbeat_ms")) * time.Millisecond
	config.Consumer.Group.InstanceId, _ = play.Parameter("instance")
	config.Metadata.RefreshFrequency = time.Second
	reporting := &reporting{topic: play.Topic}
	strategy := sarama.NewBalanceStrategyRange()
	if assignor, given := play.Parameter("assignor"); given {
		switch assignor {
		case "cooperative-sticky":
			strategy = sarama.NewBalanceStrategyCooperativeSticky()
			reporting.isCooperative = true
		case "roundrobin":
			strategy = sarama.NewBalanceStrategyRoundRobin()
		default:
			return fmt.Errorf("assignor %s is unknown", assignor)
		}
	}
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	group, err := sarama.NewConsumerGroup(addresses(play), play.Group, config)
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-told
		leave()
	}()
	for ctx.Err() == nil {
		// A broker that is gone for a while is an error, too: it is asked again.
		if err := group.Consume(ctx, []string{play.Topic}, reporting); err != nil {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return group.Close()
}
