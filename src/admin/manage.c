/*
 * The admin API: keys, users, teams, organisations, usage and the audit log. The loop
 * thread reads what is asked, the store's thread does it, and the reply goes out when
 * that has answered.
 */
#include "admin/admin.h"
#include "admin/hub.h"
#include "admin/level.h"
#include "core/text.h"
#include "store/accountdb_json.h"
#include "store/change.h"
#include "store/credits.h"
#include "store/ledger_sum.h"
#include "store/listing.h"
#include "store/ownkeys.h"
#include "json/write.h"

#include <stdlib.h>

#define OUT_BYTES  (64u << 20)
#define BODY_BYTES (64u << 10)
#define BODY_TOK   4096
#define OVERLAP_MS 3600000 /* of a key that is rotated, where nobody says */
#define DAY_MS	   86400000
#define AUDIT_ROWS 100
#define AUDIT_MAX  1000

struct call {
	struct request *asker; /* NULL when it went away meanwhile */
	struct store_job job;
	enum serve serve;
	enum account_level level;
	struct arena arena;
	struct slice name;
	struct json body; /* an object, where one was sent */
	bool has_body;
	struct audit_actor by;
	struct usage_query usage;
	uint64_t overlap_ms, before_id, limit;
	struct sealer sealer;
	struct slice provider, provider_key;
	int64_t pusd; /* of a credit, and its end */
	uint64_t until_ms;
	unsigned status;
	enum err err;
	struct note note;
	struct buf out;
};

/* --- on the store's thread --- */

static enum err
edit(void *arg, struct accountdb_row *row, struct note *note)
{
	struct call *c = arg;

	if (c->serve == SERVE_ADMIN_BLOCK || c->serve == SERVE_ADMIN_UNBLOCK) {
		row->rules.blocked = c->serve == SERVE_ADMIN_BLOCK;
		return ERR_OK;
	}
	return accountdb_json_read(&c->body, 0,
	    c->serve == SERVE_ADMIN_CREATE && c->level == LEVEL_KEY ? S("aws") : S(""),
	    row, note);
}

static enum err
show(struct call *c, struct db *db)
{
	if (c->level == LEVEL_KEY)
		return listing_key(db, c->name, &c->out, &c->note);
	return listing_account(db, c->level, c->name, &c->out, &c->note);
}

/* The key as it is shown, with its secrets, which are nowhere else. */
static enum err
show_made(struct call *c, struct db *db, struct change_made *made)
{
	enum err e = show(c, db);

	if (e == ERR_OK) {
		c->out.len--; /* the object goes on */
		json_member(&c->out, S("key"), slice_str(made->key));
		if (made->with_aws) {
			json_member(
			    &c->out, S("aws_access_key_id"), slice_str(made->aws.id));
			json_member(&c->out, S("aws_secret_access_key"),
			    slice_str(made->aws.secret));
		}
		json_close(&c->out, '}');
	}
	secret_wipe(made, sizeof(*made));
	return e;
}

static enum err
create_key(struct call *c, struct db *db, const struct change *change)
{
	struct change_made made = {
	    .with_aws = json_is(&c->body, json_get(&c->body, 0, S("aws")), JSON_TRUE)};
	enum err e = change_key_create(change, &made, &c->note);

	return e != ERR_OK ? e : show_made(c, db, &made);
}

static enum err
rotate_key(struct call *c, struct db *db, const struct change *change)
{
	struct change_made made = {.with_aws = false};
	enum err e = change_key_rotate(change, c->overlap_ms, &made, &c->note);

	return e != ERR_OK ? e : show_made(c, db, &made);
}

static enum err
remove_one(struct call *c, struct db *db, const struct change *change)
{
	enum err e;

	if (c->level == LEVEL_KEY) {
		e = change_key_revoke(change, &c->note);
		return e != ERR_OK ? e : show(c, db);
	}
	/* What it was. */
	e = show(c, db);
	return e != ERR_OK ? e : change_remove(change, &c->note);
}

static enum err
set(struct call *c, struct db *db, const struct change *change)
{
	struct slice action = S("set");
	enum err e;

	if (c->serve == SERVE_ADMIN_BLOCK)
		action = S("block");
	else if (c->serve == SERVE_ADMIN_UNBLOCK)
		action = S("unblock");
	e = change_set(change, action, &c->note);

	return e != ERR_OK ? e : show(c, db);
}

static enum err
show_credits(struct call *c, struct db *db)
{
	struct buf account;
	enum err e = ERR_OK;

	/* Is there such a one? */
	buf_init(&account, BODY_BYTES);
	if (c->level == LEVEL_KEY)
		e = listing_key(db, c->name, &account, &c->note);
	else
		e = listing_account(db, c->level, c->name, &account, &c->note);
	buf_free(&account);
	return e != ERR_OK ? e : credits_json(db, c->level, c->name, &c->out, &c->note);
}

static enum err
add_credit(struct call *c, struct db *db, struct change *change)
{
	enum err e;

	change->edit = NULL;
	e = change_credit(change, c->pusd, c->until_ms, &c->note);
	return e != ERR_OK ? e : credits_json(db, c->level, c->name, &c->out, &c->note);
}

/* The team's keys for providers: which there are, never what they are. */
static enum err
own_keys(struct call *c, struct db *db, const struct change *change)
{
	struct buf team;
	enum err e = ERR_OK;

	buf_init(&team, BODY_BYTES);
	if (c->serve == SERVE_ADMIN_OWN_KEYS)
		e = listing_account(db, LEVEL_TEAM, c->name, &team, &c->note);
	else if (c->serve == SERVE_ADMIN_OWN_KEY)
		e = change_own_key(
		    change, &c->sealer, c->provider, c->provider_key, &c->note);
	else
		e = change_own_remove(change, c->provider, &c->note);
	buf_free(&team);
	if (e != ERR_OK)
		return e;
	json_open(&c->out, '{');
	json_key(&c->out, S("data"));
	e = ownkeys_json(db, c->name, &c->out, &c->note);
	json_close(&c->out, '}');
	return e;
}

static enum err
create(struct call *c, struct db *db, const struct change *change)
{
	enum err e;

	if (c->level == LEVEL_KEY)
		return create_key(c, db, change);
	e = change_create(change, &c->note);
	return e != ERR_OK ? e : show(c, db);
}

static void
on_sum(void *arg, const struct usage_sum *s)
{
	struct call *c = arg;

	ledger_sum_json(s, c->usage.by, &c->out);
}

static void
on_audit(void *arg, const struct audit_row *row)
{
	struct call *c = arg;

	audit_json(row, &c->out);
}

/* What has many: {"data": [...]}. */
static enum err
list(struct call *c, struct db *db)
{
	enum err e;

	json_open(&c->out, '{');
	json_key(&c->out, S("data"));
	if (c->serve == SERVE_ADMIN_LIST && c->level == LEVEL_KEY) {
		e = listing_keys(db, &c->out, &c->note);
	} else if (c->serve == SERVE_ADMIN_LIST) {
		e = listing_accounts(db, c->level, &c->out, &c->note);
	} else {
		json_open(&c->out, '[');
		if (c->serve == SERVE_ADMIN_USAGE)
			e = ledger_usage(db, &c->usage, on_sum, c, &c->note);
		else
			e = audit_each(db, c->before_id, c->limit, on_audit, c, &c->note);
		json_close(&c->out, ']');
	}
	json_close(&c->out, '}');
	return e;
}

static void
work(struct store_job *j, struct db *db)
{
	struct call *c = CONTAINER_OF(j, struct call, job);
	struct change change = {.db = db,
	    .by = c->by,
	    .level = c->level,
	    .name = c->name,
	    .edit = edit,
	    .arg = c};

	switch (c->serve) {
	case SERVE_ADMIN_CREATE: c->err = create(c, db, &change); break;
	case SERVE_ADMIN_SHOW: c->err = show(c, db); break;
	case SERVE_ADMIN_OWN_KEYS:
	case SERVE_ADMIN_OWN_KEY:
	case SERVE_ADMIN_OWN_REMOVE: c->err = own_keys(c, db, &change); break;
	case SERVE_ADMIN_CREDITS: c->err = show_credits(c, db); break;
	case SERVE_ADMIN_CREDIT: c->err = add_credit(c, db, &change); break;
	case SERVE_ADMIN_REMOVE: c->err = remove_one(c, db, &change); break;
	case SERVE_ADMIN_ROTATE: c->err = rotate_key(c, db, &change); break;
	case SERVE_ADMIN_SET:
	case SERVE_ADMIN_BLOCK:
	case SERVE_ADMIN_UNBLOCK: c->err = set(c, db, &change); break;
	default: c->err = list(c, db); break;
	}
	buf_byte(&c->out, '\n');
	if (c->err == ERR_OK && c->out.err != ERR_OK) {
		note_set(&c->note, "the answer is too large");
		c->err = c->out.err;
	}
}

/* --- on the loop's thread --- */

static void
call_free(struct call *c)
{
	if (c->out.ptr != NULL)
		secret_wipe(c->out.ptr, c->out.cap);
	buf_free(&c->out);
	if (c->provider_key.ptr != NULL) /* and the body that it was in */
		secret_wipe((void *)(uintptr_t)c->body.text.ptr, c->body.text.len);
	json_free(&c->body);
	arena_free(&c->arena);
	secret_wipe(&c->sealer, sizeof(c->sealer));
	free(c);
}

static void
on_done(struct store_job *j)
{
	struct call *c = CONTAINER_OF(j, struct call, job);
	struct request *r = c->asker;

	if (r != NULL) {
		r->service_gone = NULL;
		if (c->err != ERR_OK)
			note_set(&r->note, "%s", c->note.text);
		request_reply(r, c->err, c->status, S("application/json"),
		    c->err == ERR_OK ? buf_slice(&c->out) : S(""));
	}
	call_free(c);
}

static void
on_gone(struct request *r)
{
	struct call *c = r->service;

	c->asker = NULL;
}

static enum err
bad(struct request *r, const char *text)
{
	note_set(&r->note, "%s", text);
	return ERR_BAD_REQUEST;
}

/* The body, copied: the request may go before the store's thread reads it. */
static enum err
read_body(struct request *r, struct call *c)
{
	struct slice text = buf_slice(&r->body);
	enum err e;

	if (text.len == 0)
		return ERR_OK;
	if (text.len > BODY_BYTES) {
		note_set(&r->note, "The body is larger than %u bytes.", BODY_BYTES);
		return ERR_BODY_TOO_LARGE;
	}
	if (!arena_copy(&c->arena, text, &text))
		return ERR_NOMEM;
	e = json_parse(&c->body, text, JSON_KEEP_ALL);
	if (e == ERR_NOMEM)
		return e;
	if (e != ERR_OK || !json_is(&c->body, 0, JSON_OBJECT)) {
		note_set(&r->note, "The body must be a JSON object.");
		return ERR_BAD_JSON;
	}
	c->has_body = true;
	return ERR_OK;
}

static enum err
read_name(struct request *r, struct call *c)
{
	struct slice named = {NULL, 0}, name;
	uint32_t v = json_get(&c->body, 0, S("name"));

	if (v != JSON_NONE && !json_string(&c->body, v, &c->arena, &named))
		return bad(r, "\"name\" wants a text.");
	if (!r->surface->star) {
		name = named;
		if (name.ptr == NULL)
			return bad(r, "\"name\" is missing.");
	} else {
		name = request_path_rest(r);
		if (named.ptr != NULL && !slice_eq(named, name))
			return bad(r, "A name cannot be changed.");
	}
	return arena_copy(&c->arena, name, &c->name) ? ERR_OK : ERR_NOMEM;
}

static enum err
read_overlap(struct request *r, struct call *c)
{
	uint32_t v = json_get(&c->body, 0, S("overlap"));
	struct slice span;

	c->overlap_ms = OVERLAP_MS;
	if (v == JSON_NONE)
		return ERR_OK;
	if (!json_string(&c->body, v, &c->arena, &span) ||
	    !text_span_ms(span, 1000, &c->overlap_ms))
		return bad(r, "\"overlap\" wants a span of time as a text, like \"1h\".");
	return ERR_OK;
}

static enum err
read_credit(struct request *r, struct call *c)
{
	uint32_t amount = json_get(&c->body, 0, S("amount_pusd")),
		 expires = json_get(&c->body, 0, S("expires_at"));
	struct slice text;
	uint64_t n;

	if (!json_u64(&c->body, amount, &n) || n == 0 || n > INT64_MAX / 2)
		return bad(r, "\"amount_pusd\" wants a whole number above zero.");
	c->pusd = (int64_t)n;
	c->until_ms = UINT64_MAX;
	if (expires == JSON_NONE || json_is(&c->body, expires, JSON_NULL))
		return ERR_OK;
	if (!json_string(&c->body, expires, &c->arena, &text) ||
	    !accountdb_json_read_time(text, &c->until_ms))
		return bad(r, "\"expires_at\" wants a time like "
			      "\"2026-12-31T00:00:00Z\", or null.");
	return ERR_OK;
}

/* Which provider, and where one is brought, the key for it. */
static enum err
read_own(struct request *r, struct call *c)
{
	bool put = c->serve == SERVE_ADMIN_OWN_KEY;
	struct slice name =
	    put ? (struct slice){NULL, 0} : request_param(r, S("provider"));
	uint32_t key = json_get(&c->body, 0, S("key"));
	const struct provider *p;

	if (put)
		(void)json_string(
		    &c->body, json_get(&c->body, 0, S("provider")), &c->arena, &name);
	p = name.ptr == NULL ? NULL : catalog_provider(r->config->catalog, name);
	if (p == NULL || !own_is_possible(p))
		return bad(r, "\"provider\" wants one that is asked with a key.");
	if (!arena_copy(&c->arena, slice_str(p->name), &c->provider))
		return ERR_NOMEM;
	if (put && !json_string(&c->body, key, &c->arena, &c->provider_key))
		return bad(r, "\"key\" wants the key that the provider gave.");
	sealer_init(&c->sealer, secret_reveal(&r->config->options.secret_key));
	return ERR_OK;
}

static enum err
read_usage(struct request *r, struct call *c)
{
	struct slice by = request_param(r, S("by")), since = request_param(r, S("since")),
		     until = request_param(r, S("until"));

	c->usage = (struct usage_query){.by = LEDGER_SUM_BY, .until_ms = INT64_MAX};
	if (by.ptr != NULL && !ledger_sum_read_by(by, &c->usage.by))
		return bad(r, "\"by\" wants some of the groups of `weir usage --by`.");
	if (since.ptr != NULL && !ledger_sum_read_day(since, &c->usage.since_ms))
		return bad(r, "\"since\" wants a day like 2026-01-31.");
	if (until.ptr != NULL) {
		if (!ledger_sum_read_day(until, &c->usage.until_ms))
			return bad(r, "\"until\" wants a day like 2026-01-31.");
		c->usage.until_ms += DAY_MS;
	}
	return ERR_OK;
}

static enum err
read_audit(struct request *r, struct call *c)
{
	struct slice limit = request_param(r, S("limit")),
		     before = request_param(r, S("before"));

	c->limit = AUDIT_ROWS;
	if (limit.ptr != NULL &&
	    (!slice_u64(limit, &c->limit) || c->limit < 1 || c->limit > AUDIT_MAX))
		return bad(r, "\"limit\" wants a number from 1 to 1000.");
	if (before.ptr != NULL && !slice_u64(before, &c->before_id))
		return bad(r, "\"before\" wants the id of a row.");
	return ERR_OK;
}

static enum err
read_call(struct request *r, struct call *c)
{
	char text[ADDRESS_TEXT_MAX];
	struct slice from = slice_str(address_text(&r->client->from, text));
	enum err e = read_body(r, c);

	if (e != ERR_OK)
		return e;
	c->by = (struct audit_actor){.via = S("admin"), .unix_ms = r->start_unix_ms};
	from = slice_head(from, slice_rfind(from, ':'));
	if (!arena_copy(&c->arena, from, &c->by.who))
		return ERR_NOMEM;
	switch (c->serve) {
	case SERVE_ADMIN_LIST: return ERR_OK;
	case SERVE_ADMIN_USAGE: return read_usage(r, c);
	case SERVE_ADMIN_AUDIT: return read_audit(r, c);
	case SERVE_ADMIN_SET:
		if (!c->has_body)
			return bad(r, "A JSON object says what is to be set.");
		break;
	case SERVE_ADMIN_OWN_KEY:
	case SERVE_ADMIN_OWN_REMOVE: e = read_own(r, c); break;
	case SERVE_ADMIN_CREDIT: e = read_credit(r, c); break;
	case SERVE_ADMIN_ROTATE: e = read_overlap(r, c); break;
	default: break;
	}
	return e != ERR_OK ? e : read_name(r, c);
}

static bool
is_change(enum serve s)
{
	return s != SERVE_ADMIN_LIST && s != SERVE_ADMIN_SHOW && s != SERVE_ADMIN_USAGE &&
	       s != SERVE_ADMIN_AUDIT && s != SERVE_ADMIN_CREDITS &&
	       s != SERVE_ADMIN_OWN_KEYS;
}

void
admin_manage(struct request *r)
{
	struct hub *hub = r->worker->hub;
	struct call *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL) {
		request_reply(r, ERR_NOMEM, 0, S(""), S(""));
		return;
	}
	arena_init(&c->arena, NULL, 0, 4 * BODY_BYTES);
	json_init(&c->body, BODY_TOK);
	buf_init(&c->out, OUT_BYTES);
	c->serve = r->surface->serve;
	c->level = level_of_path(r->surface->path);
	c->status = c->serve == SERVE_ADMIN_CREATE || c->serve == SERVE_ADMIN_CREDIT ||
			    c->serve == SERVE_ADMIN_OWN_KEY
			? 201
			: 200;
	e = read_call(r, c);
	if (e != ERR_OK) {
		call_free(c);
		request_reply(r, e, 0, S(""), S(""));
		return;
	}
	c->asker = r;
	c->job = (struct store_job){.work = work,
	    .changes = is_change(c->serve),
	    .loop = r->worker->loop,
	    .fn = on_done};
	r->service = c;
	r->service_gone = on_gone;
	store_do(hub->store, &c->job);
}
