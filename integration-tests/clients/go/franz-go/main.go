// Plays one scenario with franz-go: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. What it prints is described in
// integration-tests/README.md.
package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/driver"
)

// The suite ends a driver that takes too long: no call needs a limit of its own.
var ctx = context.Background()

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

func newClient(play *driver.Play, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(play.Bootstrap))...)
}
