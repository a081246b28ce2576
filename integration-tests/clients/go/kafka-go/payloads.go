package main

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/driver"
)

// payloads sends records of every shape.
func payloads(play *driver.Play) error {
	writer := newWriter(play)
	writer.Completion = nil
	defer writer.Close()
	header := func(name string, value []byte) kafka.Header { return kafka.Header{Key: name, Value: value} }
	messages := []kafka.Message{
		{Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{
			header("a", []byte("1")), header("b", []byte("2")), header("a", []byte("3")),
		}},
		{Value: []byte("only-value")},
		{Key: []byte("tombstone")},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte("ключ"), Value: []byte("значение"), Headers: []kafka.Header{header("empty", []byte{})}},
		{Key: []byte("n"), Value: []byte("x"), Headers: []kafka.Header{header("null", nil)}},
	}
	if err := writer.WriteMessages(ctx, messages...); err != nil {
		return err
	}
	return fetchAll(play)
}

// fetchAll prints the records of partition 0 whole. A reader would give nil for what is empty, too.
func fetchAll(play *driver.Play) error {
	end, err := offsetOf(play, kafka.LastOffsetOf(0))
	if err != nil {
		return err
	}
	client := newClient(play)
	for next := int64(0); next < end; {
		answer, err := client.Fetch(ctx, &kafka.FetchRequest{
			Topic: play.Topic, Partition: 0, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		if answer.Error != nil {
			return answer.Error
		}
		for {
			record, err := answer.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := printPayload(record); err != nil {
				return err
			}
			next = record.Offset + 1
		}
	}
	return nil
}

func printPayload(record *kafka.Record) error {
	key, err := kafka.ReadAll(record.Key)
	if err != nil {
		return err
	}
	value, err := kafka.ReadAll(record.Value)
	if err != nil {
		return err
	}
	var headers []driver.Header
	for _, header := range record.Headers {
		headers = append(headers, driver.Header{Name: header.Key, Value: header.Value})
	}
	driver.Payload(0, record.Offset, key, value, headers)
	return nil
}

// largeRecords sends the largest value that fits, one that does not, and a small one.
func largeRecords(play *driver.Play) error {
	writer := newWriter(play)
	// More than the topic takes.
	writer.BatchBytes = 10_000_000
	defer writer.Close()
	send := func(value string) error {
		err := writer.WriteMessages(ctx, kafka.Message{Value: []byte(value)})
		var each kafka.WriteErrors
		if errors.As(err, &each) {
			return each[0]
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
	return readAll(play, 0, kafka.FirstOffset, func(message kafka.Message) {
		driver.Fact("received-length", len(message.Value))
	})
}
