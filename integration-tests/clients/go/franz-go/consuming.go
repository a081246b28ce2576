package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"dohle/clients/driver"
)

// hello sends one record to a topic that is not there yet, and reads it.
func hello(play *driver.Play) error {
	// Only what asks for it creates topics, and a topic may take its time to be there.
	producer, err := newClient(play, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(120))
	if err != nil {
		return err
	}
	defer producer.Close()
	printAcked(producer.ProduceSync(ctx, &kgo.Record{Topic: play.Topic, Value: []byte("Hello, Kafka!")}).First())
	consumer, err := newClient(play, kgo.ConsumerGroup(play.Group), kgo.ConsumeTopics(play.Topic))
	if err != nil {
		return err
	}
	defer consumer.Close()
	_, err = report(consumer, 1)
	return err
}

// consumeAutomatic reads about half of the records with each of two consumers, one after the other.
func consumeAutomatic(play *driver.Play) error {
	records := play.Number("records")
	read := func(part string, count int) error {
		driver.Part(part)
		consumer, err := newClient(play,
			kgo.ConsumerGroup(play.Group),
			kgo.ConsumeTopics(play.Topic),
			kgo.AutoCommitInterval(100*time.Millisecond),
			// What was polled last counts as read, too.
			kgo.GreedyAutoCommit(),
		)
		if err != nil {
			return err
		}
		// Commits, and leaves the group.
		defer consumer.Close()
		_, err = report(consumer, count)
		return err
	}
	if err := read("first", records/2); err != nil {
		return err
	}
	return read("second", records-records/2)
}

// consumeManual commits in the middle with the first consumer, and reads on; the second begins at what was committed.
func consumeManual(play *driver.Play) error {
	records := play.Number("records")
	consumer := func() (*kgo.Client, error) {
		return newClient(play, kgo.ConsumerGroup(play.Group), kgo.ConsumeTopics(play.Topic), kgo.DisableAutoCommit())
	}
	driver.Part("committed")
	first, err := consumer()
	if err != nil {
		return err
	}
	read, err := report(first, records/3)
	if err != nil {
		return err
	}
	if err := first.CommitRecords(ctx, read...); err != nil {
		return err
	}
	if err := printCommitted(first, play); err != nil {
		return err
	}
	driver.Part("uncommitted")
	if _, err := report(first, records/3); err != nil {
		return err
	}
	first.Close()

	driver.Part("again")
	second, err := consumer()
	if err != nil {
		return err
	}
	defer second.Close()
	if _, err := report(second, records-len(read)); err != nil {
		return err
	}
	driver.Part("callback")
	withMetadata := kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		for topic := range request.Topics {
			for partition := range request.Topics[topic].Partitions {
				request.Topics[topic].Partitions[partition].Metadata = kmsg.StringPtr("read by hand")
			}
		}
		return nil
	})
	answered := make(chan error, 1)
	called := func(_ *kgo.Client, request *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) {
		for _, topic := range request.Topics {
			for _, partition := range topic.Partitions {
				driver.Committed(partition.Partition, partition.Offset)
			}
		}
		answered <- err
	}
	second.CommitOffsets(withMetadata, second.UncommittedOffsets(), called)
	if err := <-answered; err != nil {
		return err
	}
	committed, err := kadm.NewClient(second).FetchOffsets(ctx, play.Group)
	if err != nil {
		return err
	}
	for _, offset := range committed.Sorted() {
		driver.Fact("metadata", offset.Metadata)
	}
	return nil
}

// consumeOwnOffsets reads from `start`, remembers where it stopped, and goes on there with another consumer.
func consumeOwnOffsets(play *driver.Play) error {
	start, count := int64(play.Number("start")), play.Number("count")
	plain, err := newClient(play)
	if err != nil {
		return err
	}
	defer plain.Close()
	admin := kadm.NewClient(plain)
	ends, err := admin.ListEndOffsets(ctx, play.Topic)
	if err != nil {
		return err
	}
	kept := map[int32]int64{}
	for partition := range ends[play.Topic] {
		kept[partition] = start
	}
	for _, part := range []string{"first", "second"} {
		driver.Part(part)
		from := map[int32]kgo.Offset{}
		left := map[int32]int{}
		for partition, offset := range kept {
			from[partition] = kgo.NewOffset().At(offset)
			left[partition] = count
		}
		consumer, err := newClient(play, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{play.Topic: from}))
		if err != nil {
			return err
		}
		wanted := count * len(left)
		for wanted > 0 {
			polled, err := poll(consumer, -1)
			if err != nil {
				return err
			}
			for _, record := range polled {
				if left[record.Partition] == 0 {
					continue
				}
				left[record.Partition]--
				wanted--
				kept[record.Partition] = record.Offset + 1
				printReceived(record)
			}
		}
		consumer.Close()
	}
	starts, err := admin.ListStartOffsets(ctx, play.Topic)
	if err != nil {
		return err
	}
	times, err := admin.ListOffsetsAfterMilli(ctx, 1, play.Topic)
	if err != nil {
		return err
	}
	for question, answers := range map[string]kadm.ListedOffsets{"beginning": starts, "end": ends, "time": times} {
		if err := answers.Error(); err != nil {
			return err
		}
		answers.Each(func(answer kadm.ListedOffset) { driver.Offset(question, answer.Partition, answer.Offset) })
	}
	return nil
}

// seek moves a consumer without a group: to the beginning, to an offset, to the end, and to a time.
func seek(play *driver.Play) error {
	consumer, err := newClient(play, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		play.Topic: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	admin := kadm.NewClient(consumer)
	driver.Part("beginning")
	if _, err := report(consumer, 3); err != nil {
		return err
	}
	driver.Part("offset")
	consumer.RemoveConsumePartitions(map[string][]int32{play.Topic: {0}})
	seekTo(consumer, play.Topic, 1, 7)
	if err := reportToEnd(consumer, admin, play.Topic, map[int32]int64{1: 7}); err != nil {
		return err
	}
	driver.Part("end")
	ends, err := admin.ListEndOffsets(ctx, play.Topic)
	if err != nil {
		return err
	}
	end, _ := ends.Lookup(play.Topic, 0)
	seekTo(consumer, play.Topic, 0, end.Offset)
	driver.Offset("position", 0, end.Offset)
	driver.Part("time")
	found, err := admin.ListOffsetsAfterMilli(ctx, 1000000004500, play.Topic)
	if err != nil {
		return err
	}
	from := map[int32]int64{}
	found.Each(func(answer kadm.ListedOffset) {
		driver.Offset("time", answer.Partition, answer.Offset)
		from[answer.Partition] = answer.Offset
		seekTo(consumer, play.Topic, answer.Partition, answer.Offset)
	})
	return reportToEnd(consumer, admin, play.Topic, from)
}

// seekTo goes on reading a partition at an offset, whether or not it was read before.
func seekTo(consumer *kgo.Client, topic string, partition int32, offset int64) {
	consumer.RemoveConsumePartitions(map[string][]int32{topic: {partition}})
	consumer.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(offset)}})
}

// pause holds partition 0 back until partition 1 is read.
func pause(play *driver.Play) error {
	start := kgo.NewOffset().AtStart()
	consumer, err := newClient(play, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{play.Topic: {0: start, 1: start}}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	held := map[string][]int32{play.Topic: {0}}
	consumer.PauseFetchPartitions(held)
	admin := kadm.NewClient(consumer)
	driver.Part("paused")
	if err := reportToEnd(consumer, admin, play.Topic, map[int32]int64{1: 0}); err != nil {
		return err
	}
	driver.Part("resumed")
	consumer.ResumeFetchPartitions(held)
	return reportToEnd(consumer, admin, play.Topic, map[int32]int64{0: 0})
}

// readAll reads partition 0 from its beginning to its end.
func readAll(play *driver.Play, each func(*kgo.Record)) error {
	consumer, err := newClient(play, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		play.Topic: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	return readToEnd(consumer, kadm.NewClient(consumer), play.Topic, map[int32]int64{0: 0}, each)
}

// readToEnd reads until each of these partitions, which are read from the given offsets on, is at its end.
func readToEnd(
	consumer *kgo.Client, admin *kadm.Client, topic string, from map[int32]int64, each func(*kgo.Record),
) error {
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	var left int64
	for partition, offset := range from {
		end, _ := ends.Lookup(topic, partition)
		left += end.Offset - offset
	}
	for left > 0 {
		polled, err := poll(consumer, -1)
		if err != nil {
			return err
		}
		for _, record := range polled {
			each(record)
			left--
		}
	}
	return nil
}

func reportToEnd(consumer *kgo.Client, admin *kadm.Client, topic string, from map[int32]int64) error {
	return readToEnd(consumer, admin, topic, from, printReceived)
}

// report prints the next `count` records.
func report(consumer *kgo.Client, count int) ([]*kgo.Record, error) {
	var records []*kgo.Record
	for len(records) < count {
		polled, err := poll(consumer, count-len(records))
		if err != nil {
			return nil, err
		}
		for _, record := range polled {
			printReceived(record)
		}
		records = append(records, polled...)
	}
	return records, nil
}

// poll returns up to `most` records, without limit if that is negative.
func poll(consumer *kgo.Client, most int) ([]*kgo.Record, error) {
	fetches := consumer.PollRecords(ctx, most)
	if err := fetches.Err(); err != nil {
		return nil, fmt.Errorf("poll: %w", err)
	}
	return fetches.Records(), nil
}

func printReceived(record *kgo.Record) {
	driver.Received(record.Partition, record.Offset, record.Key, record.Value)
}

// printCommitted prints what the broker has of the group.
func printCommitted(client *kgo.Client, play *driver.Play) error {
	committed, err := kadm.NewClient(client).FetchOffsets(ctx, play.Group)
	if err != nil {
		return err
	}
	for _, offset := range committed.Sorted() {
		driver.Committed(offset.Partition, offset.At)
	}
	return nil
}
