/*
 * loop: one event loop a thread. It runs the callbacks of sockets (net/),
 * timers (wheel.h), tasks put off to the end of the turn, and mail from other
 * threads.
 *
 * A turn: read the clock once, fire timers, run what the kernel reports, run
 * the tasks. What a callback may be standing on is never freed inside it: it is
 * freed by a task. Everything but loop_post() and loop_stop() is for the loop's
 * own thread.
 *
 * Not here: sockets (net/), child processes (local/).
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "core/err.h"
#include "core/random.h"
#include "loop/wheel.h"

struct loop;

typedef void task_fn(void *arg);

/* Embedded in its owner. */
struct task {
	struct link link;
	task_fn *fn;
	void *arg;
};

/* A message to another thread; embedded in what it carries. */
struct mail {
	struct mail *next;
	task_fn *fn; /* runs on the receiver's thread with arg */
	void *arg;
};

/* A loop for the calling thread. ERR_NOMEM, ERR_IO. */
enum err loop_new(struct loop **ret_loop) MUST_CHECK;

/* Only after loop_run returned; every handle on it must be closed. */
void loop_free(struct loop *l);

/* Runs until loop_stop() was called. */
void loop_run(struct loop *l);

/* Ends loop_run at the end of the turn. Any thread; legal before loop_run. */
void loop_stop(struct loop *l);

/* Runs turns until every closing handle is closed; for the time after loop_run. */
void loop_drain(struct loop *l);

/* This turn's time: monotonic ms, and ms since 1970. */
uint64_t loop_now(const struct loop *l);
uint64_t loop_unix_ms(const struct loop *l);

/* The wheel for timer_init(). */
struct wheel *loop_wheel(struct loop *l);

/* This thread's generator, for jitter and exploration. */
struct random *loop_random(struct loop *l);

/* Makes a task, which is not queued. */
void task_init(struct task *t, task_fn *fn, void *arg);

/* Runs the task at the end of this turn, once however often it is put off. */
void loop_defer(struct loop *l, struct task *t);

/* It does not run, if it was put off. */
void task_cancel(struct task *t);

/* Runs the mail that is there, now; for the time before loop_run, on its thread. */
void loop_read_mail(struct loop *l);

/*
 * Runs m->fn(m->arg) on the loop's thread. Any thread. Borrows the mail until
 * then. Mail that is under way when the loop ends is run by loop_drain().
 */
void loop_post(struct loop *l, struct mail *m);

#endif
