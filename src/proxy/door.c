/*
 * READ and AUTH: is there such a thing, who asks for it, and may he come in. Only
 * then is the body read.
 */
#include "core/secret.h"
#include "http/sigv4.h"
#include "proxy/request.h"
#include "quota/rule.h"

/* The host of "host", "host:port", "[v6]:port"; empty when it is none of these. */
static struct slice
host_name(struct slice host)
{
	size_t close = slice_find(host, ']');
	bool v6 = host.len > 0 && host.ptr[0] == '[' && close < host.len;
	size_t end = v6 ? close + 1 : slice_find(host, ':');
	struct slice port = slice_from(host, end + 1);
	uint64_t number;

	if (end < host.len && host.ptr[end] != ':')
		return S("");
	if (port.len > 0 && !slice_u64(port, &number))
		return S("");
	return v6 ? slice_of(host.ptr + 1, close - 1) : slice_head(host, end);
}

static bool
is_loopback_name(struct slice host)
{
	struct address a;

	if (slice_ieq(host, S("localhost")))
		return true;
	if (host.len > 10 && slice_ieq(slice_from(host, host.len - 10), S(".localhost")))
		return true;
	return address_of_host(host, 0, &a) == ERR_OK && address_is_loopback(&a);
}

/* Is it in cors.origins? "*" allows every page, but none to spend without a key. */
static bool
origin_is_allowed(const struct request *r, struct slice origin, bool keys)
{
	const struct texts *list = &r->config->options.cors_origins;

	for (unsigned i = 0; i < list->count; i++) {
		struct slice allowed = slice_str(list->at[i]);

		if (slice_ieq(allowed, origin) || (keys && slice_eq(allowed, S("*"))))
			return true;
	}
	return false;
}

/* Does the page come from the address under which weir itself is asked? */
static bool
origin_is_own(const struct request *r, struct slice origin)
{
	size_t at = slice_search(origin, S("://"));

	return at < origin.len && slice_ieq(slice_from(origin, at + 3), r->host);
}

static bool
keys_are_defined(const struct request *r)
{
	return r->config->nkeys > 0 || key_set_any(r->worker->keys);
}

/*
 * While no key is defined, what protects the caller's money is that only programs
 * of this machine can ask. A web page in a browser of this machine could too: by
 * its own origin, or by a name that it makes point here (DNS rebinding).
 */
static enum err
check_page(struct request *r)
{
	struct slice origin = http_field(&r->head, S("origin"));
	bool keys = keys_are_defined(r);
	bool allowed = origin.ptr != NULL && origin_is_allowed(r, origin, keys);

	if (allowed)
		r->origin = origin;
	if (keys)
		return ERR_OK;
	if (!address_is_loopback(&r->client->from)) {
		note_set(&r->note,
		    "No key is defined, so weir answers to this machine only; "
		    "`weir key create` opens it.");
		return ERR_BAD_HOST;
	}
	if (r->host.len > 0 && !is_loopback_name(host_name(r->host))) {
		note_set(&r->note,
		    "The Host \"%.*s\" is not a name of this machine. While no key is "
		    "defined, weir answers to localhost, 127.0.0.1 and [::1] only; "
		    "`weir key create` opens it.",
		    SLICE_ARGS(slice_head(r->host, 100)));
		return ERR_BAD_HOST;
	}
	if (origin.ptr != NULL && !allowed && !origin_is_own(r, origin)) {
		note_set(&r->note,
		    "Pages of the origin \"%.*s\" may not call weir; cors.origins can "
		    "allow it.",
		    SLICE_ARGS(slice_head(origin, 100)));
		return ERR_BAD_ORIGIN;
	}
	return ERR_OK;
}

static bool
is_preflight(const struct request *r)
{
	return slice_eq(r->head.method, S("OPTIONS")) &&
	       http_field(&r->head, S("origin")).ptr != NULL &&
	       http_field(&r->head, S("access-control-request-method")).ptr != NULL;
}

static void
split_target(struct request *r)
{
	struct slice target = r->head.target;
	size_t at;

	r->host = http_field(&r->head, S("host"));
	/* The absolute form that proxies are sent: its host is the one that counts
	 * (RFC 9112, 3.2.2). */
	if (slice_istarts(target, S("http://")) || slice_istarts(target, S("https://"))) {
		target = slice_from(target, slice_search(target, S("://")) + 3);
		at = slice_find(target, '/');
		r->host = slice_head(target, at);
		target = slice_from(target, at);
	}
	at = slice_find(target, '?');
	r->path = slice_head(target, at);
	r->query = slice_from(target, at);
	r->query = slice_head(r->query, slice_find(r->query, '#'));
}

static enum step
not_here(struct request *r, enum err e)
{
	struct slice method = slice_head(r->head.method, 20),
		     path = slice_head(r->path, 100);
	struct buf methods;

	if (e == ERR_BAD_METHOD) {
		buf_init(&methods, 256);
		surface_methods(r->path, &methods);
		note_set(&r->note, "%.*s does not take %.*s; it takes: %.*s.",
		    SLICE_ARGS(path), SLICE_ARGS(method),
		    SLICE_ARGS(buf_slice(&methods)));
		buf_free(&methods);
	} else {
		note_set(&r->note,
		    "There is no %.*s %.*s here. Clients of OpenAI want /v1 at the end "
		    "of their base URL.",
		    SLICE_ARGS(method), SLICE_ARGS(path));
	}
	return req_fail(r, e);
}

/* What would make the body another text than the one that is read. */
static enum err
check_body_fields(struct request *r)
{
	struct slice encoding = http_field(&r->head, S("content-encoding"));
	struct slice expect = http_field(&r->head, S("expect"));

	if (encoding.len > 0 && !slice_ieq(encoding, S("identity"))) {
		note_set(&r->note, "Request bodies must not be compressed (%.*s).",
		    SLICE_ARGS(slice_head(encoding, 40)));
		return ERR_BAD_ENCODING;
	}
	if (expect.len > 0 && !slice_ieq(expect, S("100-continue"))) {
		note_set(&r->note, "The expectation \"%.*s\" is not known.",
		    SLICE_ARGS(slice_head(expect, 40)));
		return ERR_BAD_EXPECT;
	}
	if (r->head.has_length && r->head.length > r->config->options.body_bytes) {
		note_set(&r->note,
		    "The body is larger than %llu bytes (limits.body_bytes).",
		    (unsigned long long)r->config->options.body_bytes);
		return ERR_BODY_TOO_LARGE;
	}
	return ERR_OK;
}

enum step
step_read(struct request *r)
{
	enum err e;

	if (!r->head_read)
		return STEP_WAIT;
	split_target(r);
	e = check_page(r);
	if (e != ERR_OK)
		return req_fail(r, e);
	if (is_preflight(r)) {
		/* Answered by FAIL's way out, which is a reply like any other. */
		note_set(&r->note, "Pages of this origin may not call weir.");
		return req_fail(r, r->origin.len > 0 ? ERR_OK : ERR_BAD_ORIGIN);
	}
	r->surface = surface_find(r->head.method, r->path, &e);
	if (r->surface == NULL)
		return not_here(r, e);
	e = check_body_fields(r);
	if (e != ERR_OK)
		return req_fail(r, e);
	r->cost_comment = slice_ieq(http_field(&r->head, S("x-weir-cost")), S("comment"));
	req_goto(r, REQ_AUTH);
	return STEP_MORE;
}

/* The key that the caller sends: a bearer token, or where clients of other dialects
 * have theirs. */
static struct slice
sent_key(struct request *r)
{
	static const struct slice names[] = {
	    {"x-api-key", 9}, {"x-goog-api-key", 14}, {"api-key", 7}};
	struct slice field = http_field(&r->head, S("authorization"));

	if (slice_istarts(field, S("Bearer ")))
		return slice_trim(slice_from(field, 7));
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		field = http_field(&r->head, names[i]);
		if (field.len > 0)
			return field;
	}
	return request_param(r, S("key"));
}

/* Keeps what was found, and looks whether it may be used now and from here. */
enum err
door_take_key(struct request *r, const struct key *k)
{
	r->keys = key_set_ref(r->worker->keys);
	r->key = k;
	r->key_id = k->id;
	r->key_name = slice_str(k->name);
	if (k->rules.blocked) {
		note_set(&r->note, "The key '%s' is blocked.", k->name);
		return ERR_KEY_BLOCKED;
	}
	if (k->rules.expires_ms != 0 && r->start_unix_ms >= k->rules.expires_ms) {
		note_set(&r->note, "The key '%s' has expired.", k->name);
		return ERR_BAD_KEY;
	}
	if (!rule_allows_address(k->rules.networks, &r->client->from)) {
		note_set(
		    &r->note, "The key '%s' may not be used from this address.", k->name);
		return ERR_NOT_ALLOWED;
	}
	return ERR_OK;
}

static enum err
find_key(struct request *r, struct slice text)
{
	unsigned char hash[KEY_HASH_BYTES];
	const struct key *k;

	key_hash(text, hash);
	k = key_set_find(r->worker->keys, hash);
	if (k != NULL)
		return door_take_key(r, k);
	for (unsigned i = 0; i < r->config->nkeys; i++) {
		const struct config_key *c = &r->config->keys[i];

		if (!secret_same(slice_of((const char *)c->hash, KEY_HASH_BYTES),
			slice_of((const char *)hash, KEY_HASH_BYTES)))
			continue;
		r->key_id = key_id_of_hash(hash);
		r->key_name = slice_str(c->name);
		return ERR_OK;
	}
	note_set(&r->note, "Incorrect API key provided. It is not a key of this weir, or "
			   "it was revoked.");
	return ERR_BAD_KEY;
}

/* The admin API has a key of its own, which is sent in one way only: a query would be in
 * the logs of what stands in between. */
static enum err
check_admin(struct request *r)
{
	const struct secret *key = &r->config->options.admin_key;
	struct slice sent = http_field(&r->head, S("authorization"));
	unsigned char wanted[KEY_HASH_BYTES], got[KEY_HASH_BYTES];

	if (key->len == 0) {
		note_set(&r->note, "The admin API is not in use here; admin.key "
				   "(WEIR_ADMIN_KEY) opens it.");
		return ERR_NOT_FOUND;
	}
	if (!slice_istarts(sent, S("Bearer "))) {
		note_set(&r->note, "The admin API wants the admin key, as "
				   "\"Authorization: Bearer ...\".");
		return ERR_NO_KEY;
	}
	/* By hashes: so the time does not even tell the length. */
	key_hash(secret_reveal(key), wanted);
	key_hash(slice_trim(slice_from(sent, 7)), got);
	if (!secret_same(slice_of((const char *)wanted, sizeof(wanted)),
		slice_of((const char *)got, sizeof(got)))) {
		note_set(&r->note, "This is not the admin key. Keys of callers do not "
				   "open the admin API.");
		return ERR_NOT_ALLOWED;
	}
	return ERR_OK;
}

static enum err
check_key(struct request *r)
{
	struct slice key;

	if (r->surface->door == DOOR_ADMIN)
		return check_admin(r);
	if (!keys_are_defined(r) || r->surface->door == DOOR_OPEN ||
	    (r->surface->door == DOOR_METRICS && r->config->options.metrics_open))
		return ERR_OK;
	if (sigv4_is(http_field(&r->head, S("authorization"))))
		return signed_claim(r);
	key = sent_key(r);
	if (key.len == 0) {
		note_set(&r->note,
		    "You didn't provide an API key. Send it as \"Authorization: Bearer "
		    "sk-weir-...\"; `weir key create --name NAME` makes one.");
		return ERR_NO_KEY;
	}
	return find_key(r, key);
}

enum step
step_auth(struct request *r)
{
	static const struct slice go_on = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
	enum err e = check_key(r);

	if (e != ERR_OK)
		return req_fail(r, e);
	r->authorized = true;
	if (!r->body_read && r->head.minor > 0 &&
	    http_field(&r->head, S("expect")).len > 0 &&
	    client_write(r->client, &go_on, 1) != ERR_OK)
		return STEP_WAIT; /* `gone` is told */
	req_goto(r, REQ_ROUTE);
	return STEP_MORE;
}
