#include "local/process.h"

#include "core/list.h"
#include "loop/loop_uv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LAST_LINES_MS 250 /* for output to come after the process ended */

/* One of its outputs. */
struct reader {
	uv_pipe_t pipe;
	bool is_error, open;
	size_t len;
	char line[PROCESS_LINE_MAX];
};

/*
 * Output may be read after the exit was seen, and somebody else may hold the
 * pipes open for ever: `gone` is told when both have ended, or a moment after
 * the exit. Freed when the last handle is closed.
 */
struct process {
	uv_process_t uv;
	uv_pipe_t input;
	struct reader out, err;
	struct loop *loop;
	const struct process_events *events;
	void *arg;
	unsigned handles;   /* of libuv, not closed yet */
	struct timer timer; /* while ending: SIGKILL; once exited: no more lines */
	bool exited;
	bool told; /* of its end, or it never began */
	char how[PROCESS_HOW_MAX];
};

/* --- its end --- */

static void
on_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;

	if (--p->handles == 0)
		free(p);
}

static void
close_handle(void *handle)
{
	uv_handle_t *h = handle;

	if (h->type != UV_UNKNOWN_HANDLE && !uv_is_closing(h))
		uv_close(h, on_closed);
}

static void
close_all(struct process *p)
{
	p->told = true;
	timer_stop(&p->timer);
	close_handle(&p->uv);
	close_handle(&p->input);
	close_handle(&p->out.pipe);
	close_handle(&p->err.pipe);
}

static void
tell_gone(struct process *p)
{
	if (p->told)
		return;
	close_all(p);
	p->events->gone(p->arg, p->how);
}

static void
on_exit_seen(uv_process_t *uv, int64_t status, int signal)
{
	struct process *p = uv->data;

	p->exited = true;
	if (signal != 0)
		(void)snprintf(p->how, sizeof(p->how), "was ended by signal %d (%s)",
		    signal, strsignal(signal));
	else
		(void)snprintf(
		    p->how, sizeof(p->how), "exited with status %d", (int)status);
	if (p->out.open || p->err.open)
		timer_set(&p->timer, loop_now(p->loop) + LAST_LINES_MS);
	else
		tell_gone(p);
}

static void
on_time(void *arg)
{
	struct process *p = arg;

	if (p->exited)
		tell_gone(p);
	else
		process_kill(p);
}

/* --- lines --- */

static void
end_line(struct process *p, struct reader *r)
{
	struct slice line = slice_of(r->line, r->len);

	r->len = 0;
	if (slice_ends(line, S("\r")))
		line.len--;
	p->events->line(p->arg, line, r->is_error);
}

static void
take_bytes(struct process *p, struct reader *r, struct slice bytes)
{
	while (bytes.len > 0) {
		size_t n = slice_find(bytes, '\n'), room = sizeof(r->line) - r->len;
		struct slice part = slice_head(bytes, n < room ? n : room);

		memcpy(r->line + r->len, part.ptr, part.len);
		r->len += part.len;
		if (n < bytes.len)
			end_line(p, r);
		bytes = slice_from(bytes, n + 1);
	}
}

static void
on_space(uv_handle_t *pipe, size_t wanted, uv_buf_t *ret_space)
{
	struct process *p = pipe->data;

	(void)wanted;
	*ret_space = uv_buf_init(loop_read_space(p->loop), LOOP_READ_BYTES);
}

static void
on_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *space)
{
	struct process *p = pipe->data;
	struct reader *r = CONTAINER_OF(pipe, struct reader, pipe);

	if (n > 0)
		take_bytes(p, r, slice_of(space->base, (size_t)n));
	if (n >= 0)
		return;
	if (r->len > 0)
		end_line(p, r);
	r->open = false;
	close_handle(&r->pipe);
	if (p->exited && !p->out.open && !p->err.open)
		tell_gone(p);
}

static int
read_on(struct reader *r)
{
	int e = uv_read_start((uv_stream_t *)&r->pipe, on_space, on_read);

	r->open = e == 0;
	return e;
}

/* --- its beginning --- */

static int
init_handles(struct process *p)
{
	uv_pipe_t *pipes[] = {&p->input, &p->out.pipe, &p->err.pipe};
	int e = 0;

	for (unsigned i = 0; i < 3 && e == 0; i++) {
		e = uv_pipe_init(loop_uv(p->loop), pipes[i], 0);
		pipes[i]->data = p;
		p->handles += e == 0;
	}
	return e;
}

static int
spawn(struct process *p, const struct process_plan *plan)
{
	uv_stdio_container_t stdio[3] = {
	    {.flags = UV_IGNORE},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE},
	};
	uv_process_options_t options = {
	    .exit_cb = on_exit_seen,
	    .file = plan->file,
	    .args = plan->argv,
	    .env = plan->env,
	    .flags = UV_PROCESS_DETACHED, /* a session: Ctrl-C is for weir only */
	    .stdio_count = 3,
	    .stdio = stdio,
	};

	stdio[1].data.stream = (uv_stream_t *)&p->out.pipe;
	stdio[2].data.stream = (uv_stream_t *)&p->err.pipe;
	if (plan->input.len > 0) {
		stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
		stdio[0].data.stream = (uv_stream_t *)&p->input;
	}
	p->uv.data = p;
	p->handles++; /* uv_spawn makes a handle also when it fails */
	return uv_spawn(loop_uv(p->loop), &p->uv, &options);
}

/* The pipe is new and holds all of it. */
static int
write_input(struct process *p, struct slice input)
{
	uv_buf_t buf = {.len = input.len};
	int took;

	if (input.len == 0)
		return 0;
	/* libuv reads only, but its type has no const. */
	memcpy(&buf.base, &input.ptr, sizeof(char *));
	took = uv_try_write((uv_stream_t *)&p->input, &buf, 1);
	if (took >= 0 && (size_t)took < input.len)
		return UV_EAGAIN;
	return took < 0 ? took : 0;
}

enum err
process_start(struct loop *l, const struct process_plan *plan,
    const struct process_events *events, void *arg, struct process **ret_process,
    const char **ret_why)
{
	struct process *p = calloc(1, sizeof(*p));
	int e;

	if (p == NULL)
		return ERR_NOMEM;
	p->loop = l;
	p->events = events;
	p->arg = arg;
	p->err.is_error = true;
	timer_init(&p->timer, loop_wheel(l), on_time, p);
	e = init_handles(p);
	if (e == 0)
		e = spawn(p, plan);
	if (e != 0)
		goto fail;
	e = write_input(p, plan->input);
	if (e == 0)
		e = read_on(&p->out);
	if (e == 0)
		e = read_on(&p->err);
	if (e != 0) {
		process_kill(p);
		goto fail;
	}
	*ret_process = p;
	return ERR_OK;
fail:
	*ret_why = uv_strerror(e);
	close_all(p);
	return ERR_IO;
}

void
process_end(struct process *p, uint64_t kill_ms)
{
	if (p->exited)
		return;
	(void)kill(-p->uv.pid, SIGTERM);
	timer_set(&p->timer, loop_now(p->loop) + kill_ms);
}

void
process_kill(struct process *p)
{
	if (!p->exited)
		(void)kill(-p->uv.pid, SIGKILL);
}

int
process_pid(const struct process *p)
{
	return p->uv.pid;
}

/* procfs is not a disk: this does not wait. */
uint64_t
process_resident_bytes(const struct process *p)
{
	char path[40];
	unsigned long long pages = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", p->uv.pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return p->exited ? 0 : pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
