/* keyring.h - which keys there are, remembered for a moment, so that a request does not ask the store who it is from.
 *
 * What was looked up holds for KEYRING_MS: so long may a key be used that another program has revoked. The gateway that revokes
 * or makes one forgets all at once. Keys that are not there are remembered too, apart from the others, so that guessing pushes
 * nobody out. Memory is fixed.
 *
 * Threads: any. Locks: one, inside; never held over a look into the store.
 */
#ifndef CG_HTTP_KEYRING_H
#define CG_HTTP_KEYRING_H

#include "base/attr.h"
#include "base/err.h"
#include "bridge/key_uses.h"
#include "store/store.h"

#define KEYRING_MS 2000

struct keyring;

/* `look` asks the store for a key by its hash, on the thread that needs it: ST_OK, ST_NONE, or a failure. */
typedef enum st keyring_look_fn(void *arg, const char *sha256, struct api_key *out);

/* Uses are noted in `uses`, borrowed, once a second for each key. */
struct keyring *keyring_new(struct key_uses *uses) MUST_CHECK;
void keyring_free(struct keyring *k); /* NULL is fine */

/* Gives the key of that hash if it may be used now. UNAUTHORIZED when there is none, or it is expired or revoked, which
 * nobody is told apart; STORE_UNAVAILABLE. */
enum errc keyring_find(struct keyring *k, const char sha256[65], keyring_look_fn *look, void *arg,
                       struct api_key *out) MUST_CHECK;
/* What was looked up before is not believed any more. */
void keyring_forget(struct keyring *k);

#endif
