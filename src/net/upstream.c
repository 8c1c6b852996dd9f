#include "net/upstream.h"

#include "core/map.h"
#include "net/resolve.h"
#include "net/stream_uv.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * A connection is in one list at a time, and the list is its state:
 * place->idle (given back), or none (being made, or the caller's).
 */

/* All connections to one host and port with one set of roots. */
struct place {
	char *key; /* "name:port/context" */
	struct upstream_pool *pool;
	struct link idle; /* newest first */
	unsigned idle_count;
	struct tls_session *session; /* the newest, for resumption */
	struct place *next;
	bool once; /* of one connection, and gone with it */
};

struct upstream_pool {
	struct loop *loop;
	const struct upstream_limits *limits;
	struct resolver *resolver;
	struct map by_key;
	struct place *places;
	unsigned idle_count;
};

struct upstream {
	struct link link;
	struct place *place;
	struct stream *stream;
	struct timer timer; /* while made: the phase's end; while idle: the close */
	struct upstream_wait *wait;
	const struct host *host; /* while being made */
	struct resolve_wait resolving;
	struct task known;	    /* addresses that were known at once */
	struct resolved *addresses; /* while being made */
	unsigned next_address;
	enum err last; /* why the address before failed */
	bool shaking;  /* the TLS handshake is under way */
	bool reused;
	bool public_only;
};

struct upstream_pool *
upstream_pool_new(struct loop *l, const struct upstream_limits *limits)
{
	struct upstream_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->loop = l;
	p->limits = limits;
	p->resolver = resolver_new(l);
	if (p->resolver == NULL) {
		free(p);
		return NULL;
	}
	map_init(&p->by_key);
	return p;
}

void
upstream_pool_free(struct upstream_pool *p)
{
	if (p == NULL)
		return;
	while (p->places != NULL) {
		struct place *place = p->places;

		LIST_FOR_EACH_SAFE (l, &place->idle)
			upstream_drop(CONTAINER_OF(l, struct upstream, link));
		p->places = place->next;
		tls_session_free(place->session);
		free(place->key);
		free(place);
	}
	map_free(&p->by_key);
	resolver_free(p->resolver);
	free(p);
}

unsigned
upstream_idle_count(const struct upstream_pool *p)
{
	return p->idle_count;
}

#define KEY_MAX 300

static struct slice
key_of(const struct host *host, char to[KEY_MAX])
{
	size_t name = strlen(host->name), n = 0;

	if (name > KEY_MAX - 40)
		name = KEY_MAX - 40;
	memcpy(to, &host->tls, sizeof(void *));
	n += sizeof(void *);
	memcpy(to + n, &host->port, sizeof(host->port));
	n += sizeof(host->port);
	memcpy(to + n, host->name, name);
	return slice_of(to, n + name);
}

static struct place *
place_new(struct upstream_pool *p)
{
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return NULL;
	place->pool = p;
	list_init(&place->idle);
	return place;
}

static struct place *
place_of(struct upstream_pool *p, const struct host *host)
{
	char key[KEY_MAX];
	struct slice k = key_of(host, key);
	struct place *place = map_get(&p->by_key, k);

	if (place != NULL)
		return place;
	place = place_new(p);
	if (place == NULL)
		return NULL;
	place->key = slice_dup(k);
	if (place->key == NULL ||
	    map_put(&p->by_key, slice_of(place->key, k.len), place) != ERR_OK) {
		free(place->key);
		free(place);
		return NULL;
	}
	place->next = p->places;
	p->places = place;
	return place;
}

/* --- idle connections --- */

static void
on_idle_data(void *arg, struct slice bytes)
{
	/* A reply nobody asked for: the connection can't be trusted. */
	(void)bytes;
	upstream_drop(arg);
}

static void
on_idle_end(void *arg, enum err why)
{
	(void)why;
	upstream_drop(arg);
}

static void
on_idle_drain(void *arg)
{
	(void)arg;
}

static const struct stream_events idle_events = {
    on_idle_data, on_idle_end, on_idle_drain};

static void
leave_idle(struct upstream *up)
{
	if (list_empty(&up->link))
		return;
	list_remove(&up->link);
	up->place->idle_count--;
	up->place->pool->idle_count--;
}

struct upstream *
upstream_take(struct upstream_pool *p, const struct host *host)
{
	struct place *place = place_of(p, host);
	struct upstream *up;

	if (place == NULL || list_empty(&place->idle))
		return NULL;
	up = CONTAINER_OF(place->idle.next, struct upstream, link);
	leave_idle(up);
	/* The timer stays set: moving it on when given back costs less. */
	up->reused = true;
	return up;
}

void
upstream_give(struct upstream *up)
{
	struct place *place = up->place;
	struct upstream_pool *p = place->pool;

	if (place->idle_count >= p->limits->idle_max || p->limits->idle_ms == 0 ||
	    place->once) {
		upstream_drop(up);
		return;
	}
	list_push_front(&place->idle, &up->link);
	place->idle_count++;
	p->idle_count++;
	timer_set(&up->timer, loop_now(p->loop) + p->limits->idle_ms);
	stream_attend(up->stream, &idle_events, up);
}

void
upstream_drop(struct upstream *up)
{
	leave_idle(up);
	timer_stop(&up->timer);
	task_cancel(&up->known);
	resolve_cancel(&up->resolving);
	free(up->addresses);
	if (up->stream != NULL)
		stream_close(up->stream);
	if (up->place->once)
		free(up->place);
	free(up);
}

struct stream *
upstream_stream(struct upstream *up)
{
	return up->stream;
}

bool
upstream_is_reused(const struct upstream *up)
{
	return up->reused;
}

/* --- making one: resolve, then each address in turn, then TLS --- */

static void try_next(struct upstream *up);

static void
done(struct upstream *up, enum err why)
{
	struct upstream_wait *wait = up->wait;

	up->wait = NULL;
	up->host = NULL;
	wait->up = NULL;
	free(up->addresses); /* there may be many connections */
	up->addresses = NULL;
	timer_stop(&up->timer);
	if (why == ERR_OK) {
		wait->fn(wait->arg, up, ERR_OK);
		return;
	}
	upstream_drop(up);
	wait->fn(wait->arg, NULL, why);
}

static void
say_why(struct upstream *up, const char *doing, const char *what)
{
	(void)snprintf(up->wait->why, sizeof(up->wait->why), "%s %s:%u: %s", doing,
	    up->host->name, (unsigned)up->host->port, what);
}

static void
on_tls(void *arg, enum err why)
{
	struct upstream *up = arg;

	if (why != ERR_OK) {
		say_why(up, "TLS with", stream_why(up->stream));
		why = ERR_TLS;
	}
	done(up, why);
}

static void
start_tls(struct upstream *up)
{
	struct upstream_pool *p = up->place->pool;
	struct tls *tls;

	up->shaking = true;
	timer_set(&up->timer, loop_now(p->loop) + p->limits->tls_ms);
	if (tls_connect(up->host->tls, up->host->name,
		up->place->once ? NULL : &up->place->session, &tls) != ERR_OK) {
		say_why(up, "TLS with", "out of memory");
		done(up, ERR_TLS);
	} else if (stream_start_tls(up->stream, tls, on_tls, up) != ERR_OK) {
		on_tls(up, ERR_TLS);
	}
}

static void
on_connected(void *arg, enum err why)
{
	struct upstream *up = arg;

	if (why != ERR_OK) {
		say_why(up, "connect to", stream_why(up->stream));
		up->last = ERR_CONNECT;
		try_next(up);
	} else if (up->host->tls != NULL) {
		start_tls(up);
	} else {
		done(up, ERR_OK);
	}
}

/* The time of one address: all of it for the last, half of the rest before. */
static uint64_t
address_deadline(struct upstream *up)
{
	struct upstream_pool *p = up->place->pool;
	unsigned left = up->addresses->count - up->next_address;
	uint64_t span = p->limits->connect_ms;

	for (unsigned i = 0; i < up->next_address; i++)
		span -= span / 2;
	return loop_now(p->loop) + (left > 1 ? span / 2 : span) + 1;
}

static void
try_next(struct upstream *up)
{
	struct upstream_pool *p = up->place->pool;
	struct address to;

	while (up->next_address < up->addresses->count) {
		if (up->public_only &&
		    !address_is_public(&up->addresses->at[up->next_address])) {
			say_why(up, "connect to", "its address is not a public one");
			up->last = ERR_CONNECT;
			up->next_address++;
			continue;
		}
		if (up->stream != NULL)
			stream_close(up->stream);
		up->stream = stream_new(p->loop);
		if (up->stream == NULL)
			break;
		timer_set(&up->timer, address_deadline(up));
		to = up->addresses->at[up->next_address++];
		/* The port stands at the same place in both families. */
		to.sa.v4.sin_port = htons(up->host->port);
		if (stream_connect(up->stream, &to, on_connected, up) == ERR_OK)
			return;
		say_why(up, "connect to", stream_why(up->stream));
		up->last = ERR_CONNECT;
	}
	done(up, up->last);
}

static void
on_time(void *arg)
{
	struct upstream *up = arg;

	if (up->wait == NULL) { /* idle for too long, or in use: see take */
		if (!list_empty(&up->link))
			upstream_drop(up);
		return;
	}
	say_why(up,
	    up->shaking		 ? "TLS with"
	    : up->stream == NULL ? "resolve"
				 : "connect to",
	    "timed out");
	if (up->shaking || up->stream == NULL ||
	    up->next_address >= up->addresses->count) {
		done(up, ERR_CONNECT_TIMEOUT);
		return;
	}
	up->last = ERR_CONNECT_TIMEOUT;
	try_next(up);
}

static void
on_resolved(void *arg, enum err why, const struct resolved *r)
{
	struct upstream *up = arg;

	if (why != ERR_OK) {
		say_why(up, "resolve", "no such host, or the resolver does not answer");
		done(up, ERR_DNS);
		return;
	}
	*up->addresses = *r;
	try_next(up);
}

static void
on_known(void *arg)
{
	try_next(arg);
}

/* Finds the addresses: a literal or a fresh answer at the end of this turn. */
static enum err
find_addresses(struct upstream *up)
{
	struct upstream_pool *p = up->place->pool;
	const struct resolved *known;

	if (address_of_host(slice_str(up->host->name), 0, &up->addresses->at[0]) ==
	    ERR_OK) {
		up->addresses->count = 1;
		loop_defer(p->loop, &up->known);
		return ERR_OK;
	}
	timer_set(&up->timer, loop_now(p->loop) + p->limits->connect_ms);
	if (up->place->once)
		return resolve_once(p->resolver, up->host->name, &up->resolving);
	known = resolve_known(p->resolver, up->host->name);
	if (known != NULL) {
		*up->addresses = *known;
		loop_defer(p->loop, &up->known);
		return ERR_OK;
	}
	return resolve(p->resolver, up->host->name, &up->resolving);
}

/* Takes the place if it is of one connection, also on failure. */
static enum err
connect_at(struct place *place, const struct host *host, bool public_only,
    struct upstream_wait *wait)
{
	struct upstream_pool *p = place->pool;
	struct upstream *up = calloc(1, sizeof(*up));

	if (up == NULL) {
		if (place->once)
			free(place);
		return ERR_NOMEM;
	}
	list_init(&up->link);
	list_init(&up->resolving.link);
	up->resolving.fn = on_resolved;
	up->resolving.arg = up;
	task_init(&up->known, on_known, up);
	timer_init(&up->timer, loop_wheel(p->loop), on_time, up);
	up->place = place;
	up->public_only = public_only;
	up->host = host;
	up->last = ERR_CONNECT;
	up->wait = wait;
	wait->up = up;
	wait->why[0] = '\0';
	up->addresses = calloc(1, sizeof(*up->addresses));
	if (up->addresses == NULL || find_addresses(up) != ERR_OK) {
		wait->up = NULL;
		upstream_drop(up);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

enum err
upstream_connect(
    struct upstream_pool *p, const struct host *host, struct upstream_wait *wait)
{
	struct place *place = place_of(p, host);

	return place == NULL ? ERR_NOMEM : connect_at(place, host, false, wait);
}

enum err
upstream_connect_once(struct upstream_pool *p, const struct host *host, bool public_only,
    struct upstream_wait *wait)
{
	struct place *place = place_new(p);

	if (place == NULL)
		return ERR_NOMEM;
	place->once = true;
	return connect_at(place, host, public_only, wait);
}

void
upstream_cancel(struct upstream_wait *wait)
{
	if (wait->up == NULL)
		return;
	wait->up->wait = NULL;
	upstream_drop(wait->up);
	wait->up = NULL;
}
