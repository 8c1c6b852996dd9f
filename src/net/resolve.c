#include "net/resolve.h"

#include "core/map.h"
#include "loop/loop_uv.h"

#include <stdlib.h>

#define FRESH_MS 30000	 /* an answer is used as it is */
#define STALE_MS 3600000 /* and this long when the resolver fails */

/* One name; lives as long as the resolver. */
struct entry {
	struct resolver *resolver;
	char *name;
	uv_getaddrinfo_t request;
	bool asking, once;    /* once: it is in no map, and gone with its answer */
	uint64_t answered_ms; /* 0: never */
	struct resolved addresses;
	struct link waiting; /* struct resolve_wait */
	struct entry *next;
};

struct resolver {
	struct loop *loop;
	struct map names; /* to struct entry */
	struct entry *entries;
	unsigned asking; /* requests under way */
	bool closed;
};

struct resolver *
resolver_new(struct loop *l)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->loop = l;
	map_init(&r->names);
	return r;
}

static void
free_all(struct resolver *r)
{
	while (r->entries != NULL) {
		struct entry *e = r->entries;

		r->entries = e->next;
		free(e->name);
		free(e);
	}
	map_free(&r->names);
	free(r);
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	r->closed = true;
	for (struct entry *e = r->entries; e != NULL; e = e->next)
		if (e->asking)
			(void)uv_cancel((uv_req_t *)&e->request);
	if (r->asking == 0)
		free_all(r);
}

static void
answer(struct entry *e, enum err why)
{
	struct link all = e->waiting;

	if (list_empty(&e->waiting))
		return;
	all.next->prev = all.prev->next = &all;
	list_init(&e->waiting);
	while (!list_empty(&all)) {
		struct resolve_wait *w =
		    CONTAINER_OF(all.next, struct resolve_wait, link);

		list_remove(&w->link);
		w->fn(w->arg, why, why == ERR_OK ? &e->addresses : NULL);
	}
}

static void
keep(struct entry *e, const struct addrinfo *info)
{
	struct resolved got = {0};

	for (; info != NULL && got.count < RESOLVE_MAX; info = info->ai_next) {
		if (info->ai_addrlen > sizeof(got.at[0].sa))
			continue;
		memcpy(&got.at[got.count++].sa, info->ai_addr, info->ai_addrlen);
	}
	if (got.count > 0)
		e->addresses = got;
}

/* Takes an entry off the resolver and frees it. */
static void
forget(struct resolver *r, struct entry *e)
{
	struct entry **at = &r->entries;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e->name);
	free(e);
}

static void
on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *info)
{
	struct entry *e = CONTAINER_OF(request, struct entry, request);
	struct resolver *r = e->resolver;
	uint64_t now = loop_now(r->loop);

	e->asking = false;
	r->asking--;
	if (status == 0) {
		keep(e, info);
		e->answered_ms = now;
	}
	uv_freeaddrinfo(info);
	if (r->closed) {
		if (r->asking == 0)
			free_all(r);
		return;
	}
	answer(e,
	    e->addresses.count > 0 && now - e->answered_ms < STALE_MS ? ERR_OK : ERR_DNS);
	if (e->once)
		forget(r, e);
}

static struct entry *
new_entry(struct resolver *r, const char *name)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->resolver = r;
	e->name = slice_dup(slice_str(name));
	list_init(&e->waiting);
	if (e->name == NULL) {
		free(e);
		return NULL;
	}
	e->next = r->entries;
	r->entries = e;
	return e;
}

static struct entry *
entry_of(struct resolver *r, const char *name)
{
	struct entry *e = map_get(&r->names, slice_str(name));

	if (e != NULL)
		return e;
	e = new_entry(r, name);
	if (e != NULL && map_put(&r->names, slice_str(e->name), e) != ERR_OK) {
		forget(r, e);
		return NULL;
	}
	return e;
}

const struct resolved *
resolve_known(struct resolver *r, const char *name)
{
	struct entry *e = map_get(&r->names, slice_str(name));

	if (e == NULL || e->addresses.count == 0 ||
	    loop_now(r->loop) - e->answered_ms >= FRESH_MS)
		return NULL;
	return &e->addresses;
}

static enum err
ask(struct entry *e, struct resolve_wait *wait)
{
	struct resolver *r = e->resolver;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};

	if (!e->asking) {
		if (uv_getaddrinfo(loop_uv(r->loop), &e->request, on_answer, e->name,
			NULL, &hints) != 0)
			return ERR_NOMEM;
		e->asking = true;
		r->asking++;
	}
	list_push_back(&e->waiting, &wait->link);
	return ERR_OK;
}

enum err
resolve(struct resolver *r, const char *name, struct resolve_wait *wait)
{
	struct entry *e = entry_of(r, name);

	return e == NULL ? ERR_NOMEM : ask(e, wait);
}

enum err
resolve_once(struct resolver *r, const char *name, struct resolve_wait *wait)
{
	struct entry *e = new_entry(r, name);

	if (e == NULL)
		return ERR_NOMEM;
	e->once = true;
	if (ask(e, wait) == ERR_OK)
		return ERR_OK;
	forget(r, e);
	return ERR_NOMEM;
}

void
resolve_cancel(struct resolve_wait *wait)
{
	list_remove(&wait->link);
}
