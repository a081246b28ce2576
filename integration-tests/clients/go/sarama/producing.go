package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// sender is a producer that prints what is acknowledged. A failed send ends the program.
type sender struct {
	producer   sarama.AsyncProducer
	unanswered chan struct{}
	answers    sync.WaitGroup
}

// newSender makes a sender with at most so many records on their way.
func newSender(play *driver.Play, config *sarama.Config, unanswered int) (*sender, error) {
	config.Producer.Return.Successes = true
	producer, err := sarama.NewAsyncProducer(addresses(play), config)
	if err != nil {
		return nil, err
	}
	made := &sender{producer: producer, unanswered: make(chan struct{}, unanswered)}
	made.answers.Go(func() {
		for message := range producer.Successes() {
			printAcked(message)
			<-made.unanswered
		}
	})
	made.answers.Go(func() {
		for failed := range producer.Errors() {
			driver.Fail(fmt.Errorf("send: %w", failed.Err))
		}
	})
	return made, nil
}

// send waits while too many records are on their way.
func (sender *sender) send(message *sarama.ProducerMessage) {
	sender.unanswered <- struct{}{}
	sender.producer.Input() <- message
}

// finish waits until everything is answered. Only then it closes: what is to be sent again would be given up.
func (sender *sender) finish() {
	for range cap(sender.unanswered) {
		sender.unanswered <- struct{}{}
	}
	sender.producer.AsyncClose()
	sender.answers.Wait()
}

func printAcked(message *sarama.ProducerMessage) {
	driver.Acked(message.Partition, message.Offset, bytesOf(message.Key), bytesOf(message.Value))
}

func bytesOf(encoder sarama.Encoder) []byte {
	if encoder == nil {
		return nil
	}
	// Strings and bytes are encoded as they are.
	bytes, _ := encoder.Encode()
	return bytes
}

// many is no limit here.
const many = 10_000

// produceCallbacks sends with every codec `records` records with one of five keys, then as many without.
func produceCallbacks(play *driver.Play) error {
	records := play.Number("records")
	for _, name := range strings.Split(play.Text("codecs"), ",") {
		driver.Part(name)
		config := newest()
		if err := config.Producer.Compression.UnmarshalText([]byte(name)); err != nil {
			return err
		}
		config.Producer.RequiredAcks = sarama.WaitForAll
		// Batches of several records, so that there is something to compress.
		config.Producer.Flush.Frequency = 5 * time.Millisecond
		sender, err := newSender(play, config, many)
		if err != nil {
			return err
		}
		for number := range 2 * records {
			value := sarama.StringEncoder(fmt.Sprintf("%s-%d", name, number))
			message := &sarama.ProducerMessage{Topic: play.Topic, Value: value}
			if number < records {
				message.Key = sarama.StringEncoder(fmt.Sprintf("key-%d", number%5))
			}
			sender.send(message)
		}
		sender.finish()
	}
	return nil
}

// idempotent is a configuration of an idempotent producer. This client has such a producer have one request on its way.
func idempotent() *sarama.Config {
	config := newest()
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	return config
}

// produceIdempotent sends small batches.
func produceIdempotent(play *driver.Play) error { return sendNumbered(play, idempotent(), 5) }

// inFlight sends the smallest batches, up to five of them on their way: so this client can without idempotence only.
func inFlight(play *driver.Play) error {
	driver.Fact("idempotent", false)
	config := newest()
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 5
	return sendNumbered(play, config, 1)
}

func sendNumbered(play *driver.Play, config *sarama.Config, batch int) error {
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.MaxMessages = batch
	sender, err := newSender(play, config, many)
	if err != nil {
		return err
	}
	for number := range play.Number("records") {
		value := sarama.StringEncoder(fmt.Sprintf("value-%d", number))
		sender.send(&sarama.ProducerMessage{Topic: play.Topic, Partition: 0, Value: value})
	}
	sender.finish()
	return nil
}

// produceUntilTold sends to two partitions in turn. Without idempotence one request is on its way at a time, too, so that
// order is kept.
func produceUntilTold(play *driver.Play) error {
	told := driver.ToldToEnd()
	config := idempotent()
	config.Producer.Idempotent = play.Text("idempotent") == "true"
	config.Producer.Partitioner = sarama.NewManualPartitioner
	// As long as it takes.
	config.Producer.Retry.Max = 1_000_000
	sender, err := newSender(play, config, 100)
	if err != nil {
		return err
	}
	for number := 0; ; number++ {
		select {
		case <-told:
			sender.finish()
			return nil
		default:
		}
		value := sarama.StringEncoder(strconv.Itoa(number))
		sender.send(&sarama.ProducerMessage{Topic: play.Topic, Partition: int32(number % 2), Value: value})
	}
}

// partitioning leaves the choice to the default partitioner.
func partitioning(play *driver.Play) error {
	sender, err := newSender(play, newest(), many)
	if err != nil {
		return err
	}
	for number := range play.Number("keys") {
		key := sarama.StringEncoder(fmt.Sprintf("key-%d", number))
		sender.send(&sarama.ProducerMessage{Topic: play.Topic, Key: key, Value: key})
	}
	sender.finish()
	return nil
}
