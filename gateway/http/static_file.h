/* static_file.h - pages that are part of the program: the dashboard, and the API explained. HTTP threads.
 *
 * cmake/bundle.cmake makes a bundle of a folder: each file as it is and compressed, under a version that is a
 * hash of all of them. "@BASE@" in a page stands for "<mount>/<version>": a file never changes under its
 * address and may be kept for ever, while the page that names it is asked for anew each time.
 */
#ifndef CG_HTTP_STATIC_FILE_H
#define CG_HTTP_STATIC_FILE_H

#include <microhttpd.h>

#include "base/span.h"

struct request;

struct static_form {
    struct span data;
    const char *etag;
};

struct static_file {
    const char *path; /* from the bundle's folder; NULL ends a list */
    const char *type;
    struct static_form plain;
    struct static_form gzip; /* empty where it would gain nothing */
};

struct static_bundle {
    const char *version;
    const struct static_file *files;
};

/* Answers with the page `path` of the bundle, which must be there, under a policy that lets it run and load only
 * what comes from this gateway, and no code or style that stands in the page itself. */
enum MHD_Result static_page(struct request *r, const struct static_bundle *bundle,
                            const char *path);
/* Answers a request for "<mount>/{name}/{path}": {name} is the bundle's version, {path} the file's. Another
 * version is 404: its page belongs to another program, and should be loaded anew. */
enum MHD_Result static_part(struct request *r, const struct static_bundle *bundle);

#endif
