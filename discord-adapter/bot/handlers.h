/* handlers.h - who answers what. The tables are in dispatch.c.
 *
 * A handler takes the interaction (interaction_free when done) and borrows the answer (answer_ref to keep it beyond the call). It must say something in the
 * end; one that waits calls answer_in_time first, or answers a modal within two seconds, and keeps its struct by bot/work.h.
 */
#ifndef CGD_BOT_HANDLERS_H
#define CGD_BOT_HANDLERS_H

#include "bot/bot.h"
#include "bot/catalog.h"
#include "wire/custom_id.h"

/* generate.c: the commands that make something, by category. */
bot_handler cmd_generate, cmd_edit, cmd_upscale, cmd_animate, cmd_editflux, cmd_editqwen;
/* menu.c: on any message with a picture. */
bot_handler menu_edit, menu_upscale, menu_animate;
/* lists.c, status.c */
bot_handler cmd_queue, cmd_cancel, cmd_jobs, cmd_show, cmd_status, cmd_loras, cmd_help;
/* user_settings.c */
bot_handler cmd_settings;
/* autocomplete.c: of all commands. */
bot_handler autocomplete;

/* Buttons, selects and sent modals. */
typedef void press_handler(struct bot *b, struct interaction *i, struct answer *a,
                           const struct custom_id *id);
/* press.c */
press_handler press_cancel, press_vary, press_again, press_settings_show, press_delete,
    press_delete_yes, press_show;
/* follow.c */
press_handler press_upscale, press_edit, press_edit_send, press_animate, press_animate_send,
    press_change, press_change_send;
/* menu.c */
press_handler press_menu_send;
/* setup.c: the view before generating. */
press_handler press_setup_model, press_setup_lora, press_setup_strength, press_setup_edit,
    press_setup_edit_send, press_setup_go;
/* Shows it: for /generate without a prompt, or with `setup: true`. `values` and `model` are what was given already. */
void setup_show(struct bot *b, struct interaction *i, struct answer *a,
                const struct template_entry *t, const cJSON *values);
/* Forgets views that are older than a day, now and then once a day. */
void setup_sweep(struct bot *b);
/* user_settings.c */
press_handler press_prefs, press_prefs_send;

/* press.c: cancels a job and whispers what came of it; the caller has checked that the user may. */
void cancel_job(struct bot *b, struct answer *a, const char *job);

#endif
