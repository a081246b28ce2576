package main

import (
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// consumeOwnOffsets reads from `start`, remembers where it stopped, and goes on there with another consumer.
func consumeOwnOffsets(play *driver.Play) error {
	start, count := int64(play.Number("start")), play.Number("count")
	partitions, err := kafka.LookupPartitions(ctx, "tcp", play.Bootstrap, play.Topic)
	if err != nil {
		return err
	}
	for _, part := range []string{"first", "second"} {
		driver.Part(part)
		for _, partition := range partitions {
			reader, err := newReader(play, partition.ID, start)
			if err != nil {
				return err
			}
			_, err = report(reader, count)
			if err := errors.Join(err, reader.Close()); err != nil {
				return err
			}
		}
		start += int64(count)
	}
	for _, partition := range partitions {
		for question, asked := range map[string]kafka.OffsetRequest{
			"beginning": kafka.FirstOffsetOf(partition.ID),
			"end":       kafka.LastOffsetOf(partition.ID),
			"time":      kafka.TimeOffsetOf(partition.ID, time.UnixMilli(1)),
		} {
			offset, err := offsetOf(play, asked)
			if err != nil {
				return err
			}
			driver.Offset(question, partition.ID, offset)
		}
	}
	return nil
}

// offsetOf asks for one offset: the first, the last, or that of a time.
func offsetOf(play *driver.Play, asked kafka.OffsetRequest) (int64, error) {
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{play.Topic: {asked}}}
	answer, err := newClient(play).ListOffsets(ctx, request)
	if err != nil {
		return 0, err
	}
	found := answer.Topics[play.Topic][0]
	switch asked.Timestamp {
	case kafka.FirstOffset:
		return found.FirstOffset, found.Error
	case kafka.LastOffset:
		return found.LastOffset, found.Error
	}
	for offset := range found.Offsets {
		return offset, found.Error
	}
	return -1, found.Error
}

// seek moves consumers: to the beginning, to an offset, to the end, and to a time. A reader of this client has one
// partition.
func seek(play *driver.Play) error {
	driver.Part("beginning")
	first, err := newReader(play, 0, kafka.FirstOffset)
	if err != nil {
		return err
	}
	defer first.Close()
	if _, err := report(first, 3); err != nil {
		return err
	}
	driver.Part("offset")
	if err := readAll(play, 1, 7, printReceived); err != nil {
		return err
	}
	driver.Part("end")
	// A reader knows its position when it has read: a connection to the leader tells it at once.
	connection, err := kafka.DialLeader(ctx, "tcp", play.Bootstrap, play.Topic, 0)
	if err != nil {
		return err
	}
	defer connection.Close()
	end, err := connection.Seek(0, kafka.SeekEnd)
	if err != nil {
		return err
	}
	driver.Offset("position", 0, end)
	driver.Part("time")
	for partition := range 2 {
		reader, err := newReader(play, partition, kafka.FirstOffset)
		if err != nil {
			return err
		}
		if err := reader.SetOffsetAt(ctx, time.UnixMilli(1000000004500)); err != nil {
			return err
		}
		driver.Offset("time", partition, reader.Offset())
		if err := readToEnd(play, reader, printReceived); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads a partition from an offset to its end.
func readAll(play *driver.Play, partition int, offset int64, each func(kafka.Message)) error {
	reader, err := newReader(play, partition, offset)
	if err != nil {
		return err
	}
	return readToEnd(play, reader, each)
}

// readToEnd reads until the reader is at the end of its partition, which is not empty, and closes it.
func readToEnd(play *driver.Play, reader *kafka.Reader, each func(kafka.Message)) error {
	end, err := offsetOf(play, kafka.LastOffsetOf(reader.Config().Partition))
	if err != nil {
		return err
	}
	for next := reader.Offset(); next < end; next = reader.Offset() {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		each(message)
	}
	return reader.Close()
}
