package main

import (
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// refuseTransactions tries to be a transactional producer.
func refuseTransactions(play *driver.Play) error {
	start := time.Now()
	request := &kafka.InitProducerIDRequest{TransactionalID: play.Group, TransactionTimeoutMs: 60_000}
	answer, err := newClient(play).InitProducerID(ctx, request)
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		driver.Refused(err, start)
		return nil
	}
	driver.Fact("transactions", "accepted")
	return nil
}
