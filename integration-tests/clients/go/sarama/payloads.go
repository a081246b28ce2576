package main

import (
	"strings"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// largeRecords sends the largest value that fits, one that does not, and a small one.
func largeRecords(play *driver.Play) error {
	config := newest()
	config.Producer.Return.Successes = true
	// More than the topic takes.
	config.Producer.MaxMessageBytes = 10_000_000
	producer, err := sarama.NewSyncProducer(addresses(play), config)
	if err != nil {
		return err
	}
	defer producer.Close()
	send := func(value string) error {
		message := &sarama.ProducerMessage{Topic: play.Topic, Value: sarama.StringEncoder(value)}
		_, _, err := producer.SendMessage(message)
		if err == nil {
			printAcked(message)
		}
		return err
	}
	size := play.Number("size")
	if err := send(strings.Repeat("x", size)); err != nil {
		return err
	}
	start := time.Now()
	if err := send(strings.Repeat("x", size+1)); err != nil {
		driver.Refused(named(err), start)
	}
	if err := send("after"); err != nil {
		return err
	}
	return readAll(play, func(message *sarama.ConsumerMessage) {
		driver.Fact("received-length", len(message.Value))
	})
}

// payloads sends records of every shape.
func payloads(play *driver.Play) error {
	config := newest()
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(addresses(play), config)
	if err != nil {
		return err
	}
	defer producer.Close()
	header := func(name string, value []byte) sarama.RecordHeader {
		return sarama.RecordHeader{Key: []byte(name), Value: value}
	}
	text := func(text string) sarama.Encoder { return sarama.StringEncoder(text) }
	messages := []*sarama.ProducerMessage{
		{Key: text("k"), Value: text("v"), Headers: []sarama.RecordHeader{
			header("a", []byte("1")), header("b", []byte("2")), header("a", []byte("3")),
		}},
		{Value: text("only-value")},
		{Key: text("tombstone")},
		{Key: text(""), Value: text("")},
		{Key: text("ключ"), Value: text("значение"), Headers: []sarama.RecordHeader{header("empty", []byte{})}},
		{Key: text("n"), Value: text("x"), Headers: []sarama.RecordHeader{header("null", nil)}},
	}
	for _, message := range messages {
		message.Topic = play.Topic
		if _, _, err := producer.SendMessage(message); err != nil {
			return err
		}
	}
	return readAll(play, func(message *sarama.ConsumerMessage) {
		var headers []driver.Header
		for _, header := range message.Headers {
			headers = append(headers, driver.Header{Name: string(header.Key), Value: header.Value})
		}
		driver.Payload(message.Partition, message.Offset, message.Key, message.Value, headers)
	})
}
