#include "proxy/fetch.h"

#include "core/version.h"
#include "http/write.h"
#include "provider/provider.h"
#include "proxy/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define URL_MAX	   (16u << 10)
#define HEAD_BYTES (64u << 10)

/* --- ends --- */

static void
finish(struct fetch *f)
{
	timer_stop(&f->timer);
	upstream_cancel(&f->wait);
	if (f->up != NULL)
		upstream_drop(f->up);
	f->up = NULL;
	f->ask.fn(f->ask.arg, f);
}

SELDOM __attribute__((format(printf, 3, 4))) static void
fail(struct fetch *f, enum err e, const char *format, ...)
{
	va_list ap;

	f->err = e;
	va_start(ap, format);
	(void)vsnprintf(f->why, sizeof(f->why), format, ap);
	va_end(ap);
	finish(f);
}

static void
on_time(void *arg)
{
	struct fetch *f = arg;

	fail(f, ERR_UP_TIMEOUT, "it took longer than %llu ms",
	    (unsigned long long)f->ask.time_ms);
}

/* --- URLs --- */

/* The end of "https://host:port". */
static size_t
base_of(struct slice url)
{
	size_t at = slice_search(url, S("://"));

	if (at == url.len)
		return at;
	for (at += 3; at < url.len; at++)
		if (strchr("/?#\\", url.ptr[at]) != NULL)
			break;
	return at;
}

/* Takes apart where it is to go. */
static bool
read_url(struct fetch *f)
{
	struct slice url = slice_str(f->url);
	size_t base = base_of(url);
	struct provider_url u;

	if (provider_url_parse(slice_head(url, base), &u) != ERR_OK)
		return false;
	free(f->host.name);
	f->host.name = slice_dup(u.host);
	f->host.port = u.port;
	f->host.tls = u.tls ? f->tls : NULL;
	f->target = slice_from(url, base);
	f->target = slice_head(f->target, slice_find(f->target, '#'));
	return f->host.name != NULL && (!u.tls || f->tls != NULL);
}

/* Where a Location leads, as a URL of its own (RFC 3986, 5.2, without dots). */
static bool
follow(struct fetch *f, struct slice to)
{
	struct slice url = slice_str(f->url), path;
	size_t base = base_of(url);
	struct buf next;
	bool good;

	path = slice_from(url, base);
	path = slice_head(path, slice_find(path, '#'));
	path = slice_head(path, slice_find(path, '?'));
	buf_init(&next, URL_MAX);
	if (slice_istarts(to, S("http:")) || slice_istarts(to, S("https:"))) {
		buf_add(&next, to);
	} else if (slice_starts(to, S("//"))) {
		buf_add(&next, slice_head(url, slice_find(url, ':') + 1));
		buf_add(&next, to);
	} else {
		buf_add(&next, slice_head(url, base));
		if (slice_starts(to, S("?")))
			buf_add(&next, path);
		else if (!slice_starts(to, S("/")))
			buf_add(&next,
			    path.len == 0 ? S("/")
					  : slice_head(path, slice_rfind(path, '/') + 1));
		buf_add(&next, to);
	}
	good = next.err == ERR_OK && memchr(next.ptr, '\0', next.len) == NULL;
	buf_byte(&next, '\0');
	if (!good || next.err != ERR_OK) {
		buf_free(&next);
		return false;
	}
	free(f->url);
	f->url = next.ptr;
	return true;
}

/* --- the reply --- */

static void
start_arena(struct fetch *f)
{
	http_parser_done(&f->parser);
	arena_free(&f->arena);
	http_parser_init(&f->parser, HTTP_REPLIES, &f->arena, HEAD_BYTES);
}

static bool
is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	       status == 308;
}

/* False when there is nothing more to read on this connection. */
static bool
take_head(struct fetch *f)
{
	const struct http_head *h = &f->parser.head;
	struct slice to = http_field(h, S("location"));
	struct slice coding = http_field(h, S("content-encoding"));
	const char *wrong;

	f->status = h->status;
	f->type = http_field(h, S("content-type"));
	if (f->ask.redirects > 0 && is_redirect(h->status) && to.len > 0) {
		if (++f->followed > f->ask.redirects) {
			fail(f, ERR_BAD_REPLY, "it redirects more than %u times",
			    f->ask.redirects);
			return false;
		}
		if (!follow(f, to)) {
			fail(f, ERR_BAD_REPLY, "it redirects to what is no URL");
			return false;
		}
		upstream_drop(f->up);
		f->up = NULL;
		loop_defer(f->worker->loop, &f->start);
		return false;
	}
	wrong = f->ask.judge == NULL ? NULL : f->ask.judge(f->ask.arg, f);
	if (wrong == NULL && coding.len > 0 && !slice_ieq(coding, S("identity")))
		wrong = "it comes compressed, which was not asked for";
	if (wrong == NULL && h->has_length && h->length > *f->ask.room)
		wrong = "it is too large";
	if (wrong != NULL)
		fail(f, ERR_BAD_REPLY, "%s", wrong);
	return wrong == NULL;
}

static bool
take_part(struct fetch *f, struct slice part)
{
	if (part.len > *f->ask.room) {
		fail(f, ERR_BAD_REPLY, "it is too large");
		return false;
	}
	*f->ask.room -= part.len;
	buf_add(&f->body, part);
	if (f->body.err == ERR_OK)
		return true;
	fail(f, ERR_NOMEM, "out of memory");
	return false;
}

static void
on_data(void *arg, struct slice bytes)
{
	struct fetch *f = arg;
	struct slice part;

	for (;;) {
		switch (http_parse(&f->parser, &bytes, &part)) {
		case HTTP_GOT_MORE: return;
		case HTTP_GOT_HEAD:
			if (f->parser.head.status >= 200 && !take_head(f))
				return;
			break;
		case HTTP_GOT_BODY:
			if (!take_part(f, part))
				return;
			break;
		case HTTP_GOT_END:
			if (f->parser.head.status < 200)
				break;
			finish(f);
			return;
		case HTTP_GOT_BAD:
			fail(f, ERR_BAD_REPLY, "it answers with what is not HTTP");
			return;
		}
	}
}

static void
on_end(void *arg, enum err why)
{
	struct fetch *f = arg;

	if (why == ERR_EOF && f->status >= 200 &&
	    http_parse_eof(&f->parser) == HTTP_GOT_END)
		finish(f);
	else
		fail(f, ERR_CUT_REPLY, "the connection broke off");
}

static void
on_drain(void *arg)
{
	(void)arg;
}

static const struct stream_events events = {on_data, on_end, on_drain};

/* --- the request --- */

/* The path, in which what may not stand in a line is escaped. */
static void
put_target(struct fetch *f, struct buf *to)
{
	if (!slice_starts(f->target, S("/")))
		buf_byte(to, '/');
	for (size_t i = 0; i < f->target.len; i++) {
		unsigned char c = (unsigned char)f->target.ptr[i];

		if (c > ' ' && c < 0x7f)
			buf_byte(to, (char)c);
		else
			buf_printf(to, "%%%02X", c);
	}
}

static void
put_head(struct fetch *f, struct buf *to)
{
	bool usual = f->host.port == (f->host.tls != NULL ? 443 : 80);
	bool v6 = strchr(f->host.name, ':') != NULL, posts = f->ask.form.ptr != NULL;

	buf_add(to, posts ? S("POST ") : S("GET "));
	put_target(f, to);
	buf_printf(
	    to, v6 ? " HTTP/1.1\r\nhost: [%s]" : " HTTP/1.1\r\nhost: %s", f->host.name);
	if (!usual)
		buf_printf(to, ":%u", (unsigned)f->host.port);
	buf_add(to, S("\r\n"));
	http_put_plain(to, S("user-agent"), S("weir/" WEIR_VERSION));
	http_put_plain(to, S("accept"), f->ask.accept);
	http_put_plain(to, S("accept-encoding"), S("identity"));
	http_put_plain(to, S("connection"), S("close"));
	if (posts) {
		http_put_plain(
		    to, S("content-type"), S("application/x-www-form-urlencoded"));
		http_put_number(to, S("content-length"), f->ask.form.len);
	}
	http_put_end(to);
}

static void
on_connected(void *arg, struct upstream *up, enum err why)
{
	struct fetch *f = arg;
	struct buf *head = &f->worker->head;
	struct slice parts[2];

	if (why != ERR_OK) {
		fail(f, why, "%s", f->wait.why);
		return;
	}
	f->up = up;
	f->status = 0;
	start_arena(f);
	stream_attend(upstream_stream(up), &events, f);
	buf_clear(head);
	put_head(f, head);
	parts[0] = buf_slice(head);
	parts[1] = f->ask.form;
	if (head->err != ERR_OK)
		fail(f, ERR_NOMEM, "out of memory");
	else if (stream_write(upstream_stream(up), parts, f->ask.form.len > 0 ? 2 : 1) !=
		 ERR_OK)
		fail(f, ERR_RESET, "the connection broke off");
}

static void
go(struct fetch *f)
{
	if (f->url == NULL)
		fail(f, ERR_NOMEM, "out of memory");
	else if (!read_url(f))
		fail(f, ERR_SYNTAX, "it is no http or https URL of a host");
	else if (upstream_connect_once(
		     f->worker->pool, &f->host, f->ask.public_only, &f->wait) != ERR_OK)
		fail(f, ERR_NOMEM, "out of memory");
}

static void
on_start(void *arg)
{
	go(arg);
}

static void
on_gone(void *arg)
{
	struct fetch *f = arg;

	if (f->ask.form.ptr != NULL && f->body.len > 0)
		secret_wipe(f->body.ptr, f->body.len);
	buf_free(&f->body);
	http_parser_done(&f->parser);
	arena_free(&f->arena);
	tls_context_unref(f->tls);
	free(f->host.name);
	free(f->url);
	free(f);
}

struct fetch *
fetch_start(struct worker *w, const struct fetch_ask *ask)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->worker = w;
	f->ask = *ask;
	if (ask->url.len < URL_MAX)
		f->url = slice_dup(ask->url);
	if (w->config->tls_client != NULL)
		f->tls = tls_context_ref(w->config->tls_client);
	f->wait.fn = on_connected;
	f->wait.arg = f;
	arena_init(&f->arena, NULL, 0, 4 * HEAD_BYTES);
	http_parser_init(&f->parser, HTTP_REPLIES, &f->arena, HEAD_BYTES);
	buf_init(&f->body, *ask->room + 1);
	timer_init(&f->timer, loop_wheel(w->loop), on_time, f);
	timer_set(&f->timer, loop_now(w->loop) + ask->time_ms);
	task_init(&f->start, on_start, f);
	task_init(&f->gone, on_gone, f);
	loop_defer(w->loop, &f->start);
	return f;
}

void
fetch_drop(struct fetch *f)
{
	if (f == NULL)
		return;
	task_cancel(&f->start);
	timer_stop(&f->timer);
	upstream_cancel(&f->wait);
	if (f->up != NULL)
		upstream_drop(f->up);
	f->up = NULL;
	loop_defer(f->worker->loop, &f->gone);
}
