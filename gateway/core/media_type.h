/* media_type.h - what files of a media type are usually called. Pure; any thread.
 */
#ifndef CG_CORE_MEDIA_TYPE_H
#define CG_CORE_MEDIA_TYPE_H

/* Without the dot: "png" for "image/png", whatever parameters follow; "bin" for one that is not known here or
 * NULL. A constant. */
const char *media_type_extension(const char *content_type);

#endif
