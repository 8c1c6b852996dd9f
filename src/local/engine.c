#include "local/supervise.h"

#include "core/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_MS       50   /* between two looks whether it is ready */
#define PROBE_LIMIT_MS 2000 /* for one look */
#define PAUSE_MAX_MS   10000
#define WELL_MS	       60000 /* ready for so long: earlier deaths are forgotten */
#define TRIES	       3     /* starts before those who wait are told */
#define PLAN_BYTES     16384
#define KEY_BYTES      20

/*
 * WANTED is where a start waits for its time or for memory. READY and STARTING go
 * DOWN by a death; ENDING does so as we want it.
 */
static const struct {
	const char *name;
	unsigned next; /* bits of the states it may go to */
} states[ENGINE_STATES] = {
    [ENGINE_DOWN] = {"down", 1u << ENGINE_WANTED},
    [ENGINE_WANTED] = {"wanted", 1u << ENGINE_STARTING | 1u << ENGINE_DOWN},
    [ENGINE_STARTING] = {"starting",
	1u << ENGINE_READY | 1u << ENGINE_ENDING | 1u << ENGINE_DOWN},
    [ENGINE_READY] = {"ready", 1u << ENGINE_ENDING | 1u << ENGINE_DOWN},
    [ENGINE_ENDING] = {"ending", 1u << ENGINE_DOWN},
};

static void
engine_goto(struct engine *e, enum engine_state to)
{
	assert(states[e->state].next & 1u << to);
	log_event(LOG_DEBUG, "engine %s: %s -> %s", e->spec.name, states[e->state].name,
	    states[to].name);
	e->state = to;
	timer_stop(&e->timer);
	timer_stop(&e->start_limit);
	probe_stop(&e->probe);
	e->checking = false;
}

static uint64_t
now(const struct engine *e)
{
	return loop_now(e->engines->loop);
}

/* --- starts --- */

static const struct process_events process_events;

/* It can't be started, and trying again would not help. */
static void
fail(struct engine *e, enum err err, const char *why)
{
	if (e->state == ENGINE_WANTED)
		engine_goto(e, ENGINE_DOWN);
	engine_use_answer_all(e, err, why);
}

static void
make_key(struct engine *e)
{
	unsigned char bytes[KEY_BYTES];

	random_bytes(bytes, sizeof(bytes));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		(void)snprintf(e->key + (size_t)2 * i, 3, "%02x", (unsigned)bytes[i]);
	secret_wipe(bytes, sizeof(bytes));
}

/* Plans and starts the process. On failure a sentence's end in *ret_why. */
static enum err
spawn(struct engine *e, const struct program *program, const char **ret_why)
{
	char space[PLAN_BYTES];
	struct process_plan plan;
	struct arena arena;
	enum err err;

	*ret_why = "out of memory";
	arena_init(&arena, space, sizeof(space), PLAN_BYTES);
	err = program_plan(program, &e->spec, e->key, e->port, &arena, &plan);
	if (err == ERR_OK)
		err = process_start(
		    e->engines->loop, &plan, &process_events, e, &e->process, ret_why);
	arena_free(&arena);
	secret_wipe(space, sizeof(space));
	return err;
}

static void on_gone(void *arg, const char *how);

static void
start(struct engine *e)
{
	char why[ENGINE_WHY_MAX], text[ENGINE_WHY_MAX];
	const char *reason;
	struct program program;

	/* Looked for anew each time: it may have been installed meanwhile. */
	if (program_find(e->spec.program, &program, &reason) != ERR_OK) {
		fail(e, ERR_ENGINE, reason);
		return;
	}
	e->port = program.kind == PROGRAM_SERVER ? program_free_port() : 0;
	e->nlines = 0;
	make_key(e);
	engine_goto(e, ENGINE_STARTING);
	e->spawned_ms = now(e);
	reason = "no port is free";
	if ((program.kind == PROGRAM_SERVER && e->port == 0) ||
	    spawn(e, &program, &reason) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "could not be started: %s", reason);
		on_gone(e, why);
		return;
	}
	log_event(LOG_INFO, "engine %s: starting %s (process %d)", e->spec.name,
	    program_text(&program, text), process_pid(e->process));
	if (e->engines->start_ms != 0)
		timer_set(&e->start_limit, now(e) + e->engines->start_ms);
	if (e->port != 0)
		timer_set(&e->timer, now(e) + PROBE_MS);
}

/* Starts it, if its pause is over and there is memory for it. */
static void
try_start(struct engine *e)
{
	char why[ENGINE_WHY_MAX];
	enum err err;

	if (now(e) < e->pause_until_ms) {
		timer_set(&e->timer, e->pause_until_ms);
		return;
	}
	err = engines_make_room(e, why);
	if (err == ERR_OK)
		start(e);
	else if (err != ERR_FULL)
		fail(e, err, why);
}

void
engine_wake(struct engine *e)
{
	if (e->engines->stopping) {
		fail(e, ERR_STOPPING, "weir is stopping");
		return;
	}
	switch (e->state) {
	case ENGINE_DOWN:
		if (list_empty(&e->waiting))
			return;
		/* One that never came up lately gets a single chance a use. */
		if (e->tries == 0)
			e->tries = e->start_deaths >= TRIES ? 1 : TRIES;
		engine_goto(e, ENGINE_WANTED);
		try_start(e);
		break;
	case ENGINE_WANTED: try_start(e); break;
	case ENGINE_READY:
		if (list_empty(&e->waiting) || e->checking)
			return;
		timer_stop(&e->timer);
		engine_use_answer_all(e, ERR_OK, NULL);
		break;
	case ENGINE_STARTING:
	case ENGINE_ENDING:
	case ENGINE_STATES: break;
	}
}

/* --- it lives --- */

static void
on_ready(struct engine *e)
{
	engine_goto(e, ENGINE_READY);
	e->ready_ms = e->used_ms = now(e);
	e->start_deaths = e->tries = 0;
	log_event(LOG_INFO, "engine %s: ready on 127.0.0.1:%u after %llu ms",
	    e->spec.name, (unsigned)e->port,
	    (unsigned long long)(e->ready_ms - e->spawned_ms));
	engine_wake(e);
	engine_settle(e); /* they may all have gone meanwhile */
}

static void
on_probed(void *arg, bool healthy)
{
	struct engine *e = arg;

	if (e->state == ENGINE_STARTING && healthy && program_port_is_ours(e->port)) {
		on_ready(e);
	} else if (e->state == ENGINE_STARTING) {
		timer_set(&e->timer, now(e) + PROBE_MS);
	} else if (healthy) {
		e->checking = false;
		engine_wake(e);
		engine_settle(e);
	} else {
		log_event(
		    LOG_WARN, "engine %s: does not answer; it is ended", e->spec.name);
		process_kill(e->process);
	}
}

static void
on_suspect(void *arg)
{
	struct engine *e = arg;

	atomic_store(&e->suspected, false);
	if (e->state != ENGINE_READY || e->checking)
		return;
	e->checking = true;
	timer_stop(&e->timer);
	probe_start(&e->probe, e->port, e->engines->check_ms);
}

void
engine_suspect(struct engine *e)
{
	if (!atomic_exchange(&e->suspected, true))
		loop_post(e->engines->loop, &e->suspect_mail);
}

static void
on_timer(void *arg)
{
	struct engine *e = arg;

	if (e->state == ENGINE_WANTED)
		try_start(e);
	else if (e->state == ENGINE_STARTING)
		probe_start(&e->probe, e->port, PROBE_LIMIT_MS);
	else if (e->state == ENGINE_READY)
		engine_end(e, "not used for local.idle");
}

static void
on_start_limit(void *arg)
{
	struct engine *e = arg;
	char why[ENGINE_WHY_MAX];

	(void)snprintf(why, sizeof(why),
	    "%s: its engine was not ready within local.start (%llu ms)", e->spec.name,
	    (unsigned long long)e->engines->start_ms);
	log_event(LOG_WARN, "engine %s: not ready within local.start", e->spec.name);
	/* Those who waited so long do not wait for a second try. */
	engine_use_answer_all(e, ERR_ENGINE, why);
	process_kill(e->process);
}

/* --- what it says --- */

/* The launcher's word: "http://127.0.0.1:41583". */
static void
take_address(struct engine *e, struct slice line)
{
	const struct slice start = S("http://127.0.0.1:");
	uint64_t port;

	if (!slice_starts(line, start) ||
	    !slice_u64(slice_from(line, start.len), &port) || port == 0 ||
	    port > UINT16_MAX)
		return;
	e->port = (uint16_t)port;
	probe_start(&e->probe, e->port, PROBE_LIMIT_MS);
}

static void
on_line(void *arg, struct slice line, bool is_error)
{
	struct engine *e = arg;
	char *kept = e->lines[e->nlines % ENGINE_LAST_LINES];

	if (!is_error && e->state == ENGINE_STARTING && e->port == 0)
		take_address(e, line);
	if (slice_trim(line).len == 0)
		return;
	log_event(LOG_DEBUG, "engine %s: %.*s", e->spec.name, SLICE_ARGS(line));
	(void)snprintf(kept, sizeof(e->lines[0]), "%.*s", SLICE_ARGS(line));
	e->nlines++;
}

/*
 * The line of its last ones that tells most: the first that speaks of an error, as
 * the later ones tell what follows from it, or else the last. NULL: it said nothing.
 */
static const char *
last_words(const struct engine *e)
{
	unsigned n = e->nlines < ENGINE_LAST_LINES ? e->nlines : ENGINE_LAST_LINES;

	for (unsigned i = e->nlines - n; i < e->nlines; i++)
		if (strcasestr(e->lines[i % ENGINE_LAST_LINES], "error") != NULL)
			return e->lines[i % ENGINE_LAST_LINES];
	return n == 0 ? NULL : e->lines[(e->nlines - 1) % ENGINE_LAST_LINES];
}

/* --- its end --- */

static void
log_death(const struct engine *e, const char *how)
{
	unsigned n = e->nlines < ENGINE_LAST_LINES ? e->nlines : ENGINE_LAST_LINES;

	log_event(LOG_WARN, "engine %s: it %s; its last lines:", e->spec.name, how);
	for (unsigned i = e->nlines - n; i < e->nlines; i++)
		log_event(LOG_WARN, "engine %s: %s", e->spec.name,
		    e->lines[i % ENGINE_LAST_LINES]);
}

/* It died by itself: the next start waits a little, longer each time. */
static void
count_death(struct engine *e)
{
	uint64_t pause = PAUSE_MAX_MS;

	if (e->state == ENGINE_READY && now(e) - e->ready_ms >= WELL_MS)
		e->deaths = 0;
	if (e->deaths < 16 && e->engines->pause_ms << e->deaths < pause)
		pause = e->engines->pause_ms << e->deaths;
	e->deaths++;
	e->pause_until_ms = now(e) + pause;
	if (e->state != ENGINE_STARTING)
		return;
	e->start_deaths++;
	if (e->tries > 0)
		e->tries--;
}

static void
on_gone(void *arg, const char *how)
{
	struct engine *e = arg;
	bool wanted = e->state == ENGINE_ENDING, starting = e->state == ENGINE_STARTING;
	char why[ENGINE_WHY_MAX];
	const char *words = last_words(e);

	e->process = NULL;
	e->port = 0;
	secret_wipe(e->key, sizeof(e->key));
	if (wanted) {
		log_event(LOG_INFO, "engine %s: ended", e->spec.name);
	} else {
		log_death(e, how);
		count_death(e);
	}
	engine_goto(e, ENGINE_DOWN);
	if (starting && e->tries == 0) {
		(void)snprintf(why, sizeof(why), "%.40s: its engine %s%s%s", e->spec.name,
		    how, words == NULL ? "" : ": ", words == NULL ? "" : words);
		fail(e, ERR_ENGINE, why);
	}
	/* Those that waited for its memory come first. */
	engines_changed(e->engines);
	engine_wake(e);
}

static const struct process_events process_events = {on_line, on_gone};

void
engine_end(struct engine *e, const char *reason)
{
	log_event(LOG_INFO, "engine %s: ending it (%s)", e->spec.name, reason);
	engine_goto(e, ENGINE_ENDING);
	process_end(e->process, e->engines->kill_ms);
}

/* --- uses --- */

bool
engine_is_spare(const struct engine *e)
{
	return (e->state == ENGINE_STARTING || e->state == ENGINE_READY) &&
	       !e->checking && list_empty(&e->waiting) && list_empty(&e->using);
}

void
engine_unuse(struct engine *e)
{
	e->used_ms = now(e);
	engine_settle(e);
}

void
engine_settle(struct engine *e)
{
	struct engines *es = e->engines;

	if (e->state == ENGINE_WANTED && list_empty(&e->waiting)) {
		e->tries = 0;
		engine_goto(e, ENGINE_DOWN);
	}
	if (engine_is_spare(e) && e->retired)
		engine_end(e, "not configured any more");
	else if (engine_is_spare(e) && e->state == ENGINE_READY && es->idle_ms != 0)
		timer_set(&e->timer, e->used_ms + es->idle_ms);
	engines_changed(es);
}

uint64_t
engine_bytes(struct engine *e)
{
	uint64_t bytes = e->process == NULL ? 0 : process_resident_bytes(e->process);

	if (e->state == ENGINE_STARTING && bytes < e->spec.file_bytes)
		return e->spec.file_bytes;
	if (bytes != 0)
		e->resident_bytes = bytes;
	return bytes;
}

struct engine *
engine_new(struct engines *es, struct engine_spec *spec)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->engines = es;
	e->spec = *spec;
	*spec = (struct engine_spec){0};
	list_init(&e->waiting);
	list_init(&e->using);
	timer_init(&e->timer, loop_wheel(es->loop), on_timer, e);
	timer_init(&e->start_limit, loop_wheel(es->loop), on_start_limit, e);
	probe_init(&e->probe, es->loop, es->pool, on_probed, e);
	e->suspect_mail = (struct mail){.fn = on_suspect, .arg = e};
	list_push_back(&es->all, &e->link);
	return e;
}

void
engine_free(struct engine *e)
{
	list_remove(&e->link);
	engine_spec_done(&e->spec);
	free(e);
}
