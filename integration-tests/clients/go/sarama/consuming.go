package main

import (
	"errors"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

// hello sends one record to a topic that is not there yet, and reads it.
func hello(play *driver.Play) error {
	config := sarama.NewConfig()
	// A topic may take its time to be there.
	config.Metadata.Retry.Max = 120
	sender, err := newSender(play, config, many)
	if err != nil {
		return err
	}
	sender.send(&sarama.ProducerMessage{Topic: play.Topic, Value: sarama.StringEncoder("Hello, Kafka!")})
	sender.finish()
	member, err := joinGroup(play, sarama.NewConfig())
	if err != nil {
		return err
	}
	return errors.Join(member.report(1, ""), member.close())
}

// consumeAutomatic reads about half of the records with each of two consumers, one after the other.
func consumeAutomatic(play *driver.Play) error {
	records := play.Number("records")
	read := func(part string, count int) error {
		driver.Part(part)
		member, err := joinGroup(play, newest())
		if err != nil {
			return err
		}
		return errors.Join(member.report(count, ""), member.close())
	}
	if err := read("first", records/2); err != nil {
		return err
	}
	return read("second", records-records/2)
}

// consumeManual commits in the middle with the first consumer, and reads on; the second begins at what was committed.
func consumeManual(play *driver.Play) error {
	records := play.Number("records")
	config := newest()
	config.Consumer.Offsets.AutoCommit.Enable = false
	admin, err := sarama.NewClusterAdmin(addresses(play), config)
	if err != nil {
		return err
	}
	defer admin.Close()
	driver.Part("committed")
	first, err := joinGroup(play, config)
	if err != nil {
		return err
	}
	if err := first.report(records/3, ""); err != nil {
		return err
	}
	first.session.Commit()
	if err := printCommitted(admin, play, first.session.Claims()[play.Topic]); err != nil {
		return err
	}
	driver.Part("uncommitted")
	if err := errors.Join(first.report(records/3, ""), first.close()); err != nil {
		return err
	}

	driver.Part("again")
	second, err := joinGroup(play, config)
	if err != nil {
		return err
	}
	if err := second.report(records-records/3, "read by hand"); err != nil {
		return err
	}
	driver.Part("callback")
	// This client has no callbacks for commits: what was committed is asked for.
	second.session.Commit()
	if err := printCommitted(admin, play, second.session.Claims()[play.Topic]); err != nil {
		return err
	}
	return second.close()
}

// printCommitted prints what the broker has of the group.
func printCommitted(admin sarama.ClusterAdmin, play *driver.Play, partitions []int32) error {
	answer, err := admin.ListConsumerGroupOffsets(play.Group, map[string][]int32{play.Topic: partitions})
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		block := answer.GetBlock(play.Topic, partition)
		// A partition of which nothing was read has no committed offset.
		if block != nil && block.Offset >= 0 {
			driver.Committed(partition, block.Offset)
			driver.Fact("metadata", block.Metadata)
		}
	}
	return nil
}

// consumeOwnOffsets reads from `start`, remembers where it stopped, and goes on there with another consumer.
func consumeOwnOffsets(play *driver.Play) error {
	start, count := int64(play.Number("start")), play.Number("count")
	client, err := sarama.NewClient(addresses(play), newest())
	if err != nil {
		return err
	}
	defer client.Close()
	partitions, err := client.Partitions(play.Topic)
	if err != nil {
		return err
	}
	for _, part := range []string{"first", "second"} {
		driver.Part(part)
		consumer, err := sarama.NewConsumerFromClient(client)
		if err != nil {
			return err
		}
		for _, partition := range partitions {
			if err := readPartition(consumer, play.Topic, partition, start, count, printReceived); err != nil {
				return err
			}
		}
		start += int64(count)
	}
	for _, partition := range partitions {
		questions := map[string]int64{"beginning": sarama.OffsetOldest, "end": sarama.OffsetNewest, "time": 1}
		for question, time := range questions {
			offset, err := client.GetOffset(play.Topic, partition, time)
			if err != nil {
				return err
			}
			driver.Offset(question, partition, offset)
		}
	}
	return nil
}

// seek begins at the beginning, at an offset, at the end, and at a time: with this client by beginning anew.
func seek(play *driver.Play) error {
	client, err := sarama.NewClient(addresses(play), newest())
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	driver.Part("beginning")
	if err := readPartition(consumer, play.Topic, 0, sarama.OffsetOldest, 3, printReceived); err != nil {
		return err
	}
	driver.Part("offset")
	if err := readToEnd(client, consumer, play.Topic, 1, 7, printReceived); err != nil {
		return err
	}
	driver.Part("end")
	atEnd, err := consumer.ConsumePartition(play.Topic, 0, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	driver.Offset("position", 0, atEnd.HighWaterMarkOffset())
	if err := atEnd.Close(); err != nil {
		return err
	}
	driver.Part("time")
	for partition := range int32(2) {
		offset, err := client.GetOffset(play.Topic, partition, 1000000004500)
		if err != nil {
			return err
		}
		driver.Offset("time", partition, offset)
		if err := readToEnd(client, consumer, play.Topic, partition, offset, printReceived); err != nil {
			return err
		}
	}
	return nil
}

// pause holds partition 0 back until partition 1 is read.
func pause(play *driver.Play) error {
	client, err := sarama.NewClient(addresses(play), newest())
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	var ends [2]int64
	for partition := range ends {
		if ends[partition], err = client.GetOffset(play.Topic, int32(partition), sarama.OffsetNewest); err != nil {
			return err
		}
	}
	driver.Part("paused")
	held, err := consumer.ConsumePartition(play.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer held.Close()
	held.Pause()
	free, err := consumer.ConsumePartition(play.Topic, 1, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer free.Close()
	for next := int64(0); next < ends[1]; {
		select {
		case message := <-free.Messages():
			printReceived(message)
			next = message.Offset + 1
		case message := <-held.Messages():
			printReceived(message)
		}
	}
	// Not even now.
	select {
	case message := <-held.Messages():
		printReceived(message)
	case <-time.After(100 * time.Millisecond):
	}
	driver.Part("resumed")
	held.Resume()
	for range ends[0] {
		printReceived(<-held.Messages())
	}
	return nil
}

// readAll reads partition 0 from its beginning to its end.
func readAll(play *driver.Play, each func(*sarama.ConsumerMessage)) error {
	client, err := sarama.NewClient(addresses(play), newest())
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	return readToEnd(client, consumer, play.Topic, 0, 0, each)
}

// readToEnd reads a partition from `offset` to its end.
func readToEnd(
	client sarama.Client, consumer sarama.Consumer, topic string, partition int32, offset int64,
	each func(*sarama.ConsumerMessage),
) error {
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	return readPartition(consumer, topic, partition, offset, int(end-offset), each)
}

// readPartition reads `count` records from `offset` on.
func readPartition(
	consumer sarama.Consumer, topic string, partition int32, offset int64, count int, each func(*sarama.ConsumerMessage),
) error {
	reading, err := consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return err
	}
	for range count {
		each(<-reading.Messages())
	}
	return reading.Close()
}
