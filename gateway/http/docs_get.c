/* docs_get.c - GET /docs (getDocs) and GET /docs/{name}/{path} (getDocsFile): the API explained.
 */
#include "http/handlers.h"
#include "http/static_file.h"

/* Made by the build from schema/openapi.yaml (cmake/api_page.py). */
extern const struct static_bundle docs_bundle;

enum MHD_Result docs_get(struct request *r)
{
    return static_page(r, &docs_bundle, "index.html");
}

enum MHD_Result docs_file(struct request *r)
{
    return static_part(r, &docs_bundle);
}
