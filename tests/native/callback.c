/* Functions that call back, on the caller's thread or on one of their own. */

#include "natives.h"

#include <pthread.h>

/* Calls back so many times, with the number of the turn, and returns the sum of the answers. */
int natives_call_back(int times, natives_callback *callback, void *user)
{
    int sum = 0;
    for (int turn = 0; turn < times; turn++) {
        sum += callback(user, turn);
    }
    return sum;
}

/* Blocks, calls back, blocks again: a callback whose worker is gone when it comes and goes. */
int natives_call_back_between(uint64_t nanoseconds, natives_callback *callback, void *user)
{
    natives_nanosleep(nanoseconds);
    int answer = callback(user, 0);
    natives_nanosleep(nanoseconds);
    return answer;
}

struct call {
    natives_callback *callback;
    void *user;
    int answer;
};

static void *run(void *argument)
{
    struct call *call = argument;
    call->answer = call->callback(call->user, 0);
    return NULL;
}

static void *run_and_exit(void *argument)
{
    run(argument);
    pthread_exit(NULL);
}

static int on_thread(void *(*function)(void *), natives_callback *callback, void *user)
{
    struct call call = { .callback = callback, .user = user, .answer = -1 };
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, &call) != 0) {
        return -1;
    }
    pthread_join(thread, NULL);
    return call.answer;
}

/* Calls back on a new thread, waits for its end, and returns the answer; -1 if there is no thread. */
int natives_thread_call_back(natives_callback *callback, void *user)
{
    return on_thread(run, callback, user);
}

/* The same, and the thread ends by pthread_exit. */
int natives_thread_call_back_and_exit(natives_callback *callback, void *user)
{
    return on_thread(run_and_exit, callback, user);
}
