/* An event loop: events wait in a queue, and a handler is called back for each, until it is told to end.
 * All that a loop knows lies on the heap; no lock is held over a handler. */

#include "natives.h"

#include <stdlib.h>

struct natives_loop {
    int *events;
    size_t first, count, room;
    int ends;
};

struct natives_loop *natives_loop_new(void)
{
    return calloc(1, sizeof(struct natives_loop));
}

void natives_loop_free(struct natives_loop *loop)
{
    if (loop != NULL) {
        free(loop->events);
        free(loop);
    }
}

/* Queues an event. From the thread that runs the loop, or while nobody does. 0, or -1 without memory. */
int natives_loop_post(struct natives_loop *loop, int event)
{
    if (loop->count == loop->room) {
        size_t room = loop->room == 0 ? 8 : 2 * loop->room;
        int *events = malloc(room * sizeof(int));
        if (events == NULL) {
            return -1;
        }
        for (size_t at = 0; at < loop->count; at++) {
            events[at] = loop->events[(loop->first + at) % loop->room];
        }
        free(loop->events);
        loop->events = events;
        loop->first = 0;
        loop->room = room;
    }
    loop->events[(loop->first + loop->count) % loop->room] = event;
    loop->count++;
    return 0;
}

/* Calls the handler for each event, oldest first, until it answers something else than 0 or no event is
 * left. Returns how many were handled. */
int natives_loop_run(struct natives_loop *loop, natives_callback *handler, void *user)
{
    int handled = 0;
    loop->ends = 0;
    while (!loop->ends && loop->count > 0) {
        int event = loop->events[loop->first];
        loop->first = (loop->first + 1) % loop->room;
        loop->count--;
        handled++;
        loop->ends = handler(user, event);
    }
    return handled;
}
