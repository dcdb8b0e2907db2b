/* Functions that set and read errno. */

#include "natives.h"

#include <errno.h>

/* Sets errno, and returns -1 as failed system calls do. */
int natives_set_errno(int value)
{
    errno = value;
    return -1;
}

int natives_get_errno(void)
{
    return errno;
}

/* Blocks first, so that the caller's worker is gone when this returns. */
int natives_sleep_and_set_errno(uint64_t nanoseconds, int value)
{
    natives_nanosleep(nanoseconds);
    errno = value;
    return -1;
}
