/* Code that runs in a signal handler, on the thread's alternate signal stack. */

#include "natives.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static natives_nothing *volatile in_handler;

static void handle(int signal)
{
    (void)signal;
    in_handler();
}

/* From now on `code` is run for each SIGUSR2, by a handler with SA_ONSTACK. 0, or -1. */
int natives_handle_signals(natives_nothing *code)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    in_handler = code;
    action.sa_handler = handle;
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGUSR2, &action, NULL);
}

/* Runs that code on this thread, in the handler, before it returns. */
int natives_raise(void)
{
    return pthread_kill(pthread_self(), SIGUSR2);
}
