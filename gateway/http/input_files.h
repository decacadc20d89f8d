/* input_files.h - what the references in a template's input stand for: asset:<id>, output:<id>, data: and
 * https: become files that ComfyUI will be given.
 *
 * Threads: one at a time. What a data: or https: reference brings has to be written, and an address to
 * be asked: both take long, so they are done only where `may_block` is set.
 */
#ifndef CG_HTTP_INPUT_FILES_H
#define CG_HTTP_INPUT_FILES_H

#include <stdbool.h>

#include "base/id.h"
#include "core/asset.h"
#include "core/template.h"

struct request;

struct input_files {
    struct request *r;
    bool may_block;
    bool has_to_block; /* a reference was met that could not be resolved without it */
    enum errc
        failure; /* what the store, the disk or the policy says; ERR_NONE = the input is at fault */
    struct id source_job; /* of the first output: reference; none when there is none */

    struct job_file *file; /* each content once */
    size_t file_count;
    struct asset *asset; /* made of data: and https:, their contents held */
    size_t asset_count;
};

void input_files_init(struct input_files *f, struct request *r, bool may_block);
/* Lets go of the contents of assets, unless the engine has taken them over. */
void input_files_clear(struct input_files *f);
/* For template_request.files; borrows f. */
struct template_files input_files_resolver(struct input_files *f);

#endif
