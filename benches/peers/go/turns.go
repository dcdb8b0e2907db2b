package main

import "runtime"

func takeTurns(turns uint64) uint64 {
	yields := uint64(0)
	for ; yields < turns; yields++ {
		runtime.Gosched()
	}
	return yields
}

func yield1(_ Case, ops uint64) Run {
	return timed(ops, func() uint64 { return takeTurns(ops) })
}

func yield1k(it Case, ops uint64) Run {
	return timed(ops, func() uint64 {
		return sum(it.Tasks, func(uint64) uint64 { return takeTurns(ops / it.Tasks) })
	})
}
