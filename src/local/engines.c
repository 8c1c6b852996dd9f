#include "local/supervise.h"

#include "core/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 2000
#define PAUSE_MS   200	 /* after a first death; doubles with each further one */
#define CHECK_MS   10000 /* for a suspect to prove that it is well */
#define KILL_MS	   5000	 /* for an engine to end by itself */

#define LIST_ENGINE(l) CONTAINER_OF(l, struct engine, link)

static void
on_stopped(void *arg)
{
	struct engines *es = arg;
	void (*fn)(void *) = es->stopped_fn;

	es->stopped_fn = NULL;
	fn(es->stopped_arg);
}

enum err
engines_new(struct loop *l, struct engines **ret_engines)
{
	struct engines *es = calloc(1, sizeof(*es));

	if (es == NULL)
		return ERR_NOMEM;
	es->loop = l;
	es->pool_limits.connect_ms = CONNECT_MS;
	es->kill_ms = KILL_MS;
	es->check_ms = CHECK_MS;
	es->pause_ms = PAUSE_MS;
	es->pool = upstream_pool_new(l, &es->pool_limits);
	if (es->pool == NULL) {
		free(es);
		return ERR_NOMEM;
	}
	list_init(&es->all);
	task_init(&es->stopped, on_stopped, es);
	(void)pthread_mutex_init(&es->lock, NULL);
	*ret_engines = es;
	return ERR_OK;
}

void
engines_free(struct engines *es)
{
	if (es == NULL)
		return;
	while (!list_empty(&es->all)) {
		assert(LIST_ENGINE(es->all.next)->process == NULL);
		engine_free(LIST_ENGINE(es->all.next));
	}
	upstream_pool_free(es->pool);
	(void)pthread_mutex_destroy(&es->lock);
	free(es);
}

/* --- memory --- */

/* What all that have a process take; without those that are ending, if `after`. */
static uint64_t
bytes_of_all(struct engines *es, bool after)
{
	uint64_t sum = 0;

	LIST_FOR_EACH (l, &es->all)
		if (!after || LIST_ENGINE(l)->state != ENGINE_ENDING)
			sum += engine_bytes(LIST_ENGINE(l));
	return sum;
}

/* Ends the spare engine that was not used for longest; false when there is none. */
static bool
end_oldest(struct engines *es)
{
	struct engine *oldest = NULL;

	LIST_FOR_EACH (l, &es->all) {
		struct engine *e = LIST_ENGINE(l);

		if (engine_is_spare(e) &&
		    (oldest == NULL || e->used_ms < oldest->used_ms))
			oldest = e;
	}
	if (oldest != NULL)
		engine_end(oldest, "its memory is wanted: local.memory");
	return oldest != NULL;
}

enum err
engines_make_room(struct engine *e, char why[ENGINE_WHY_MAX])
{
	struct engines *es = e->engines;
	uint64_t bound = es->memory_bytes,
		 need = e->resident_bytes != 0 ? e->resident_bytes : e->spec.file_bytes,
		 others;

	if (bound == 0)
		return ERR_OK;
	if (e->spec.file_bytes > bound) {
		(void)snprintf(why, ENGINE_WHY_MAX,
		    "%.80s takes %llu MiB or more, and local.memory is %llu MiB",
		    e->spec.name, (unsigned long long)e->spec.file_bytes >> 20,
		    (unsigned long long)bound >> 20);
		return ERR_ENGINE;
	}
	while (bytes_of_all(es, true) + need > bound && end_oldest(es))
		;
	others = bytes_of_all(es, false);
	/* One that turned out too large is still served, alone. */
	return others == 0 || others + need <= bound ? ERR_OK : ERR_FULL;
}

void
engines_changed(struct engines *es)
{
	bool alive = false;

	while (es->memory_bytes != 0 && bytes_of_all(es, true) > es->memory_bytes &&
	       end_oldest(es))
		;
	LIST_FOR_EACH (l, &es->all) {
		if (LIST_ENGINE(l)->state == ENGINE_WANTED)
			engine_wake(LIST_ENGINE(l));
		alive |= LIST_ENGINE(l)->process != NULL;
	}
	if (es->stopped_fn != NULL && !alive)
		loop_defer(es->loop, &es->stopped);
}

void
engines_stop(struct engines *es, void (*fn)(void *arg), void *arg)
{
	es->stopping = true;
	es->stopped_fn = fn;
	es->stopped_arg = arg;
	LIST_FOR_EACH (l, &es->all) {
		struct engine *e = LIST_ENGINE(l);

		engine_wake(e); /* fails those that wait */
		if (e->state == ENGINE_STARTING || e->state == ENGINE_READY)
			engine_end(e, "weir stops");
	}
	engines_changed(es);
}

/* --- configuration --- */

/* The engine of that spec, which it takes; NULL when out of memory. */
static struct engine *
engine_of(struct engines *es, struct engine_spec *spec)
{
	struct engine *e = NULL;

	LIST_FOR_EACH (l, &es->all)
		if (engine_spec_same(&LIST_ENGINE(l)->spec, spec))
			e = LIST_ENGINE(l);
	if (e == NULL) {
		e = engine_new(es, spec);
		if (e != NULL)
			e->retired = true; /* until the configuration is taken over */
	}
	engine_spec_done(spec);
	return e;
}

/* Finds or makes all engines of the configuration. */
static enum err
find_engines(struct engines *es, const struct config *c, struct engine **to)
{
	for (unsigned i = 0; i < c->nengines; i++) {
		struct engine_spec spec;

		if (engine_spec_init(&spec, c, &c->engines[i]) != ERR_OK ||
		    (to[i] = engine_of(es, &spec)) == NULL)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static void
set_offer(
    struct offer *o, const struct config *c, struct engine **engines, const char *missing)
{
	o->engine = NULL;
	for (unsigned i = 0; i < c->nengines; i++)
		if (slice_eq(o->upstream, slice_str(c->engines[i].name)))
			o->engine = engines[i];
	if (o->missing == NULL)
		o->missing = o->engine == NULL ? "no local model has that name" : missing;
}

static void
set_offers(const struct config *c, struct engine **engines)
{
	struct program program;
	const char *missing = NULL;

	if (program_find(c->options.local_engine, &program, &missing) == ERR_OK)
		missing = NULL;
	for (unsigned i = 0; i < c->catalog->nmodels; i++)
		for (struct offer *o = c->catalog->models[i]->offers; o != NULL;
		     o = o->next)
			if (o->provider->auth == AUTH_ENGINE)
				set_offer(o, c, engines, missing);
}

enum err
engines_configure(struct engines *es, struct config *c)
{
	struct engine **engines = calloc(c->nengines + 1, sizeof(struct engine *));
	enum err err = engines == NULL ? ERR_NOMEM : find_engines(es, c, engines);

	if (err != ERR_OK) {
		free(engines);
		return err;
	}
	es->idle_ms = c->options.local_idle;
	es->memory_bytes = c->options.local_memory;
	es->start_ms = c->options.local_start;
	LIST_FOR_EACH (l, &es->all)
		LIST_ENGINE(l)->retired = true;
	for (unsigned i = 0; i < c->nengines; i++)
		engines[i]->retired = false;
	set_offers(c, engines);
	free(engines);
	LIST_FOR_EACH (l, &es->all)
		engine_settle(LIST_ENGINE(l));
	return ERR_OK;
}

bool
engine_available(const struct config *c, char text[ENGINE_WHY_MAX])
{
	struct program program;
	const char *why;

	if (program_find(c->options.local_engine, &program, &why) == ERR_OK) {
		(void)program_text(&program, text);
		return true;
	}
	(void)snprintf(text, ENGINE_WHY_MAX, "%s", why);
	return false;
}
