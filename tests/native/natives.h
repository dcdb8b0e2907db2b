/* What the tests call. Every function may be called from any thread. */
#ifndef SORTIE_NATIVES_H
#define SORTIE_NATIVES_H

#include <stddef.h>
#include <stdint.h>

/* block.c: functions that block, or burn. */
void natives_nanosleep(uint64_t nanoseconds);
int natives_read_byte(int descriptor);
void natives_burn(uint64_t nanoseconds);

/* callback.c: functions that call back. */
typedef int natives_callback(void *user, int turn);
int natives_call_back(int times, natives_callback *callback, void *user);
int natives_call_back_between(uint64_t nanoseconds, natives_callback *callback, void *user);
int natives_thread_call_back(natives_callback *callback, void *user);
int natives_thread_call_back_and_exit(natives_callback *callback, void *user);

/* closure.c: functions that call back without a user pointer, and with one that comes last. */
typedef int natives_visit(int turn);
int natives_visit_each(int times, natives_visit *visit);
int natives_visit_on_thread(natives_visit *visit);
typedef int natives_visit_last(int turn, void *user);
int natives_visit_each_last(int times, natives_visit_last *visit, void *user);
typedef double natives_mixed(int8_t a, uint16_t b, float c, const char *d, int64_t e, double f);
double natives_call_mixed(natives_mixed *mixed, const char *text);
typedef int8_t natives_negate(uint8_t value);
int natives_call_negate(natives_negate *negate, int value);
typedef float natives_half(float value);
float natives_call_half(natives_half *half, float value);
typedef void natives_nothing(void);
void natives_call_nothing(natives_nothing *nothing);

/* errno.c: functions that set and read it. */
int natives_set_errno(int value);
int natives_get_errno(void);
int natives_sleep_and_set_errno(uint64_t nanoseconds, int value);

/* event_loop.c: a loop that calls a handler back for each event. */
struct natives_loop;
struct natives_loop *natives_loop_new(void);
void natives_loop_free(struct natives_loop *loop);
int natives_loop_post(struct natives_loop *loop, int event);
int natives_loop_run(struct natives_loop *loop, natives_callback *handler, void *user);

/* gate.c: a function that blocks until another one lets it go. */
struct natives_gate;
struct natives_gate *natives_gate_new(void);
void natives_gate_free(struct natives_gate *gate);
void natives_gate_wait(struct natives_gate *gate);
void natives_gate_open(struct natives_gate *gate);
int natives_gate_inside(struct natives_gate *gate);

/* jump.c: functions that leave what they called by a jump. */
int natives_land(natives_callback *callback, void *user);
__attribute__((noreturn)) void natives_jump(int outward);

/* signal.c: code in a signal handler. */
int natives_handle_signals(natives_nothing *code);
int natives_raise(void);

/* stack.c: functions that use as much stack as they are told. */
size_t natives_use_stack(size_t bytes);
int natives_call_back_below(size_t bytes, natives_callback *callback, void *user);
int natives_use_frame(size_t bytes);

/* throw.cpp: functions that throw C++ exceptions. */
int natives_throw(int value);
int natives_throw_and_catch(int times, natives_callback *callback, void *user);
int natives_catch(natives_callback *callback, void *user);

#endif
