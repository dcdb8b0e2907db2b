/* The least that a native function can do and still be checked: the callee of `native_nop` and others.
 * A translation unit of its own, so that no compiler of the caller sees through the call. */

#include <stdint.h>

uint64_t sortie_cli_nop(uint64_t x);

uint64_t sortie_cli_nop(uint64_t x) { return x + 1; }
