/* thread_role.c - the engine role is for the compiler; one flag for each thread proves it at run
 * time where the compiler cannot see (callbacks).
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/mem.h"

struct thread_role engine_role;

static _Thread_local bool is_engine;

THREAD_ATTR(no_thread_safety_analysis)
void enter_engine_role(void)
{
    is_engine = true;
}

THREAD_ATTR(no_thread_safety_analysis)
void leave_engine_role(void)
{
    is_engine = false;
}

THREAD_ATTR(no_thread_safety_analysis)
void assume_engine_role(void)
{
    bug_if(!is_engine);
}
