/*
 * What spans several options or needs more than the text of one: addresses,
 * names of other things, the data folder, TLS.
 */
#include "config/loading.h"

#include "dialect/dialect.h"
#include "net/address.h"
#include "provider/own.h"
#include "shared/redis.h"
#include "store/sealer.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void
check_listen(struct loading *l)
{
	const struct texts *list = &l->c->options.listen;
	struct address a;

	if (list->count == 0)
		loading_option_error(
		    l, "listen", LOADING_WHOLE, "expected at least one address");
	for (unsigned i = 0; i < list->count; i++) {
		struct slice text = slice_str(list->at[i]);

		if (address_parse(text, &a) != ERR_OK)
			loading_option_error(l, "listen", i,
			    "expected an address like \"127.0.0.1:8080\" or "
			    "\"[::1]:8080\", found \"%s\"",
			    QUOTE(text));
		for (unsigned k = 0; k < i; k++)
			if (slice_eq(text, slice_str(list->at[k])))
				loading_option_error(l, "listen", i,
				    "\"%s\" is listed twice", QUOTE(text));
	}
}

static void
check_prefer(struct loading *l)
{
	const struct catalog *c = l->c->catalog;
	const struct texts *list = &l->c->options.prefer;

	for (unsigned i = 0; i < list->count; i++) {
		struct slice name = slice_str(list->at[i]);
		struct nearest nearest;
		struct note hint;

		if (catalog_provider(c, name) != NULL)
			continue;
		nearest_init(&nearest, name);
		for (unsigned k = 0; k < c->nproviders; k++)
			nearest_try(&nearest, slice_str(c->providers[k]->name));
		nearest_tell(&nearest, "", &hint);
		loading_option_error(l, "route.prefer", i, "unknown provider \"%s\"%s",
		    QUOTE(name), hint.text);
	}
}

/* Headers that weir writes itself, or that belong to one connection. */
static void
check_forward(struct loading *l)
{
	static const char *const own[] = {"host", "content-length", "transfer-encoding",
	    "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
	    "authorization", "proxy-authorization", "api-key", "x-api-key", "cookie",
	    "accept-encoding"};
	const struct texts *list = &l->c->options.forward;

	for (unsigned i = 0; i < list->count; i++) {
		struct slice name = slice_str(list->at[i]);

		if (!loading_is_header(name))
			loading_option_error(l, "upstream.forward", i,
			    "expected the name of a header, found \"%s\"", QUOTE(name));
		for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
			if (slice_ieq(name, slice_str(own[k])))
				loading_option_error(l, "upstream.forward", i,
				    "\"%s\" cannot be passed on", QUOTE(name));
	}
}

/* "*" or "scheme://host:port", as browsers send it. */
static bool
is_origin(struct slice s)
{
	size_t colon = slice_search(s, S("://"));
	struct slice host = slice_from(s, colon + 3);

	if (slice_eq(s, S("*")))
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return colon > 0 && host.len > 0 && slice_find(host, '/') == host.len;
}

static void
check_cors(struct loading *l)
{
	const struct texts *list = &l->c->options.cors_origins;

	for (unsigned i = 0; i < list->count; i++)
		if (!is_origin(slice_str(list->at[i])))
			loading_option_error(l, "cors.origins", i,
			    "expected an origin like \"https://app.example.org\", "
			    "without a path, found \"%s\"",
			    QUOTE(slice_str(list->at[i])));
}

static void
check_breaker(struct loading *l)
{
	const struct options *o = &l->c->options;

	if (o->breaker_open > o->breaker_open_max)
		loading_option_error(l,
		    l->c->origins.breaker_open.kind == ORIGIN_DEFAULT
			? "route.breaker_open_max"
			: "route.breaker_open",
		    LOADING_WHOLE, "the first span is longer than the longest");
}

static void
settle_data(struct loading *l)
{
	struct options *o = &l->c->options;
	char folder[4096];
	char *data = slice_dup(slice_str(store_folder(o->data, folder)));

	if (data == NULL) {
		l->nomem = true;
		return;
	}
	free(o->data);
	o->data = data;
}

/* --- TLS --- */

static bool
is_https(const struct config *c, const struct provider *p)
{
	/* With secret.key a team may bring the key that is missing. */
	bool may_come =
	    c->options.secret_key.len > 0 && p->nkeys == 0 && own_is_possible(p);

	return p->over_tls && p->base_url != NULL &&
	       (provider_is_usable(p) || may_come) && dialect_find(p->dialect) != NULL;
}

/* The roots, for the first that wants them. */
static enum err
want_roots(struct config *c, char why[TLS_WHY_MAX])
{
	const char *file = c->options.ca_file;

	if (c->tls_client != NULL)
		return ERR_OK;
	return tls_client_context(file[0] == '\0' ? NULL : file, &c->tls_client, why);
}

/* Roots take memory and time to read: only for a provider that can be asked. */
static void
load_client_tls(struct loading *l)
{
	struct config *c = l->c;
	const char *file = c->options.ca_file;
	char why[TLS_WHY_MAX];
	enum err e = ERR_OK;

	if (file[0] != '\0' && access(file, R_OK) != 0)
		loading_option_error(
		    l, "ca_file", LOADING_WHOLE, "%s: %s", file, strerror(errno));
	for (unsigned i = 0;
	     i < c->catalog->nproviders && e == ERR_OK && l->report.nerrors == 0; i++) {
		struct provider *p = c->catalog->providers[i];

		if (!is_https(c, p))
			continue;
		e = want_roots(c, why);
		p->host.tls = c->tls_client;
	}
	if (e == ERR_NOMEM)
		l->nomem = true;
	else if (e != ERR_OK)
		loading_option_error(l, "ca_file", LOADING_WHOLE, "%s", why);
}

/* Is there somebody for whom images would be fetched, though none is over HTTPS? Those of
 * one's own that speak OpenAI's chat take URLs of images. */
static bool
wants_pictures(const struct config *c)
{
	for (unsigned i = 0; i < c->catalog->nproviders; i++) {
		const struct provider *p = c->catalog->providers[i];

		if (p->base_url != NULL && provider_is_usable(p) &&
		    (p->dialect == DIALECT_BEDROCK || p->dialect == DIALECT_GEMINI ||
			p->auth == AUTH_GOOGLE))
			return true;
	}
	return false;
}

/* Pictures may be at any host. Where there are no roots, those over HTTPS can't be had,
 * and whoever asks for one is told. */
static void
load_roots_for_pictures(struct loading *l)
{
	struct config *c = l->c;
	const char *file = c->options.ca_file;
	char why[TLS_WHY_MAX];

	if (c->options.fetch_images && c->tls_client == NULL && l->report.nerrors == 0 &&
	    (file[0] != '\0' || wants_pictures(c)) &&
	    tls_client_context(file[0] == '\0' ? NULL : file, &c->tls_client, why) ==
		ERR_NOMEM)
		l->nomem = true;
}

static void
check_store(struct loading *l)
{
	const struct secret *url = &l->c->options.store_url;
	struct note note;

	if (url->len > 0 && !db_is_url(secret_reveal(url), &note))
		loading_option_error(l, "store.url", LOADING_WHOLE, "%s", note.text);
}

/* The text that teams' keys are encrypted by, also out of its file. */
static void
load_secret(struct loading *l)
{
	struct options *o = &l->c->options;
	struct buf text;
	struct slice s;
	int e;

	if (o->secret_file[0] != '\0' && o->secret_key.len > 0)
		loading_option_error(l, "secret.file", LOADING_WHOLE,
		    "secret.key is set as well; one of them is enough");
	else if (o->secret_file[0] != '\0') {
		buf_init(&text, 4096);
		e = loading_file(o->secret_file, &text);
		if (e != 0)
			loading_option_error(l, "secret.file", LOADING_WHOLE, "%s: %s",
			    o->secret_file, strerror(e));
		s = buf_slice(&text);
		while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ')
			s.len--;
		o->secret_key = secret_new(s);
		if (text.ptr != NULL)
			secret_wipe(text.ptr, text.cap);
		buf_free(&text);
		if (e != 0)
			return;
	}
	if ((o->secret_key.len > 0 || o->secret_file[0] != '\0') &&
	    o->secret_key.len < SEALER_LEAST)
		loading_option_error(l,
		    o->secret_file[0] != '\0' ? "secret.file" : "secret.key",
		    LOADING_WHOLE,
		    "at least %d characters are wanted; `openssl rand -hex 32` makes "
		    "some",
		    SEALER_LEAST);
}

/* Can it stand in the first line of a request? */
static bool
is_target(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '#')
			return false;
	return s.len < 4096;
}

/* Where thresholds are told: the parts of the URL. */
static void
load_webhook(struct loading *l)
{
	struct config *c = l->c;
	struct slice text = slice_str(c->options.webhook_url), query;
	char why[TLS_WHY_MAX];
	struct provider_url url;
	struct buf path;

	if (text.len == 0)
		return;
	query = slice_from(text, slice_find(text, '?'));
	text = slice_head(text, text.len - query.len);
	if (provider_url_parse(text, &url) != ERR_OK || !is_target(query)) {
		loading_option_error(l, "webhook.url", LOADING_WHOLE,
		    "expected a URL like \"https://example.org/hook\"");
		return;
	}
	if (c->options.webhook_secret.len == 0)
		loading_option_error(l, "webhook.url", LOADING_WHOLE,
		    "webhook.secret is wanted as well: posts are signed with it");
	c->webhook_host.name = slice_dup(url.host);
	c->webhook_host.port = url.port;
	buf_init(&path, 4096);
	buf_add(&path, url.path.len == 0 ? S("/") : url.path);
	buf_add(&path, query);
	c->webhook_path = slice_dup(buf_slice(&path));
	buf_free(&path);
	if (c->webhook_host.name == NULL || c->webhook_path == NULL) {
		l->nomem = true;
		return;
	}
	if (url.tls && want_roots(c, why) != ERR_OK)
		loading_option_error(l, "ca_file", LOADING_WHOLE, "%s", why);
	if (url.tls)
		c->webhook_host.tls = c->tls_client;
}

static void
check_shared(struct loading *l)
{
	const struct secret *url = &l->c->options.shared_url;
	struct redis_place place;
	struct note why;

	if (url->len == 0)
		return;
	if (redis_parse(secret_reveal(url), &place, &why) != ERR_OK)
		loading_option_error(l, "shared.url", LOADING_WHOLE, "%s", why.text);
	secret_wipe(&place, sizeof(place));
}

static void
load_server_tls(struct loading *l)
{
	const struct options *o = &l->c->options;
	bool cert = o->tls_cert[0] != '\0', key = o->tls_key[0] != '\0';
	char why[TLS_WHY_MAX];
	enum err e;

	if (cert != key)
		loading_option_error(l, cert ? "tls.cert" : "tls.key", LOADING_WHOLE,
		    "%s is wanted as well", cert ? "tls.key" : "tls.cert");
	if (!cert || !key)
		return;
	e = tls_server_context(o->tls_cert, o->tls_key, &l->c->tls_server, why);
	if (e == ERR_NOMEM)
		l->nomem = true;
	else if (e != ERR_OK)
		loading_option_error(l,
		    slice_starts(slice_str(why), slice_str(o->tls_cert)) ? "tls.cert"
									 : "tls.key",
		    LOADING_WHOLE, "%s", why);
}

/* An empty secret is none, wherever it stands. */
static void
forget_empty(const struct secret *secret, struct origin *origin)
{
	if (secret->len == 0)
		origin->kind = ORIGIN_DEFAULT;
}

void
check_load(struct loading *l)
{
	check_listen(l);
	check_prefer(l);
	check_forward(l);
	check_cors(l);
	check_breaker(l);
	settle_data(l);
	load_server_tls(l);
	load_secret(l);
	check_store(l);
	load_client_tls(l);
	load_roots_for_pictures(l);
	check_shared(l);
	load_webhook(l);
	forget_empty(&l->c->options.admin_key, &l->c->origins.admin_key);
	forget_empty(&l->c->options.secret_key, &l->c->origins.secret_key);
	forget_empty(&l->c->options.store_url, &l->c->origins.store_url);
	forget_empty(&l->c->options.shared_url, &l->c->origins.shared_url);
	forget_empty(&l->c->options.webhook_secret, &l->c->origins.webhook_secret);
}
