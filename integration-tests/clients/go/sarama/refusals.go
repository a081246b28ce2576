package main

import (
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// refuseTransactions tries to be a transactional producer.
func refuseTransactions(play *driver.Play) error {
	start := time.Now()
	config := idempotent()
	config.Producer.Transaction.ID = play.Group
	producer, err := sarama.NewAsyncProducer(addresses(play), config)
	if err != nil {
		driver.Refused(err, start)
		return nil
	}
	driver.Fact("transactions", "accepted")
	return producer.Close()
}
