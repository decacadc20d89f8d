/* cli.h - the command line that speaks to a running gateway.
 *
 * A client of the public API, but for `templates init` and `check`, which work on files: it reads no
 * store and no setting of the gateway. main.c runs `serve` and `migrate` itself and hands
 * every other command line to cli_main. One thread.
 *
 * To add a verb: a run function in its own file, declared in verbs.h, one row in the
 * table of cli.c, tests/api/test_cli.py, packaging/comfygate.1.
 */
#ifndef CG_CLI_CLI_H
#define CG_CLI_CLI_H

/* What a script finds in $?. They are part of the public contract. */
enum cli_exit {
    EXIT_OK = 0,    /* done; of a job: it succeeded */
    EXIT_OTHER = 1, /* refused by the gateway, or a local fault such as a full disk */
    EXIT_USAGE = 2, /* the command line cannot be understood */
    EXIT_JOB_FAILED = 3,
    EXIT_JOB_STOPPED = 4,  /* canceled or expired */
    EXIT_WAIT_OVER = 5,    /* --for ran out; the job goes on */
    EXIT_UNREACHABLE = 69, /* EX_UNAVAILABLE of sysexits.h */
    EXIT_INTERRUPTED = 130 /* Ctrl-C; the job goes on */
};

/* Runs one command line, program name included, and returns the exit code. */
int cli_main(int argc, char **argv);

#endif
