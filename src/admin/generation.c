/*
 * What a request cost: the row of the ledger, once there is one.
 *
 * The thread that made the id is asked first whether the request is still being
 * answered, then the store: a request leaves its thread's list in the moment in
 * which its row is put, so it is found at one of the two.
 */
#include "admin/admin.h"
#include "admin/hub.h"

#include <stdlib.h>

struct lookup {
	struct request *asker; /* NULL when it went away meanwhile */
	struct worker *home, *owner;
	struct hub *hub;
	struct request_id id;
	uint64_t key_id;
	bool any_key, in_flight;
	struct mail mail;
	struct store_find find;
};

static bool
is_in_flight(const struct worker *w, const struct lookup *l)
{
	LIST_FOR_EACH (link, &w->requests) {
		const struct request *r = CONTAINER_OF(link, struct request, link);

		if (r->id.rowid == l->id.rowid && r->id.tag == l->id.tag)
			return l->any_key || r->key_id == l->key_id;
	}
	return false;
}

static void
done(struct lookup *l)
{
	struct request *r = l->asker;

	if (r != NULL) {
		r->service_gone = NULL;
		if (l->in_flight) {
			request_reply(r, ERR_OK, 202, S("application/json"),
			    S("{\"status\":\"in_flight\"}\n"));
		} else if (l->find.result == ERR_OK) {
			request_reply(r, ERR_OK, 200, S("application/json"),
			    buf_slice(&l->find.json));
		} else {
			note_set(&r->note,
			    l->find.result == ERR_NOT_FOUND
				? "There is no such request, or another key made it."
				: "The ledger cannot be read.");
			request_reply(r, l->find.result, 0, S(""), S(""));
		}
	}
	buf_free(&l->find.json);
	free(l);
}

static void
on_found(struct store_find *f)
{
	done(f->arg);
}

static void
ask_store(struct lookup *l)
{
	l->find.id = l->id;
	l->find.key_id = l->key_id;
	l->find.any_key = l->any_key;
	l->find.loop = l->home->loop;
	l->find.fn = on_found;
	l->find.arg = l;
	store_find(l->hub->store, &l->find);
}

/* Back on the asker's thread. */
static void
on_answer(void *arg)
{
	struct lookup *l = arg;

	if (l->in_flight)
		done(l);
	else
		ask_store(l);
}

/* On the thread that made the id. */
static void
on_owner(void *arg)
{
	struct lookup *l = arg;

	l->in_flight = is_in_flight(l->owner, l);
	l->mail.fn = on_answer;
	loop_post(l->home->loop, &l->mail);
}

static void
on_gone(struct request *r)
{
	struct lookup *l = r->service;

	l->asker = NULL;
}

void
admin_generation(struct request *r)
{
	struct hub *hub = r->worker->hub;
	struct lookup *l;
	struct request_id id;
	unsigned thread;

	if (!request_id_parse(request_param(r, S("id")), &id)) {
		note_set(&r->note,
		    "Ask with ?id= and the x-request-id of a reply: \"req_\" "
		    "and 32 hexadecimal digits.");
		request_reply(r, ERR_NOT_FOUND, 0, S(""), S(""));
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		request_reply(r, ERR_NOMEM, 0, S(""), S(""));
		return;
	}
	l->asker = r;
	l->home = r->worker;
	l->hub = hub;
	l->id = id;
	l->key_id = r->key_id;
	l->any_key = r->key_id == 0;
	r->service = l;
	r->service_gone = on_gone;
	thread = request_id_thread(id);
	if (thread >= hub->nworkers) { /* of a run with more threads */
		ask_store(l);
		return;
	}
	l->owner = hub->workers[thread];
	l->mail.fn = on_owner;
	l->mail.arg = l;
	loop_post(l->owner->loop, &l->mail);
}
