/* Functions that leave what they called, and all that it called, by a jump. */

#include "natives.h"

#include <setjmp.h>
#include <stdlib.h>

struct landing {
    jmp_buf where;
    struct landing *outer;
};

static _Thread_local struct landing *innermost;

/* Calls back, and returns the answer; or -1, if somebody jumps here meanwhile. */
int natives_land(natives_callback *callback, void *user)
{
    struct landing landing;
    volatile int answer = -1;
    landing.outer = innermost;
    innermost = &landing;
    if (setjmp(landing.where) == 0) {
        answer = callback(user, 0);
    }
    innermost = landing.outer;
    return answer;
}

/* Jumps to where somebody waits for it, so many further out than the innermost. */
__attribute__((noreturn)) void natives_jump(int outward)
{
    struct landing *to = innermost;
    while (to != NULL && outward-- > 0) {
        to = to->outer;
    }
    if (to == NULL) {
        abort();
    }
    longjmp(to->where, 1);
}
