package main

import (
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// newReader makes a consumer of one partition, without a group.
func newReader(play *driver.Play, partition int, offset int64) (*kafka.Reader, error) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{play.Bootstrap}, Topic: play.Topic, Partition: partition, MaxWait: 100 * time.Millisecond,
	})
	return reader, reader.SetOffset(offset)
}

// newMember makes a consumer of a group.
func newMember(play *driver.Play) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{play.Bootstrap}, Topic: play.Topic, GroupID: play.Group, MaxWait: 100 * time.Millisecond,
	})
}

// hello sends one record to a topic that is not there yet, and reads it.
func hello(play *driver.Play) error {
	writer := &kafka.Writer{
		Addr:       kafka.TCP(play.Bootstrap),
		Topic:      play.Topic,
		Completion: printAcked,
		// Only what asks for it creates topics.
		AllowAutoTopicCreation: true,
	}
	for {
		err := writer.WriteMessages(ctx, kafka.Message{Value: []byte("Hello, Kafka!")})
		if err == nil {
			break
		}
		// The first answer may be that the topic is not there yet: this client leaves asking again to its user.
		if !errors.Is(err, kafka.UnknownTopicOrPartition) && !errors.Is(err, kafka.LeaderNotAvailable) {
			return err
		}
	}
	member := newMember(play)
	_, err := report(member, 1)
	return errors.Join(err, member.Close(), writer.Close())
}

// consumeAutomatic reads about half of the records with each of two consumers, one after the other.
func consumeAutomatic(play *driver.Play) error {
	records := play.Number("records")
	read := func(part string, count int) error {
		driver.Part(part)
		member := kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{play.Bootstrap}, Topic: play.Topic, GroupID: play.Group, MaxWait: 100 * time.Millisecond,
			// Without it each record is committed before the next is read.
			CommitInterval: 100 * time.Millisecond,
		})
		for range count {
			// Of a member of a group this commits, too.
			message, err := member.ReadMessage(ctx)
			if err != nil {
				return err
			}
			printReceived(message)
		}
		return member.Close()
	}
	if err := read("first", records/2); err != nil {
		return err
	}
	return read("second", records-records/2)
}

// consumeManual commits in the middle with the first consumer, and reads on; the second begins at what was committed.
func consumeManual(play *driver.Play) error {
	records := play.Number("records")
	driver.Part("committed")
	first := newMember(play)
	messages, err := report(first, records/3)
	if err != nil {
		return err
	}
	if err := first.CommitMessages(ctx, messages...); err != nil {
		return err
	}
	if err := printCommitted(play); err != nil {
		return err
	}
	driver.Part("uncommitted")
	if _, err := report(first, records/3); err != nil {
		return err
	}
	if err := first.Close(); err != nil {
		return err
	}

	driver.Part("again")
	second := newMember(play)
	messages, err = report(second, records-records/3)
	if err != nil {
		return err
	}
	// This client's members commit no metadata, and have no callbacks for commits. Who is outside may commit what it likes
	// once nobody is in the group any more.
	if err := second.Close(); err != nil {
		return err
	}
	driver.Part("callback")
	ends := map[int]int64{}
	for _, message := range messages {
		ends[message.Partition] = message.Offset + 1
	}
	if err := commit(newClient(play), play, ends, "read by hand"); err != nil {
		return err
	}
	return printCommitted(play)
}

// commit commits offsets for a group that has no members.
func commit(client *kafka.Client, play *driver.Play, offsets map[int]int64, metadata string) error {
	request := &kafka.OffsetCommitRequest{GroupID: play.Group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{}}
	for partition, offset := range offsets {
		offset := kafka.OffsetCommit{Partition: partition, Offset: offset, Metadata: metadata}
		request.Topics[play.Topic] = append(request.Topics[play.Topic], offset)
	}
	isDone, err := driver.AskUntil(true, func() (bool, error) {
		answer, err := client.OffsetCommit(ctx, request)
		if errors.Is(err, kafka.BrokerNotAvailable) {
			// A client that is new may not know the coordinator yet.
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for _, partition := range answer.Topics[play.Topic] {
			err = errors.Join(err, partition.Error)
		}
		return err == nil, err
	})
	if err == nil && !isDone {
		return kafka.BrokerNotAvailable
	}
	return err
}

// committed is what the broker has of the group.
func committed(client *kafka.Client, play *driver.Play) ([]kafka.OffsetFetchPartition, error) {
	answer, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: play.Group})
	if err != nil {
		return nil, err
	}
	return answer.Topics[play.Topic], answer.Error
}

func printCommitted(play *driver.Play) error {
	offsets, err := committed(newClient(play), play)
	for _, offset := range offsets {
		driver.Committed(offset.Partition, offset.CommittedOffset)
		driver.Fact("metadata", offset.Metadata)
	}
	return err
}

// report prints the next `count` records.
func report(reader *kafka.Reader, count int) ([]kafka.Message, error) {
	var messages []kafka.Message
	for range count {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			return nil, err
		}
		printReceived(message)
		messages = append(messages, message)
	}
	return messages, nil
}

func printReceived(message kafka.Message) {
	driver.Received(message.Partition, message.Offset, message.Key, message.Value)
}
