package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/driver"
)

// refuseTransactions tries to be a transactional producer.
func refuseTransactions(play *driver.Play) error {
	start := time.Now()
	client, err := newClient(play, kgo.TransactionalID(play.Group))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		driver.Refused(err, start)
		return nil
	}
	driver.Fact("transactions", "accepted")
	return nil
}
