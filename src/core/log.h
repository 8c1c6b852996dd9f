/*
 * log: lines for the operator. Loop threads must not wait for a disk or a
 * pipe, so lines go to an outbox and one thread writes them. When that falls
 * behind by more than a megabyte, lines are dropped and counted: traffic does
 * not wait for its log.
 *
 * Never logged: prompts, answers, keys. All functions are for any thread.
 * Before log_start, lines go straight to stderr (commands, the start-up).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/err.h"
#include "core/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* What is logged from now on; may be called again at any time. */
void log_setup(enum log_level level, enum log_format format);

/* Starts the writing thread on the file descriptor (borrowed). ERR_NOMEM. */
enum err log_start(int fd) MUST_CHECK;

/* Writes what is left, if somebody takes it within 2 s, and ends the thread; lines then
 * go to stderr again. */
void log_stop(void);

/* Would a line of this level be written? */
bool log_wants(enum log_level level);

enum log_format log_format_now(void);

/* One line about an event; time and level are put before it. */
SELDOM void log_event(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One complete line, newline included, in the form that log_format_now() asks. */
void log_line(struct slice line);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

#endif
