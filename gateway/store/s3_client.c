#include "store/s3_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/s3_sign.h"

#define TRIES         3
#define PAUSE_MS      200 /* before the second try; five times as long before the third */
#define CONNECT_MS    5000L
#define SLOW_SECONDS  15L
#define ANSWER_MAX    (2U << 20) /* a page of 1000 keys has about 400 kB */
#define IDLE_MAX      8          /* connections that are kept */
#define EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct s3_client {
    struct s3_place place;
    char *access_key;
    char *secret_key;
    char sigv4[96];
    atomic_llong stop_at_mono_ms; /* 0 = never */

    pthread_mutex_t lock; /* over what follows */
    CURL *idle[IDLE_MAX];
    int idle_count;
};

/* One request, over all its tries. */
struct exchange {
    struct s3_client *client;
    const char *method;
    const char *url;
    const char *payload_hash;
    int send_fd; /* -1: nothing is sent */
    int64_t send_size;
    int64_t sent;
    int fetch_fd; /* -1: what comes goes to answer */
    struct sha256 hash;
    int disk_errno;
    struct buf answer;
    CURLcode code;
    long status;
};

struct s3_client *s3_client_new(const struct s3_place *place, const char *access_key,
                                const char *secret_key)
{
    struct s3_client *c = xcalloc(1, sizeof *c);

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    c->place = *place;
    c->access_key = xstrdup(access_key);
    c->secret_key = xstrdup(secret_key);
    (void)snprintf(c->sigv4, sizeof c->sigv4, "aws:amz:%s:s3", place->region);
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

void s3_client_free(struct s3_client *c)
{
    if (c == NULL) {
        return;
    }
    while (c->idle_count > 0) {
        curl_easy_cleanup(c->idle[--c->idle_count]);
    }
    (void)pthread_mutex_destroy(&c->lock);
    explicit_bzero(c->secret_key, strlen(c->secret_key));
    free(c->access_key);
    free(c->secret_key);
    free(c);
}

void s3_client_stop(struct s3_client *c, int grace_ms)
{
    atomic_store(&c->stop_at_mono_ms, clock_mono_ms() + grace_ms);
}

static bool is_over(struct s3_client *c)
{
    long long at = atomic_load(&c->stop_at_mono_ms);

    return at != 0 && clock_mono_ms() >= at;
}

/* ---- connections ------------------------------------------------------------------------------- */

static CURL *take_handle(struct s3_client *c)
{
    CURL *curl = NULL;

    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count > 0) {
        curl = c->idle[--c->idle_count];
    }
    (void)pthread_mutex_unlock(&c->lock);
    return require_memory(curl != NULL ? curl : curl_easy_init());
}

static void keep_handle(struct s3_client *c, CURL *curl)
{
    curl_easy_reset(curl); /* forgets the secret, keeps the connection */
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count < IDLE_MAX) {
        c->idle[c->idle_count++] = curl;
        curl = NULL;
    }
    (void)pthread_mutex_unlock(&c->lock);
    curl_easy_cleanup(curl);
}

/* ---- what curl calls back ------------------------------------------------------------------------ */

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    int64_t left = x->send_size - x->sent;
    size_t want = size * count;
    ssize_t n = 0;

    want = left < (int64_t)want ? (size_t)left : want;
    do {
        n = pread(x->send_fd, to, want, x->sent);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && want > 0)) {
        x->disk_errno = n < 0 ? errno : EIO;
        return CURL_READFUNC_ABORT;
    }
    x->sent += n;
    return (size_t)n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct exchange *x = arg;

    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    x->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static bool write_all(struct exchange *x, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(x->fetch_fd, data, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            x->disk_errno = errno;
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static size_t on_write(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;

    if (x->fetch_fd < 0 || x->status == 0 || x->status >= 300) {
        return buf_append(&x->answer, data, len) ? len : 0;
    }
    sha256_update(&x->hash, data, len);
    return write_all(x, data, len) ? len : 0;
}

/* The status must be known before the body: that of an error is not a file's. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;

    if (len > 12 && strncmp(line, "HTTP/1", 6) == 0) {
        x->status = strtol(line + 9, NULL, 10);
    }
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return is_over(((struct exchange *)arg)->client) ? 1 : 0;
}

/* ---- a try ------------------------------------------------------------------------------------- */

static void set_up(struct exchange *x, CURL *curl, struct curl_slist *headers)
{
    struct s3_client *c = x->client;

    (void)curl_easy_setopt(curl, CURLOPT_URL, x->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, c->sigv4);
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, c->access_key);
    (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, c->secret_key);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    if (x->send_fd >= 0) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, x);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->send_size);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method);
}

static struct curl_slist *header_list(const struct exchange *x)
{
    char line[100];

    (void)snprintf(line, sizeof line, "x-amz-content-sha256: %s", x->payload_hash);
    return require_memory(curl_slist_append(NULL, line));
}

static void try_once(struct exchange *x)
{
    CURL *curl = take_handle(x->client);
    struct curl_slist *headers = header_list(x);

    x->sent = 0;
    x->status = 0;
    x->disk_errno = 0;
    buf_reset(&x->answer);
    sha256_init(&x->hash);
    if (x->fetch_fd >= 0 &&
        (ftruncate(x->fetch_fd, 0) != 0 || lseek(x->fetch_fd, 0, SEEK_SET) != 0)) {
        x->disk_errno = errno;
        x->code = CURLE_WRITE_ERROR;
    } else {
        set_up(x, curl, headers);
        x->code = curl_easy_perform(curl);
    }
    curl_slist_free_all(headers);
    keep_handle(x->client, curl);
}

/* ---- what came of it ----------------------------------------------------------------------------- */

static bool says(const struct exchange *x, const char *code)
{
    char element[96];

    (void)snprintf(element, sizeof element, "<Code>%s</Code>", code);
    return strstr(buf_str(&x->answer), element) != NULL;
}

/* What a server says about who we are, in words that tell what to do. NULL for anything else. */
static const char *refusal(const struct exchange *x)
{
    static const struct {
        const char *code;
        const char *text;
    } KNOWN[] = {
        {"SignatureDoesNotMatch",
         "the secret key does not match the access key, or the region is another"},
        {"InvalidAccessKeyId", "it does not know this access key"},
        {"AuthorizationHeaderMalformed", "the region is another than the bucket's"},
        {"RequestTimeTooSkewed",
         "the clock of this machine and that of the server differ too much"},
        {"AccessDenied", "the access key may not do this"},
        {"ExpiredToken", "the access key is over: give it another"},
        {"InvalidToken", "the access key is one of those that live for a while, which need more "
                         "than comfygate sends: give it one that stays"},
        {"AccountProblem", "the account that pays for it has a problem"},
        {"SlowDown", "it asks for fewer requests, and has done so each time"},
        {"NoSuchBucket", "there is no such bucket"},
        {"PermanentRedirect", "the bucket is in another region"},
    };

    for (size_t i = 0; i < COUNT_OF(KNOWN); i++) {
        if (says(x, KNOWN[i].code)) {
            return KNOWN[i].text;
        }
    }
    return x->status == 301 || x->status == 307
               ? "it sends us elsewhere: another region or endpoint"
           : x->status == 401 || x->status == 403 ? "it does not let us in"
                                                  : NULL;
}

static enum errc tell(const struct exchange *x, struct err *e)
{
    if (x->disk_errno != 0) {
        return err_set(e,
                       x->disk_errno == ENOSPC || x->disk_errno == EDQUOT ? ERR_INSUFFICIENT_STORAGE
                                                                          : ERR_INTERNAL_ERROR,
                       x->disk_errno == ENOSPC ? "The disk for files is full."
                                               : "A file could not be copied on the disk.");
    }
    if (x->code == CURLE_ABORTED_BY_CALLBACK) {
        return err_set(e, ERR_STORAGE_UNAVAILABLE, "The gateway is shutting down.");
    }
    if (x->code != CURLE_OK) {
        return err_set(e, ERR_STORAGE_UNAVAILABLE, "The storage for files does not answer: %s.",
                       curl_easy_strerror(x->code));
    }
    if (x->status == 507 || says(x, "QuotaExceeded") || says(x, "XMinioStorageFull")) {
        return err_set(e, ERR_INSUFFICIENT_STORAGE, "The storage for files is full.");
    }
    if (refusal(x) != NULL) {
        return err_set(e, ERR_STORAGE_UNAVAILABLE, "The storage for files refuses: %s.",
                       refusal(x));
    }
    return err_set(e, ERR_STORAGE_UNAVAILABLE, "The storage for files answered %ld.", x->status);
}

static bool is_well(const struct exchange *x)
{
    return x->code == CURLE_OK && x->status >= 200 && x->status < 300;
}

/* What another try could change. */
static bool is_passing(const struct exchange *x)
{
    return x->disk_errno == 0 && x->code != CURLE_ABORTED_BY_CALLBACK &&
           (x->code != CURLE_OK || x->status >= 500 || x->status == 429 || x->status == 408 ||
            says(x, "RequestTimeout"));
}

static void pause_before(const struct exchange *x, int next_try)
{
    for (int left = next_try == 2 ? PAUSE_MS : PAUSE_MS * 5; left > 0 && !is_over(x->client);
         left -= 50) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000L}, NULL);
    }
}

static void run(struct exchange *x, int tries)
{
    for (int i = 1; i <= tries; i++) {
        if (i > 1) {
            pause_before(x, i);
        }
        try_once(x);
        if (!is_passing(x) || is_over(x->client)) {
            return;
        }
    }
}

static struct exchange exchange_make(struct s3_client *c, const char *method, const char *url)
{
    return (struct exchange){.client = c,
                             .method = method,
                             .url = url,
                             .payload_hash = EMPTY_PAYLOAD,
                             .send_fd = -1,
                             .fetch_fd = -1,
                             .answer = BUF_INIT(ANSWER_MAX)};
}

static void exchange_clear(struct exchange *x)
{
    buf_clear(&x->answer);
}

/* ---- the calls ----------------------------------------------------------------------------------- */

enum errc s3_client_check(struct s3_client *c, struct err *e)
{
    char url[S3_URL_SIZE];
    AUTO(exchange_clear) struct exchange x = exchange_make(c, "GET", url);

    s3_place_list(&c->place, "", 1, url);
    run(&x, 1);
    if (!is_well(&x)) {
        return tell(&x, e);
    }
    return strstr(buf_str(&x.answer), "<ListBucketResult") != NULL
               ? ERR_NONE
               : err_set(e, ERR_STORAGE_UNAVAILABLE,
                         "What answers there is no S3 server: it does not list the bucket.");
}

enum errc s3_client_put(struct s3_client *c, const char *sha256, int fd, int64_t size,
                        struct err *e)
{
    char url[S3_URL_SIZE];
    AUTO(exchange_clear) struct exchange x = exchange_make(c, "PUT", url);

    s3_place_object(&c->place, sha256, url);
    x.payload_hash = sha256;
    x.send_fd = fd;
    x.send_size = size;
    run(&x, TRIES);
    return is_well(&x) ? ERR_NONE : tell(&x, e);
}

static enum errc get_once(struct exchange *x, const char *sha256, struct err *e)
{
    char found[SHA256_TEXT_SIZE];

    run(x, TRIES);
    if (x->code == CURLE_OK && x->status == 404 && !says(x, "NoSuchBucket")) {
        return ERR_NOT_FOUND;
    }
    if (!is_well(x)) {
        return tell(x, e);
    }
    sha256_final_hex(&x->hash, found);
    return strcmp(found, sha256) == 0
               ? ERR_NONE
               : err_set(e, ERR_STORAGE_UNAVAILABLE,
                         "The storage for files gave other bytes than were kept there.");
}

enum errc s3_client_get(struct s3_client *c, const char *sha256, int fd, struct err *e)
{
    char url[S3_URL_SIZE];
    AUTO(exchange_clear) struct exchange x = exchange_make(c, "GET", url);

    s3_place_object(&c->place, sha256, url);
    x.fetch_fd = fd;
    return get_once(&x, sha256, e);
}

enum errc s3_client_remove(struct s3_client *c, const char *sha256, struct err *e)
{
    char url[S3_URL_SIZE];
    AUTO(exchange_clear) struct exchange x = exchange_make(c, "DELETE", url);

    s3_place_object(&c->place, sha256, url);
    run(&x, TRIES);
    return is_well(&x) || (x.code == CURLE_OK && x.status == 404 && !says(&x, "NoSuchBucket"))
               ? ERR_NONE
               : tell(&x, e);
}

enum errc s3_client_list(struct s3_client *c, const char *after, struct s3_page *out, struct err *e)
{
    char url[S3_URL_SIZE];
    AUTO(exchange_clear) struct exchange x = exchange_make(c, "GET", url);
    AUTO(free_ptr) char *xml = NULL;

    s3_place_list(&c->place, after, S3_PAGE_MAX, url);
    run(&x, TRIES);
    if (!is_well(&x)) {
        return tell(&x, e);
    }
    xml = buf_take(&x.answer);
    return s3_page_parse(&c->place, xml, out)
               ? ERR_NONE
               : err_set(e, ERR_STORAGE_UNAVAILABLE,
                         "The storage for files gave a list that cannot be read.");
}

bool s3_client_link(struct s3_client *c, const struct s3_place *place, const char *sha256,
                    const struct s3_answer *answer, struct buf *out)
{
    char url[S3_URL_SIZE];

    s3_place_object(place, sha256, url);
    s3_link_write(&(struct s3_link){.url = url,
                                    .region = place->region,
                                    .access_key = c->access_key,
                                    .secret_key = c->secret_key,
                                    .at_ms = clock_wall_ms(),
                                    .seconds = answer->seconds,
                                    .content_type = answer->content_type,
                                    .disposition = answer->disposition},
                  out);
    return buf_ok(out) && out->len > 0;
}
