/* scale.h - a smaller picture of a picture.
 *
 * Each pixel of the result is a weighted mean of all pixels that it covers (a
 * cubic filter as wide as the reduction asks for), alpha counted in, so that
 * fine lines neither vanish nor flicker and transparent colours do not bleed.
 */
#ifndef CG_IMAGING_SCALE_H
#define CG_IMAGING_SCALE_H

#include "imaging/picture.h"

/* Makes *out, overwritten, with a long edge of `edge` pixels and the shape of p (a side has at least
 * one pixel). edge is at most the long edge of p. CONTENT_TOO_LARGE when memory does not suffice. */
enum errc scale_to_edge(const struct picture *p, int edge, struct picture *out, struct err *e)
    MUST_CHECK;

#endif
