/*
 * list: intrusive doubly linked lists. An element embeds a struct link, the
 * owner a struct link as head; what an object is waiting for is the list it
 * is in.
 */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

/* The object of `type` in which `member` stands at `ptr`. */
#define CONTAINER_OF(ptr, type, member)                                                  \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Makes `l` an empty list, or an element that is in none. */
static inline void
list_init(struct link *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct link *head)
{
	return head->next == head;
}

/* Puts `l`, which is in no list, first or last. */
static inline void
list_push_front(struct link *head, struct link *l)
{
	l->next = head->next;
	l->prev = head;
	head->next->prev = l;
	head->next = l;
}

static inline void
list_push_back(struct link *head, struct link *l)
{
	list_push_front(head->prev, l);
}

/* Takes `l` out of its list; does nothing when it is in none. */
static inline void
list_remove(struct link *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	list_init(l);
}

/* Walks the list; the body must not remove `it`. */
#define LIST_FOR_EACH(it, head)                                                          \
	for (struct link *it = (head)->next; it != (head); it = it->next)

/* Walks the list; the body may remove `it`, but no other element. */
#define LIST_FOR_EACH_SAFE(it, head)                                                     \
	for (struct link *it = (head)->next, *it##_next = it->next; it != (head);        \
	     it = it##_next, it##_next = it->next)

#endif
