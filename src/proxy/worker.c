#include "proxy/worker.h"

#include "proxy/request.h"
#include "proxy/token.h"

#define TAPE_MAX  (4u << 20) /* tokens: 64 MiB, for the largest body */
#define HEAD_MAX  (256u << 10)
#define TOLD_MAX  (64u << 20) /* a whole reply, translated */
#define SLAB_KEPT 1024
/* No larger than usual: what a burst of streams took does not go back to the system. */
#define BODY_BYTES  2304
#define REPLY_BYTES 1536
#define BLOCKS_KEPT 256
#define RETRIES	    10.0 /* that may be made at the start */

static void
use_config(struct worker *w)
{
	const struct options *o = &w->config->options;

	w->pool_limits = (struct upstream_limits){.connect_ms = o->connect_time,
	    .tls_ms = o->tls_time,
	    .idle_ms = o->pool_idle,
	    .idle_max = (unsigned)o->pool_size};
	w->route_limits =
	    (struct route_limits){.breaker = {.failures = (unsigned)o->breaker_failures,
				      .open_ms = o->breaker_open,
				      .open_max_ms = o->breaker_open_max},
		.explore_permille = (unsigned)o->explore,
		.balance_pusd = o->balance};
}

enum err
worker_init(struct worker *w, unsigned index, struct loop *l, struct config *c,
    struct key_set *keys)
{
	*w = (struct worker){
	    .loop = l, .index = index, .nworkers = 1, .retry_budget = RETRIES};
	list_init(&w->clients);
	list_init(&w->requests);
	list_init(&w->tokens);
	queue_init(w);
	slab_init(&w->client_slab, sizeof(struct client), SLAB_KEPT);
	slab_init(&w->request_slab, sizeof(struct request), SLAB_KEPT);
	slab_init(&w->attempt_slab, sizeof(struct attempt), SLAB_KEPT);
	slab_init(&w->block_slab, BODY_BYTES, BLOCKS_KEPT);
	slab_init(&w->head_slab, REPLY_BYTES, BLOCKS_KEPT);
	json_init(&w->tape, TAPE_MAX);
	json_init(&w->reply_tape, TAPE_MAX);
	buf_init(&w->head, HEAD_MAX);
	buf_init(&w->told, TOLD_MAX);
	buf_init(&w->scratch, HEAD_MAX);
	request_ids_init(&w->ids, index);
	w->config = config_ref(c);
	w->keys = key_set_ref(keys);
	use_config(w);
	w->pool = upstream_pool_new(l, &w->pool_limits);
	if (w->pool != NULL)
		return ERR_OK;
	worker_done(w);
	return ERR_NOMEM;
}

void
worker_done(struct worker *w)
{
	upstream_pool_free(w->pool);
	slab_done(&w->client_slab);
	slab_done(&w->request_slab);
	slab_done(&w->attempt_slab);
	slab_done(&w->block_slab);
	slab_done(&w->head_slab);
	json_free(&w->tape);
	json_free(&w->reply_tape);
	buf_free(&w->head);
	buf_free(&w->told);
	buf_free(&w->scratch);
	config_unref(w->config);
	key_set_unref(w->keys);
}

static void
on_client(void *arg, struct stream *s, const struct address *from)
{
	struct worker *w = arg;

	client_open(w, s, from, &request_events);
	worker_admit(w);
}

void
worker_admit(struct worker *w)
{
	uint64_t all = w->config->options.connections;
	bool full = w->nclients >= (all + w->nworkers - 1) / w->nworkers;

	if (full == w->full)
		return;
	w->full = full;
	for (unsigned i = 0; i < w->nlisteners; i++) {
		if (w->full) /* by one that a listener before this one held */
			listener_pause(w->listeners[i]);
		else
			listener_resume(w->listeners[i]);
	}
}

enum err
worker_listen(struct worker *w, struct address *addresses, unsigned n, char *why)
{
	for (unsigned i = 0; i < n && i < WORKER_LISTENERS_MAX; i++) {
		struct listener *li;
		enum err e =
		    listener_open(w->loop, &addresses[i], on_client, w, &li, why);

		if (e != ERR_OK)
			return e;
		listener_set_tls(li, w->config->tls_server);
		addresses[i] = listener_address(li);
		w->listeners[w->nlisteners++] = li;
	}
	return ERR_OK;
}

void
worker_set_config(struct worker *w, struct config *c)
{
	struct config *old = w->config;

	w->config = c;
	use_config(w);
	for (unsigned i = 0; i < w->nlisteners; i++)
		listener_set_tls(w->listeners[i], c->tls_server);
	config_unref(old);
	worker_admit(w);
}

void
worker_set_keys(struct worker *w, struct key_set *keys)
{
	key_set_unref(w->keys);
	w->keys = keys;
}

void
worker_stop(struct worker *w)
{
	w->stopping = true;
	queue_stop(w);
	for (unsigned i = 0; i < w->nlisteners; i++)
		listener_close(w->listeners[i]);
	w->nlisteners = 0;
	LIST_FOR_EACH_SAFE (l, &w->clients)
		client_close_idle(CONTAINER_OF(l, struct client, link));
}

bool
worker_is_idle(const struct worker *w)
{
	return list_empty(&w->clients) && list_empty(&w->requests);
}

void
worker_close_pool(struct worker *w)
{
	token_forget(w);
	upstream_pool_free(w->pool);
	w->pool = NULL;
}

void
worker_abort(struct worker *w)
{
	while (!list_empty(&w->clients))
		client_close(CONTAINER_OF(w->clients.next, struct client, link));
}
