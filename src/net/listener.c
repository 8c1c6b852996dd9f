#include "net/listener.h"

#include "core/log.h"
#include "loop/loop_uv.h"
#include "net/stream_uv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG	  4096
#define WHY_BYTES 128

struct listener {
	uv_tcp_t tcp;
	struct loop *loop;
	struct address address;
	struct tls_context *tls;
	listener_fn *fn;
	void *arg;
	bool paused, waiting; /* waiting: libuv holds one, and looks for no more */
};

static void
on_closed(uv_handle_t *handle)
{
	struct listener *li = handle->data;

	tls_context_unref(li->tls);
	free(li);
}

static void
accept_one(struct listener *li)
{
	struct stream *s = stream_new(li->loop);
	struct address from = {0};
	struct tls *tls;

	if (s == NULL)
		return; /* the client waits in the backlog, or is reset with it */
	if (stream_accept(s, (uv_stream_t *)&li->tcp) != ERR_OK) {
		stream_close(s);
		return;
	}
	if (li->tls != NULL) {
		if (tls_accept(li->tls, &tls) != ERR_OK ||
		    stream_start_tls(s, tls, NULL, NULL) != ERR_OK) {
			stream_close(s);
			return;
		}
	}
	stream_peer(s, &from);
	li->fn(li->arg, s, &from);
}

static void
on_connection(uv_stream_t *tcp, int status)
{
	struct listener *li = tcp->data;

	if (status == 0 && li->paused)
		li->waiting = true;
	else if (status == 0)
		accept_one(li);
	else
		log_event(LOG_ERROR, "cannot accept: %s", uv_strerror(status));
}

/* A bound socket; a shared one shares its port with others that do. */
static int
bind_socket(const struct address *at, bool shared, char *why)
{
	int on = 1, off = 0;
	char text[ADDRESS_TEXT_MAX];
	int fd =
	    socket(at->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (shared)
			(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		if (at->sa.any.sa_family == AF_INET6)
			(void)setsockopt(
			    fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		if (bind(fd, &at->sa.any, address_len(at)) == 0)
			return fd;
	}
	(void)snprintf(why, WHY_BYTES, "cannot listen on %s: %s", address_text(at, text),
	    strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

enum err
listener_check(const struct address *at, char *why)
{
	int fd = bind_socket(at, false, why);

	if (fd < 0)
		return ERR_IO;
	(void)close(fd);
	return ERR_OK;
}

enum err
listener_open(struct loop *l, const struct address *at, listener_fn *fn, void *arg,
    struct listener **ret_listener, char *why)
{
	int fd = bind_socket(at, true, why), e;
	struct listener *li;
	socklen_t len = sizeof(li->address.sa);

	if (fd < 0)
		return ERR_IO;
	li = calloc(1, sizeof(*li));
	if (li == NULL || uv_tcp_init(loop_uv(l), &li->tcp) != 0) {
		(void)snprintf(why, WHY_BYTES, "out of memory");
		free(li);
		(void)close(fd);
		return ERR_NOMEM;
	}
	li->tcp.data = li;
	li->loop = l;
	li->fn = fn;
	li->arg = arg;
	(void)getsockname(fd, &li->address.sa.any, &len);
	e = uv_tcp_open(&li->tcp, fd);
	if (e == 0)
		e = uv_listen((uv_stream_t *)&li->tcp, BACKLOG, on_connection);
	if (e != 0) {
		(void)snprintf(why, WHY_BYTES, "cannot listen: %s", uv_strerror(e));
		uv_close((uv_handle_t *)&li->tcp, on_closed);
		return ERR_IO;
	}
	*ret_listener = li;
	return ERR_OK;
}

void
listener_set_tls(struct listener *li, struct tls_context *c)
{
	tls_context_unref(li->tls);
	li->tls = tls_context_ref(c);
}

void
listener_pause(struct listener *li)
{
	li->paused = true;
}

void
listener_resume(struct listener *li)
{
	bool waiting = li->waiting;

	li->paused = li->waiting = false;
	if (waiting)
		accept_one(li);
}

struct address
listener_address(const struct listener *li)
{
	return li->address;
}

void
listener_close(struct listener *li)
{
	if (li != NULL)
		uv_close((uv_handle_t *)&li->tcp, on_closed);
}
