package driver

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is a header of a record; a nil value is none.
type Header struct {
	Name  string
	Value []byte
}

// Part tells that what follows belongs to this part of the scenario.
func Part(name string) { print("part", name) }

// Acked tells that a send was acknowledged. A nil key is none.
func Acked[P, O int | int32 | int64](partition P, offset O, key, value []byte) {
	print("acked", number(partition), number(offset), text(key), text(value))
}

// Received tells that a consumer was given a record. A nil key is none.
func Received[P, O int | int32 | int64](partition P, offset O, key, value []byte) {
	print("received", number(partition), number(offset), text(key), text(value))
}

// Payload tells of a record whole, as a consumer was given it. A nil key, value or value of a header is none.
func Payload[P, O int | int32 | int64](partition P, offset O, key, value []byte, headers []Header) {
	var pairs []string
	for _, header := range headers {
		pairs = append(pairs, header.Name+"="+text(header.Value))
	}
	print("payload", number(partition), number(offset), text(key), text(value), strings.Join(pairs, ";"))
}

// Assigned tells all partitions that a member of a group has now.
func Assigned[P int | int32](partitions []P) {
	partitions = slices.Sorted(slices.Values(partitions))
	var numbers []string
	for _, partition := range partitions {
		numbers = append(numbers, number(partition))
	}
	print("assigned", strings.Join(numbers, ","))
}

// Committed tells that a committed offset was confirmed.
func Committed[P, O int | int32 | int64](partition P, offset O) {
	print("committed", number(partition), number(offset))
}

// Offset tells an answer about offsets.
func Offset[P, O int | int32 | int64](question string, partition P, offset O) {
	print("offset", question, number(partition), number(offset))
}

// Fact tells anything else.
func Fact(name string, value any) { print("fact", name, fmt.Sprint(value)) }

// Refused tells what the client says to something that it may not do, and how long after `start` it said so.
func Refused(err error, start time.Time) {
	words := strings.NewReplacer("\t", " ", "\n", " ").Replace(err.Error())
	print("refused", words, number(time.Since(start).Milliseconds()))
}

func print(fields ...string) {
	// One write, so that lines of several goroutines do not mix.
	if _, err := os.Stdout.WriteString(strings.Join(fields, "\t") + "\n"); err != nil {
		Fail(err)
	}
}

func text(bytes []byte) string {
	if bytes == nil {
		return "-"
	}
	return string(bytes)
}

func number[N int | int32 | int64](number N) string {
	return strconv.FormatInt(int64(number), 10)
}
