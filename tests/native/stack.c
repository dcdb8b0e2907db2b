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

/* Uses so much stack, touching each page, and calls back from there. */
__attribute__((noinline)) int natives_call_back_below(size_t bytes, natives_callback *callback, void *user)
{
    volatile unsigned char frame[FRAME];
    for (size_t at = 0; at < FRAME; at += 64) {
        frame[at] = (unsigned char)at;
    }
    int answer = bytes <= FRAME ? callback(user, 0)
                                : natives_call_back_below(bytes - FRAME, callback, user);
    return answer + (frame[64] != 64);
}

/* Takes one frame of so many bytes, and writes to its lowest page only. */
__attribute__((noinline)) int natives_use_frame(size_t bytes)
{
    volatile unsigned char *frame = __builtin_alloca(bytes);
    frame[0] = 1;
    return frame[0];
}
