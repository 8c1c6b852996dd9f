#include "shared/redis.h"

#include "core/secret.h"
#include "core/text.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#if HIREDIS_MAJOR >= 1 && __has_include(<hiredis/hiredis_ssl.h>)
#include <hiredis/hiredis_ssl.h>
#define HAS_TLS 1
#else
#define HAS_TLS 0
#endif

#define DEFAULT_PORT  6379
#define DATABASES_MAX 65535

struct redis {
	struct redis_place place;
	struct timeval timeout;
	redisContext *context; /* NULL: not connected */
};

/* --- the URL --- */

/* Decodes %XX into a text of at most REDIS_NAME_MAX - 1 bytes. */
static bool
decode(struct slice s, char to[REDIS_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '%') {
			int high = i + 2 < s.len ? text_hex(s.ptr[i + 1]) : -1;
			int low = high < 0 ? -1 : text_hex(s.ptr[i + 2]);

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n + 1 == REDIS_NAME_MAX)
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return true;
}

static bool
read_number(struct slice s, unsigned most, unsigned *ret)
{
	int64_t n;

	if (!text_scaled(s, 0, &n) || n < 0 || n > most)
		return false;
	*ret = (unsigned)n;
	return true;
}

static bool
read_scheme(struct slice *url, bool *ret_tls)
{
	static const struct {
		const char *text;
		bool tls;
	} schemes[] = {{"redis://", false}, {"valkey://", false}, {"rediss://", true},
	    {"valkeys://", true}};

	for (unsigned i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!slice_starts(*url, slice_str(schemes[i].text)))
			continue;
		*url = slice_from(*url, strlen(schemes[i].text));
		*ret_tls = schemes[i].tls;
		return true;
	}
	return false;
}

/* "USER:PASSWORD" or "PASSWORD" only behind a colon. */
static bool
read_user(struct slice who, struct redis_place *p)
{
	size_t colon = slice_find(who, ':');

	return decode(slice_head(who, colon), p->user) &&
	       (colon == who.len || decode(slice_from(who, colon + 1), p->password));
}

static bool
read_host(struct slice where, struct redis_place *p)
{
	size_t end = slice_find(where, ':');
	struct slice host;

	if (where.len > 0 && where.ptr[0] == '[') { /* an address of IPv6 */
		end = slice_find(where, ']');
		if (end == where.len)
			return false;
		host = slice_head(slice_from(where, 1), end - 1);
		end++;
	} else {
		host = slice_head(where, end);
	}
	if (host.len == 0 || !decode(host, p->host))
		return false;
	if (end == where.len)
		return true;
	return where.ptr[end] == ':' &&
	       read_number(slice_from(where, end + 1), 65535, &p->port) && p->port > 0;
}

enum err
redis_parse(struct slice url, struct redis_place *ret, struct note *note)
{
	struct redis_place p = {.port = DEFAULT_PORT};
	size_t at, slash;
	bool good;

	*ret = p;
	note_set(note,
	    "wants redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], with %%XX for what "
	    "is special in a password");
	if (!read_scheme(&url, &p.tls))
		return ERR_SYNTAX;
	slash = slice_find(url, '/');
	good = slash == url.len || slash + 1 == url.len ||
	       read_number(slice_from(url, slash + 1), DATABASES_MAX, &p.database);
	url = slice_head(url, slash);
	at = slice_find(url, '@');
	if (good && at < url.len) {
		good = read_user(slice_head(url, at), &p);
		url = slice_from(url, at + 1);
		/* Of a password the rest would be told as a part of the host. */
		good = good && slice_find(url, '@') == url.len;
	}
	good = good && read_host(url, &p);
	if (good && p.tls && !HAS_TLS) {
		note_set(note,
		    "asks for TLS, which this weir cannot: it was built with hiredis "
		    "%d.%d, and TLS needs 1.0 or newer; use redis:// through a tunnel or "
		    "a private network, or build with a newer one",
		    HIREDIS_MAJOR, HIREDIS_MINOR);
		good = false;
	}
	if (good)
		*ret = p;
	secret_wipe(&p, sizeof(p));
	return good ? ERR_OK : ERR_SYNTAX;
}

/* --- the connection --- */

struct redis *
redis_new(const struct redis_place *place, uint64_t timeout_ms)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->place = *place;
	r->timeout = (struct timeval){.tv_sec = (time_t)(timeout_ms / 1000),
	    .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
	return r;
}

void
redis_drop(struct redis *r)
{
	if (r->context != NULL)
		redisFree(r->context);
	r->context = NULL;
}

void
redis_free(struct redis *r)
{
	if (r == NULL)
		return;
	redis_drop(r);
	secret_wipe(&r->place, sizeof(r->place));
	free(r);
}

enum err
redis_send(struct redis *r, unsigned n, const char **words, const size_t *lengths)
{
	if (r->context == NULL ||
	    redisAppendCommandArgv(r->context, (int)n, words, lengths) != REDIS_OK)
		return ERR_IO;
	return ERR_OK;
}

enum err
redis_receive(struct redis *r, struct redisReply **ret_reply, struct note *note)
{
	void *reply = NULL;

	if (r->context != NULL && redisGetReply(r->context, &reply) == REDIS_OK &&
	    reply != NULL) {
		*ret_reply = reply;
		return ERR_OK;
	}
	note_set(note, "%s:%u: %s", r->place.host, r->place.port,
	    r->context == NULL ? "not connected" : r->context->errstr);
	redis_drop(r);
	return ERR_IO;
}

void
redis_done(struct redisReply *reply)
{
	if (reply != NULL)
		freeReplyObject(reply);
}

/* One command at the start of a connection; its answer must be no error. */
static enum err
say(struct redis *r, unsigned n, const char **words, struct note *note)
{
	struct redisReply *reply = NULL;
	size_t lengths[3];
	enum err e;

	for (unsigned i = 0; i < n; i++)
		lengths[i] = strlen(words[i]);
	e = redis_send(r, n, words, lengths);
	if (e == ERR_OK)
		e = redis_receive(r, &reply, note);
	if (e != ERR_OK)
		return e;
	if (reply->type == REDIS_REPLY_ERROR) {
		note_set(note, "%s:%u refuses %s: %.100s", r->place.host, r->place.port,
		    words[0], reply->str);
		e = ERR_IO;
	}
	redis_done(reply);
	return e;
}

static enum err
say_who(struct redis *r, struct note *note)
{
	const char *auth[3] = {"AUTH"}, *select[2] = {"SELECT"};
	char database[12];
	enum err e = ERR_OK;
	unsigned n = 1;

	if (r->place.user[0] != '\0')
		auth[n++] = r->place.user;
	if (r->place.password[0] != '\0') {
		auth[n++] = r->place.password;
		e = say(r, n, auth, note);
	}
	(void)snprintf(database, sizeof(database), "%u", r->place.database);
	select[1] = database;
	if (e == ERR_OK && r->place.database != 0)
		e = say(r, 2, select, note);
	return e;
}

#if HAS_TLS
static enum err
start_tls(struct redis *r, struct note *note)
{
	redisSSLContextError why = REDIS_SSL_CTX_NONE;
	redisSSLContext *tls;
	bool good;

	(void)redisInitOpenSSL();
	tls = redisCreateSSLContext(
	    NULL, "/etc/ssl/certs", NULL, NULL, r->place.host, &why);
	good = tls != NULL && redisInitiateSSLWithContext(r->context, tls) == REDIS_OK;

	if (!good)
		note_set(note, "%s:%u: TLS: %s", r->place.host, r->place.port,
		    tls == NULL ? redisSSLContextGetError(why) : r->context->errstr);
	if (tls != NULL)
		redisFreeSSLContext(tls);
	return good ? ERR_OK : ERR_IO;
}
#else
static enum err
start_tls(struct redis *r, struct note *note)
{
	(void)r;
	note_set(note, "TLS needs hiredis 1.0 or newer");
	return ERR_IO;
}
#endif

enum err
redis_connect(struct redis *r, struct note *note)
{
	enum err e = ERR_OK;

	if (r->context != NULL)
		return ERR_OK;
	r->context =
	    redisConnectWithTimeout(r->place.host, (int)r->place.port, r->timeout);
	if (r->context == NULL || r->context->err != 0) {
		note_set(note, "%s:%u: %s", r->place.host, r->place.port,
		    r->context == NULL ? "out of memory" : r->context->errstr);
		redis_drop(r);
		return ERR_IO;
	}
	(void)redisSetTimeout(r->context, r->timeout);
	(void)redisEnableKeepAlive(r->context);
	if (r->place.tls)
		e = start_tls(r, note);
	if (e == ERR_OK)
		e = say_who(r, note);
	if (e != ERR_OK)
		redis_drop(r);
	return e;
}
