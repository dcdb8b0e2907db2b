package main

// #cgo CFLAGS: -O2 -I${SRCDIR}/../../../cli/native
// #include "nop.c"
// #include "nap.c"
// #include "call_back.c"
import "C"

import (
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

func nop(x uint64) uint64 { return uint64(C.sortie_cli_nop(C.uint64_t(x))) }

func nap(ns uint64) uint64 { return uint64(C.sortie_cli_nap(C.uint64_t(ns))) }

func nativeNop(_ Case, ops uint64) Run {
	return timed(ops, func() uint64 {
		value := uint64(0)
		for n := uint64(0); n < ops; n++ {
			value = nop(value)
		}
		return value
	})
}

// Two tasks for each worker, which take turns as the runtime has it.
func nativeYield(it Case, ops uint64) Run {
	tasks := uint64(2 * it.Workers)
	return timed(ops, func() uint64 {
		return sum(tasks, func(uint64) uint64 {
			calls := uint64(0)
			for n := uint64(0); n < ops/tasks; n++ {
				calls = nop(calls)
				runtime.Gosched()
			}
			return calls
		})
	})
}

const stallNapNs = 2000000

func stall(_ Case, ops uint64) Run {
	var run Run
	for ; run.Found < ops; run.Found++ {
		next := make(chan time.Time, 1)
		go func() { next <- time.Now() }()
		start := time.Now()
		nap(stallNapNs)
		wait := (<-next).Sub(start)
		if wait < 0 {
			wait = 0
		}
		run.TookNs += wait.Nanoseconds()
		run.WaitsUs = append(run.WaitsUs, float64(wait.Nanoseconds())/1e3)
	}
	run.Expected = ops
	return run
}

const (
	longNapNs = 10000000
	computing = 2
	alone     = 50 * time.Millisecond
)

func blk1000(_ Case, ops uint64) Run {
	var isOver atomic.Bool
	var chunks [computing]atomic.Uint64
	ended := make(chan struct{}, computing)
	for n := range chunks {
		n := n
		go func() {
			compute(&isOver, &chunks[n])
			ended <- struct{}{}
		}()
	}
	count := func() (all uint64) {
		for n := range chunks {
			all += chunks[n].Load()
		}
		return
	}
	before, start := count(), time.Now()
	time.Sleep(alone)
	rateAlone := float64(count()-before) / time.Since(start).Seconds()

	before = count()
	run := timed(ops*longNapNs, func() uint64 {
		return sum(ops, func(uint64) uint64 { return nap(longNapNs) })
	})
	makespan := time.Duration(run.TookNs)
	kept := float64(count()-before) / makespan.Seconds() / rateAlone
	isOver.Store(true)
	for range chunks {
		<-ended
	}
	run.Extra = map[string]float64{
		"compute_kept_percent": 100 * kept,
		"makespan_ms":          makespan.Seconds() * 1e3,
		"peak_threads":         threads(),
	}
	return run
}

var computed uint64

func compute(isOver *atomic.Bool, chunks *atomic.Uint64) {
	x := uint64(1)
	for !isOver.Load() {
		for n := 0; n < 800; n++ {
			x = x*6364136223846793005 + 1
		}
		chunks.Add(1)
		runtime.Gosched()
	}
	atomic.StoreUint64(&computed, x)
}

const (
	stressTasks = 64
	shortNapNs  = 200000
)

func blkstress(_ Case, ops uint64) Run {
	run := timed(ops*shortNapNs, func() uint64 {
		return sum(stressTasks, func(uint64) uint64 {
			slept := uint64(0)
			for n := uint64(0); n < ops/stressTasks; n++ {
				slept += nap(shortNapNs)
				runtime.Gosched()
			}
			return slept
		})
	})
	makespan := time.Duration(run.TookNs).Seconds() * 1e3
	run.Extra = map[string]float64{"makespan_ms": makespan, "peak_threads": threads()}
	return run
}

func threads() float64 { return status("Threads:") }

// A figure of /proc/self/status.
func status(name string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err.Error())
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, name) {
			return number(strings.Fields(line)[1])
		}
	}
	fail("nothing is said of " + name)
	return 0
}
