/* test_store_pg_text.c - how the store's statements are written for PostgreSQL.
 */
#include "sandbox.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_pg.h"

static void check(const char *sql, const char *expected, int parameters)
{
    int count = -1;
    AUTO(free_ptr) char *text = pg_text(sql, &count);

    assert_string_equal(text, expected);
    assert_int_equal(count, parameters);
}

static void test_parameters(void **state)
{
    (void)state;
    check("SELECT 1", "SELECT 1", 0);
    check("a = ? AND b = ?", "a = $1 AND b = $2", 2);
    check("?2 ?1 ?2 ?12", "$2 $1 $2 $12", 12);
    check("?2, ?", "$2, $3", 3);
    check("$1::json, $2", "$1::json, $2", 2);
    check("'why?' || ?", "'why?' || $1", 1);
    check("'it''s ?' || ?", "'it''s ?' || $1", 1);
    check("x $ y", "x $ y", 0);
}

static void test_hints(void **state)
{
    (void)state;
    check("FROM job AS j INDEXED BY job_by_2 WHERE j.id = ?", "FROM job AS j WHERE j.id = $1", 1);
    check("FROM a CROSS JOIN b INDEXED BY c ON TRUE", "FROM a JOIN b ON TRUE", 0);
    check("' INDEXED BY x CROSS JOIN'", "' INDEXED BY x CROSS JOIN'", 0);
    check("DELETE FROM a INDEXED BY b", "DELETE FROM a", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_hints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
