/*
 * process: a child process in a session of its own, its output as lines, and
 * its end. For local/ only; one loop thread.
 */
#ifndef LOCAL_PROCESS_H
#define LOCAL_PROCESS_H

#include "core/slice.h"
#include "loop/loop.h"

struct process;

#define PROCESS_LINE_MAX 512 /* bytes of a line; what is longer is cut */
#define PROCESS_HOW_MAX	 64

struct process_plan {
	const char *file;
	char **argv, **env; /* each ends with NULL */
	/* Goes to its standard input, which then stays open until the end; at most
	 * 64 KiB. Empty: it has none. */
	struct slice input;
};

struct process_events {
	/* A line of its output, without the newline; valid during the call. */
	void (*line)(void *arg, struct slice line, bool is_error);
	/* It ended, after its last line: "exited with status 1". The process is
	 * freed afterwards. */
	void (*gone)(void *arg, const char *how);
};

/*
 * Starts the program and reports to `events` (static), later. Borrows the plan
 * for the call. On failure ERR_NOMEM, or ERR_IO with the system's word in
 * *ret_why (static).
 */
enum err process_start(struct loop *l, const struct process_plan *plan,
    const struct process_events *events, void *arg, struct process **ret_process,
    const char **ret_why) MUST_CHECK;

/* Asks it to end (SIGTERM to its session), and makes it (SIGKILL) after kill_ms. */
void process_end(struct process *p, uint64_t kill_ms);

/* Ends it at once (SIGKILL). */
void process_kill(struct process *p);

int process_pid(const struct process *p);

/* What it has in memory now; 0 when the system does not say. */
uint64_t process_resident_bytes(const struct process *p);

#endif
