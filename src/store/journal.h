/*
 * journal: what was asked of providers and what it cost, in files mapped into memory,
 * so that neither a kill -9 nor a store that does not answer loses a row.
 *
 * Each loop thread has a journal of its own and appends to it without a lock and
 * without a system call: an INTENT before the first byte of a request goes to a
 * provider, a SETTLE (the row of the ledger) before the last byte of the answer goes to
 * the caller. The store's thread reads what was appended (drain.h). A third thread, the
 * keeper, makes the segments ahead of need, faulted in, removes those that are drained,
 * and syncs them.
 *
 *	journal_admit()   is there room for the records of one more request? It is kept
 *	journal_intent()  for it from then on: also on a full disk every request
 *	journal_settle()  that was let in finds the room for its row.
 *	journal_release()
 *
 *	spare[] --take_spare()--> now ... next --drained--> DONE --keeper--> GONE -->
 *freed
 *
 * Not here: the bytes of a segment (segment.h), what becomes of them (drain.h).
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "core/list.h"
#include "meter/intent.h"
#include "meter/row.h"
#include "store/segment.h"

#include <stdatomic.h>

struct journals; /* all of one data folder */
struct journal;	 /* a loop thread's */

#define JOURNAL_LOOPS_MAX 64
#define JOURNAL_FOLDER	  "journal" /* in the data folder */

struct journal_limits {
	uint64_t segment_bytes; /* at least SEGMENT_LEAST */
	uint64_t max_bytes;	/* of all segments together */
	uint64_t sync_ms;	/* 0: the kernel writes them when it likes */
};

/*
 * An empty set whose segments are files of the folder (made if need be); NULL: in
 * memory, for tests. Segments are numbered from `sequence` on. ERR_IO with a note,
 * ERR_NOMEM.
 */
enum err journals_open(const char *folder, const struct journal_limits *limits,
    uint64_t sequence, struct journals **ret_set, struct note *note) MUST_CHECK;

/* Stops the keeper. The files stay where they are, but for those that are drained. */
void journals_close(struct journals *set);

/*
 * The journal of the next loop thread, with its first segments if there is room for
 * them; else it is full until there is. Before journals_start. ERR_NOMEM.
 */
enum err journals_add(struct journals *set, struct journal **ret_journal) MUST_CHECK;

/* Starts the keeper. ERR_NOMEM when there is no thread. */
enum err journals_start(struct journals *set) MUST_CHECK;

/* What the keeper does at a time; for who has none. */
void journals_keep(struct journals *set);

/* Bytes of all segments, in use or ahead of need. Any thread. */
uint64_t journals_bytes(struct journals *set);

/* --- for the journal's loop thread --- */

/* Keeps room for a request: the bytes of its records at most. False when the journal
 * is full. Where the keeper is behind it makes the segment itself. */
bool journal_admit(struct journal *j, size_t bytes);

/* Gives back what is left of it. */
void journal_release(struct journal *j, size_t bytes);

/* What journal_admit() is asked for: an intent and a row with texts of that many bytes
 * that the caller chooses. */
size_t journal_promise(size_t text_bytes);

/*
 * Appends. Takes the room out of *promise, which is what was admitted and is left, and
 * beyond that only what is promised to nobody. False, and nothing is written, when
 * there is none. An intent leaves room for the row behind it.
 */
bool
journal_intent(struct journal *j, const struct meter_intent *intent, size_t *promise);
bool journal_settle(struct journal *j, const struct meter_row *row, size_t *promise);

/* --- for the store's thread --- */

enum journal_state {
	JOURNAL_LIVE,
	JOURNAL_DONE, /* drained, and its intents are settled: it may go */
	JOURNAL_GONE  /* its file is not there any more */
};

struct journal_segment {
	struct link link; /* journals' list of all */
	char *map;
	size_t size;
	uint64_t sequence, tag;
	unsigned loop;
	_Atomic(struct journal_segment *) next; /* the journal goes on there */
	atomic_size_t end;			/* bytes that are published */
	atomic_int state;			/* enum journal_state */
	size_t synced;				/* the keeper's */
	bool warm;				/* likewise: it is faulted in */
	size_t drained;				/* the store's thread's */
	unsigned open;				/* intents in it that are not settled */
	bool rests;				/* it waits for these alone */
};

/* The n-th journal's first segment that is not gone yet, or NULL: none was written to
 * yet. Those behind it are at `next`. */
struct journal_segment *journals_first(struct journals *set, unsigned n);

/* How many journals there are. */
unsigned journals_count(const struct journals *set);

/* It is drained: the keeper removes it, and then its state is GONE. */
void journals_drained(struct journals *set, struct journal_segment *s);

/* It is drained, but has intents that are not settled: its pages need not be in memory.
 */
void journals_rest(const struct journals *set, struct journal_segment *s);

/* Frees one that is GONE. It is the first of its journal, and not the last. */
void journals_forget(struct journals *set, struct journal_segment *s);

/* Files of a folder of segments, in the order of their numbers; calls fn for each until
 * one returns other than OK. A folder that is not there has none. ERR_IO with a note,
 * or what fn said. */
enum err journals_each(const char *folder,
    enum err (*fn)(void *arg, const char *path, struct note *note), void *arg,
    struct note *note) MUST_CHECK;

#endif
