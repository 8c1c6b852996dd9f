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
 *
 * The life of a use: engine_use_start posts a mail to the supervisor's loop, which
 * starts the engine if it must and answers by a mail when it is ready; fn runs.
 * engine_use_stop, before or after that, is a mail that tells it to forget the use.
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
#define ENGINE_KEY_MAX 48

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
	char key[ENGINE_KEY_MAX];
	char why[ENGINE_WHY_MAX];
	/* The supervisor's. */
	struct engine *engine;
	void *request;
	struct task no_memory;
};

/*
 * The supervisor, on the calling thread's loop. The thread must live as long as
 * the process does: engines end with it. ERR_NOMEM.
 */
enum err engines_new(struct loop *l, struct engines **ret_engines) MUST_CHECK;

/*
 * Takes a configuration over: makes an engine for each local model that is new,
 * and sets `engine` in its offers (those of the provider whose auth is ENGINE; an
 * offer's upstream id is the engine's name), or `missing` where there is nothing to
 * run them with. Engines that are configured no longer, or otherwise, are stopped
 * once unused. On the supervisor's thread, before the configuration is handed to
 * the loops; borrows nothing of it. ERR_NOMEM: nothing changed.
 */
enum err engines_configure(struct engines *e, struct config *c) MUST_CHECK;

/*
 * Ends all engines; calls fn(arg) later, once they are gone, after five seconds at
 * the most. Uses that wait fail with ERR_STOPPING, and so do those that come.
 */
void engines_stop(struct engines *e, void (*fn)(void *arg), void *arg);

/*
 * After engines_stop called back, all uses were stopped and the loop was drained:
 * nobody may know an engine any more. NULL does nothing.
 */
void engines_free(struct engines *e);

/*
 * Begins a use: sets what is not the asker's in u. Any thread. Errors to fn, with a
 * sentence in u->why: ERR_ENGINE, ERR_STOPPING, ERR_NOMEM.
 */
void engine_use_start(struct engine *engine, struct engine_use *u);

/*
 * Ends it, or withdraws it: fn does not run any more, and u->loop is not touched
 * except by mail that is under way. Once for each start, also when fn ran with an
 * error; legal inside fn. On u->loop's thread; u may be freed afterwards.
 */
void engine_use_stop(struct engine_use *u);

/*
 * A connection to the engine was refused or cut: look whether it is alive. Uses
 * that come meanwhile wait for the outcome. Any thread.
 */
void engine_suspect(struct engine *engine);

/* For the banner and `weir models`: may local models run at all? A sentence that
 * says with what ("llama-server /usr/bin/llama-server"), or why not. Looks at files:
 * not for loop threads. */
bool engine_available(const struct config *c, char text[ENGINE_WHY_MAX]);

/*
 * The hidden command that weir runs its engines under, so that they end with it:
 * `weir engine-child PARENT PROGRAM ARGUMENTS`, argv[0] being "engine-child". It
 * becomes the program, unless the parent (a process id) is gone. Returns the exit
 * status on failure.
 */
int engine_child_main(int argc, char **argv);

#endif
