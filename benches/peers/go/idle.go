package main

import (
	"sort"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Tasks that only wait.
func idle1m(_ Case, ops uint64) Run {
	before := memory()
	var parked atomic.Uint64
	gate := make(chan struct{})
	values := make([]chan uint64, ops)
	start := time.Now()
	for n := range values {
		n := uint64(n)
		value := make(chan uint64, 1)
		values[n] = value
		go func() {
			parked.Add(1)
			<-gate
			value <- n
		}()
	}
	for parked.Load() < ops {
		time.Sleep(time.Millisecond)
	}
	run := Run{TookNs: time.Since(start).Nanoseconds(), Expected: ops * (ops - 1) / 2}
	bytes := memory() - before
	start = time.Now()
	close(gate)
	for _, value := range values {
		run.Found += <-value
	}
	run.Extra = map[string]float64{
		"bytes_each": bytes / float64(ops),
		"wake_ns":    float64(time.Since(start).Nanoseconds()) / float64(ops),
	}
	return run
}

// Bytes of this process that take memory: resident pages and page tables.
func memory() float64 { return 1024 * (status("VmRSS:") + status("VmPTE:")) }

func number(text string) float64 {
	figure, err := strconv.ParseFloat(text, 64)
	if err != nil {
		fail(err.Error())
	}
	return figure
}

const longestMs = 1000

func timers(_ Case, ops uint64) Run {
	processor := processorTime()
	late := make([]time.Duration, ops)
	run := timed(ops, func() uint64 {
		return sum(ops, func(n uint64) uint64 {
			duration := time.Duration(1+n*7919%longestMs) * time.Millisecond
			start := time.Now()
			time.Sleep(duration)
			late[n] = time.Since(start) - duration
			return 1
		})
	})
	sort.Slice(late, func(a, b int) bool { return late[a] < late[b] })
	run.Extra = map[string]float64{
		"cpu_ms":      (processorTime() - processor).Seconds() * 1e3,
		"late_p50_ms": late[len(late)*50/100].Seconds() * 1e3,
		"late_p99_ms": late[len(late)*99/100].Seconds() * 1e3,
	}
	return run
}

// What the process has used of processors.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
