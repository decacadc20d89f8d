/* readers.h - one reader for each kind of file. For picture.c only; the contract is picture_read's.
 */
#ifndef CG_IMAGING_READERS_H
#define CG_IMAGING_READERS_H

#include "imaging/picture.h"

typedef enum errc picture_reader(struct span file, const struct picture_limits *limits,
                                 struct picture *out, struct err *e);

picture_reader read_png;
picture_reader read_jpeg;
picture_reader read_gif;
picture_reader read_webp;

/* EXIF's orientation, 1 to 8, in the TIFF structure that an Exif block holds behind its signature;
 * 1 when it is not told. */
int exif_orientation(struct span tiff);

#endif
