/*
 * POST /api/{namespace}/usage: what requests cost, by their ids, as Hugging Face's router
 * asks its providers every minute.
 *
 * The namespace is the name of the caller's key, or of the user, team or organisation
 * that it spends for. A key is told of its own requests alone: also of those that were
 * made before it was rotated, which have the same name.
 */
#include "admin/admin.h"
#include "admin/hub.h"
#include "store/ledger_cost.h"
#include "json/tape.h"

#include <stdlib.h>

#define IDS_MAX	  10000
#define OUT_BYTES (4u << 20)
#define TOKENS	  (IDS_MAX + 64)

struct billing {
	struct request *asker; /* NULL when it went away meanwhile */
	struct store_job job;
	char *key; /* NULL: none is needed here */
	size_t n;
	enum err err;
	struct note note;
	struct buf out;
	struct request_id ids[];
};

static void
work(struct store_job *j, struct db *db)
{
	struct billing *b = CONTAINER_OF(j, struct billing, job);

	b->err = ledger_cost_list(db, b->ids, b->n, slice_str(b->key), &b->out, &b->note);
	buf_byte(&b->out, '\n');
	if (b->err == ERR_OK)
		b->err = b->out.err;
}

static void
billing_free(struct billing *b)
{
	buf_free(&b->out);
	free(b->key);
	free(b);
}

static void
on_done(struct store_job *j)
{
	struct billing *b = CONTAINER_OF(j, struct billing, job);
	struct request *r = b->asker;

	if (r != NULL) {
		r->service_gone = NULL;
		if (b->err != ERR_OK)
			note_set(&r->note, "The ledger cannot be read.");
		request_reply(r, b->err, 200, S("application/json"), buf_slice(&b->out));
	}
	billing_free(b);
}

static void
on_gone(struct request *r)
{
	struct billing *b = r->service;

	b->asker = NULL;
}

/* Is that the caller's own name, or of whom it spends for? */
static bool
is_namespace(const struct request *r, struct slice name)
{
	if (r->key_id == 0 || slice_eq(name, r->key_name))
		return true;
	for (const struct account *a = r->key == NULL ? NULL : r->key->account; a != NULL;
	     a = account_parent(a))
		if (slice_eq(name, account_name(a)))
			return true;
	return false;
}

/* Ids that are none of ours are nobody's: they are left out. */
static void
read_ids(const struct json *j, uint32_t list, struct billing *b)
{
	JSON_FOR_EACH (id, j, list) {
		struct request_id *to = &b->ids[b->n];

		if (b->n < IDS_MAX && request_id_parse(json_inner(j, id), to))
			b->n++;
	}
}

static enum err
read_body(struct request *r, struct billing *b)
{
	struct json j;
	uint32_t list, n = 0;
	enum err e;

	json_init(&j, TOKENS);
	e = json_parse(&j, buf_slice(&r->body), 3);
	list = json_get(&j, 0, S("requestIds"));
	JSON_FOR_EACH (id, &j, list)
		n++;
	if (e == ERR_NOMEM)
		note_set(&r->note, "Out of memory.");
	else if (e == ERR_FULL || n > IDS_MAX)
		note_set(&r->note, "No more than %d requestIds can be asked for at once.",
		    IDS_MAX);
	else if (e != ERR_OK || !json_is(&j, list, JSON_ARRAY))
		note_set(&r->note,
		    "The body must be a JSON object with \"requestIds\", a list of the "
		    "x-request-id of replies.");
	else
		read_ids(&j, list, b);
	if (e != ERR_NOMEM &&
	    (e != ERR_OK || n > IDS_MAX || !json_is(&j, list, JSON_ARRAY)))
		e = ERR_BAD_REQUEST;
	json_free(&j);
	return e;
}

void
admin_billing(struct request *r)
{
	struct hub *hub = r->worker->hub;
	struct slice name = request_path_rest(r);
	struct billing *b;
	enum err e;

	if (!is_namespace(r, name)) {
		note_set(&r->note,
		    "The key '%.*s' may not ask for '%.*s': its own name, or that of its "
		    "user, team or organisation is wanted.",
		    SLICE_ARGS(r->key_name), SLICE_ARGS(slice_head(name, 100)));
		request_reply(r, ERR_NOT_ALLOWED, 0, S(""), S(""));
		return;
	}
	b = calloc(1, sizeof(*b) + IDS_MAX * sizeof(b->ids[0]));
	if (b == NULL) {
		request_reply(r, ERR_NOMEM, 0, S(""), S(""));
		return;
	}
	buf_init(&b->out, OUT_BYTES);
	e = read_body(r, b);
	b->key = r->key_id == 0 ? NULL : slice_dup(r->key_name);
	if (e == ERR_OK && r->key_id != 0 && b->key == NULL)
		e = ERR_NOMEM;
	if (e != ERR_OK) {
		billing_free(b);
		request_reply(r, e, 0, S(""), S(""));
		return;
	}
	b->asker = r;
	b->job = (struct store_job){.work = work, .loop = r->worker->loop, .fn = on_done};
	r->service = b;
	r->service_gone = on_gone;
	store_do(hub->store, &b->job);
}
