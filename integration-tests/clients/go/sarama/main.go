// Plays one scenario with sarama: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. What it prints is described in
// integration-tests/README.md.
package main

import (
	"github.com/IBM/sarama"

	"dohle/clients/driver"
)

func main() {
	driver.Main(map[string]func(*driver.Play) error{
		"hello":               hello,
		"produce-callbacks":   produceCallbacks,
		"produce-idempotent":  produceIdempotent,
		"produce-until-told":  produceUntilTold,
		"in-flight":           inFlight,
		"partitioning":        partitioning,
		"large-records":       largeRecords,
		"payloads":            payloads,
		"consume-automatic":   consumeAutomatic,
		"consume-manual":      consumeManual,
		"consume-own-offsets": consumeOwnOffsets,
		"seek":                seek,
		"pause":               pause,
		"group-member":        groupMember,
		"topics":              topics,
		"admin":               administer,
		"refuse-transactions": refuseTransactions,
	})
}

// newest is a configuration with the newest versions of the protocol that this client knows; without it those of Kafka 2.8
// are the newest that it uses.
func newest() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	return config
}

func addresses(play *driver.Play) []string { return []string{play.Bootstrap} }
