/* migrate_command.h - `comfygate migrate`: brings a store to this version's form, or copies it into another.
 */
#ifndef CG_MIGRATE_COMMAND_H
#define CG_MIGRATE_COMMAND_H

/* argv holds what follows the verb. Returns the exit code. */
int migrate_command(int argc, char **argv);

#endif
