/* comfy_wire_send.c - the bytes of what is sent to ComfyUI.
 */
#include "base/json_out.h"
#include "core/comfy_wire.h"

void comfy_prompt_body(struct buf *out, struct span graph, struct id prompt_id,
                       const char *client_id, struct id job_id)
{
    struct json_out o = json_out_to(out);

    /* Never `number`: two pending prompts with equal number and id kill ComfyUI's worker. */
    jo_obj(&o, NULL);
    jo_raw(&o, "prompt", graph);
    jo_str(&o, "prompt_id", prompt_id.text);
    jo_str(&o, "client_id", client_id);
    jo_obj(&o, "extra_data");
    jo_obj(&o, "comfygate");
    jo_str(&o, "job_id", job_id.text);
    jo_end(&o);
    jo_end(&o);
    jo_end(&o);
}

struct span comfy_feature_flags(void)
{
    return SPAN_LIT("{\"type\":\"feature_flags\",\"data\":{\"supports_preview_metadata\":true}}");
}

void comfy_delete_body(struct buf *out, struct id prompt_id)
{
    struct json_out o = json_out_to(out);

    jo_obj(&o, NULL);
    jo_arr(&o, "delete");
    jo_str(&o, NULL, prompt_id.text);
    jo_end(&o);
    jo_end(&o);
}

void comfy_interrupt_body(struct buf *out, struct id prompt_id)
{
    struct json_out o = json_out_to(out);

    jo_obj(&o, NULL);
    jo_str(&o, "prompt_id", prompt_id.text);
    jo_end(&o);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void append_query(struct buf *out, const char *name, const char *value)
{
    (void)buf_append_str(out, name);
    for (; *value != '\0'; value++) {
        if (is_unreserved(*value)) {
            (void)buf_append_char(out, *value);
        } else {
            (void)buf_appendf(out, "%%%02X", (unsigned)(unsigned char)*value);
        }
    }
}

void comfy_view_query(struct buf *out, const struct comfy_output *output)
{
    append_query(out, "?filename=", output->filename != NULL ? output->filename : "");
    append_query(out, "&subfolder=", output->subfolder != NULL ? output->subfolder : "");
    append_query(out, "&type=", output->type != NULL ? output->type : "output");
}
