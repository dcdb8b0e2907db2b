package main

import (
	"runtime"
	"sync"
)

const yieldsEvery = 1000

// The child number n, whose value that is.
func child(n uint64) uint64 {
	if n%yieldsEvery == 0 {
		runtime.Gosched()
	}
	return n
}

func spawnseq(_ Case, ops uint64) Run {
	return timed(ops, func() uint64 {
		right := uint64(0)
		for n := uint64(0); n < ops; n++ {
			n := n
			value := make(chan uint64, 1)
			go func() { value <- child(n) }()
			if <-value == n {
				right++
			}
		}
		return right
	})
}

func spawnbatch(it Case, ops uint64) Run {
	expected := ops / it.Tasks * (it.Tasks * (it.Tasks - 1) / 2)
	return timed(expected, func() uint64 {
		values := make([]uint64, it.Tasks)
		total := uint64(0)
		for batch := uint64(0); batch < ops/it.Tasks; batch++ {
			var all sync.WaitGroup
			all.Add(int(it.Tasks))
			for n := range values {
				n := n
				go func() {
					values[n] = child(uint64(n))
					all.Done()
				}()
			}
			all.Wait()
			for _, value := range values {
				total += value
			}
		}
		return total
	})
}

const branches = 10

func skynet(_ Case, ops uint64) Run {
	return timed(ops*(ops-1)/2, func() uint64 {
		root := make(chan uint64, 1)
		go node(0, ops, root)
		return <-root
	})
}

// The node above these leaves, or the leaf.
func node(first, leaves uint64, value chan<- uint64) {
	if leaves == 1 {
		value <- child(first)
		return
	}
	parts := uint64(branches)
	if leaves < parts {
		parts = leaves
	}
	values := make(chan uint64, parts)
	for part := uint64(0); part < parts; part++ {
		from, to := part*leaves/parts, (part+1)*leaves/parts
		go node(first+from, to-from, values)
	}
	total := uint64(0)
	for part := uint64(0); part < parts; part++ {
		total += <-values
	}
	value <- total
}

const (
	fibN      = 32
	fibCutoff = 12
	fibValue  = 2178309
)

// Tasks for one such number: the leaves of the tree and all above them.
func fibTasks(n uint64) uint64 {
	if n <= fibCutoff {
		return 1
	}
	return 1 + fibTasks(n-1) + fibTasks(n-2)
}

func fib(_ Case, ops uint64) Run {
	numbers := ops / fibTasks(fibN)
	return timed(numbers*fibValue, func() uint64 {
		total := uint64(0)
		for n := uint64(0); n < numbers; n++ {
			value := make(chan uint64, 1)
			go fork(fibN, 0, value)
			total += <-value
		}
		return total
	})
}

// Both branches are tasks. `path` is how the root leads here, as bits.
func fork(n, path uint64, value chan<- uint64) {
	if path%yieldsEvery == 0 {
		runtime.Gosched()
	}
	if n <= fibCutoff {
		value <- plain(n)
		return
	}
	values := make(chan uint64, 2)
	go fork(n-1, 2*path+1, values)
	go fork(n-2, 2*path+2, values)
	value <- <-values + <-values
}

func plain(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return plain(n-1) + plain(n-2)
}
