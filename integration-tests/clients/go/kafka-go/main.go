// Plays one scenario with kafka-go: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. What it prints is described in
// integration-tests/README.md.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// The suite ends a driver that takes too long: no call needs a limit of its own.
var ctx = context.Background()

func main() {
	driver.Main(map[string]func(*driver.Play) error{
		"hello":               hello,
		"produce-callbacks":   produceCallbacks,
		"partitioning":        partitioning,
		"payloads":            payloads,
		"large-records":       largeRecords,
		"consume-automatic":   consumeAutomatic,
		"consume-manual":      consumeManual,
		"consume-own-offsets": consumeOwnOffsets,
		"seek":                seek,
		"group-member":        groupMember,
		"topics":              topics,
		"admin":               administer,
		"refuse-transactions": refuseTransactions,
	})
}

// newClient makes what asks a broker single questions.
func newClient(play *driver.Play) *kafka.Client {
	return &kafka.Client{
		Addr: kafka.TCP(play.Bootstrap),
		// How long an answer about topics may be given again.
		Transport: &kafka.Transport{MetadataTTL: 100 * time.Millisecond},
	}
}

// named is Kafka's name of an error, of those that are expected: the client has words for them only.
func named(err error) error {
	names := map[kafka.Error]string{
		kafka.TopicAlreadyExists:  "TOPIC_ALREADY_EXISTS",
		kafka.MessageSizeTooLarge: "MESSAGE_TOO_LARGE",
	}
	for code, name := range names {
		if errors.Is(err, code) {
			return errors.New(name)
		}
	}
	return err
}
