/* wire_fixture.h - genuine messages of ComfyUI for the tests: they are the seeds of the fuzz
 * targets.
 */
#ifndef CG_TESTS_WIRE_FIXTURE_H
#define CG_TESTS_WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

static inline struct buf read_whole(const char *path)
{
    struct buf text = BUF_INIT(1U << 24);

    if (file_read(path, text.max, &text, NULL) != ERR_NONE) {
        fail_msg("cannot read %s", path);
    }
    return text;
}

/* Reads tests/fuzz/corpus/<name>; the caller clears the buf. */
static inline struct buf wire_fixture(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/fuzz/corpus/%s", TEST_DATA_DIR, name);
    return read_whole(path);
}

/* Calls check with each recorded file of tests/wire whose name begins so, and its content. */
static inline void each_recorded(const char *prefix,
                                 void (*check)(const char *name, struct span text))
{
    char pattern[512];
    glob_t found = {0};

    (void)snprintf(pattern, sizeof pattern, "%s/wire/%s*", TEST_DATA_DIR, prefix);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct buf text = read_whole(found.gl_pathv[i]);

        print_message("%s\n", found.gl_pathv[i]);
        check(strrchr(found.gl_pathv[i], '/') + 1, buf_span(&text));
        buf_clear(&text);
    }
    globfree(&found);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text != NULL ? text : "(null)");
    }
}

static inline void assert_text(const char *actual, const char *expected)
{
    if (expected == NULL) {
        assert_null(actual);
    } else {
        assert_non_null(actual);
        assert_string_equal(actual, expected);
    }
}

#endif
