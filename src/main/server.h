/*
 * server: the running process: a main thread with signals and engines, a thread for
 * each worker, one for the store, one for the log.
 */
#ifndef MAIN_SERVER_H
#define MAIN_SERVER_H

#include "admin/hub.h"
#include "local/engine.h"

#include <pthread.h>

#define SERVER_THREADS_MAX 64

struct server;

/* One loop thread. */
struct server_thread {
	struct worker worker;
	struct server *server;
	struct loop *loop;
	pthread_t thread;
	bool started;
	struct timer quiet; /* looks whether all is done, while stopping */
	struct mail stop, abort, ended;
};

struct server {
	struct loop *loop; /* the main thread's */
	struct config *config;
	const char *config_file; /* as asked for on the command line */
	struct hub hub;
	struct worker *workers[SERVER_THREADS_MAX];
	struct server_thread *threads;
	unsigned nthreads, running; /* running: threads whose loop has not ended */
	struct engines *engines;
	struct webhook *webhook;
	struct lenders lenders;
	struct address addresses[WORKER_LISTENERS_MAX];
	unsigned naddresses;
	struct signal_watch *signals[3];
	struct timer deadline; /* of stopping */
	bool stopping, beyond; /* beyond: it listens not on loopback only */
	atomic_bool any_key;   /* the store has keys, if only revoked ones */
	char folder[4096];     /* of the data */
};

/* Runs until it is told to stop; returns the exit status. Takes the configuration. */
int server_run(struct server *s, struct config *c, const char *config_file);

/* Must callers send a key, by that configuration or by the store? Any thread. */
bool server_has_keys(const struct server *s, const struct config *c);

/* Where it listens, what it found, and a line to paste; to standard output. */
void banner_print(const struct server *s);

#endif
