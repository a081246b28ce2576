package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/driver"
)

// printAcked is a promise: it prints what is acknowledged. A failed send ends the program.
func printAcked(record *kgo.Record, err error) {
	if err != nil {
		driver.Fail(fmt.Errorf("send of %.20q: %w", record.Value, err))
	}
	driver.Acked(record.Partition, record.Offset, record.Key, record.Value)
}

// produceCallbacks sends with every codec `records` records with one of five keys, then as many without.
func produceCallbacks(play *driver.Play) error {
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	records := play.Number("records")
	for _, name := range strings.Split(play.Text("codecs"), ",") {
		driver.Part(name)
		codec, known := codecs[name]
		if !known {
			return fmt.Errorf("codec %s is unknown", name)
		}
		client, err := newClient(play, kgo.DefaultProduceTopic(play.Topic), kgo.ProducerBatchCompression(codec))
		if err != nil {
			return err
		}
		for number := range 2 * records {
			record := kgo.StringRecord(fmt.Sprintf("%s-%d", name, number))
			if number < records {
				record.Key = fmt.Appendf(nil, "key-%d", number%5)
			}
			client.Produce(ctx, record, printAcked)
		}
		if err := client.Flush(ctx); err != nil {
			return err
		}
		client.Close()
	}
	return nil
}

// produceIdempotent sends small batches, up to five of them on their way: this client's default.
func produceIdempotent(play *driver.Play) error {
	return sendNumbered(play, kgo.ProducerBatchMaxBytes(512))
}

// inFlight has a batch leave as soon as there is something to send.
func inFlight(play *driver.Play) error {
	return sendNumbered(play, kgo.ProducerBatchMaxBytes(512), kgo.ProducerLinger(0))
}

func sendNumbered(play *driver.Play, options ...kgo.Opt) error {
	options = append(options, kgo.DefaultProduceTopic(play.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	client, err := newClient(play, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	for number := range play.Number("records") {
		client.Produce(ctx, kgo.StringRecord(fmt.Sprintf("value-%d", number)), printAcked)
	}
	return client.Flush(ctx)
}

// produceUntilTold sends to two partitions in turn. Without idempotence one request is on its way at a time, so that
// order is kept: this client's default.
func produceUntilTold(play *driver.Play) error {
	told := driver.ToldToEnd()
	options := []kgo.Opt{
		kgo.DefaultProduceTopic(play.Topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(100),
		quickRetries,
	}
	if play.Text("idempotent") == "false" {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := newClient(play, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	for number := 0; ; number++ {
		select {
		case <-told:
			return client.Flush(ctx)
		default:
		}
		record := kgo.StringRecord(strconv.Itoa(number))
		record.Partition = int32(number % 2)
		// Waits while as many as may be are unanswered.
		client.Produce(ctx, record, printAcked)
	}
}

// quickRetries finds a broker that is back without a long wait.
var quickRetries = kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond })

// partitioning leaves the choice to the default partitioner.
func partitioning(play *driver.Play) error {
	client, err := newClient(play, kgo.DefaultProduceTopic(play.Topic))
	if err != nil {
		return err
	}
	defer client.Close()
	for number := range play.Number("keys") {
		key := fmt.Sprintf("key-%d", number)
		client.Produce(ctx, kgo.KeyStringRecord(key, key), printAcked)
	}
	return client.Flush(ctx)
}

// largeRecords sends the largest value that fits, one that does not, and a small one.
func largeRecords(play *driver.Play) error {
	client, err := newClient(play,
		kgo.DefaultProduceTopic(play.Topic),
		kgo.ProducerBatchMaxBytes(100<<20),
		kgo.BrokerMaxWriteBytes(101<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	size := play.Number("size")
	printAcked(client.ProduceSync(ctx, kgo.StringRecord(strings.Repeat("x", size))).First())
	start := time.Now()
	if err := client.ProduceSync(ctx, kgo.StringRecord(strings.Repeat("x", size+1))).FirstErr(); err != nil {
		driver.Refused(named(err), start)
	}
	printAcked(client.ProduceSync(ctx, kgo.StringRecord("after")).First())
	return readAll(play, func(record *kgo.Record) {
		driver.Fact("received-length", len(record.Value))
	})
}

// payloads sends records of every shape.
func payloads(play *driver.Play) error {
	client, err := newClient(play, kgo.DefaultProduceTopic(play.Topic))
	if err != nil {
		return err
	}
	defer client.Close()
	header := func(name string, value []byte) kgo.RecordHeader { return kgo.RecordHeader{Key: name, Value: value} }
	records := []*kgo.Record{
		{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{
			header("a", []byte("1")), header("b", []byte("2")), header("a", []byte("3")),
		}},
		{Value: []byte("only-value")},
		{Key: []byte("tombstone")},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte("ключ"), Value: []byte("значение"), Headers: []kgo.RecordHeader{header("empty", []byte{})}},
		{Key: []byte("n"), Value: []byte("x"), Headers: []kgo.RecordHeader{header("null", nil)}},
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	return readAll(play, func(record *kgo.Record) {
		var headers []driver.Header
		for _, header := range record.Headers {
			headers = append(headers, driver.Header{Name: header.Key, Value: header.Value})
		}
		driver.Payload(record.Partition, record.Offset, record.Key, record.Value, headers)
	})
}
