/* Functions that call back without a user pointer, with one that comes last, with all kinds of arguments. */

#include "natives.h"

#include <pthread.h>

/* Calls back so many times, with the number of the turn, and returns the sum of the answers. */
int natives_visit_each(int times, natives_visit *visit)
{
    int sum = 0;
    for (int turn = 0; turn < times; turn++) {
        sum += visit(turn);
    }
    return sum;
}

/* ISO C has no pointer to a function in a `void *`. */
struct visit {
    natives_visit *visit;
    int answer;
};

static void *run(void *argument)
{
    struct visit *visit = argument;
    visit->answer = visit->visit(0);
    return NULL;
}

/* Calls back on a new thread, waits for its end, and returns the answer; -2 if there is no thread. */
int natives_visit_on_thread(natives_visit *visit)
{
    struct visit call = { .visit = visit, .answer = -2 };
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &call) != 0) {
        return -2;
    }
    pthread_join(thread, NULL);
    return call.answer;
}

/* As natives_visit_each, with a user pointer. */
int natives_visit_each_last(int times, natives_visit_last *visit, void *user)
{
    int sum = 0;
    for (int turn = 0; turn < times; turn++) {
        sum += visit(turn, user);
    }
    return sum;
}

/* Calls back with one argument of each kind, at the end of its range. */
double natives_call_mixed(natives_mixed *mixed, const char *text)
{
    return mixed(-1, 65535, 0.5f, text, INT64_MIN, -2.5);
}

/* Widens a small answer, as C does. */
int natives_call_negate(natives_negate *negate, int value)
{
    return negate((uint8_t)value);
}

float natives_call_half(natives_half *half, float value)
{
    return half(value);
}

void natives_call_nothing(natives_nothing *nothing)
{
    nothing();
}
