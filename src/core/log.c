#include "core/log.h"

#include "core/clock.h"
#include "core/outbox.h"
#include "core/text.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define HELD_BYTES  (1u << 20)
#define LINGER_MS   50
#define MESSAGE_MAX 1000
#define STOP_S	    2 /* for the last lines to be written */

static struct {
	atomic_int level, format;
	atomic_bool running;
	atomic_uint_fast64_t dropped;
	int fd;
	pthread_t thread;
	struct outbox lines;
} state = {.level = LOG_INFO};

static const char *const names[] = {"error", "warn", "info", "debug"};

void
log_setup(enum log_level level, enum log_format format)
{
	atomic_store(&state.level, (int)level);
	atomic_store(&state.format, (int)format);
}

bool
log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&state.level, memory_order_relaxed);
}

enum log_format
log_format_now(void)
{
	return (enum log_format)atomic_load_explicit(&state.format, memory_order_relaxed);
}

uint64_t
log_dropped(void)
{
	return atomic_load(&state.dropped);
}

static void
write_all(int fd, struct slice s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody is left to be told */
		s = slice_from(s, (size_t)n);
	}
}

static void *
writer(void *arg)
{
	struct slice lines;

	(void)arg;
	while (outbox_take(&state.lines, 60000, &lines))
		write_all(state.fd, lines);
	return NULL;
}

enum err
log_start(int fd)
{
	state.fd = fd;
	if (outbox_init(&state.lines, HELD_BYTES, LINGER_MS) != ERR_OK)
		return ERR_NOMEM;
	if (pthread_create(&state.thread, NULL, writer, NULL) != 0) {
		outbox_done(&state.lines);
		return ERR_NOMEM;
	}
	atomic_store(&state.running, true);
	return ERR_OK;
}

void
log_stop(void)
{
	struct timespec end;

	if (!atomic_exchange(&state.running, false))
		return;
	outbox_close(&state.lines);
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += STOP_S;
	/* Who does not read the log must not keep the process alive; the thread that
	 * waits for him goes with it. */
	if (pthread_timedjoin_np(state.thread, NULL, &end) == 0)
		outbox_done(&state.lines);
}

void
log_line(struct slice line)
{
	if (!atomic_load_explicit(&state.running, memory_order_acquire))
		write_all(STDERR_FILENO, line);
	else if (!outbox_put(&state.lines, &line, 1))
		atomic_fetch_add(&state.dropped, 1);
}

/*
 * Control bytes and what JSON escapes become blanks or quotes, what is not UTF-8
 * question marks: one line stays one, and every line is well formed.
 */
static void
clean(char *s, bool json)
{
	const char *end = s + strlen(s);

	while (s < end) {
		size_t n = (unsigned char)*s < 0x80 ? 1 : utf8_length(s, end);

		if (n == 0)
			*s = '?';
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
		else if (json && (*s == '"' || *s == '\\'))
			*s = '\'';
		s += n == 0 ? 1 : n;
	}
}

void
log_event(enum log_level level, const char *format, ...)
{
	char message[MESSAGE_MAX], line[MESSAGE_MAX + 100], time[TEXT_TIME_MAX + 1];
	bool json = log_format_now() == LOG_JSON;
	va_list ap;
	int n;

	if (!log_wants(level))
		return;
	va_start(ap, format);
	(void)vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	clean(message, json);
	time[text_time(time, clock_unix_ms())] = '\0';
	n = snprintf(line, sizeof(line),
	    json ? "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n"
		 : "%s %s %s\n",
	    time, names[level], message);
	if (n > 0)
		log_line(slice_of(line, (size_t)n));
}
