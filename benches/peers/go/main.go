// The workloads of `sortie bench` in Go, as its users would write them: a task is a goroutine, and what it
// gives is sent through a channel.
//
// Started by `sortie bench` with a case as JSON: the name of a workload, how many workers, how many tasks. For
// each number of operations that comes in on standard input, a line, it makes one run, and answers with a
// line of JSON. It ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A case: what is to be done.
type Case struct {
	Workload string `json:"workload"`
	Workers  int    `json:"workers"`
	Tasks    uint64 `json:"tasks"`
}

// What a run came to.
type Run struct {
	TookNs int64 `json:"took_ns"`
	// What the work gave, and what it must give.
	Found    uint64             `json:"found"`
	Expected uint64             `json:"expected"`
	Extra    map[string]float64 `json:"extra,omitempty"`
	// How long each of some tasks waited, where that is measured.
	WaitsUs []float64 `json:"waits_us,omitempty"`
}

// How a workload makes a run of so many operations.
type Workload func(it Case, ops uint64) Run

var workloads = map[string]Workload{
	"yield1":       yield1,
	"yield1k":      yield1k,
	"spawnseq":     spawnseq,
	"spawnbatch":   spawnbatch,
	"skynet":       skynet,
	"fib":          fib,
	"pingpong":     pingpong,
	"spsc":         spsc,
	"mpsc8":        mpsc8,
	"mutex":        mutex,
	"native_nop":   nativeNop,
	"native_yield": nativeYield,
	"callback":     callback,
	"stall":        stall,
	"blk1000":      blk1000,
	"blkstress":    blkstress,
	"idle1m":       idle1m,
	"timers":       timers,
}

func main() {
	var it Case
	if len(os.Args) != 2 || json.Unmarshal([]byte(os.Args[1]), &it) != nil {
		fail("`sortie bench` starts this program, with a case")
	}
	workload, known := workloads[it.Workload]
	if !known {
		fail("nothing is known of the workload " + it.Workload)
	}
	runtime.GOMAXPROCS(it.Workers)
	asked := make(chan uint64)
	go listen(asked)
	for ops := range asked {
		line, err := json.Marshal(workload(it, ops))
		if err != nil {
			fail(err.Error())
		}
		fmt.Println(string(line))
	}
}

// Reads numbers of operations. The end of the input is that of the program, whatever it does.
func listen(asked chan<- uint64) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		ops, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64)
		if err != nil {
			fail(err.Error())
		}
		asked <- ops
	}
	os.Exit(0)
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "error: "+why)
	os.Exit(1)
}

// Times `work`, which gives a value that must be `expected`.
func timed(expected uint64, work func() uint64) Run {
	start := time.Now()
	found := work()
	return Run{TookNs: time.Since(start).Nanoseconds(), Found: found, Expected: expected}
}

// Starts so many goroutines of `work`, and sums up what they give.
func sum(tasks uint64, work func(n uint64) uint64) uint64 {
	values := make(chan uint64, tasks)
	for n := uint64(0); n < tasks; n++ {
		n := n
		go func() { values <- work(n) }()
	}
	total := uint64(0)
	for n := uint64(0); n < tasks; n++ {
		total += <-values
	}
	return total
}
