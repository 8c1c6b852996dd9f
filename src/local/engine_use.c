#include "local/supervise.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A use is known to two threads, and its owner may free it at any time. So the
 * threads share a request of its own on the heap instead:
 *
 *	asker                              supervisor
 *	engine_use_start ---- begin ---->  on_begin: waits in its engine's list
 *	on_answer: fn    <--- answer ----  answer: the engine is ready, or failed
 *	engine_use_stop  ----- end ----->  on_end: leaves the list
 *
 * `end` may pass `answer` on its way. on_answer then finds no use in the request
 * and does nothing. The request is counted: one for the asker, which goes with the
 * `end` mail, one for an answer under way. It is freed by who is last.
 *
 * `withdrawn` is set before `end` is sent and looked at, under the lock, before an
 * answer is sent: an asker that has stopped its use is not written to, so that its
 * loop may end.
 */
struct use_request {
	struct link link; /* the supervisor's: in its engine's waiting or using */
	atomic_uint refs;
	struct engine *engine;
	struct loop *loop;
	struct engine_use *use; /* the asker's; NULL once stopped */
	bool withdrawn;		/* under engines.lock */
	struct mail begin, answer, end;
	/* The answer. */
	enum err err;
	uint16_t port;
	char key[ENGINE_KEY_MAX];
	char why[ENGINE_WHY_MAX];
};

static void
request_unref(struct use_request *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	secret_wipe(r->key, sizeof(r->key));
	free(r);
}

/* --- the asker's thread --- */

static void
on_answer(void *arg)
{
	struct use_request *r = arg;
	struct engine_use *u = r->use;

	if (u != NULL) {
		memcpy(u->key, r->key, sizeof(u->key));
		memcpy(u->why, r->why, sizeof(u->why));
		u->host.port = r->port;
		u->fn(u->arg, r->err);
	}
	request_unref(r);
}

static void
on_no_memory(void *arg)
{
	struct engine_use *u = arg;

	(void)snprintf(u->why, sizeof(u->why), "out of memory");
	u->fn(u->arg, ERR_NOMEM);
}

/* --- the supervisor's thread --- */

static void
on_begin(void *arg)
{
	struct use_request *r = arg;
	struct engines *es = r->engine->engines;
	bool withdrawn;

	(void)pthread_mutex_lock(&es->lock);
	withdrawn = r->withdrawn;
	(void)pthread_mutex_unlock(&es->lock);
	if (withdrawn)
		return;
	list_push_back(&r->engine->waiting, &r->link);
	engine_wake(r->engine);
}

static void
on_end(void *arg)
{
	struct use_request *r = arg;
	struct engine *e = r->engine;
	bool was_in = !list_empty(&r->link);

	list_remove(&r->link);
	request_unref(r);
	if (was_in)
		engine_unuse(e);
}

static void
answer(struct use_request *r, enum err err, const char *why)
{
	struct engine *e = r->engine;

	r->err = err;
	if (err == ERR_OK) {
		r->port = e->port;
		memcpy(r->key, e->key, sizeof(r->key));
	} else {
		(void)snprintf(r->why, sizeof(r->why), "%s", why);
	}
	(void)pthread_mutex_lock(&e->engines->lock);
	if (!r->withdrawn) {
		atomic_fetch_add(&r->refs, 1);
		loop_post(r->loop, &r->answer);
	}
	(void)pthread_mutex_unlock(&e->engines->lock);
}

void
engine_use_answer_all(struct engine *e, enum err err, const char *why)
{
	LIST_FOR_EACH_SAFE (l, &e->waiting) {
		struct use_request *r = CONTAINER_OF(l, struct use_request, link);

		list_remove(&r->link);
		if (err == ERR_OK)
			list_push_back(&e->using, &r->link);
		answer(r, err, why);
	}
}

/* --- the interface --- */

void
engine_use_start(struct engine *engine, struct engine_use *u)
{
	struct use_request *r = calloc(1, sizeof(*r));

	memcpy(u->host_name, "127.0.0.1", sizeof("127.0.0.1"));
	u->host = (struct host){.name = u->host_name};
	u->key[0] = u->why[0] = '\0';
	u->engine = engine;
	u->request = r;
	task_init(&u->no_memory, on_no_memory, u);
	if (r == NULL) {
		loop_defer(u->loop, &u->no_memory);
		return;
	}
	list_init(&r->link);
	atomic_init(&r->refs, 1);
	r->engine = engine;
	r->loop = u->loop;
	r->use = u;
	r->begin = (struct mail){.fn = on_begin, .arg = r};
	r->answer = (struct mail){.fn = on_answer, .arg = r};
	r->end = (struct mail){.fn = on_end, .arg = r};
	loop_post(engine->engines->loop, &r->begin);
}

void
engine_use_stop(struct engine_use *u)
{
	struct use_request *r = u->request;
	struct engines *es = u->engine->engines;

	secret_wipe(u->key, sizeof(u->key));
	task_cancel(&u->no_memory);
	if (r == NULL)
		return;
	u->request = NULL;
	r->use = NULL;
	(void)pthread_mutex_lock(&es->lock);
	r->withdrawn = true;
	(void)pthread_mutex_unlock(&es->lock);
	loop_post(es->loop, &r->end);
}
