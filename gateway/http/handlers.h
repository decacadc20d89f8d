/* handlers.h - one function per operation, in the file of its name. They run on HTTP threads.
 */
#ifndef CG_HTTP_HANDLERS_H
#define CG_HTTP_HANDLERS_H

#include "http/route.h"

handler_fn livez_get;
handler_fn readyz_get;
handler_fn docs_get;
handler_fn docs_file;
handler_fn openapi_get;
handler_fn dashboard_get;
handler_fn dashboard_file;
handler_fn jobs_post;
handler_fn jobs_list;
handler_fn jobs_get;
handler_fn jobs_patch;
handler_fn jobs_delete;
handler_fn jobs_cancel;
handler_fn jobs_retry;
handler_fn jobs_preview;
handler_fn deliveries_of_job;
handler_fn deliveries_of_all;
handler_fn deliveries_again;
handler_fn jobs_workflow;
handler_fn events_of_job;
handler_fn events_of_all;
handler_fn assets_post;
handler_fn assets_get;
handler_fn assets_content;
handler_fn assets_delete;
handler_fn outputs_list;
handler_fn outputs_thumbnail;
handler_fn outputs_rendition;
handler_fn outputs_content;
handler_fn outputs_link;
handler_fn preferences_list;
handler_fn preferences_get;
handler_fn preferences_put;
handler_fn preferences_delete;
handler_fn templates_list;
handler_fn templates_get;
handler_fn templates_reload;
handler_fn models_folders;
handler_fn models_get;
handler_fn backends_get;
handler_fn backends_drain;
handler_fn backends_resume;
handler_fn queue_pause;
handler_fn queue_resume;
handler_fn stats_get;
handler_fn metrics_get;
handler_fn keys_list;
handler_fn keys_post;
handler_fn keys_delete;
handler_fn session_get;
handler_fn session_post;
handler_fn session_delete;

/* Gives every template that is served a place among what is counted. */
struct http_parts;
void templates_reload_names(const struct http_parts *parts);

#endif
