/*
 * The line in the log that each request leaves: names, counts and times, never what
 * was said or a secret. The query is not in it: some callers put keys there.
 */
#include "core/log.h"
#include "core/text.h"
#include "proxy/request.h"
#include "json/write.h"

/* A value of the text form: bare when it is one word, else in quotes. */
static void
put_word(struct buf *b, struct slice value)
{
	bool bare = true;

	for (size_t i = 0; i < value.len; i++)
		bare = bare && value.ptr[i] > ' ' && value.ptr[i] != '"' &&
		       value.ptr[i] != 0x7f;
	if (bare) {
		buf_add(b, value);
		return;
	}
	json_text(b, value);
}

static void
put_pair(struct buf *b, bool json, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	if (json) {
		json_member(b, slice_str(name), value);
		return;
	}
	buf_byte(b, ' ');
	buf_add(b, slice_str(name));
	buf_byte(b, '=');
	put_word(b, value);
}

static void
put_count(struct buf *b, bool json, const char *name, uint64_t value)
{
	char digits[TEXT_U64_MAX];

	if (json)
		json_member_u64(b, slice_str(name), value);
	else
		put_pair(b, false, name, slice_of(digits, text_u64(digits, value)));
}

static void
put_answer(struct request *r, struct buf *b, bool json)
{
	const struct usage *u = &r->facts.usage;
	char cost[TEXT_PUSD_MAX];

	put_pair(b, json, "model", r->ask.model);
	put_pair(b, json, "provider", slice_str(r->candidate->offer->provider->name));
	put_count(b, json, "attempts", r->attempts);
	if (u->known) {
		put_count(b, json, "in", usage_input_tok(u));
		put_count(b, json, "out", usage_output_tok(u));
	}
	if (r->cost_pusd != PRICE_UNKNOWN)
		put_pair(
		    b, json, "cost_usd", slice_of(cost, text_pusd(cost, r->cost_pusd)));
	if (r->token_ms != 0)
		put_count(b, json, "ttft_ms", r->token_ms - r->start_ms);
}

void
access_log(struct request *r, uint64_t now_ms)
{
	struct buf *b = &r->worker->head;
	bool json = log_format_now() == LOG_JSON;
	char id[REQUEST_ID_LEN], time[TEXT_TIME_MAX];
	struct slice stamp = slice_of(time, text_time(time, r->start_unix_ms));

	if (!r->config->options.log_requests || !log_wants(LOG_INFO))
		return;
	buf_clear(b);
	if (json) {
		json_open(b, '{');
		json_member(b, S("time"), stamp);
		json_member(b, S("level"), S("info"));
		json_member(b, S("message"), S("request"));
	} else {
		buf_add(b, stamp);
		buf_add(b, S(" info request"));
	}
	request_id_write(r->id, id);
	put_pair(b, json, "id", slice_of(id, sizeof(id)));
	put_pair(b, json, "method", slice_head(r->head.method, 20));
	put_pair(b, json, "path", slice_head(r->path, 200));
	put_count(b, json, "status", r->status);
	put_count(b, json, "ms", now_ms - r->start_ms);
	put_pair(b, json, "key", r->key_name);
	if (r->attempts > 0 && r->candidate != NULL)
		put_answer(r, b, json);
	if (r->err != ERR_OK) {
		put_pair(b, json, "outcome", slice_str(err_name(r->err)));
		put_pair(b, json, "note", note_slice(&r->note));
	}
	if (json)
		json_close(b, '}');
	buf_byte(b, '\n');
	if (b->err == ERR_OK)
		log_line(buf_slice(b));
}
