/* checks.h - what the doctor looks at, for its own files only.
 *
 * Each check adds one finding or more to the report, leaves nothing changed, and waits no longer than it says. One thread.
 */
#ifndef CG_DOCTOR_CHECKS_H
#define CG_DOCTOR_CHECKS_H

#include <stdbool.h>

#include "base/config.h"
#include "core/backend_list.h"
#include "core/node_info.h"
#include "doctor/report.h"
#include "net/http_call.h"

struct doctor {
    struct config config;
    struct backend_list backends;
    struct report report;
    struct loop *loop;
    struct http_client *http;
    struct node_info **nodes; /* of each ComfyUI; NULL = it has not told */
    bool is_served;           /* a gateway answers at server_listen */
};

void check_machine(struct doctor *d);  /* clock, descriptors */
void check_port(struct doctor *d);     /* whether we answer there, or could; who may come in */
void check_folder(struct doctor *d);   /* the data folder */
void check_database(struct doctor *d); /* after check_port */
/* The bucket, if there is one: keeps a small file there, reads it and removes it. 20 s at most. */
void check_storage(struct doctor *d);
/* All ComfyUI servers, one after the other: at most some 30 s for each that is sick. */
void check_backends(struct doctor *d);
void check_socket(struct doctor *d, const struct backend_address *backend);
void check_templates(struct doctor *d); /* after check_backends */

#endif
