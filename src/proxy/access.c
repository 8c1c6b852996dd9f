/*
 * The line in the log that each request leaves: names, counts and times, never what
 * was said or a secret. The query is not in it: some callers put keys there. Nor are
 * the words of a provider's error, as they may repeat the prompt: the ledger has them.
 */
#include "core/log.h"
#include "core/text.h"
#include "proxy/request.h"
#include "json/write.h"

/* A member of the line whose value is one plain word. */
static void
put_plain(struct buf *b, bool json, struct slice name, struct slice value)
{
	char *at;

	if (json) {
		json_key(b, name);
		buf_byte(b, '"');
		buf_add(b, value);
		buf_byte(b, '"');
		return;
	}
	at = buf_room(b, name.len + value.len + 2);
	if (at == NULL)
		return;
	*at++ = ' ';
	memcpy(at, name.ptr, name.len);
	at += name.len;
	*at++ = '=';
	if (value.len > 0)
		memcpy(at, value.ptr, value.len);
	buf_wrote(b, name.len + value.len + 2);
}

/* One of any value; in the text form what is not one word stands in quotes. */
static void
put_pair(struct buf *b, bool json, struct slice name, struct slice value)
{
	bool bare = true;

	if (value.len == 0)
		return;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		bare &= c > ' ' && c < 0x7f && c != '"';
	}
	if (json) {
		json_member(b, name, value);
	} else if (bare) {
		put_plain(b, false, name, value);
	} else {
		put_plain(b, false, name, S(""));
		json_text(b, value);
	}
}

static void
put_count(struct buf *b, bool json, struct slice name, uint64_t value)
{
	char digits[TEXT_U64_MAX];

	if (json)
		json_member_u64(b, name, value);
	else
		put_plain(b, false, name, slice_of(digits, text_u64(digits, value)));
}

static void
put_answer(struct request *r, struct buf *b, bool json)
{
	const struct usage *u = &r->facts.usage;
	char cost[TEXT_PUSD_MAX];

	put_pair(b, json, S("model"), r->ask.model);
	put_plain(b, json, S("provider"), slice_str(r->candidate->offer->provider->name));
	put_count(b, json, S("attempts"), r->attempts);
	if (u->known) {
		put_count(b, json, S("in"), usage_input_tok(u));
		put_count(b, json, S("out"), usage_output_tok(u));
	}
	if (r->cost_pusd != PRICE_UNKNOWN)
		put_plain(b, json, S("cost_usd"),
		    slice_of(cost, text_pusd(cost, r->cost_pusd)));
	if (r->token_ms != 0)
		put_count(b, json, S("ttft_ms"), r->token_ms - r->start_ms);
}

void
access_log(struct request *r, uint64_t now_ms)
{
	struct buf *b = &r->worker->scratch;
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
	put_plain(b, json, S("id"), slice_of(id, sizeof(id)));
	put_pair(b, json, S("method"), slice_head(r->head.method, 20));
	put_pair(b, json, S("path"), slice_head(r->path, 200));
	put_count(b, json, S("status"), r->status);
	put_count(b, json, S("ms"), now_ms - r->start_ms);
	put_pair(b, json, S("key"), r->key_name);
	if (r->attempts > 0 && r->candidate != NULL)
		put_answer(r, b, json);
	if (r->err != ERR_OK) {
		put_pair(b, json, S("outcome"), slice_str(err_name(r->err)));
		if (!r->quotes)
			put_pair(b, json, S("note"), note_slice(&r->note));
	}
	put_pair(b, json, S("tried"), r->tried);
	if (json)
		json_close(b, '}');
	buf_byte(b, '\n');
	if (b->err == ERR_OK)
		log_line(buf_slice(b));
}
