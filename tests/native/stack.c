/* A function that uses as much stack as it is told, in small frames that touch each page. */

#include "natives.h"

enum { FRAME = 1024 };

/* Returns how many frames it took. */
__attribute__((noinline)) size_t natives_use_stack(size_t bytes)
{
    volatile unsigned char frame[FRAME];
    for (size_t at = 0; at < FRAME; at += 64) {
        frame[at] = (unsigned char)at;
    }
    size_t below = bytes <= FRAME ? 0 : natives_use_stack(bytes - FRAME);
    /* Read after the call, so that the frame cannot be given up before it. */
    return below + 1 + (frame[64] != 64);
}
