#include "store/segment.h"

#include "core/crc32c.h"

#define MAGIC "weirjnl\n"

/* As it stands in the file, in the machine's byte order. */
struct head {
	char magic[8];
	uint32_t version, loop;
	uint64_t sequence, tag, created_ms, size;
	uint32_t crc, zero; /* of all before it */
	uint64_t drained;
};

_Static_assert(sizeof(struct head) == SEGMENT_HEAD, "the format says so");

struct frame {
	uint32_t bytes, crc, type, zero;
};

_Static_assert(sizeof(struct frame) == SEGMENT_RECORD, "the format says so");

void
segment_head_write(const struct segment_head *h, char to[SEGMENT_HEAD])
{
	struct head head = {.magic = MAGIC,
	    .version = SEGMENT_VERSION,
	    .loop = h->loop,
	    .sequence = h->sequence,
	    .tag = h->tag,
	    .created_ms = h->created_ms,
	    .size = h->size};

	head.crc = crc32c(0, &head, offsetof(struct head, crc));
	memcpy(to, &head, sizeof(head));
}

void
segment_note_drained(char head[SEGMENT_HEAD], uint64_t drained)
{
	memcpy(head + offsetof(struct head, drained), &drained, sizeof(drained));
}

enum err
segment_head_read(struct slice bytes, struct segment_head *ret_head, struct note *note)
{
	static const char nothing[SEGMENT_HEAD];
	struct head h;

	if (bytes.len < sizeof(h) || memcmp(bytes.ptr, nothing, sizeof(h)) == 0)
		return ERR_EOF;
	memcpy(&h, bytes.ptr, sizeof(h));
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0) {
		note_set(note, "it is no segment of a journal");
		return ERR_SYNTAX;
	}
	if (h.version != SEGMENT_VERSION) {
		note_set(note,
		    "it has version %u of the format, and this weir reads %d; start the "
		    "one that wrote it, which empties it, then this one",
		    h.version, SEGMENT_VERSION);
		return ERR_SYNTAX;
	}
	if (h.crc != crc32c(0, &h, offsetof(struct head, crc))) {
		note_set(note, "its head is damaged");
		return ERR_SYNTAX;
	}
	*ret_head = (struct segment_head){.loop = h.loop,
	    .sequence = h.sequence,
	    .tag = h.tag,
	    .created_ms = h.created_ms,
	    .size = h.size,
	    .drained = h.drained};
	return ERR_OK;
}

/* Of the segment's tag, what the frame says, and the payload. */
static uint32_t
checksum(uint64_t tag, uint32_t bytes, uint32_t type, const char *payload)
{
	uint64_t seed[2] = {tag, (uint64_t)type << 32 | bytes};

	return crc32c(crc32c(0, seed, sizeof(seed)), payload, bytes - SEGMENT_RECORD);
}

void
segment_publish(char *to, uint64_t tag, enum segment_type type, size_t payload)
{
	struct frame *f = (struct frame *)(void *)to;
	uint32_t bytes = (uint32_t)(SEGMENT_RECORD + payload);

	f->type = type;
	f->crc = checksum(tag, bytes, type, to + SEGMENT_RECORD);
	__atomic_store_n(&f->bytes, bytes, __ATOMIC_RELEASE);
}

void
segment_read(struct segment_reader *r, struct slice bytes, uint64_t tag, size_t at)
{
	*r = (struct segment_reader){.bytes = bytes,
	    .tag = tag,
	    .at = at < SEGMENT_HEAD ? SEGMENT_HEAD : (at + 7) & ~(size_t)7};
}

bool
segment_next(struct segment_reader *r, struct segment_record *ret_record)
{
	struct slice rest = slice_from(r->bytes, r->at);
	struct frame f;

	if (rest.len < sizeof(f))
		return false;
	memcpy(&f, rest.ptr, sizeof(f));
	if (f.bytes == 0)
		return false;
	if (f.bytes < sizeof(f) || f.bytes > SEGMENT_RECORD_MAX || f.bytes > rest.len ||
	    f.crc != checksum(r->tag, f.bytes, f.type, rest.ptr + sizeof(f))) {
		r->torn = true;
		return false;
	}
	*ret_record = (struct segment_record){.type = f.type,
	    .payload = slice_of(rest.ptr + sizeof(f), f.bytes - sizeof(f)),
	    .at = r->at};
	r->at += segment_record_bytes(f.bytes - sizeof(f));
	return true;
}
