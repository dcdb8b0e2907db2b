package main

import "sync"

// Two tasks, and a channel of capacity 1 each way.
func pingpong(_ Case, ops uint64) Run {
	return timed(ops, func() uint64 {
		there, back := make(chan uint64, 1), make(chan uint64, 1)
		go func() {
			for n := range there {
				back <- n + 1
			}
		}()
		value := uint64(0)
		for n := uint64(0); n < ops; n++ {
			there <- value
			value = <-back
		}
		close(there)
		return value
	})
}

const capacity = 128

func spsc(_ Case, ops uint64) Run {
	return send(1, ops)
}

func mpsc8(it Case, ops uint64) Run {
	return send(it.Tasks, ops)
}

// So many senders, and one who receives.
func send(senders, ops uint64) Run {
	each := ops / senders
	return timed(senders*(each*(each-1)/2), func() uint64 {
		messages := make(chan uint64, capacity)
		for sender := uint64(0); sender < senders; sender++ {
			go func() {
				for n := uint64(0); n < each; n++ {
					messages <- n
				}
			}()
		}
		total := uint64(0)
		for n := uint64(0); n < senders*each; n++ {
			total += <-messages
		}
		return total
	})
}

func mutex(it Case, ops uint64) Run {
	return timed(ops, func() uint64 {
		var lock sync.Mutex
		counter := uint64(0)
		sum(it.Tasks, func(uint64) uint64 {
			for n := uint64(0); n < ops/it.Tasks; n++ {
				lock.Lock()
				counter++
				lock.Unlock()
			}
			return 0
		})
		return counter
	})
}
