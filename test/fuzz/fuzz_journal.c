/*
 * Any bytes as a segment of a journal: nothing is read beyond them, and of what is
 * written whole records are read up to the place where the bytes were changed.
 */
#include "fuzz.h"

#include "core/buf.h"
#include "meter/intent.h"
#include "store/segment.h"

#define TAG 7

/* The bytes as they are: rows and intents of whatever has a right checksum. */
static void
read_any(struct slice bytes, uint64_t tag)
{
	struct segment_reader r;
	struct segment_record record;
	size_t last = SEGMENT_HEAD;
	struct buf text;

	buf_init(&text, 1u << 20);
	segment_read(&r, bytes, tag, 0);
	while (segment_next(&r, &record)) {
		struct slice payload = record.payload;
		struct meter_intent intent;
		struct meter_row row;

		HOLDS(record.at == last && r.at > last);
		HOLDS(payload.ptr + payload.len <= bytes.ptr + bytes.len);
		last = r.at;
		if (meter_intent_read(payload, &intent)) {
			row = meter_interrupted(&intent, &text);
			HOLDS(meter_row_bytes(&row) <= METER_RECORD_MAX);
		}
		while (meter_row_take(&payload, &row))
			HOLDS(meter_row_bytes(&row) <= METER_RECORD_MAX);
	}
	buf_free(&text);
}

/* The bytes as payloads, written as a journal writes them, and then one is changed. */
static void
write_and_change(struct slice bytes, struct random *chance)
{
	size_t size = 65536, at = SEGMENT_HEAD, changed;
	char *segment = calloc(1, size);
	unsigned written = 0, read = 0, before = 0;
	struct segment_reader r;
	struct segment_record record;

	HOLDS(segment != NULL);
	while (bytes.len > 0) {
		struct slice part = slice_head(bytes, 1 + random_below(chance, 600));

		if (at + segment_record_bytes(part.len) > size)
			break;
		memcpy(segment + at + SEGMENT_RECORD, part.ptr, part.len);
		segment_publish(segment + at, TAG, SEGMENT_INTENT, part.len);
		at += segment_record_bytes(part.len);
		bytes = slice_from(bytes, part.len);
		written++;
	}
	read_any(slice_of(segment, size), TAG);
	changed = SEGMENT_HEAD + random_below(chance, at - SEGMENT_HEAD + 1);
	segment_read(&r, slice_of(segment, size), TAG, 0);
	while (segment_next(&r, &record)) {
		read++;
		before += r.at <= changed;
	}
	HOLDS(read == written && !r.torn);
	segment[changed] = (char)(segment[changed] ^ 0x10);
	read = 0;
	segment_read(&r, slice_of(segment, size), TAG, 0);
	while (segment_next(&r, &record))
		read++;
	/* It may have been one of the bytes that say nothing. */
	HOLDS(read == before || read == written);
	free(segment);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of((const char *)data, size);
	struct segment_head head;
	struct random chance;
	struct note note;

	random_seed(&chance, slice_hash(bytes));
	read_any(bytes, TAG);
	if (segment_head_read(bytes, &head, &note) == ERR_OK)
		read_any(bytes, head.tag);
	write_and_change(bytes, &chance);
	return 0;
}
