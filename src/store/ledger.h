/*
 * ledger: the rows of requests in the SQLite file. For the store's thread and for
 * commands; not for loop threads.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include "core/buf.h"
#include "meter/row.h"
#include "quota/account.h"
#include "store/db.h"

#define LEDGER_NUMBERS (13 + USAGE_CLASSES) /* columns that are integers */
#define LEDGER_KEPT    64		    /* bytes of a text that are remembered */

struct ledger {
	struct db *db;
	struct db_stmt *insert, *find;
	int64_t instance; /* whose rows it writes */
	/* What the columns of `insert` are bound to. Rows differ in few of them, and
	 * SQLite keeps the others: a third of an insert's work saved. */
	bool any; /* bound at all */
	int64_t number[LEDGER_NUMBERS];
	struct {
		size_t len; /* SIZE_MAX: longer than what is kept */
		char bytes[LEDGER_KEPT];
	} text[METER_TEXTS];
	struct buf late; /* of rows added since the last end, what is told if refused */
};

/* Prepares the statements on the database (borrowed). ERR_IO with a note. The ledger
 * stays where it is until it is closed. */
enum err ledger_open(struct ledger *l, struct db *db, struct note *note) MUST_CHECK;
void ledger_close(struct ledger *l);

/* Which of several servers it is that writes rows from now on (instance.h). */
void ledger_set_instance(struct ledger *l, int64_t instance);

/* Begins a transaction for rows and what belongs to them. ERR_IO with a note. */
enum err ledger_begin(struct ledger *l, struct note *note) MUST_CHECK;

/*
 * Inserts a row, in the transaction that is under way, at its end at the latest.
 * One that is there already is passed over, and so is, with a line in the log, one that
 * the ledger will never take. ERR_IO or ERR_NOMEM with a note.
 */
enum err ledger_insert(
    struct ledger *l, const struct meter_row *row, struct note *note) MUST_CHECK;

/* Ends the transaction as db_end does. */
enum err ledger_end(struct ledger *l, enum err e, struct note *note) MUST_CHECK;

/*
 * Appends the row of that id as a JSON object, if the key made it (key_id of the
 * asker; any_key: whoever made it). ERR_NOT_FOUND, ERR_IO.
 */
enum err ledger_find(struct ledger *l, struct request_id id, uint64_t key_id,
    bool any_key, struct buf *to) MUST_CHECK;

enum usage_group {
#define GROUP(by, name, column) GROUP_##by,
#include "store/groups.def"
	GROUPS
};

/* By what `weir usage` sums; bits. */
enum usage_by {
#define GROUP(by, name, column) BY_##by = 1 << GROUP_##by,
#include "store/groups.def"
};

/* "day", "key", ... Static text. */
const char *ledger_group_name(enum usage_group g);

struct usage_query {
	unsigned by;		     /* enum usage_by */
	uint64_t since_ms, until_ms; /* unix; the requests begun in between */
	enum account_level level;    /* of `name` */
	struct slice name;	     /* of whom alone; ptr NULL: of everybody */
	struct slice provider;	     /* by whom alone; ptr NULL: by anybody */
};

/* One group. The texts of what was not asked for are empty. */
struct usage_sum {
	struct slice group[GROUPS];
	uint64_t requests, failed, partial, unpriced;
	uint64_t count[USAGE_CLASSES];
	bool priced;	   /* at least one has a known cost */
	int64_t cost_pusd; /* corrections included; saturates at INT64_MAX */
};

/* Adds a sum to the other; its groups stay. */
void ledger_sum_add(struct usage_sum *to, const struct usage_sum *s);

/* Calls fn for each group in order. ERR_IO with a note. */
enum err ledger_usage(struct db *db, const struct usage_query *q,
    void (*fn)(void *arg, const struct usage_sum *sum), void *arg,
    struct note *note) MUST_CHECK;

#endif
