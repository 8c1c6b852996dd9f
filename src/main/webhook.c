#include "main/webhook.h"

#include "core/clock.h"
#include "core/log.h"
#include "net/upstream.h"
#include "store/notices.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS	   500	 /* how often the store is asked for what is due */
#define CONNECT_MS 10000 /* and so long for TLS */
#define REPLY_MS   15000 /* for all of it */
#define BODY_BYTES 8192
#define HEAD_BYTES 8192
#define STATUS_AT  9 /* of "HTTP/1.1 204" */

struct webhook {
	struct loop *loop;
	struct store *store;
	struct config *config, *sending; /* sending: that of the post under way */
	struct upstream_limits limits;
	struct upstream_pool *pool;
	struct timer look, late;
	struct store_job job; /* tells what became of the last, asks for the next */
	bool asking, stopped;
	/* The last one's end, for the store. */
	uint64_t told_id; /* 0: there was none */
	bool delivered, given_up;
	/* The one under way. */
	uint64_t id;
	struct buf body;
	struct upstream_wait wait;
	struct upstream *up;
	char status[12];
	size_t len;
};

static void ask(struct webhook *w);

/* --- the post --- */

static void
close_post(struct webhook *w)
{
	timer_stop(&w->late);
	upstream_cancel(&w->wait);
	if (w->up != NULL)
		upstream_drop(w->up);
	w->up = NULL;
	config_unref(w->sending);
	w->sending = NULL;
}

static void
finish(struct webhook *w, bool delivered, const char *why)
{
	if (!delivered)
		log_event(LOG_WARN,
		    "webhook.url did not take a notice: %s; it is sent "
		    "again later",
		    why);
	close_post(w);
	w->told_id = w->id;
	w->id = 0;
	w->delivered = delivered;
	buf_clear(&w->body);
	ask(w);
}

static void
on_data(void *arg, struct slice bytes)
{
	struct webhook *w = arg;
	struct slice part = slice_head(bytes, sizeof(w->status) - w->len);
	char why[40];

	memcpy(w->status + w->len, part.ptr, part.len);
	w->len += part.len;
	if (w->len < sizeof(w->status))
		return;
	(void)snprintf(why, sizeof(why), "it answered %.3s", w->status + STATUS_AT);
	finish(
	    w, memcmp(w->status, "HTTP/1.", 7) == 0 && w->status[STATUS_AT] == '2', why);
}

static void
on_end(void *arg, enum err why)
{
	finish(arg, false, err_code(why));
}

static void
on_drain(void *arg)
{
	(void)arg;
}

static const struct stream_events events = {on_data, on_end, on_drain};

/* "t=1700000000,v1=..." over the time and the body. */
static bool
sign(const struct webhook *w, struct buf *to)
{
	struct slice secret = secret_reveal(&w->sending->options.webhook_secret);
	unsigned long long now = clock_unix_ms() / 1000;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	struct buf text;
	bool ok;

	buf_init(&text, BODY_BYTES + 32);
	buf_printf(&text, "%llu.", now);
	buf_add(&text, buf_slice(&w->body));
	ok = text.err == ERR_OK &&
	     HMAC(EVP_sha256(), secret.ptr, (int)secret.len,
		 (const unsigned char *)text.ptr, text.len, mac, &n) != NULL;
	buf_free(&text);
	buf_printf(to, "t=%llu,v1=", now);
	for (unsigned i = 0; ok && i < n; i++)
		buf_printf(to, "%02x", mac[i]);
	return ok;
}

static bool
put_head(const struct webhook *w, struct buf *to)
{
	const struct host *h = &w->sending->webhook_host;
	bool v6 = strchr(h->name, ':') != NULL;
	bool ok;

	buf_printf(to, "POST %s HTTP/1.1\r\nHost: %s%s%s", w->sending->webhook_path,
	    v6 ? "[" : "", h->name, v6 ? "]" : "");
	if (h->port != (h->tls != NULL ? 443 : 80))
		buf_printf(to, ":%u", (unsigned)h->port);
	buf_printf(to,
	    "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
	    "User-Agent: weir\r\nConnection: close\r\nx-weir-signature: ",
	    w->body.len);
	ok = sign(w, to);
	buf_add(to, S("\r\n\r\n"));
	return ok && to->err == ERR_OK;
}

static void
on_connected(void *arg, struct upstream *up, enum err why)
{
	struct webhook *w = arg;
	struct slice parts[2];
	struct buf head;
	bool sent;

	w->up = up;
	if (why != ERR_OK) {
		finish(w, false, w->wait.why);
		return;
	}
	stream_attend(upstream_stream(up), &events, w);
	buf_init(&head, HEAD_BYTES);
	sent = put_head(w, &head);
	parts[0] = buf_slice(&head);
	parts[1] = buf_slice(&w->body);
	sent = sent && stream_write(upstream_stream(up), parts, 2) == ERR_OK;
	buf_free(&head);
	if (!sent)
		finish(w, false, "the connection broke");
}

static void
on_late(void *arg)
{
	finish(arg, false, "it took too long");
}

static void
post(struct webhook *w)
{
	w->len = 0;
	w->sending = config_ref(w->config);
	timer_set(&w->late, loop_now(w->loop) + REPLY_MS);
	if (upstream_connect(w->pool, &w->sending->webhook_host, &w->wait) != ERR_OK)
		timer_set(&w->late, loop_now(w->loop));
}

/* --- what is due --- */

/* On the store's thread. */
static void
work(struct store_job *j, struct db *db)
{
	struct webhook *w = CONTAINER_OF(j, struct webhook, job);
	uint64_t now = clock_unix_ms();
	struct note note;
	enum err e = ERR_OK;

	w->given_up = false;
	if (w->told_id != 0)
		e = notices_told(db, w->told_id, w->delivered, now, &w->given_up, &note);
	/* What could not be kept is told to the store again, not to the webhook. */
	if (e == ERR_OK)
		w->told_id = 0;
	if (e == ERR_OK)
		e = notices_due(db, now, &w->id, &w->body, &note);
	/* A database that is away is told by the store. */
	if (e != ERR_OK && db_fault(db) != DB_FAULT_AWAY)
		log_event(LOG_ERROR, "notices for the webhook: %s", note.text);
}

static void
on_due(struct store_job *j)
{
	struct webhook *w = CONTAINER_OF(j, struct webhook, job);

	w->asking = false;
	if (w->given_up)
		log_event(LOG_ERROR, "webhook.url did not take a notice for a day; it is "
				     "given up");
	if (w->stopped)
		return;
	if (w->id != 0 && w->config->webhook_host.name != NULL)
		post(w);
	else
		w->id = 0;
}

static void
ask(struct webhook *w)
{
	if (w->asking || w->stopped)
		return;
	w->asking = true;
	w->id = 0;
	buf_clear(&w->body);
	w->job.work = work;
	w->job.loop = w->loop;
	w->job.fn = on_due;
	store_do(w->store, &w->job);
}

static void
on_look(void *arg)
{
	struct webhook *w = arg;

	if (w->id == 0 && w->config->webhook_host.name != NULL)
		ask(w);
	timer_set(&w->look, loop_now(w->loop) + LOOK_MS);
}

/* --- from start to end --- */

void
webhook_configure(struct webhook *w, struct config *c)
{
	config_unref(w->config);
	w->config = config_ref(c);
	store_notice(w->store, c->webhook_host.name != NULL);
}

enum err
webhook_start(
    struct loop *l, struct store *s, struct config *c, struct webhook **ret_webhook)
{
	struct webhook *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->loop = l;
	w->store = s;
	w->limits.connect_ms = w->limits.tls_ms = CONNECT_MS;
	w->pool = upstream_pool_new(l, &w->limits);
	if (w->pool == NULL) {
		free(w);
		return ERR_NOMEM;
	}
	buf_init(&w->body, BODY_BYTES);
	w->wait.fn = on_connected;
	w->wait.arg = w;
	timer_init(&w->look, loop_wheel(l), on_look, w);
	timer_init(&w->late, loop_wheel(l), on_late, w);
	webhook_configure(w, c);
	timer_set(&w->look, loop_now(l) + LOOK_MS);
	*ret_webhook = w;
	return ERR_OK;
}

void
webhook_stop(struct webhook *w)
{
	if (w == NULL)
		return;
	w->stopped = true;
	timer_stop(&w->look);
	close_post(w);
	upstream_pool_free(w->pool);
	w->pool = NULL;
}

void
webhook_free(struct webhook *w)
{
	if (w == NULL)
		return;
	buf_free(&w->body);
	config_unref(w->config);
	free(w);
}
