#include "proxy/token.h"

#include "proxy/fetch.h"
#include "proxy/worker.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>

#define SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define GRANT                                                                            \
	"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define REPLY_BYTES (64u << 10)
#define REPLY_MS    10000
#define FORM_BYTES  (32u << 10)
#define RENEW_MS    300000  /* before its end */
#define SPAN_MS	    3600000 /* where its end is not told */
#define WHY_MAX	    240

/* One account's, of one thread. Accounts are told apart by what they are asked with. */
struct token {
	struct link link; /* worker->tokens */
	struct worker *worker;
	char *issuer, *key_id, *audience;
	struct secret text;  /* the token; empty: none */
	uint64_t until_ms;   /* when it is to be renewed */
	bool served;	     /* a provider has taken it */
	struct link waiting; /* struct token_wait */
	struct fetch *fetch; /* of the next one */
	struct buf form;     /* what is posted for it */
	size_t room;	     /* of the reply */
	struct task failing; /* tells that it could not even be asked for */
};

static void
token_free(struct token *t)
{
	list_remove(&t->link);
	task_cancel(&t->failing);
	fetch_drop(t->fetch);
	secret_free(&t->text);
	if (t->form.len > 0)
		secret_wipe(t->form.ptr, t->form.len);
	buf_free(&t->form);
	free(t->issuer);
	free(t->key_id);
	free(t->audience);
	free(t);
}

static bool
is_of(const struct token *t, const struct jwt_account *a)
{
	return strcmp(t->issuer, a->issuer) == 0 && strcmp(t->key_id, a->key_id) == 0 &&
	       strcmp(t->audience, a->audience) == 0;
}

static struct token *
find(struct worker *w, const struct jwt_account *a)
{
	LIST_FOR_EACH_SAFE (l, &w->tokens) {
		struct token *t = CONTAINER_OF(l, struct token, link);

		if (is_of(t, a))
			return t;
	}
	return NULL;
}

/* --- telling --- */

static void
tell(struct token_wait *wait, struct token *t, enum err e, const char *why)
{
	list_remove(&wait->link);
	if (e == ERR_OK) {
		wait->token = secret_new(secret_reveal(&t->text));
		e = wait->token.bytes == NULL ? ERR_NOMEM : ERR_OK;
	}
	wait->fn(wait->arg, e, why);
}

static void
tell_all(struct token *t, enum err e, const char *why)
{
	while (!list_empty(&t->waiting))
		tell(CONTAINER_OF(t->waiting.next, struct token_wait, link), t, e, why);
}

/* --- asking --- */

/* Takes what the reply gives. */
static enum err
take(struct token *t, struct json *j)
{
	uint32_t token = json_get(j, 0, S("access_token"));
	struct slice text = json_inner(j, token);
	uint64_t now = loop_now(t->worker->loop), span_s;

	/* It goes into a header: visible and without escapes. */
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '\\')
			return ERR_BAD_REPLY;
	if (text.len == 0)
		return ERR_BAD_REPLY;
	secret_free(&t->text);
	t->text = secret_new(text);
	if (t->text.bytes == NULL)
		return ERR_NOMEM;
	t->served = false;
	if (!json_u64(j, json_get(j, 0, S("expires_in")), &span_s))
		span_s = SPAN_MS / 1000;
	span_s = span_s > 86400 ? 86400 : span_s;
	/* One that lives shorter than that is used for half its life. */
	t->until_ms = now + (span_s * 1000 > 2 * RENEW_MS ? span_s * 1000 - RENEW_MS
							  : span_s * 500);
	return ERR_OK;
}

/* Why the account was refused: words of Google's, which hold nothing of ours. */
static void
quote(const struct json *j, char why[WHY_MAX])
{
	struct slice error = json_inner(j, json_get(j, 0, S("error")));
	struct slice more = json_inner(j, json_get(j, 0, S("error_description")));

	(void)snprintf(why, WHY_MAX, "the service account was refused%s%.*s%s%.*s",
	    error.len > 0 ? ": " : "", SLICE_ARGS(slice_head(error, 60)),
	    more.len > 0 ? ": " : "", SLICE_ARGS(slice_head(more, 100)));
}

static void
on_reply(void *arg, struct fetch *f)
{
	struct token *t = arg;
	struct json *j = &t->worker->reply_tape;
	char why[WHY_MAX] = "";
	enum err e = f->err;

	t->fetch = NULL;
	if (e == ERR_OK && json_parse(j, buf_slice(&f->body), 3) != ERR_OK)
		j->count = 0;
	if (e != ERR_OK)
		(void)snprintf(why, sizeof(why), "no access token: %.200s", f->why);
	else if (f->status == 200)
		e = take(t, j);
	else if (f->status >= 500 || f->status == 429)
		e = ERR_UP_5XX;
	else
		e = ERR_UP_CREDENTIAL;
	if (e == ERR_UP_CREDENTIAL)
		quote(j, why);
	else if (e != ERR_OK && why[0] == '\0')
		(void)snprintf(why, sizeof(why),
		    "no access token: its host answered %u without one", f->status);
	j->count = 0;
	fetch_drop(f);
	secret_wipe(t->form.ptr, t->form.len);
	buf_clear(&t->form);
	tell_all(t, e == ERR_SYNTAX ? ERR_UP_CREDENTIAL : e, why);
}

static void
on_failing(void *arg)
{
	tell_all(arg, ERR_NOMEM, "out of memory");
}

static void
ask(struct token *t, const struct jwt_account *a)
{
	struct fetch_ask ask = {.url = slice_str(t->audience),
	    .accept = S("application/json"),
	    .room = &t->room,
	    .time_ms = REPLY_MS,
	    .fn = on_reply,
	    .arg = t};

	if (t->fetch != NULL || !list_empty(&t->failing.link))
		return; /* it is on its way */
	t->room = REPLY_BYTES;
	buf_clear(&t->form);
	buf_add(&t->form, S(GRANT));
	if (jwt_put(a, S(SCOPE), loop_unix_ms(t->worker->loop) / 1000, &t->form) ==
	    ERR_OK) {
		ask.form = buf_slice(&t->form);
		t->fetch = fetch_start(t->worker, &ask);
	}
	if (t->fetch == NULL)
		loop_defer(t->worker->loop, &t->failing);
}

static struct token *
add(struct worker *w, const struct jwt_account *a)
{
	struct token *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->worker = w;
	list_init(&t->link);
	list_init(&t->waiting);
	buf_init(&t->form, FORM_BYTES);
	task_init(&t->failing, on_failing, t);
	t->issuer = slice_dup(slice_str(a->issuer));
	t->key_id = slice_dup(slice_str(a->key_id));
	t->audience = slice_dup(slice_str(a->audience));
	if (t->issuer == NULL || t->key_id == NULL || t->audience == NULL) {
		token_free(t);
		return NULL;
	}
	list_push_back(&w->tokens, &t->link);
	return t;
}

/* Those whose time is over: a configuration that knew them may be gone. */
static void
forget_old(struct worker *w)
{
	LIST_FOR_EACH_SAFE (l, &w->tokens) {
		struct token *t = CONTAINER_OF(l, struct token, link);

		if (list_empty(&t->waiting) && t->fetch == NULL &&
		    loop_now(w->loop) >= t->until_ms + RENEW_MS)
			token_free(t);
	}
}

void
token_get(struct worker *w, const struct provider *p, struct token_wait *wait)
{
	struct token *t = find(w, &p->google);

	list_init(&wait->link);
	if (t == NULL) {
		forget_old(w);
		t = add(w, &p->google);
	}
	if (t == NULL) {
		tell(wait, NULL, ERR_NOMEM, "out of memory");
	} else if (t->text.len > 0 && loop_now(w->loop) < t->until_ms) {
		tell(wait, t, ERR_OK, "");
	} else {
		list_push_back(&t->waiting, &wait->link);
		ask(t, &p->google);
	}
}

void
token_cancel(struct token_wait *wait)
{
	if (wait->link.next != NULL)
		list_remove(&wait->link);
}

bool
token_refused(struct worker *w, const struct provider *p, struct slice token)
{
	struct token *t = find(w, &p->google);
	bool served;

	if (t == NULL || !secret_same(secret_reveal(&t->text), token))
		return true; /* there is another one by now */
	served = t->served;
	secret_free(&t->text);
	return served;
}

void
token_took(struct worker *w, const struct provider *p)
{
	struct token *t = find(w, &p->google);

	if (t != NULL)
		t->served = true;
}

void
token_forget(struct worker *w)
{
	LIST_FOR_EACH_SAFE (l, &w->tokens)
		token_free(CONTAINER_OF(l, struct token, link));
}
