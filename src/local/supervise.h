/*
 * supervise: what the files of local/ share; nobody else includes it.
 *
 *	engine_use.c    uses: the mails between the askers' loops and ours
 *	engine.c        the life of one engine: its process and who waits for it
 *	engines.c       all of them: configuration, memory, the end
 *	program.c       which program, with which arguments
 *	process.c       a child process: its lines and its end
 *	probe.c         GET /health
 *	engine_child.c  the child's side of the fork
 *
 * All of it runs on the supervisor's loop, but for the askers' half of engine_use.c.
 */
#ifndef LOCAL_SUPERVISE_H
#define LOCAL_SUPERVISE_H

#include "core/list.h"
#include "local/probe.h"
#include "local/program.h"

#include <pthread.h>
#include <stdatomic.h>

enum engine_state {
	ENGINE_DOWN,	 /* no process, and nobody wants it */
	ENGINE_WANTED,	 /* no process; waits for its pause to end, or for memory */
	ENGINE_STARTING, /* it loads its model */
	ENGINE_READY,
	ENGINE_ENDING, /* was told to end */
	ENGINE_STATES
};

#define ENGINE_LAST_LINES 8

struct engine {
	struct link link; /* in engines.all */
	struct engines *engines;
	struct engine_spec spec;
	bool retired; /* not configured any more */
	enum engine_state state;
	struct link waiting, using; /* of use_request.link */
	uint64_t used_ms;	    /* when the last use ended */
	struct process *process;    /* NULL in DOWN and WANTED */
	uint16_t port;		    /* 0: not known yet */
	char key[ENGINE_KEY_MAX];
	/* WANTED: its pause; STARTING: the next probe; READY: idle for long. */
	struct timer timer;
	struct timer start_limit;
	struct probe probe;
	bool checking;	       /* READY, but suspected: uses wait for the probe */
	atomic_bool suspected; /* suspect_mail is under way */
	struct mail suspect_mail;
	uint64_t spawned_ms, ready_ms, pause_until_ms;
	unsigned deaths;	 /* unwanted, in a row: what the pause grows by */
	unsigned start_deaths;	 /* of them, since it was ready last */
	unsigned tries;		 /* starts left for those who wait */
	uint64_t resident_bytes; /* when it was looked at last; 0: never ran */
	char lines[ENGINE_LAST_LINES][PROCESS_LINE_MAX / 2];
	unsigned nlines; /* ever; the last ones are in `lines` */
};

struct engines {
	struct loop *loop;
	struct link all; /* of engine.link */
	struct upstream_pool *pool;
	struct upstream_limits pool_limits;
	uint64_t idle_ms, memory_bytes, start_ms; /* of the configuration */
	uint64_t kill_ms, check_ms, pause_ms;	  /* constants, but for the tests */
	pthread_mutex_t lock;			  /* of use_request.withdrawn */
	bool stopping;
	void (*stopped_fn)(void *arg);
	void *stopped_arg;
	struct task stopped;
};

/* --- engine.c --- */

/* An engine in the list; takes the spec. NULL when out of memory. */
struct engine *engine_new(struct engines *es, struct engine_spec *spec);
/* Its process must be gone. */
void engine_free(struct engine *e);

/* Does what can be done now for those who wait; whenever something changed. */
void engine_wake(struct engine *e);

/* A use of it ended, or somebody waits for it no longer. */
void engine_unuse(struct engine *e);

/* If nobody uses it now: gives up a start that waits, ends it when it is retired, or
 * lets its idle time run. Whenever something of that changed. */
void engine_settle(struct engine *e);

/* Ends its process; `reason` is for the log: "not used for 30 min". */
void engine_end(struct engine *e, const char *reason);

/* Has it a process that nobody uses or waits for? */
bool engine_is_spare(const struct engine *e);

/* What its process takes, or will take; 0 without one. */
uint64_t engine_bytes(struct engine *e);

/* --- engines.c --- */

/*
 * Is there room for it within local.memory? ERR_OK; ERR_FULL: not yet, others are
 * being stopped or are in use, and engine_wake will be called; ERR_ENGINE: never,
 * with a sentence in why.
 */
enum err engines_make_room(struct engine *e, char why[ENGINE_WHY_MAX]) MUST_CHECK;

/* An engine ended, became ready or unused: stops what exceeds local.memory, and wakes
 * those that wait for it. */
void engines_changed(struct engines *es);

/* --- engine_use.c --- */

/* Answers all that wait for it: with OK they use it now, otherwise `why` says why. */
void engine_use_answer_all(struct engine *e, enum err err, const char *why);

#endif
