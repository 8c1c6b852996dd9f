/*
 * segment: the bytes of one file of the journal: its head, the frames of its records,
 * and how they are read again. No I/O. The format is described in docs/journal.md.
 *
 *	head (64 bytes) | record | record | ... | zeros
 *	record: u32 bytes, u32 crc32c, u32 type, u32 zero, payload, zeros up to 8
 *
 * `bytes` counts the record with its head and without the zeros behind it. It is
 * written last, so that a record is there or not: 0 is the end.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "core/err.h"
#include "core/note.h"

#define SEGMENT_VERSION	   1
#define SEGMENT_HEAD	   64	 /* bytes of a head */
#define SEGMENT_RECORD	   16	 /* bytes before a payload */
#define SEGMENT_RECORD_MAX 49152 /* a whole record; more is none */
#define SEGMENT_LEAST	   (64u << 10)

enum segment_type { SEGMENT_INTENT = 1, SEGMENT_SETTLE = 2 };

struct segment_head {
	unsigned loop;	     /* thread that writes it */
	uint64_t sequence;   /* number in its folder */
	uint64_t tag;	     /* random; in the checksum of each record */
	uint64_t created_ms; /* unix */
	uint64_t size;	     /* bytes of the file */
	uint64_t drained;    /* bytes that are in the store; a hint for people */
};

/* Writes the head of a segment that has nothing drained. */
void segment_head_write(const struct segment_head *h, char to[SEGMENT_HEAD]);

/* Notes how far it is drained. */
void segment_note_drained(char head[SEGMENT_HEAD], uint64_t drained);

/*
 * Reads the head. ERR_SYNTAX with a note: it is none, or of a version that is not
 * known here; ERR_EOF: there is nothing, as weir ended before it was written.
 */
enum err segment_head_read(
    struct slice bytes, struct segment_head *ret_head, struct note *note) MUST_CHECK;

/* Bytes that a record takes with so much payload. */
static inline size_t
segment_record_bytes(size_t payload)
{
	return (SEGMENT_RECORD + payload + 7) & ~(size_t)7;
}

/*
 * Makes a record of the payload that stands at to + SEGMENT_RECORD already; the last
 * thing done is the store of its length. `to` is aligned to 8 and holds zeros else.
 */
void segment_publish(char *to, uint64_t tag, enum segment_type type, size_t payload);

struct segment_record {
	unsigned type;
	struct slice payload;
	size_t at; /* where it begins in the segment */
};

/* Reads the records of a segment from some place on. */
struct segment_reader {
	struct slice bytes; /* of the segment, as far as it is to be read */
	uint64_t tag;
	size_t at; /* of the next record */
	bool torn; /* at the end: what follows is no record, and is not empty */
};

/* From byte `at` on; below SEGMENT_HEAD: from the first record. */
void segment_read(struct segment_reader *r, struct slice bytes, uint64_t tag, size_t at);

/* The next record, which borrows the bytes. False at the end. */
bool segment_next(struct segment_reader *r, struct segment_record *ret_record);

#endif
