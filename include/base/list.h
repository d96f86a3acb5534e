/*
 * list.h - a doubly linked list whose links live in its elements.
 *
 * A list head and a link are the same type; a link that is on no list points to
 * itself, so that taking it off twice is harmless.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/defs.h"

#include <stdbool.h>

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* At the end of the list. */
static inline void list_add(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* The first element, taken off; NULL when there is none. */
static inline struct list *list_take(struct list *head)
{
	struct list *link = head->next;

	if (link == head)
		return NULL;
	list_remove(link);
	return link;
}

#endif
