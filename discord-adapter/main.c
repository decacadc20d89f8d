/* main.c - the verbs of comfygate-discord.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/completion.h"
#include "base/mem.h"
#include "base/version.h"

static const struct {
    const char *name;
    int (*run)(const struct setting_sources *from);
    const char *meaning;
} verbs[] = {
    {"run", run_verb, "be the bot, until a signal"},
    {"register", register_verb, "register the commands now (run does it when they changed)"},
    {"check", check_verb, "tell what is wrong with token, permissions and comfygate"},
};

#define VERSION_MEANING    "tell the version"
#define COMPLETION_MEANING "print what a shell completes our words by: " COMPLETION_SHELLS

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage: comfygate-discord VERB [--config FILE] [SETTING]...\n\n"
                       "Pictures by ComfyUI for the users of a Discord server.\n\n");
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        (void)fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].meaning);
    }
    (void)fprintf(out, "  %-10s %s\n  %-10s %s\n", "version", VERSION_MEANING, "completion",
                  COMPLETION_MEANING);
}

static void print_help(void)
{
    print_usage(stdout);
    (void)printf(
        "\n"
        "To begin:\n"
        "  1. Make an application at https://discord.com/developers/applications, and under\n"
        "     Bot a token. No privileged intent is needed.\n"
        "  2. Put the token into a file that only you can read, and name it:\n"
        "     export COMFYGATE_DISCORD_TOKEN_FILE=/path/to/token\n"
        "  3. comfygate-discord check    says what is missing, and prints the link by which\n"
        "     the bot is invited to a server.\n"
        "  4. comfygate-discord run\n"
        "\n"
        "Exit codes: 0 ended as asked, 2 wrong usage or settings, 3 the token is wrong,\n"
        "4 sharding is needed or wrong, 5 Discord refuses what the bot asks for, 1 any other.\n"
        "\n"
        "Settings:\n");
    settings_print_help(stdout);
}

static int print_completion(const char *shell)
{
    struct completion *c = completion_new("comfygate-discord");
    bool is_known = false;

    completion_flag(c, "help", 'h', NULL, "show all");
    completion_flag(c, "version", 0, NULL, VERSION_MEANING);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        completion_verb(c, verbs[i].name, "", verbs[i].meaning);
        completion_settings(c, settings_table());
    }
    completion_verb(c, "version", "", VERSION_MEANING);
    completion_verb(c, "completion", "bash|zsh|fish", COMPLETION_MEANING);
    completion_verb(c, "help", "", "show all");
    is_known = completion_print(c, shell, stdout);
    completion_free(c);
    if (!is_known) {
        (void)fprintf(stderr, "comfygate-discord: completion takes " COMPLETION_SHELLS "\n");
    }
    return is_known ? EXIT_SUCCESS : EXIT_USAGE;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return argc > 1 && strcmp(argv[1], "help") == 0;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    struct setting_sources from = {.argc = argc - 2, .argv = argv + 2, .envp = environ};

    if (wants_help(argc, argv)) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0) {
        (void)printf("comfygate-discord %s\n", comfygate_version());
        return EXIT_SUCCESS;
    }
    if (strcmp(verb, "completion") == 0) {
        return print_completion(argc == 3 ? argv[2] : "");
    }
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i].name, verb) == 0) {
            return verbs[i].run(&from);
        }
    }
    if (verb[0] != '\0') {
        (void)fprintf(stderr, "comfygate-discord: there is no verb %.40s\n\n", verb);
    }
    print_usage(stderr);
    return EXIT_USAGE;
}
