/* verb_templates.c - finds which part of `templates` is meant: a table, as cli.c has for verbs. */
#include <stdio.h>
#include <string.h>

#include "base/completion.h"
#include "base/mem.h"
#include "cli/templates.h"

static const struct verb parts[] = {
    {"templates list", "[FLAG...]",
     "the templates that the gateway serves, and whether they can run",
     "Example:\n"
     "  comfygate templates list --category image-edit\n",
     verb_templates_list},
    {"templates show", "NAME [FLAG...]", "a template's parameters, what it needs, how it is called",
     "Of each model that is missing it is told where it belongs and where to get it, as far as\n"
     "its author says.\n\n"
     "Example:\n"
     "  comfygate templates show sdxl\n",
     verb_templates_show},
    {"templates reload", "[FLAG...]", "have the gateway read its folders of templates anew",
     "Tells what was added, changed and removed, and every fault of what is broken; what was\n"
     "served before under its name still is. Exits 1 when something is broken.\n\n"
     "Example:\n"
     "  comfygate templates reload\n",
     verb_templates_reload},
    {"templates init", "GRAPH.json [FLAG...]", "draft a template from a workflow",
     "GRAPH.json is a workflow in ComfyUI's API format (menu: Workflow > Export (API)). Writes a "
     "folder\n"
     "with workflow.json, which is the export as it is, and a manifest.json that is a guess: the "
     "table\n"
     "tells of each parameter where it goes, how sure that is, and why. A node's title $name or\n"
     "$name:input makes it sure. A template that is there is written over only with --force.\n\n"
     "Example:\n"
     "  comfygate templates init graph.json --name my-sdxl --comfyui http://127.0.0.1:8188\n",
     templates_init},
    {"templates check", "DIR... [FLAG...]", "load template folders, and tell every fault of each",
     "Loads each folder as a gateway would; no gateway is asked. Exits 0 when all are sound, else "
     "1.\n"
     "With --comfyui or --object-info it is also told what that ComfyUI lacks to run them.\n\n"
     "Example:\n"
     "  comfygate templates check templates/* --comfyui http://127.0.0.1:8188\n",
     templates_check},
};

static const struct verb *find_part(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(strchr(parts[i].name, ' ') + 1, name) == 0) {
            return &parts[i];
        }
    }
    return NULL;
}

static void print_parts(FILE *out)
{
    (void)fputs("Usage: comfygate templates PART [FLAG...]\n\n", out);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        (void)fprintf(out, "  %-10s %s\n", strchr(parts[i].name, ' ') + 1, parts[i].summary);
    }
    (void)fputs("\nExample:\n"
                "  comfygate templates init graph.json --name my-sdxl\n\n"
                "comfygate help templates PART tells more of each.\n",
                out);
}

/* Each part shows its help to the completion. */
static void complete_parts(struct cli *cli)
{
    completion_verb(cli->completion, cli->verb->name, cli->verb->operands, cli->verb->summary);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        cli->verb = &parts[i];
        (void)parts[i].run(cli, 0, NULL);
    }
}

int verb_templates(struct cli *cli, int argc, char **argv)
{
    static const struct option_row no_rows[] = {{.name = NULL}};
    const struct verb *part = argc > 0 ? find_part(argv[0]) : NULL;
    AUTO(words_clear) struct words rest = {0};
    int code = EXIT_OK;

    if (part != NULL) {
        cli->verb = part;
        return part->run(cli, argc - 1, argv + 1);
    }
    if (argc > 0 && argv[0][0] != '-') {
        return cli_usage(cli, "templates has no \"%.40s\"", argv[0]);
    }
    if (cli->completion != NULL) {
        complete_parts(cli);
        return EXIT_OK;
    }
    if (cli->wants_help ||
        (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))) {
        print_parts(stdout);
        return EXIT_OK;
    }
    if (!cli_options(cli, no_rows, argc, argv, &rest, &code)) {
        return code;
    }
    if (rest.count > 0) {
        return cli_usage(cli, "say the part first: comfygate templates %.40s", rest.item[0]);
    }
    print_parts(stderr);
    return EXIT_USAGE;
}
