// C++ functions that throw exceptions, inside their own frames or out of them.

extern "C" {
#include "natives.h"
}

namespace {

struct Counted {
    int *count;
    explicit Counted(int *count) : count(count) { ++*count; }
    ~Counted() { --*count; }
};

} // namespace

// Throws one.
extern "C" int natives_throw(int value) { throw value; }

// Calls back, throws, and catches what it has thrown, so many times; returns the sum of the answers and of
// the values caught, or -1 if an object was left behind.
extern "C" int natives_throw_and_catch(int times, natives_callback *callback, void *user)
{
    int sum = 0, alive = 0;
    for (int turn = 0; turn < times; turn++) {
        try {
            Counted counted(&alive);
            sum += callback(user, turn);
            natives_throw(1);
        } catch (int value) {
            sum += value;
        }
    }
    return alive == 0 ? sum : -1;
}

// Calls back, and catches what comes out of the callback.
extern "C" int natives_catch(natives_callback *callback, void *user)
{
    try {
        return callback(user, 0);
    } catch (...) {
        return -1;
    }
}
