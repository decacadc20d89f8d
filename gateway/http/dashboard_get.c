/* dashboard_get.c - GET / (getDashboard) and GET /ui/{name}/{path} (getDashboardFile): the dashboard.
 */
#include "http/handlers.h"
#include "http/static_file.h"

/* Made by the build from dashboard/. */
extern const struct static_bundle dashboard_bundle;

enum MHD_Result dashboard_get(struct request *r)
{
    return static_page(r, &dashboard_bundle, "index.html");
}

enum MHD_Result dashboard_file(struct request *r)
{
    return static_part(r, &dashboard_bundle);
}
