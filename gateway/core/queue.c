/* queue.c - a treap: a search tree by (inside, rank, id) that is also a heap by a weight.
 *
 * The weight is a hash of the id, so the tree is as balanced as a random one
 * whatever the order of arrival. Each node counts its subtree, which gives
 * places. A hash table finds a node by id alone, since who asks for a place
 * does not know the priority.
 *
 * Nodes are numbered in one array (48 bytes each) and ids kept as their 16
 * bytes: a million waiting jobs take about 60 MB. Number 0 stands for "none"
 * and has size 0. UUIDs sort as bytes just as they do as text.
 */
#include "core/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ID_BYTES    16
#define FIRST_NODES 64
#define NONE        0
/* Farther than any two starts are apart. */
#define BEFORE_ALL (INT64_C(1) << 50)

struct node {
    unsigned char id[ID_BYTES];
    int64_t rank; /* its start, less the head start of its priority */
    uint32_t left;
    uint32_t right;
    uint32_t size;
    uint32_t chain; /* next node of the same slot, or next free node */
    int32_t priority;
    bool is_inside;
};

struct queue {
    int64_t head_start;
    struct node *node;
    uint32_t capacity; /* of node[] */
    uint32_t used;     /* nodes that were ever handed out, with number 0 */
    uint32_t free;
    uint32_t root;
    uint32_t *slot;
    uint32_t slots; /* a power of two */
    size_t inside;
};

/* ---- ids ------------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash_at(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static bool pack(struct id id, unsigned char out[ID_BYTES])
{
    int nibbles = 0;

    if (id.text[0] == '\0') {
        return false;
    }
    memset(out, 0, ID_BYTES);
    for (int i = 0; i < ID_LEN; i++) {
        int value = digit_value(id.text[i]);

        if (is_dash_at(i)) {
            if (id.text[i] != '-') {
                return false;
            }
            continue;
        }
        if (value < 0) {
            return false;
        }
        out[nibbles / 2] = (unsigned char)(out[nibbles / 2] << 4 | value);
        nibbles++;
    }
    return id.text[ID_LEN] == '\0';
}

static struct id unpack(const unsigned char bytes[ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    struct id id = ID_NONE;
    int nibbles = 0;

    for (int i = 0; i < ID_LEN; i++) {
        if (is_dash_at(i)) {
            id.text[i] = '-';
            continue;
        }
        id.text[i] = digits[bytes[nibbles / 2] >> (nibbles % 2 == 0 ? 4 : 0) & 0xf];
        nibbles++;
    }
    id.text[ID_LEN] = '\0';
    return id;
}

/* Ids are made by us, so nobody can choose them to collide; the mixing only spreads their time. */
static uint64_t mix(const unsigned char bytes[ID_BYTES])
{
    uint64_t high = 0;
    uint64_t low = 0;

    memcpy(&high, bytes, sizeof high);
    memcpy(&low, bytes + sizeof high, sizeof low);
    low ^= high * UINT64_C(0x9e3779b97f4a7c15);
    low ^= low >> 32;
    low *= UINT64_C(0xd6e8feb86659fd93);
    low ^= low >> 32;
    low *= UINT64_C(0xd6e8feb86659fd93);
    return low ^ low >> 32;
}

/* The halves of one hash serve the heap and the table. */
static uint32_t weight_of(const struct node *n)
{
    return (uint32_t)(mix(n->id) >> 32);
}

static uint32_t *slot_of(const struct queue *q, const unsigned char id[ID_BYTES])
{
    return &q->slot[(uint32_t)mix(id) & (q->slots - 1)];
}

/* ---- nodes ----------------------------------------------------------------------------------- */

struct queue *queue_new(int64_t head_start)
{
    struct queue *q = xcalloc(1, sizeof *q);

    q->head_start = head_start > 0 ? head_start : BEFORE_ALL;
    q->capacity = FIRST_NODES;
    q->node = xcalloc(q->capacity, sizeof *q->node);
    q->used = 1;
    q->slots = FIRST_NODES;
    q->slot = xcalloc(q->slots, sizeof *q->slot);
    return q;
}

void queue_free(struct queue *q)
{
    if (q == NULL) {
        return;
    }
    free(q->node);
    free(q->slot);
    free(q);
}

static uint32_t find(const struct queue *q, const unsigned char id[ID_BYTES])
{
    uint32_t at = *slot_of(q, id);

    while (at != NONE && memcmp(q->node[at].id, id, ID_BYTES) != 0) {
        at = q->node[at].chain;
    }
    return at;
}

static void table_add(struct queue *q, uint32_t n)
{
    uint32_t *slot = slot_of(q, q->node[n].id);

    q->node[n].chain = *slot;
    *slot = n;
}

/* Only when no node is free, so that all that were handed out belong into the table. */
static void grow(struct queue *q)
{
    bug_if(q->capacity > UINT32_MAX / 2);
    q->capacity *= 2;
    q->node = xrealloc(q->node, q->capacity * sizeof *q->node);
    free(q->slot);
    q->slots = q->capacity;
    q->slot = xcalloc(q->slots, sizeof *q->slot);
    for (uint32_t n = 1; n < q->used; n++) {
        table_add(q, n);
    }
}

/* A zeroed node that is in neither the tree nor the table. Moves node[]. */
static uint32_t take_node(struct queue *q)
{
    uint32_t n = q->free;

    if (n != NONE) {
        q->free = q->node[n].chain;
    } else {
        if (q->used == q->capacity) {
            grow(q);
        }
        n = q->used++;
    }
    memset(&q->node[n], 0, sizeof q->node[n]);
    return n;
}

static void table_remove(struct queue *q, uint32_t n)
{
    uint32_t *at = slot_of(q, q->node[n].id);

    while (*at != n) {
        at = &q->node[*at].chain;
    }
    *at = q->node[n].chain;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static int compare(const struct node *a, const struct node *b)
{
    if (a->is_inside != b->is_inside) {
        return a->is_inside ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return memcmp(a->id, b->id, ID_BYTES);
}

static void count_subtree(struct queue *q, uint32_t n)
{
    struct node *node = &q->node[n];

    node->size = 1 + q->node[node->left].size + q->node[node->right].size;
}

/* Parts the tree at `key`: what comes before it, and what does not. */
static void split(struct queue *q, uint32_t tree, const struct node *key, uint32_t *before,
                  uint32_t *after)
{
    if (tree == NONE) {
        *before = NONE;
        *after = NONE;
        return;
    }
    if (compare(&q->node[tree], key) < 0) {
        split(q, q->node[tree].right, key, &q->node[tree].right, after);
        *before = tree;
    } else {
        split(q, q->node[tree].left, key, before, &q->node[tree].left);
        *after = tree;
    }
    count_subtree(q, tree);
}

/* All of `left` comes before all of `right`. */
static uint32_t merge(struct queue *q, uint32_t left, uint32_t right)
{
    if (left == NONE || right == NONE) {
        return left != NONE ? left : right;
    }
    if (weight_of(&q->node[left]) >= weight_of(&q->node[right])) {
        q->node[left].right = merge(q, q->node[left].right, right);
        count_subtree(q, left);
        return left;
    }
    q->node[right].left = merge(q, left, q->node[right].left);
    count_subtree(q, right);
    return right;
}

static void tree_add(struct queue *q, uint32_t n)
{
    uint32_t before = NONE;
    uint32_t after = NONE;

    split(q, q->root, &q->node[n], &before, &after);
    count_subtree(q, n);
    q->root = merge(q, merge(q, before, n), after);
    q->inside += q->node[n].is_inside ? 1 : 0;
}

static void tree_remove(struct queue *q, uint32_t n)
{
    const struct node *gone = &q->node[n];
    uint32_t *at = &q->root;

    while (*at != n) {
        struct node *node = &q->node[*at];

        node->size--;
        at = compare(gone, node) < 0 ? &node->left : &node->right;
    }
    *at = merge(q, gone->left, gone->right);
    q->node[n].left = NONE;
    q->node[n].right = NONE;
    q->inside -= q->node[n].is_inside ? 1 : 0;
}

/* ---- the interface --------------------------------------------------------------------------- */

void queue_put(struct queue *q, struct id job, int priority, int64_t start, bool is_inside)
{
    int64_t rank = start - priority * q->head_start;
    unsigned char id[ID_BYTES];
    bool is_id = pack(job, id);
    uint32_t n = NONE;

    bug_if(!is_id);
    n = find(q, id);
    if (n != NONE) {
        if (q->node[n].priority == priority && q->node[n].rank == rank &&
            q->node[n].is_inside == is_inside) {
            return;
        }
        tree_remove(q, n);
    } else {
        n = take_node(q);
        memcpy(q->node[n].id, id, ID_BYTES);
        table_add(q, n);
    }
    q->node[n].priority = priority;
    q->node[n].rank = rank;
    q->node[n].is_inside = is_inside;
    tree_add(q, n);
}

bool queue_start(const struct queue *q, struct id job, int64_t *start)
{
    unsigned char id[ID_BYTES];
    uint32_t n = pack(job, id) ? find(q, id) : NONE;

    if (n == NONE) {
        return false;
    }
    *start = q->node[n].rank + q->node[n].priority * q->head_start;
    return true;
}

bool queue_remove(struct queue *q, struct id job)
{
    unsigned char id[ID_BYTES];
    uint32_t n = pack(job, id) ? find(q, id) : NONE;

    if (n == NONE) {
        return false;
    }
    tree_remove(q, n);
    table_remove(q, n);
    q->node[n].chain = q->free;
    q->free = n;
    return true;
}

int64_t queue_position(const struct queue *q, struct id job)
{
    unsigned char id[ID_BYTES];
    uint32_t n = pack(job, id) ? find(q, id) : NONE;
    uint32_t at = q->root;
    int64_t before = 0;

    if (n == NONE) {
        return 0;
    }
    while (at != n) {
        const struct node *node = &q->node[at];

        if (compare(&q->node[n], node) < 0) {
            at = node->left;
        } else {
            before += 1 + q->node[node->left].size;
            at = node->right;
        }
    }
    return before + q->node[q->node[n].left].size + 1;
}

size_t queue_count(const struct queue *q)
{
    return q->node[q->root].size;
}

bool queue_at(const struct queue *q, int64_t position, struct id *out, bool *is_inside)
{
    uint32_t at = q->root;

    if (position < 1 || position > (int64_t)queue_count(q)) {
        return false;
    }
    for (;;) {
        const struct node *node = &q->node[at];
        int64_t here = (int64_t)q->node[node->left].size + 1;

        if (position == here) {
            *out = unpack(node->id);
            *is_inside = node->is_inside;
            return true;
        }
        at = position < here ? node->left : node->right;
        position -= position < here ? 0 : here;
    }
}

int64_t queue_first_waiting(const struct queue *q)
{
    return (int64_t)q->inside + 1;
}
