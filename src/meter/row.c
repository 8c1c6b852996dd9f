#include "meter/row.h"

#include "core/random.h"

#include <endian.h>

#define PREFIX "req_"

/*
 * rowid: 41 bits of unix ms, 6 of the thread, 16 of a counter within the ms. Rows
 * so come to the ledger nearly in order, which is what a B-tree likes.
 */
#define THREAD_SHIFT 16
#define MS_SHIFT     22
#define COUNTER	     0xffffu

/* The digits are found all at once: each byte of `spread` gets four bits, and those
 * above nine what is missing to the letters. */
static void
write_hex32(uint32_t value, char *to)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t spread = value, above;

	spread = (spread | spread << 16) & 0x0000ffff0000ffffu;
	spread = (spread | spread << 8) & 0x00ff00ff00ff00ffu;
	spread = (spread | spread << 4) & 0x0f0f0f0f0f0f0f0fu;
	above = (spread + 6 * ones) >> 4 & ones;
	spread += '0' * ones + ('a' - '0' - 10) * above;
	spread = htobe64(spread); /* the first digit first */
	memcpy(to, &spread, sizeof(spread));
}

static void
write_hex(uint64_t value, char *to)
{
	write_hex32((uint32_t)(value >> 32), to);
	write_hex32((uint32_t)value, to + 8);
}

static bool
read_hex(const char *from, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 16; i++) {
		char c = from[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

void
request_id_write(struct request_id id, char to[REQUEST_ID_LEN])
{
	memcpy(to, PREFIX, 4);
	write_hex(id.rowid, to + 4);
	write_hex(id.tag, to + 20);
}

bool
request_id_parse(struct slice s, struct request_id *ret_id)
{
	struct request_id id;

	if (s.len != REQUEST_ID_LEN || !slice_starts(s, S(PREFIX)) ||
	    !read_hex(s.ptr + 4, &id.rowid) || !read_hex(s.ptr + 20, &id.tag) ||
	    id.rowid > INT64_MAX)
		return false;
	*ret_id = id;
	return true;
}

void
request_ids_init(struct request_ids *ids, unsigned thread)
{
	*ids = (struct request_ids){.thread = thread};
}

struct request_id
request_ids_next(struct request_ids *ids, uint64_t unix_ms)
{
	struct request_id id;

	id.rowid = unix_ms << MS_SHIFT | ids->thread << THREAD_SHIFT;
	/* More than 65,536 in a ms, or a clock set back: go on counting. At the counter's
	 * end it is the next ms: the number behind it is another thread's. */
	if (id.rowid <= ids->last)
		id.rowid = (ids->last & COUNTER) == COUNTER
			       ? ((ids->last >> MS_SHIFT) + 1) << MS_SHIFT |
				     ids->thread << THREAD_SHIFT
			       : ids->last + 1;
	ids->last = id.rowid;
	if (ids->left == 0) {
		random_bytes(ids->tags, sizeof(ids->tags));
		ids->left = sizeof(ids->tags) / sizeof(ids->tags[0]);
	}
	id.tag = ids->tags[--ids->left];
	return id;
}

unsigned
request_id_thread(struct request_id id)
{
	return (unsigned)(id.rowid >> THREAD_SHIFT & 63);
}

/*
 * A record in the journal, described in docs/journal.md; what is changed here wants
 * another version there. The texts follow without anything between them.
 */
struct record {
	uint32_t bytes; /* of the whole record */
	uint16_t flags, status;
	uint64_t rowid, tag, start_ms, key_id;
	uint32_t ttft_ms, total_ms;
	int64_t cost_pusd, stated_pusd;
	uint64_t count[USAGE_CLASSES];
	uint8_t attempts, zero;
	uint16_t len[METER_TEXTS];
	uint16_t zero2[3];
};

_Static_assert(USAGE_CLASSES == 13 && METER_TEXTS == 16 && sizeof(struct record) == 208,
    "another format: it wants another version (SEGMENT_VERSION)");

enum flag {
	FLAG_STREAM = 1,
	FLAG_PARTIAL = 2,
	FLAG_ESTIMATED = 4,
	FLAG_USAGE_KNOWN = 8,
	FLAG_HAS_STATED = 16
};

size_t
meter_row_bytes(const struct meter_row *row)
{
	size_t bytes = sizeof(struct record);

	for (unsigned i = 0; i < METER_TEXTS; i++)
		bytes += slice_head(row->text[i], METER_TEXT_MAX).len;
	return bytes;
}

void
meter_row_write(const struct meter_row *row, char *to)
{
	const struct meter_numbers *n = &row->n;
	char *at = to + sizeof(struct record);
	struct record r = {
	    .flags = (uint16_t)((n->stream ? FLAG_STREAM : 0) |
				(n->partial ? FLAG_PARTIAL : 0) |
				(n->estimated ? FLAG_ESTIMATED : 0) |
				(n->usage.known ? FLAG_USAGE_KNOWN : 0) |
				(n->usage.has_stated ? FLAG_HAS_STATED : 0)),
	    .status = n->status,
	    .rowid = n->id.rowid,
	    .tag = n->id.tag,
	    .start_ms = n->start_ms,
	    .key_id = n->key_id,
	    .ttft_ms = n->ttft_ms,
	    .total_ms = n->total_ms,
	    .cost_pusd = n->cost_pusd,
	    .stated_pusd = n->usage.stated_pusd,
	    .attempts = n->attempts};

	memcpy(r.count, n->usage.count, sizeof(r.count));
	for (unsigned i = 0; i < METER_TEXTS; i++) {
		struct slice text = slice_head(row->text[i], METER_TEXT_MAX);

		r.len[i] = (uint16_t)text.len;
		if (text.len > 0)
			memcpy(at, text.ptr, text.len);
		at += text.len;
	}
	r.bytes = (uint32_t)(at - to);
	memcpy(to, &r, sizeof(r));
}

/* Are its lengths those of a record, and are all of its bytes there? */
static bool
fits(const struct record *r, size_t bytes)
{
	size_t sum = sizeof(*r);

	for (unsigned i = 0; i < METER_TEXTS; i++) {
		if (r->len[i] > METER_TEXT_MAX)
			return false;
		sum += r->len[i];
	}
	return sum == r->bytes && sum <= bytes;
}

bool
meter_row_take(struct slice *bytes, struct meter_row *ret_row)
{
	struct record r;
	const char *at;

	if (bytes->len < sizeof(r))
		return false;
	memcpy(&r, bytes->ptr, sizeof(r));
	if (!fits(&r, bytes->len))
		return false;
	*ret_row = (struct meter_row){.n = {.id = {r.rowid, r.tag},
					  .start_ms = r.start_ms,
					  .key_id = r.key_id,
					  .ttft_ms = r.ttft_ms,
					  .total_ms = r.total_ms,
					  .status = r.status,
					  .attempts = r.attempts,
					  .stream = (r.flags & FLAG_STREAM) != 0,
					  .partial = (r.flags & FLAG_PARTIAL) != 0,
					  .estimated = (r.flags & FLAG_ESTIMATED) != 0,
					  .cost_pusd = r.cost_pusd}};
	ret_row->n.usage.known = (r.flags & FLAG_USAGE_KNOWN) != 0;
	ret_row->n.usage.has_stated = (r.flags & FLAG_HAS_STATED) != 0;
	ret_row->n.usage.stated_pusd = r.stated_pusd;
	memcpy(ret_row->n.usage.count, r.count, sizeof(r.count));
	at = bytes->ptr + sizeof(r);
	for (unsigned i = 0; i < METER_TEXTS; i++) {
		ret_row->text[i] = slice_of(at, r.len[i]);
		at += r.len[i];
	}
	*bytes = slice_from(*bytes, r.bytes);
	return true;
}
