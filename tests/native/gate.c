/* A gate: who waits at it blocks in native code until somebody opens it, for good. */

#include "natives.h"

#include <pthread.h>
#include <stdlib.h>

struct natives_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_open;
    int inside;
};

struct natives_gate *natives_gate_new(void)
{
    struct natives_gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) {
        abort();
    }
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    return gate;
}

/* Nobody is inside any more. */
void natives_gate_free(struct natives_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

void natives_gate_wait(struct natives_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    while (!gate->is_open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    gate->inside--;
    pthread_mutex_unlock(&gate->lock);
}

void natives_gate_open(struct natives_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = 1;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* How many wait inside now. */
int natives_gate_inside(struct natives_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    int inside = gate->inside;
    pthread_mutex_unlock(&gate->lock);
    return inside;
}
