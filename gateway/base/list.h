/* list.h - intrusive circular list. A node that is in no list points to itself.
 */
#ifndef CG_BASE_LIST_H
#define CG_BASE_LIST_H

#include <stdbool.h>

struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l;
    l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* Adds node before head, that is, at the end of the list that head stands for. */
static inline void list_push(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the first node out; NULL when empty. */
static inline struct list *list_shift(struct list *head)
{
    struct list *first = head->next;

    if (first == head) {
        return 0;
    }
    /* The analyzer does not see that an owner takes a node out before it frees it. */
    list_remove(first); // NOLINT(clang-analyzer-unix.Malloc)
    return first;
}

/* Moves all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}

/* `next_` lets the body remove `node`. */
// NOLINTBEGIN(bugprone-macro-parentheses): two of the arguments are names to declare
#define list_each(node, next_, head)                                                               \
    for (struct list *node = (head)->next, *next_ = node->next; node != (head);                    \
         node = next_, next_ = node->next)
// NOLINTEND(bugprone-macro-parentheses)

#endif
