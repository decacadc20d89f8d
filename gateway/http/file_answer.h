/* file_answer.h - the bytes of a stored file as an answer: whole or a range, with what a browser must know.
 */
#ifndef CG_HTTP_FILE_ANSWER_H
#define CG_HTTP_FILE_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>

struct request;

/* All borrowed for the call. */
struct stored_file {
    const char *sha256;
    const char *content_type; /* as its bytes tell */
    const char *name;         /* for the one who saves it; may be NULL */
    bool
        may_be_elsewhere; /* who asks may be sent to the storage for it (307), if links to it are on */
};

/* Answers GET and HEAD with If-None-Match, Range, If-Range (RFC 9110) and the query's download=0|1, redirect=0|1. */
enum MHD_Result file_answer(struct request *r, const struct stored_file *file);

#endif
