package main

// #include <stdint.h>
// extern uint64_t sortie_bench_callback(uint64_t);
// extern uint64_t sortie_cli_call_back(uint64_t (*callback)(uint64_t), uint64_t x);
//
// typedef uint64_t (*sortie_bench_function)(uint64_t);
import "C"

//export sortie_bench_callback
func sortie_bench_callback(x C.uint64_t) C.uint64_t { return x + 1 }

// A native call that calls back once: both add one.
func callback(_ Case, ops uint64) Run {
	return timed(2*ops, func() uint64 {
		value := C.uint64_t(0)
		function := C.sortie_bench_function(C.sortie_bench_callback)
		for n := uint64(0); n < ops; n++ {
			value = C.sortie_cli_call_back(function, value)
		}
		return uint64(value)
	})
}
