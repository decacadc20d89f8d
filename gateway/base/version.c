#include "base/version.h"

const char *comfygate_version(void)
{
    return COMFYGATE_VERSION;
}
