/* blob_cache.h - keeps a folder of files that are kept elsewhere too below a size: what was used longest ago goes.
 */
#ifndef CG_STORE_BLOB_CACHE_H
#define CG_STORE_BLOB_CACHE_H

#include <stdint.h>

/* files_fd: the folder, of shards as blob.h has them. When they hold more than max_bytes together, removes files,
 * those first that have not been touched for longest, until they hold nine tenths of it. Who has one open reads on.
 * Slow: reads every entry. Any thread. */
void blob_cache_trim(int files_fd, int64_t max_bytes);

#endif
