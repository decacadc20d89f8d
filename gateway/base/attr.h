/* attr.h - what the compiler can check for us.
 *
 * Cleanup on every exit (AUTO), results that must be looked at (MUST_CHECK),
 * and functions that may be called on one thread only (ON_ENGINE): clang's
 * thread-safety analysis treats "being the engine thread" as a capability, so
 * that a call from the wrong thread does not compile in the `lint` preset.
 */
#ifndef CG_BASE_ATTR_H
#define CG_BASE_ATTR_H

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN                __attribute__((noreturn))
#define UNUSED                  __attribute__((unused))

/* `AUTO(buf_clear) struct buf b = ...;` calls buf_clear(&b) when b goes out of scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

#if defined(__clang__)
#define THREAD_ATTR(x) __attribute__((x))
#else
#define THREAD_ATTR(x)
#endif

struct THREAD_ATTR(capability("thread role")) thread_role {
    char unused;
};

/* The one thread that owns jobs, backends, sockets towards ComfyUI and the store's writer. */
extern struct thread_role engine_role;

#define ON_ENGINE THREAD_ATTR(requires_capability(engine_role))

/* Called once, at the top of the engine thread's entry function; `leave` at its end. */
void enter_engine_role(void) THREAD_ATTR(acquire_capability(engine_role));
void leave_engine_role(void) THREAD_ATTR(release_capability(engine_role));
/* For callbacks that a library or a visitor interface calls on the engine thread: tells the
 * compiler, and aborts when the thread has not entered the role. */
void assume_engine_role(void) THREAD_ATTR(assert_capability(engine_role));

#endif
