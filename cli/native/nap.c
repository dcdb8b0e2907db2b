/* A native function that blocks its thread: the callee of `blk1000` and `blkstress`. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdint.h>
#include <time.h>

uint64_t sortie_cli_nap(uint64_t ns);

/* Sleeps for `ns` nanoseconds, whatever signals come. Returns `ns`, or 0 if the kernel refused. */
uint64_t sortie_cli_nap(uint64_t ns) {
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (nanosleep(&left, &left) != 0) {
        if (errno != EINTR) {
            return 0;
        }
    }
    return ns;
}
