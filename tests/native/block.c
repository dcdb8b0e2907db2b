/* Functions that block in the kernel, and one that burns its time. */

#include "natives.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static struct timespec to_timespec(uint64_t nanoseconds)
{
    struct timespec time = {
        .tv_sec = (time_t)(nanoseconds / 1000000000u),
        .tv_nsec = (long)(nanoseconds % 1000000000u),
    };
    return time;
}

/* Sleeps that long, whatever signals come. */
void natives_nanosleep(uint64_t nanoseconds)
{
    struct timespec left = to_timespec(nanoseconds);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* Blocks until a byte comes. The byte, or -1 at the end of the file or after an error. */
int natives_read_byte(int descriptor)
{
    unsigned char byte;
    ssize_t count;
    do {
        count = read(descriptor, &byte, 1);
    } while (count < 0 && errno == EINTR);
    return count == 1 ? byte : -1;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Computes for that long, without a system call that blocks. */
void natives_burn(uint64_t nanoseconds)
{
    uint64_t end = now() + nanoseconds;
    while (now() < end) {
    }
}
