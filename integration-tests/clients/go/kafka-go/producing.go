package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// newWriter makes a producer that prints what is acknowledged. It puts records with the same key into the same partition,
// which this client's default does not.
func newWriter(play *driver.Play) *kafka.Writer {
	return &kafka.Writer{
		Addr:         kafka.TCP(play.Bootstrap),
		Topic:        play.Topic,
		Balancer:     &kafka.Hash{},
		RequiredAcks: kafka.RequireAll,
		// How long a batch waits for more records: a second, if nothing is said.
		BatchTimeout: 5 * time.Millisecond,
		Completion:   printAcked,
	}
}

// printAcked is called for each batch. Whether a failure is one is for the caller of WriteMessages to say.
func printAcked(messages []kafka.Message, err error) {
	if err != nil {
		return
	}
	for _, message := range messages {
		driver.Acked(message.Partition, message.Offset, message.Key, message.Value)
	}
}

// produceCallbacks sends with every codec `records` records with one of five keys, then as many without.
func produceCallbacks(play *driver.Play) error {
	records := play.Number("records")
	for _, name := range strings.Split(play.Text("codecs"), ",") {
		driver.Part(name)
		writer := newWriter(play)
		if name != "none" {
			if err := writer.Compression.UnmarshalText([]byte(name)); err != nil {
				return err
			}
		}
		// What is not awaited reports its failures to the callback only.
		writer.Async = true
		writer.Completion = func(messages []kafka.Message, err error) {
			if err != nil {
				driver.Fail(fmt.Errorf("send: %w", err))
			}
			printAcked(messages, err)
		}
		var messages []kafka.Message
		for number := range 2 * records {
			message := kafka.Message{Value: fmt.Appendf(nil, "%s-%d", name, number)}
			if number < records {
				message.Key = fmt.Appendf(nil, "key-%d", number%5)
			}
			messages = append(messages, message)
		}
		if err := writer.WriteMessages(ctx, messages...); err != nil {
			return err
		}
		// Waits for what is on its way.
		if err := writer.Close(); err != nil {
			return err
		}
	}
	return nil
}

// partitioning leaves the choice to the hash.
func partitioning(play *driver.Play) error {
	writer := newWriter(play)
	defer writer.Close()
	var messages []kafka.Message
	for number := range play.Number("keys") {
		key := fmt.Appendf(nil, "key-%d", number)
		messages = append(messages, kafka.Message{Key: key, Value: key})
	}
	return writer.WriteMessages(ctx, messages...)
}
