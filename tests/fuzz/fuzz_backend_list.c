/* Any text of the settings `backends` and `backend_tags`. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/backend_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted reads the same when it is written again. */
static void check_accepted(const struct backend_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        AUTO(free_ptr) char *text = xasprintf("%s=%s", list->item[i].name, list->item[i].url);
        AUTO(backend_list_clear) struct backend_list again = {NULL, 0};

        bug_if(backend_list_find(list, list->item[i].name) != &list->item[i]);
        bug_if(backend_list_parse(text, &again, NULL) != ERR_NONE || again.count != 1);
        bug_if(strcmp(again.item[0].url, list->item[i].url) != 0);
    }
}

/* What is accepted can be asked for. */
static void check_tags(const char *text)
{
    AUTO(backend_list_clear) struct backend_list list = {NULL, 0};

    bug_if(backend_list_parse("a=http://h,b=http://i", &list, NULL) != ERR_NONE);
    if (backend_list_tag(&list, text, NULL) == ERR_NONE && list.item[0].tag_count > 0) {
        AUTO(free_ptr) char *wanted = xasprintf("tag:%s", list.item[0].tag[0]);

        bug_if(!backend_is_wanted(&list.item[0], wanted));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = xstrndup((const char *)data, size);
    AUTO(backend_list_clear) struct backend_list list = {NULL, 0};
    struct err e = ERR_INIT;

    check_tags(text);
    if (backend_list_parse(text, &list, &e) == ERR_NONE) {
        bug_if(list.count == 0 || list.count > BACKENDS_MAX);
        check_accepted(&list);
    } else {
        bug_if(e.code != ERR_INVALID_PARAMETER || e.detail[0] == '\0' || list.item != NULL);
    }
    return 0;
}
