/*
 * local: models on this machine. weir supervises llama.cpp's server as child
 * processes on loopback, each with a random key of its own: started on first
 * use, checked, restarted with a growing pause, stopped when not used for long
 * or when memory is wanted, and never outliving weir.
 *
 * All supervision is done on one loop (the main thread's). Requests of any loop
 * thread begin a use of an engine and get, on their own thread, the address and
 * key to send to; as long as the use lasts the engine is not stopped for
 * idleness or memory. engine.h is the whole interface; the bytes to the engine
 * go through net/ and proxy/ like those to any provider.
 */
#ifndef LOCAL_ENGINE_H
#define LOCAL_ENGINE_H

#include "config/config.h"
#include "loop/loop.h"
#include "net/upstream.h"

struct engines; /* all of the process */
struct engine;	/* one; lives as long as the process, also when its model is no
		 * longer configured */

#define ENGINE_WHY_MAX 256

/* One use of an engine; embedded in the attempt. */
struct engine_use {
	/* Set by the asker. fn runs once, on `loop`'s thread, never before
	 * engine_use_start returns. */
	struct loop *loop;
	void (*fn)(void *arg, enum err why);
	void *arg;
	/* When fn ran with OK: where to send, and the bearer key. Valid until
	 * engine_use_stop. Otherwise a sentence in why. */
	struct host host;
	char host_name[16];
	char key[48];
	char why[ENGINE_WHY_MAX];
	/* The supervisor's. */
	struct engine *engine;
	void *request;
};

/* The supervisor, on the calling thread's loop. ERR_NOMEM. */
enum err engines_new(struct loop *l, struct engines **ret_engines) MUST_CHECK;

/*
 * Takes a configuration over: makes an engine for each local model that is new,
 * and sets `engine` in its offers. Engines that are configured no longer, or
 * otherwise, are stopped once unused. On the supervisor's thread, before the
 * configuration is handed to the loops. ERR_NOMEM.
 */
enum err engines_configure(struct engines *e, struct config *c) MUST_CHECK;

/* Ends all engines; calls fn(arg) once they are gone. Uses fail with ERR_STOPPING. */
void engines_stop(struct engines *e, void (*fn)(void *arg), void *arg);
void engines_free(struct engines *e);

/* Begins a use. Errors to fn: ERR_ENGINE, ERR_STOPPING, ERR_NOMEM. */
void engine_use_start(struct engine *engine, struct engine_use *u);

/* Ends it, or withdraws it: fn does not run any more. Once for each start. */
void engine_use_stop(struct engine_use *u);

/* A connection to the engine was refused or cut: look whether it is alive. Any thread. */
void engine_suspect(struct engine *engine);

/* For the banner and `weir models`: may local models run at all? A sentence that
 * says with what ("llama-server /usr/bin/llama-server"), or why not. */
bool engine_available(const struct config *c, char text[ENGINE_WHY_MAX]);

/* The hidden command that weir runs its engines under, so that they end with it:
 * `weir engine-child PROGRAM ARGUMENTS`. Returns the exit status on failure. */
int engine_child_main(int argc, char **argv);

#endif
