/* version.h - which comfygate this is. The number comes from the file VERSION.
 */
#ifndef CG_BASE_VERSION_H
#define CG_BASE_VERSION_H

const char *comfygate_version(void);

#endif
