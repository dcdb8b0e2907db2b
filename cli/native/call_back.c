/* A function that calls back once: the callee of `callback` and `callback_suspend`. A translation unit of
 * its own, so that no compiler of the caller sees through the call. */

#include <stdint.h>

uint64_t sortie_cli_call_back(uint64_t (*callback)(uint64_t), uint64_t x);

uint64_t sortie_cli_call_back(uint64_t (*callback)(uint64_t), uint64_t x) { return callback(x) + 1; }
