/* fetch_tell.c - how a hop ended, in words for people. Never curl's own: they hold addresses.
 */
#include "fetch/fetch_parts.h"

long hop_status(const struct hop *h)
{
    long status = 0;

    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static enum errc fail(const struct hop *h, const char *before, const char *behind)
{
    return err_set(h->fetch->e, ERR_URL_FETCH_FAILED, "%s %s %s.", before, h->fetch->subject,
                   behind);
}

static enum errc tell_overdue(const struct hop *h)
{
    return err_set(h->fetch->e, ERR_URL_FETCH_FAILED,
                   "The answer of %s was not complete within %g seconds.", h->fetch->subject,
                   (double)h->fetch->limits.total_ms / 1000);
}

static enum errc tell_too_large(const struct hop *h)
{
    return err_set(h->fetch->e, ERR_URL_FETCH_FAILED, "The answer of %s is larger than %lld bytes.",
                   h->fetch->subject, (long long)h->fetch->limits.max_bytes);
}

static enum errc tell_status(const struct hop *h)
{
    if (h->is_behind_wall) {
        return fail(h, "The answer of", "is not the file");
    }
    return err_set(h->fetch->e, ERR_URL_FETCH_FAILED, "The answer of %s has status %ld, not 200.",
                   h->fetch->subject, hop_status(h));
}

/* curl looks at the length that is told before we look at the status. */
static enum errc tell_status_or_size(const struct hop *h)
{
    return hop_status(h) == STATUS_OK ? tell_too_large(h) : tell_status(h);
}

/* Whether the request could be sent: name, connection and handshake are done. */
static bool was_ready(const struct hop *h)
{
    curl_off_t ready_us = 0;

    (void)curl_easy_getinfo(h->curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us > 0;
}

static enum errc tell_refused(const struct hop *h)
{
    return err_set(h->fetch->e, ERR_URL_NOT_ALLOWED, "The address of %s is not a public one.",
                   h->fetch->subject);
}

static enum errc tell_timeout(const struct hop *h)
{
    return was_ready(h) ? fail(h, "The answer of", "came too slowly")
                        : fail(h, "A connection to", "could not be made in time");
}

static enum errc tell_code(const struct hop *h, CURLcode code)
{
    if (h->was_refused && (code == CURLE_ABORTED_BY_CALLBACK || !h->was_welcome)) {
        return tell_refused(h);
    }
    switch ((int)code) {
    case CURLE_OK:
        return ERR_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(h, "The address of", "cannot be found");
    case CURLE_COULDNT_CONNECT:
        return fail(h, "A connection to", "could not be made");
    case CURLE_OPERATION_TIMEDOUT:
        return tell_timeout(h);
    case CURLE_FILESIZE_EXCEEDED:
        return tell_status_or_size(h);
    case CURLE_PEER_FAILED_VERIFICATION:
        return fail(h, "The certificate of", "is not valid");
    case CURLE_SSL_CONNECT_ERROR:
        return fail(h, "A secure connection to", "could not be made");
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(h->fetch->e, ERR_INTERNAL_ERROR, "fetch_ca_file cannot be read.");
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return fail(h, "The answer of", "was cut off");
    default:
        return fail(h, "The answer of", "cannot be understood");
    }
}

enum errc hop_tell(const struct hop *h, CURLcode code)
{
    switch (h->end) {
    case HOP_CURL:
        return tell_code(h, code);
    case HOP_STOPPED:
        return err_set(h->fetch->e, ERR_SHUTTING_DOWN, "The gateway is shutting down.");
    case HOP_OVERDUE:
        return tell_overdue(h);
    case HOP_SINK:
        return h->sink_error;
    case HOP_TOO_LARGE:
        return tell_too_large(h);
    case HOP_BAD_HEAD:
        return fail(h, "The answer of", "cannot be understood");
    case HOP_ENCODED:
        return fail(h, "The answer of", "is compressed, which was not asked for");
    case HOP_STATUS:
        return tell_status(h);
    case HOP_REDIRECT:
        break;
    }
    return ERR_NONE;
}
