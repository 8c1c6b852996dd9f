#include "meter/intent.h"

#include "provider/price.h"
#include "json/write.h"

/* In the journal, described in docs/journal.md. */
struct record {
	uint32_t bytes; /* of the whole record */
	uint8_t attempts, stream;
	uint16_t zero;
	uint64_t rowid, tag, start_ms, key_id;
	int64_t reserved_pusd;
	uint64_t input_tok, output_tok;
	uint16_t len[INTENT_TEXTS];
};

_Static_assert(INTENT_TEXTS == 12 && sizeof(struct record) == 88,
    "another format: it wants another version (SEGMENT_VERSION)");

size_t
meter_intent_bytes(const struct meter_intent *intent)
{
	size_t bytes = sizeof(struct record);

	for (unsigned i = 0; i < INTENT_TEXTS; i++)
		bytes += slice_head(intent->text[i], METER_TEXT_MAX).len;
	return bytes;
}

void
meter_intent_write(const struct meter_intent *intent, char *to)
{
	char *at = to + sizeof(struct record);
	struct record r = {.attempts = intent->attempts,
	    .stream = intent->stream,
	    .rowid = intent->id.rowid,
	    .tag = intent->id.tag,
	    .start_ms = intent->start_ms,
	    .key_id = intent->key_id,
	    .reserved_pusd = intent->reserved_pusd,
	    .input_tok = intent->input_tok,
	    .output_tok = intent->output_tok};

	for (unsigned i = 0; i < INTENT_TEXTS; i++) {
		struct slice text = slice_head(intent->text[i], METER_TEXT_MAX);

		r.len[i] = (uint16_t)text.len;
		if (text.len > 0)
			memcpy(at, text.ptr, text.len);
		at += text.len;
	}
	r.bytes = (uint32_t)(at - to);
	memcpy(to, &r, sizeof(r));
}

bool
meter_intent_read(struct slice bytes, struct meter_intent *ret_intent)
{
	struct record r;
	size_t sum = sizeof(r);
	const char *at;

	if (bytes.len < sizeof(r))
		return false;
	memcpy(&r, bytes.ptr, sizeof(r));
	for (unsigned i = 0; i < INTENT_TEXTS; i++) {
		if (r.len[i] > METER_TEXT_MAX)
			return false;
		sum += r.len[i];
	}
	if (sum != r.bytes || sum != bytes.len)
		return false;
	*ret_intent = (struct meter_intent){.id = {r.rowid, r.tag},
	    .start_ms = r.start_ms,
	    .key_id = r.key_id,
	    .reserved_pusd = r.reserved_pusd,
	    .input_tok = r.input_tok,
	    .output_tok = r.output_tok,
	    .attempts = r.attempts,
	    .stream = r.stream != 0};
	at = bytes.ptr + sizeof(r);
	for (unsigned i = 0; i < INTENT_TEXTS; i++) {
		ret_intent->text[i] = slice_of(at, r.len[i]);
		at += r.len[i];
	}
	return true;
}

/* The attempts before it, and the one that was under way. */
static struct slice
list_attempts(const struct meter_intent *intent, struct buf *to)
{
	struct slice before = intent->text[INTENT_ATTEMPTS];
	bool first = before.len < 3; /* "" or "[]" */

	buf_clear(to);
	buf_add(to, first ? S("[") : slice_head(before, before.len - 1));
	buf_add(to, first ? S("{\"provider\":") : S(",{\"provider\":"));
	json_text(to, intent->text[INTENT_PROVIDER]);
	buf_add(to, S(",\"model\":"));
	json_text(to, intent->text[INTENT_UPSTREAM]);
	buf_add(to, S(",\"outcome\":\"INTERRUPTED\",\"billed\":\"maybe\"}]"));
	if (to->err != ERR_OK || to->len > METER_TEXT_MAX)
		return S("[]"); /* cut, it would be no JSON */
	return buf_slice(to);
}

struct meter_row
meter_interrupted(const struct meter_intent *intent, struct buf *attempts)
{
	struct meter_row row = {.n = {.id = intent->id,
				    .start_ms = intent->start_ms,
				    .key_id = intent->key_id,
				    .attempts = intent->attempts,
				    .stream = intent->stream,
				    .partial = true,
				    .estimated = true,
				    .usage = {.known = true},
				    .cost_pusd = intent->reserved_pusd}};

	row.n.usage.count[USAGE_INPUT] = intent->input_tok;
	row.n.usage.count[USAGE_OUTPUT] = intent->output_tok;
	row.n.usage.count[USAGE_REQUESTS] = 1;
	for (unsigned t = 0; t < METER_TEXTS; t++)
		row.text[t] = S("");
	row.text[TEXT_KEY] = intent->text[INTENT_KEY];
	row.text[TEXT_ASKED] = intent->text[INTENT_ASKED];
	row.text[TEXT_MODEL] = intent->text[INTENT_MODEL];
	row.text[TEXT_PROVIDER] = intent->text[INTENT_PROVIDER];
	row.text[TEXT_UPSTREAM] = intent->text[INTENT_UPSTREAM];
	row.text[TEXT_OPERATION] = intent->text[INTENT_OPERATION];
	row.text[TEXT_USER] = intent->text[INTENT_USER];
	row.text[TEXT_TEAM] = intent->text[INTENT_TEAM];
	row.text[TEXT_ORGANISATION] = intent->text[INTENT_ORGANISATION];
	row.text[TEXT_SESSION] = intent->text[INTENT_SESSION];
	row.text[TEXT_TAGS] = intent->text[INTENT_TAGS];
	row.text[TEXT_OUTCOME] = slice_str(err_name(ERR_INTERRUPTED));
	row.text[TEXT_ATTEMPTS] = list_attempts(intent, attempts);
	return row;
}
