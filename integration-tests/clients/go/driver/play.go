// Package driver is what the drivers of all libraries share: the arguments they are called with, and the events they
// print. Both are described in integration-tests/README.md.
package driver

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Play is what a scenario is played with.
type Play struct {
	// Bootstrap is where the broker is: host:port.
	Bootstrap string
	// Topic is the topic to use.
	Topic string
	// Group is the group to be in.
	Group string

	parameters map[string]string
}

// Main plays the scenario that the program was called with, and ends the program.
func Main(scenarios map[string]func(*Play) error) {
	if len(os.Args) < 5 {
		Fail(fmt.Errorf("arguments: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]"))
	}
	play := &Play{Bootstrap: os.Args[2], Topic: os.Args[3], Group: os.Args[4], parameters: map[string]string{}}
	for _, argument := range os.Args[5:] {
		name, value, isParameter := strings.Cut(argument, "=")
		if !isParameter {
			Fail(fmt.Errorf("not NAME=VALUE: %s", argument))
		}
		play.parameters[name] = value
	}
	scenario, known := scenarios[os.Args[1]]
	if !known {
		Fail(fmt.Errorf("unknown scenario %s", os.Args[1]))
	}
	if err := scenario(play); err != nil {
		Fail(err)
	}
}

// Parameter is the value of a parameter, and whether it was given.
func (play *Play) Parameter(name string) (string, bool) {
	value, given := play.parameters[name]
	return value, given
}

// Text is the value of a parameter. Without it the program ends.
func (play *Play) Text(name string) string {
	value, given := play.parameters[name]
	if !given {
		Fail(fmt.Errorf("parameter %s is missing", name))
	}
	return value
}

// Number is the value of a parameter that is a number. Without it the program ends.
func (play *Play) Number(name string) int {
	number, err := strconv.Atoi(play.Text(name))
	if err != nil {
		Fail(fmt.Errorf("parameter %s is no number: %w", name, err))
	}
	return number
}

// Fail ends the program with what went wrong.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// ToldToEnd is closed when standard input ends: then the program is to end its work in order.
func ToldToEnd() <-chan struct{} {
	told := make(chan struct{})
	go func() {
		// However it ends, nobody can ask for the end any more.
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(told)
	}()
	return told
}
