/* thread_role.c - the engine role exists for the compiler only: nothing is locked here.
 */
#include "base/attr.h"

struct thread_role engine_role;

THREAD_ATTR(no_thread_safety_analysis)
void enter_engine_role(void)
{
}

THREAD_ATTR(no_thread_safety_analysis)
void leave_engine_role(void)
{
}
