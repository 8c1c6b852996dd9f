/*
 * FAIL, and how every reply is written that weir makes itself.
 */
#include "http/write.h"
#include "proxy/headers.h"
#include "proxy/request.h"
#include "json/write.h"

#define BODY_BYTES (64u << 10)

static void
put_cors(struct request *r, struct buf *to)
{
	if (r->origin.len == 0)
		return;
	http_put_field(to, S("access-control-allow-origin"), r->origin);
	http_put_field(to, S("vary"), S("Origin"));
	http_put_field(to, S("access-control-expose-headers"),
	    S("x-request-id, x-inference-provider, x-weir-attempts, x-weir-cost-usd, "
	      "x-upstream-request-id, x-weir-dropped, retry-after"));
}

/* The fields that tell of a rate, each up to its value. */
struct told_rate {
	enum account_rate rate;
	struct slice limit, remaining, reset;
};

#define TEXT(s)                                                                          \
	{                                                                                \
		s, sizeof(s) - 1                                                         \
	}
#define TOLD(rate, name)                                                                 \
	{                                                                                \
		rate, TEXT("x-ratelimit-limit-" name ": "),                              \
		    TEXT("\r\nx-ratelimit-remaining-" name ": "),                        \
		    TEXT("\r\nx-ratelimit-reset-" name ": ")                             \
	}

/* Without printf, which stood out in a profile. */
static void
put_rate(struct buf *to, const struct told_rate *t, int64_t limit, int64_t left,
    uint64_t reset_ms)
{
	char rest[] = ".000s\r\n";

	if (limit == QUOTA_NONE)
		return;
	buf_add(to, t->limit);
	buf_u64(to, (uint64_t)limit);
	buf_add(to, t->remaining);
	buf_u64(to, (uint64_t)left);
	buf_add(to, t->reset);
	buf_u64(to, reset_ms / 1000);
	for (unsigned i = 3, ms = (unsigned)(reset_ms % 1000); i > 0; i--, ms /= 10)
		rest[i] = (char)('0' + ms % 10);
	buf_add(to, slice_of(rest, sizeof(rest) - 1));
}

bool
reply_hides(const struct request *r, struct slice name)
{
	bool limited = (r->key != NULL && r->key->account != NULL) ||
		       (r->name.model != NULL && r->name.model->account != NULL);

	return limited && (slice_istarts(name, S("x-ratelimit-")) ||
			      slice_istarts(name, S("anthropic-ratelimit-")));
}

/* What may still be asked in this minute, of the key and of the model. */
static void
put_rates(struct request *r, struct buf *to)
{
	static const struct told_rate told[] = {TOLD(RATE_REQUESTS, "requests"),
	    TOLD(RATE_TOKENS, "tokens"), TOLD(RATE_INPUT, "input-tokens"),
	    TOLD(RATE_OUTPUT, "output-tokens")};
	struct account *key = r->key == NULL ? NULL : r->key->account;
	struct account *model = r->name.model == NULL ? NULL : r->name.model->account;
	uint64_t now = loop_now(r->worker->loop);
	struct account_rates rates;

	if (r->surface == NULL || r->surface->serve != SERVE_FORWARD ||
	    (key == NULL && model == NULL))
		return;
	account_rates(key, now, &rates);
	if (model != NULL)
		account_rates_add(model, now, &rates);
	for (unsigned i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		put_rate(to, &told[i], rates.of[told[i].rate].limit,
		    rates.of[told[i].rate].left, rates.of[told[i].rate].reset_ms);
}

void
reply_common(struct request *r, struct buf *to)
{
	char id[REQUEST_ID_LEN];

	request_id_write(r->id, id);
	http_put_plain(to, S("date"), http_date(loop_unix_ms(r->worker->loop)));
	http_put_plain(to, S("x-request-id"), slice_of(id, sizeof(id)));
	if (r->attempts > 0) {
		if (r->candidate != NULL)
			http_put_field(to, S("x-inference-provider"),
			    slice_str(r->candidate->offer->provider->name));
		http_put_number(to, S("x-weir-attempts"), r->attempts);
	}
	if (r->estimated && r->surface != NULL && r->surface->op == OP_COUNT)
		http_put_plain(to, S("x-weir-estimate"), S("true"));
	if (r->dropped.len > 0)
		http_put_field(to, S("x-weir-dropped"), r->dropped);
	if (r->capped_tok > 0)
		http_put_number(to, S("x-weir-max-tokens"), r->capped_tok);
	put_rates(r, to);
	put_cors(r, to);
	/* One that sends what was not read yet can't be kept. */
	if (r->worker->stopping || (r->client != NULL && !r->client->message_read))
		r->keep_alive = false;
	if (!r->keep_alive)
		buf_add(to, S("connection: close\r\n"));
	else if (r->head.minor == 0)
		buf_add(to, S("connection: keep-alive\r\n"));
}

/* What the fault's status wants beside it (RFC 9110, 15.5). */
static void
put_remedy(struct request *r, struct buf *to)
{
	if (r->retry_after_ms > 0)
		http_put_number(to, S("retry-after"), (r->retry_after_ms + 999) / 1000);
	if (err_status(r->err) == 401)
		http_put_field(to, S("www-authenticate"), S("Bearer realm=\"weir\""));
	if (r->err == ERR_BAD_METHOD) {
		buf_add(to, S("allow: "));
		surface_methods(r->path, to);
		buf_add(to, S("\r\n"));
	}
}

void
reply_whole(struct request *r, unsigned status, struct slice type, struct slice body)
{
	struct buf *head = &r->worker->head;
	struct slice parts[2];

	r->status = status;
	r->head_sent = true;
	settle_row(r, status);
	if (r->client == NULL)
		return;
	buf_clear(head);
	http_put_status(head, status);
	reply_common(r, head);
	put_remedy(r, head);
	if (type.len > 0)
		http_put_field(head, S("content-type"), type);
	if (status != 204)
		http_put_number(head, S("content-length"), body.len);
	http_put_end(head);
	parts[0] = buf_slice(head);
	parts[1] = slice_eq(r->head.method, S("HEAD")) ? S("") : body;
	if (head->err != ERR_OK || client_write(r->client, parts, 2) != ERR_OK)
		r->keep_alive = false;
}

/* The answer to a browser that asks whether it may ask. */
static void
reply_preflight(struct request *r)
{
	struct buf *head = &r->worker->head;
	struct slice wanted = http_field(&r->head, S("access-control-request-headers")),
		     part;

	r->status = 204;
	r->head_sent = true;
	buf_clear(head);
	http_put_status(head, 204);
	reply_common(r, head);
	http_put_field(head, S("access-control-allow-methods"), S("GET, POST, OPTIONS"));
	if (wanted.len > 0)
		http_put_field(head, S("access-control-allow-headers"), wanted);
	http_put_number(head, S("access-control-max-age"), 600);
	http_put_end(head);
	part = buf_slice(head);
	if (client_write(r->client, &part, 1) != ERR_OK)
		r->keep_alive = false;
}

/* The provider's own error, as it came, with the fields that pass. */
static void
reply_fault(struct request *r)
{
	const struct http_head *h = r->fault_head;
	struct buf *head = &r->worker->head;
	struct slice parts[2];

	r->status = h->status;
	r->head_sent = true;
	settle_row(r, r->status);
	buf_clear(head);
	http_put_status(head, h->status);
	reply_common(r, head);
	for (unsigned i = 0; i < h->nfields; i++)
		if (!reply_hides(r, h->fields[i].name) &&
		    headers_to_caller(h, h->fields[i].name))
			http_copy_field(head, &h->fields[i]);
	if (r->upstream_id.len > 0)
		http_put_field(head, S("x-upstream-request-id"), r->upstream_id);
	http_put_number(head, S("content-length"), r->fault_body.len);
	http_put_end(head);
	parts[0] = buf_slice(head);
	parts[1] = r->fault_body;
	if (head->err != ERR_OK || client_write(r->client, parts, 2) != ERR_OK)
		r->keep_alive = false;
}

/* The provider's error in the words of the caller's dialect. */
static void
reply_translated_fault(struct request *r)
{
	struct fault f = r->fault_words;
	struct buf body;

	f.status = r->fault_head->status;
	if (f.message.len == 0)
		f.message = note_slice(&r->note);
	if (f.type.len == 0)
		f.type = slice_str(err_type(r->err));
	buf_init(&body, BODY_BYTES);
	r->surface->dialect->write_fault(&f, &body);
	reply_whole(r, f.status, S("application/json"), buf_slice(&body));
	buf_free(&body);
}

static void
reply_error(struct request *r)
{
	const struct dialect *d =
	    r->surface == NULL ? &dialect_openai : r->surface->dialect;
	char id[REQUEST_ID_LEN];
	struct fault f = {.message = note_slice(&r->note),
	    .status = err_status(r->err),
	    .id = slice_of(id, sizeof(id)),
	    .type = slice_str(err_type(r->err)),
	    .code = slice_str(err_code(r->err)),
	    .param = slice_str(r->param)};
	struct buf body;

	request_id_write(r->id, id);
	buf_init(&body, BODY_BYTES);
	if (f.message.len == 0)
		f.message = slice_str(err_code(r->err));
	d->write_fault(&f, &body);
	reply_whole(r, err_status(r->err), S("application/json"), buf_slice(&body));
	buf_free(&body);
}

enum step
step_fail(struct request *r)
{
	if (r->client == NULL || r->head_sent) {
		if (r->status == 0)
			r->status = err_status(r->err);
	} else if (r->err == ERR_OK) {
		reply_preflight(r);
	} else if (r->err == ERR_UP_CALLER && r->fault_head != NULL) {
		if (r->fault_translated)
			reply_translated_fault(r);
		else
			reply_fault(r);
	} else {
		reply_error(r);
	}
	req_goto(r, REQ_SETTLE);
	return STEP_MORE;
}

void
request_reply(
    struct request *r, enum err e, unsigned status, struct slice type, struct slice body)
{
	if (r->state != REQ_ROUTE)
		return; /* the caller went meanwhile */
	if (e != ERR_OK) {
		(void)req_fail(r, e);
	} else {
		reply_whole(r, status, type, body);
		req_goto(r, REQ_SETTLE);
	}
	request_run(r);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into the arena; a plus is a blank in a query, and itself in a path. */
static struct slice
decode(struct request *r, struct slice s, char plus)
{
	char *to = arena_alloc(&r->arena, s.len + 1);
	size_t n = 0;

	if (to == NULL)
		return S("");
	for (size_t i = 0; i < s.len; i++) {
		int high = i + 2 < s.len ? hex(s.ptr[i + 1]) : -1;
		int low = i + 2 < s.len ? hex(s.ptr[i + 2]) : -1;

		if (s.ptr[i] == '%' && high >= 0 && low >= 0) {
			to[n++] = (char)(high * 16 + low);
			i += 2;
		} else {
			to[n++] = s.ptr[i] == '+' ? plus : s.ptr[i];
		}
	}
	return slice_of(to, n);
}

struct slice
request_param(struct request *r, struct slice name)
{
	struct slice rest = slice_from(r->query, 1);

	while (rest.ptr != NULL && rest.len > 0) {
		struct slice pair = slice_cut(&rest, '&');
		struct slice key = slice_cut(&pair, '=');

		if (slice_eq(key, name))
			return decode(r, pair.ptr == NULL ? S("") : pair, ' ');
	}
	return (struct slice){NULL, 0};
}

struct slice
request_path_rest(struct request *r)
{
	return decode(r, surface_rest(r->surface, r->path), '+');
}
