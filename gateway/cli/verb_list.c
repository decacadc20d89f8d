/* verb_list.c - list, and watch without an id: the list again and again. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/await.h"
#include "cli/job_print.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"

#define WATCH_PAUSE_MS 1000
#define WATCH_SEEN_MAX 200 /* jobs whose state is remembered between looks, off a terminal */
#define STATUS_MAX     16
#define HEAD_LINES     3 /* above and below the table of watch */

struct filters {
    struct words status;
    const char *tag;
    const char *template_name;
    const char *backend;
    const char *q;
    const char *parent;
    struct words metadata;
    const char *sort;
    const char *cursor;
    struct whole_number limit;
};

static void filters_clear(struct filters *f)
{
    words_clear(&f->status);
    words_clear(&f->metadata);
}

#define FILTER_ROWS(f)                                                                             \
    OPTION_LIST_ROW("status", "STATUS", &(f).status, "may be repeated"),                           \
        OPTION_TEXT_ROW("tag", "TAG", &(f).tag, "only jobs with this tag"),                        \
        OPTION_TEXT_ROW("template", "NAME", &(f).template_name, "only jobs of this template"),     \
        OPTION_TEXT_ROW("backend", "NAME", &(f).backend, "only jobs of this ComfyUI"),             \
        OPTION_TEXT_ROW("search", "TEXT", &(f).q, "only jobs with this in their title"),           \
        OPTION_TEXT_ROW("parent", "ID", &(f).parent, "only what was made from this job"),          \
        OPTION_LIST_ROW("metadata", "KEY=VALUE", &(f).metadata, "only jobs with this metadata")

static void add_filter(struct buf *path, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    buf_append_char(path, strchr(buf_str(path), '?') == NULL ? '?' : '&');
    buf_append_str(path, name);
    buf_append_char(path, '=');
    client_escape(path, value);
}

static void add_statuses(struct buf *path, const struct words *status)
{
    AUTO(buf_clear) struct buf all = BUF_INIT(4096);

    for (size_t i = 0; i < status->count; i++) {
        buf_appendf(&all, "%s%s", i > 0 ? "," : "", status->item[i]);
    }
    add_filter(path, "status", status->count > 0 ? buf_str(&all) : NULL);
}

static bool add_metadata(const struct cli *cli, struct buf *path, const struct words *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        const char *equals = strchr(metadata->item[i], '=');
        AUTO(buf_clear) struct buf name = BUF_INIT(4096);
        AUTO(free_ptr) char *key = NULL;

        if (equals == NULL || equals == metadata->item[i]) {
            (void)cli_usage(cli, "--metadata wants KEY=VALUE, not \"%.80s\"", metadata->item[i]);
            return false;
        }
        key = xstrndup(metadata->item[i], (size_t)(equals - metadata->item[i]));
        buf_append_str(&name, "metadata.");
        client_escape(&name, key);
        add_filter(path, buf_str(&name), equals + 1);
    }
    return true;
}

static bool list_path(const struct cli *cli, const struct filters *f, int64_t limit,
                      struct buf *path)
{
    char number[24];

    (void)snprintf(number, sizeof number, "%" PRId64, limit);
    buf_append_str(path, "/v1/jobs");
    add_filter(path, "limit", number);
    add_statuses(path, &f->status);
    add_filter(path, "tag", f->tag);
    add_filter(path, "template", f->template_name);
    add_filter(path, "backend", f->backend);
    add_filter(path, "q", f->q);
    add_filter(path, "parent_id", f->parent);
    add_filter(path, "sort", f->sort);
    add_filter(path, "cursor", f->cursor);
    return add_metadata(cli, path, &f->metadata);
}

static void print_page(struct cli *cli, const cJSON *page)
{
    const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(page, "data");
    const char *next = member_text(page, "next_cursor");
    const cJSON *job;

    if (cli->is_quiet) {
        cJSON_ArrayForEach(job, jobs) {
            (void)printf("%s\n", member_text(job, "id"));
        }
        return;
    }
    if (cJSON_GetArraySize(jobs) == 0) {
        (void)fprintf(stderr, "There are no such jobs.\n");
        return;
    }
    job_print_table(&cli->out, jobs, cJSON_GetArraySize(jobs), "\n");
    if (*next != '\0') {
        (void)fflush(stdout);
        (void)fprintf(stderr, "There are more: add --cursor %s\n", next);
    }
}

static int list(struct cli *cli, const struct filters *f)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(65536);
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    AUTO(cjson_delete_ptr) cJSON *page = NULL;
    struct client_request request = {.method = "GET"};
    int code = EXIT_OK;

    if (!list_path(cli, f, f->limit.is_given ? f->limit.value : 20, &path)) {
        return EXIT_USAGE;
    }
    request.path = buf_str(&path);
    if (!cli_call(cli, &request, &reply, &code)) {
        return code;
    }
    if (cli->is_json) {
        cli_print_body(cli, &reply);
        return EXIT_OK;
    }
    page = cJSON_ParseWithLength(buf_str(&reply.body), reply.body.len);
    print_page(cli, page);
    return EXIT_OK;
}

int verb_list(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words operands = {0};
    AUTO(filters_clear) struct filters f = {0};
    const struct option_row rows[] = {
        FILTER_ROWS(f),
        OPTION_TEXT_ROW("sort", "ORDER", &f.sort, "-created_at (newest first) or created_at"),
        OPTION_NUMBER_ROW("limit", "N", &f.limit, 1, 200, "jobs on a page; usual is 20"),
        OPTION_TEXT_ROW("cursor", "CURSOR", &f.cursor, "the page that the one before named"),
        {.name = NULL},
    };
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 0, &code)) {
        return code;
    }
    return list(cli, &f);
}

/* Off a terminal: what each job was when it was last seen. */
struct seen {
    char id[40];
    char status[STATUS_MAX];
};

struct watch {
    struct cli *cli;
    const struct filters *filters;
    struct seen seen[WATCH_SEEN_MAX];
    size_t seen_count;
    bool was_answered;
    bool is_screen; /* the terminal's second screen is on */
};

static void leave_screen(struct watch *w)
{
    if (w->is_screen) {
        (void)fputs("\033[?25h\033[?1049l", stdout);
        (void)fflush(stdout);
        w->is_screen = false;
    }
}

static void redraw(struct watch *w, const cJSON *jobs, const char *trouble)
{
    const struct terminal *t = &w->cli->out;

    if (!w->is_screen) {
        (void)fputs("\033[?1049h\033[?25l", stdout);
        w->is_screen = true;
    }
    (void)printf("\033[H%scomfygate%s %s   Ctrl-C ends this%s%s\033[K\n\033[K\n",
                 terminal_tone(t, TONE_BOLD), terminal_reset(t), client_url(w->cli->client),
                 *trouble != '\0' ? "   " : "", trouble);
    if (jobs != NULL) {
        job_print_table(t, jobs, terminal_lines(t) - HEAD_LINES - 1, "\033[K\n");
        (void)fputs("\033[J", stdout);
    }
    (void)fflush(stdout);
}

/* True when this state was not told before. */
static bool is_news(struct watch *w, const struct job_facts *job)
{
    struct seen *s = NULL;

    for (size_t i = 0; i < w->seen_count && s == NULL; i++) {
        s = strcmp(w->seen[i].id, job->id) == 0 ? &w->seen[i] : NULL;
    }
    if (s != NULL && strcmp(s->status, job->status) == 0) {
        return false;
    }
    if (s == NULL) {
        /* When all places are taken, the oldest memory goes. */
        if (w->seen_count == WATCH_SEEN_MAX) {
            memmove(w->seen, w->seen + 1, sizeof w->seen - sizeof w->seen[0]);
            w->seen_count--;
        }
        s = &w->seen[w->seen_count];
        w->seen_count++;
        (void)snprintf(s->id, sizeof s->id, "%s", job->id);
    }
    (void)snprintf(s->status, sizeof s->status, "%s", job->status);
    return true;
}

static void tell_news(struct watch *w, const cJSON *jobs)
{
    for (int i = cJSON_GetArraySize(jobs) - 1; i >= 0; i--) {
        struct job_facts job;

        job_facts_read(cJSON_GetArrayItem(jobs, i), &job);
        if (is_news(w, &job)) {
            terminal_put(&w->cli->out, job.id);
            (void)putchar(' ');
            terminal_put(&w->cli->out, job.status);
            (void)putchar('\n');
        }
    }
    (void)fflush(stdout);
}

static void show_jobs(struct watch *w, const struct client_reply *reply)
{
    AUTO(cjson_delete_ptr)
    cJSON *page = cJSON_ParseWithLength(buf_str(&reply->body), reply->body.len);
    const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(page, "data");

    if (w->cli->out.is_tty) {
        redraw(w, jobs, "");
    } else {
        tell_news(w, jobs);
    }
}

/* One look. EXIT_OK to go on. */
static int look(struct watch *w)
{
    AUTO(buf_clear) struct buf path = BUF_INIT(65536);
    AUTO(client_reply_clear) struct client_reply reply = CLIENT_REPLY_INIT;
    struct client_request request = {.method = "GET"};
    int lines = terminal_lines(&w->cli->out);

    if (!list_path(w->cli, w->filters, w->cli->out.is_tty && lines < 200 ? lines : 50, &path)) {
        return EXIT_USAGE;
    }
    request.path = buf_str(&path);
    if (client_call(w->cli->client, &request, &reply) && reply.status == 200) {
        w->was_answered = true;
        show_jobs(w, &reply);
        return EXIT_OK;
    }
    /* A gateway that was there comes back; the list stays on the screen until then. */
    if (w->was_answered && (reply.fault != CLIENT_ANSWERED || reply.status >= 500)) {
        if (w->cli->out.is_tty) {
            redraw(w, NULL, "(does not answer, trying again)");
        }
        return EXIT_OK;
    }
    leave_screen(w);
    return cli_refused(w->cli, &reply);
}

static int watch_list(struct cli *cli, const struct filters *filters)
{
    struct watch w = {.cli = cli, .filters = filters};
    int code = EXIT_OTHER;

    if (cli_client(cli, &code) == NULL) {
        return code;
    }
    terminal_catch_interrupt();
    do {
        code = look(&w);
        if (code == EXIT_OK) {
            (void)poll(NULL, 0, WATCH_PAUSE_MS);
        }
    } while (code == EXIT_OK && !terminal_is_interrupted());
    leave_screen(&w);
    /* Ctrl-C is how this is meant to end. */
    return terminal_is_interrupted() ? EXIT_OK : code;
}

int verb_watch(struct cli *cli, int argc, char **argv)
{
    AUTO(words_clear) struct words operands = {0};
    AUTO(filters_clear) struct filters f = {0};
    const struct option_row rows[] = {FILTER_ROWS(f), {.name = NULL}};
    struct await_options options = {.limit_s = -1};
    int code = EXIT_OK;

    if (!cli_options(cli, rows, argc, argv, &operands, &code) ||
        !cli_operands(cli, &operands, 0, 1, &code)) {
        return code;
    }
    if (operands.count == 0) {
        return watch_list(cli, &f);
    }
    if (!cli_is_id(cli, operands.item[0])) {
        return EXIT_USAGE;
    }
    return await_job(cli, operands.item[0], &options);
}
