/* What a sleep of 150 us costs the thread that sleeps, in processor time: the limit behind the workload `timers`.
 *
 *   cc -O2 -pthread -o sleeps benches/limits/sleeps.c && for way in plain ahead woken; do ./sleeps $way 150; done
 *
 * plain: it asks for each interrupt of the clock as it goes to sleep.
 * ahead: each is asked for one sleep before, while another is still to come: the kernel asks the clock for it at the end of that.
 * woken: another thread wakes it, and it asks for none. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

static unsigned word;
static long period, count;

static long now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec timespec_of(long ns)
{
    return (struct timespec) { ns / SECOND, ns % SECOND };
}

static void stay_on(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *wake(void *unused)
{
    stay_on(1);
    long at = now(CLOCK_MONOTONIC);
    for (long n = 1; n <= count; n++) {
        at += period;
        while (now(CLOCK_MONOTONIC) < at)
            ;
        __atomic_store_n(&word, n, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return unused;
}

static void ask(int timer, long at)
{
    struct itimerspec times = { .it_value = timespec_of(at) };
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &times, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 3 || atol(argv[2]) < 10)
        return fprintf(stderr, "usage: sleeps plain|ahead|woken MICROSECONDS, of 10 at least\n"), 2;
    int is_woken = !strcmp(argv[1], "woken"), is_ahead = !strcmp(argv[1], "ahead");
    period = atol(argv[2]) * 1000;
    count = SECOND / period;
    stay_on(0);
    prctl(PR_SET_TIMERSLACK, 1);
    pthread_t waker;
    if (is_woken)
        pthread_create(&waker, NULL, wake, NULL);
    int timers[2] = { timerfd_create(CLOCK_MONOTONIC, 0), timerfd_create(CLOCK_MONOTONIC, 0) };
    long first = now(CLOCK_MONOTONIC) + 2 * period;
    for (int n = 0; is_ahead && n < 2; n++)
        ask(timers[n], first + n * period);
    long before = now(CLOCK_THREAD_CPUTIME_ID);
    for (long n = 0; n < count; n++) {
        if (is_woken) {
            while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) <= n)
                syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, (unsigned)n, NULL, NULL, 0);
            continue;
        }
        struct timespec until = timespec_of(first + n * period);
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY);
        if (is_ahead)
            ask(timers[n % 2], first + (n + 2) * period);
    }
    long took = now(CLOCK_THREAD_CPUTIME_ID) - before;
    if (is_woken)
        pthread_join(waker, NULL);
    printf("%s: %ld sleeps, %.2f us of processor time each\n", argv[1], count, took / 1e3 / count);
    return 0;
}
