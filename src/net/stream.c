#include "net/stream.h"

#include "loop/loop_uv.h"
#include "net/stream_uv.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LINGER_MS    2000	/* for a peer to read our last words */
#define LINGER_BYTES (1u << 20) /* of its own talk that we drop meanwhile */
#define PLAIN_BYTES  16384	/* a TLS record's content at most */
#define JOIN_BYTES   4096

struct stream {
	uv_tcp_t tcp;
	int fd; /* tcp's, once it is connected */
	struct loop *loop;
	struct tls *tls; /* NULL: plain */
	const struct stream_events *events;
	void *arg;
	stream_ready_fn *ready; /* while connecting or shaking hands */
	void *ready_arg;
	size_t queued;	/* bytes in uv_write requests */
	size_t dropped; /* while lingering */
	struct timer linger;
	int last_error; /* libuv's */
	bool shaking;	/* TLS handshake under way */
	bool reading, paused, ended, broken, closing;
	bool unwritable; /* what was queued could not be sent */
};

/* A write that the kernel did not take at once; holds its own bytes. */
struct pending {
	uv_write_t write;
	struct stream *stream;
	size_t len;
	char bytes[];
};

static void read_on(struct stream *s);

struct stream *
stream_new(struct loop *l)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (uv_tcp_init(loop_uv(l), &s->tcp) != 0) {
		free(s);
		return NULL;
	}
	s->fd = -1;
	s->loop = l;
	s->tcp.data = s;
	return s;
}

struct loop *
stream_loop(const struct stream *s)
{
	return s->loop;
}

const char *
stream_why(const struct stream *s)
{
	if (s->tls != NULL && tls_why(s->tls)[0] != '\0')
		return tls_why(s->tls);
	return s->last_error == 0 ? "closed" : uv_strerror(s->last_error);
}

void
stream_peer(const struct stream *s, struct address *ret_from)
{
	struct address from;
	int len = sizeof(from.sa);

	if (uv_tcp_getpeername(&s->tcp, &from.sa.any, &len) == 0)
		*ret_from = from;
}

size_t
stream_queued(const struct stream *s)
{
	return s->queued;
}

/* --- closing --- */

static void
on_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	tls_free(s->tls);
	free(s);
}

void
stream_close(struct stream *s)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->linger.wheel != NULL)
		timer_stop(&s->linger);
	uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void
on_linger_over(void *arg)
{
	stream_close(arg);
}

static void
on_shut(uv_shutdown_t *shut, int status)
{
	struct stream *s = shut->data;

	free(shut);
	/* Our words are out; when the peer has said its last, so is all. */
	if (!s->closing && (status != 0 || s->ended))
		stream_close(s);
}

/* --- handing on what happened --- */

static void
tell_ready(struct stream *s, enum err why)
{
	stream_ready_fn *ready = s->ready;

	s->ready = NULL;
	s->shaking = false;
	if (ready != NULL)
		ready(s->ready_arg, why);
}

static void
tell_end(struct stream *s, enum err why)
{
	/* Once for reading, and once more when after that writing fails too. */
	if (s->closing || s->broken || (s->ended && why == ERR_EOF))
		return;
	s->ended = true;
	s->broken = why != ERR_EOF;
	(void)uv_read_stop((uv_stream_t *)&s->tcp);
	if (s->ready != NULL)
		tell_ready(s, why == ERR_TLS ? ERR_TLS : ERR_RESET);
	else if (s->events != NULL)
		s->events->end(s->arg, why);
	else if (s->linger.wheel != NULL || s->shaking)
		stream_close(s);
}

static void
tell_data(struct stream *s, struct slice bytes)
{
	if (s->events != NULL) {
		s->events->data(s->arg, bytes);
		return;
	}
	s->dropped += bytes.len;
	if (s->dropped > LINGER_BYTES)
		stream_close(s);
}

/* --- writing --- */

static void
on_written(uv_write_t *write, int status)
{
	struct pending *p = CONTAINER_OF(write, struct pending, write);
	struct stream *s = p->stream;

	s->queued -= p->len;
	free(p);
	if (s->closing || status == UV_ECANCELED)
		return;
	if (status != 0) {
		s->last_error = status;
		s->unwritable = true;
		/* What the peer said before it went is read first, up to its end. */
		if (!s->reading)
			tell_end(s, ERR_RESET);
	} else if (s->queued == 0 && s->events != NULL) {
		s->events->drain(s->arg);
	}
}

/* Queues a copy of what is behind the first `skip` bytes of the parts. */
static enum err
queue(struct stream *s, const struct iovec *parts, unsigned n, size_t skip, size_t total)
{
	struct pending *p = malloc(sizeof(*p) + total - skip);
	size_t at = 0;
	uv_buf_t all;

	if (p == NULL)
		return ERR_NOMEM;
	p->stream = s;
	p->len = total - skip;
	for (unsigned i = 0; i < n; i++) {
		size_t gone = skip < parts[i].iov_len ? skip : parts[i].iov_len;
		size_t left = parts[i].iov_len - gone;

		memcpy(p->bytes + at, (const char *)parts[i].iov_base + gone, left);
		at += left;
		skip -= gone;
	}
	all = uv_buf_init(p->bytes, (unsigned)p->len);
	s->last_error = uv_write(&p->write, (uv_stream_t *)&s->tcp, &all, 1, on_written);
	if (s->last_error != 0) {
		free(p);
		return ERR_RESET;
	}
	s->queued += p->len;
	return ERR_OK;
}

/* Small parts go to the kernel as one: copying them costs less than what it does
 * for each of several. */
static unsigned
join(char to[JOIN_BYTES], struct iovec *parts, unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		memcpy(to + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	parts[0] = (struct iovec){to, at};
	return 1;
}

/*
 * How much the kernel takes now, or -1. Not libuv's uv_try_write: it calls write(),
 * and on its way through the layer of files that costs the kernel more than send().
 */
static ssize_t
send_now(struct stream *s, struct iovec *parts, unsigned n)
{
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
	ssize_t took;

	/* What waits goes first. */
	if (s->queued > 0)
		return 0;
	do {
		took = n == 1 ? send(s->fd, parts[0].iov_base, parts[0].iov_len,
				    MSG_NOSIGNAL)
			      : sendmsg(s->fd, &message, MSG_NOSIGNAL);
	} while (took < 0 && errno == EINTR);
	if (took < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (took < 0)
		s->last_error = uv_translate_sys_error(errno);
	return took;
}

static enum err
write_wire(struct stream *s, const struct slice *parts, unsigned n)
{
	struct iovec out[STREAM_PARTS_MAX];
	char joined[JOIN_BYTES];
	unsigned used = 0;
	size_t total = 0;
	ssize_t took;

	assert(n <= STREAM_PARTS_MAX);
	for (unsigned i = 0; i < n; i++) {
		if (parts[i].len == 0)
			continue;
		/* It is only read, but the type has no const. */
		memcpy(&out[used].iov_base, &parts[i].ptr, sizeof(char *));
		out[used++].iov_len = parts[i].len;
		total += parts[i].len;
	}
	if (total == 0)
		return ERR_OK;
	if (used > 1 && total <= JOIN_BYTES)
		used = join(joined, out, used);
	took = send_now(s, out, used);
	if (took < 0)
		return ERR_RESET;
	return (size_t)took == total ? ERR_OK : queue(s, out, used, (size_t)took, total);
}

/* Puts what OpenSSL wants to say on the wire. */
static enum err
flush_tls(struct stream *s)
{
	struct slice out = tls_output(s->tls);
	enum err e = write_wire(s, &out, 1);

	tls_sent(s->tls);
	return e;
}

/* Small parts go into one record: a record each would double the bytes. */
static enum err
write_tls(struct stream *s, const struct slice *parts, unsigned n)
{
	char record[PLAIN_BYTES];
	size_t len = 0;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < n && e == ERR_OK; i++) {
		if (len + parts[i].len > sizeof(record)) {
			e = tls_write(s->tls, slice_of(record, len));
			len = 0;
		}
		if (e == ERR_OK && parts[i].len > sizeof(record)) {
			e = tls_write(s->tls, parts[i]);
			continue;
		}
		if (parts[i].len > 0)
			memcpy(record + len, parts[i].ptr, parts[i].len);
		len += parts[i].len;
	}
	if (e == ERR_OK && len > 0)
		e = tls_write(s->tls, slice_of(record, len));
	return e == ERR_OK ? flush_tls(s) : e;
}

enum err
stream_write(struct stream *s, const struct slice *parts, unsigned n)
{
	if (s->closing || s->unwritable)
		return ERR_RESET;
	return s->tls == NULL ? write_wire(s, parts, n) : write_tls(s, parts, n);
}

/* --- reading --- */

/* Goes on with the handshake; true when it is over and data may follow. */
static bool
shake(struct stream *s)
{
	bool done;
	enum err e = tls_handshake(s->tls, &done);
	enum err sent = flush_tls(s);

	if (e == ERR_OK)
		e = sent;
	if (e != ERR_OK) {
		tell_end(s, e == ERR_EOF ? ERR_RESET : e);
		return false;
	}
	if (done)
		tell_ready(s, ERR_OK);
	return done && !s->closing;
}

static void
read_tls(struct stream *s, struct slice cipher)
{
	char plain[PLAIN_BYTES];
	enum err e;
	size_t n;

	tls_input(s->tls, cipher);
	if (s->shaking && !shake(s))
		return;
	do {
		e = tls_read(s->tls, plain, sizeof(plain), &n);
		if (n > 0)
			tell_data(s, slice_of(plain, n));
	} while (e == ERR_OK && n > 0 && !s->closing);
	if (s->closing)
		return;
	if (e == ERR_OK && tls_output(s->tls).len > 0)
		e = flush_tls(s); /* a key update's answer */
	if (e != ERR_OK)
		tell_end(s, e);
}

/*
 * libuv is given no space to read into: then it only tells that there is something,
 * as UV_ENOBUFS. Its own read() goes through the layer of files, which costs the
 * kernel more than recv() does.
 */
static void
on_space(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_space)
{
	(void)handle;
	(void)wanted;
	*ret_space = uv_buf_init(NULL, 0);
}

static void
read_now(struct stream *s)
{
	char *space = loop_read_space(s->loop);
	ssize_t n;

	do {
		n = recv(s->fd, space, LOOP_READ_BYTES, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n > 0 && s->tls != NULL) {
		read_tls(s, slice_of(space, (size_t)n));
	} else if (n > 0) {
		tell_data(s, slice_of(space, (size_t)n));
	} else {
		s->last_error = n == 0 ? UV_EOF : uv_translate_sys_error(errno);
		/* A TLS peer says goodbye first; without it the end may be forged. */
		tell_end(s, n == 0 && s->tls == NULL ? ERR_EOF : ERR_RESET);
	}
}

static void
on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *space)
{
	struct stream *s = tcp->data;

	(void)space;
	if (s->closing)
		return;
	if (n == UV_ENOBUFS) {
		read_now(s);
	} else if (n < 0) {
		s->last_error = (int)n;
		tell_end(s, ERR_RESET);
	}
}

static void
read_on(struct stream *s)
{
	bool want = !s->closing && !s->ended && (!s->paused || s->shaking);

	if (want == s->reading)
		return;
	s->reading = want;
	if (want)
		(void)uv_read_start((uv_stream_t *)&s->tcp, on_space, on_read);
	else
		(void)uv_read_stop((uv_stream_t *)&s->tcp);
}

void
stream_attend(struct stream *s, const struct stream_events *events, void *arg)
{
	s->events = events;
	s->arg = arg;
	s->paused = false;
	read_on(s);
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
	read_on(s);
}

void
stream_resume(struct stream *s)
{
	s->paused = false;
	read_on(s);
}

void
stream_finish(struct stream *s)
{
	uv_shutdown_t *shut = malloc(sizeof(*shut));

	s->events = NULL;
	if (s->tls != NULL && !s->ended) {
		tls_goodbye(s->tls);
		(void)flush_tls(s);
	}
	if (shut == NULL || s->closing) {
		free(shut);
		stream_close(s);
		return;
	}
	shut->data = s;
	timer_init(&s->linger, loop_wheel(s->loop), on_linger_over, s);
	timer_set(&s->linger, loop_now(s->loop) + LINGER_MS);
	if (uv_shutdown(shut, (uv_stream_t *)&s->tcp, on_shut) != 0) {
		free(shut);
		stream_close(s);
		return;
	}
	s->paused = false;
	read_on(s);
}

/* --- beginnings --- */

static void
connected(struct stream *s)
{
	(void)uv_tcp_nodelay(&s->tcp, 1);
	(void)uv_fileno((const uv_handle_t *)&s->tcp, &s->fd);
}

enum err
stream_accept(struct stream *s, uv_stream_t *listening)
{
	if (uv_accept(listening, (uv_stream_t *)&s->tcp) != 0)
		return ERR_IO;
	connected(s);
	return ERR_OK;
}

static void
on_connected(uv_connect_t *connect, int status)
{
	struct stream *s = connect->data;

	free(connect);
	if (s->closing)
		return;
	s->last_error = status;
	if (status == 0)
		connected(s);
	tell_ready(s, status == 0 ? ERR_OK : ERR_CONNECT);
}

enum err
stream_connect(
    struct stream *s, const struct address *to, stream_ready_fn *ready, void *arg)
{
	uv_connect_t *connect = malloc(sizeof(*connect));

	if (connect == NULL)
		return ERR_NOMEM;
	connect->data = s;
	s->last_error = uv_tcp_connect(connect, &s->tcp, &to->sa.any, on_connected);
	if (s->last_error != 0) {
		free(connect);
		return ERR_CONNECT;
	}
	s->ready = ready;
	s->ready_arg = arg;
	return ERR_OK;
}

enum err
stream_start_tls(struct stream *s, struct tls *t, stream_ready_fn *ready, void *arg)
{
	bool done;
	enum err e;

	s->tls = t;
	s->shaking = true;
	s->ready = ready;
	s->ready_arg = arg;
	/* Who calls speaks first; who is called only waits, and says nothing yet. */
	tls_input(t, S(""));
	e = tls_handshake(t, &done);
	if (e == ERR_OK)
		e = flush_tls(s);
	if (e == ERR_OK)
		read_on(s);
	else
		s->ready = NULL;
	return e;
}
