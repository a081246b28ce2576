package main

import (
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// reporting prints what a member of a group has and receives.
type reporting struct {
	topic string
	// With a cooperative strategy a session outlives its assignments: only the partitions themselves come and go.
	isCooperative bool

	lock sync.Mutex
	has  []int32
}

// Setup is called when the member is given partitions.
func (reporting *reporting) Setup(session sarama.ConsumerGroupSession) error {
	if !reporting.isCooperative {
		driver.Assigned(session.Claims()[reporting.topic])
	}
	return nil
}

// Cleanup is called when the member has given up all of them.
func (reporting *reporting) Cleanup(sarama.ConsumerGroupSession) error {
	if !reporting.isCooperative {
		driver.Assigned([]int32{})
	}
	return nil
}

// ConsumeClaim reads a partition.
func (reporting *reporting) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	if reporting.isCooperative {
		reporting.change(func() { reporting.has = append(reporting.has, claim.Partition()) })
		defer reporting.change(func() {
			at := slices.Index(reporting.has, claim.Partition())
			reporting.has = slices.Delete(reporting.has, at, at+1)
		})
	}
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			printReceived(message)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (reporting *reporting) change(has func()) {
	reporting.lock.Lock()
	defer reporting.lock.Unlock()
	has()
	driver.Assigned(reporting.has)
}

func printReceived(message *sarama.ConsumerMessage) {
	driver.Received(message.Partition, message.Offset, message.Key, message.Value)
}
