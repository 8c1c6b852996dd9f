/*
 * store: the server's one thread that touches the database. While that is away requests
 * go on, by the keys that were read before, and their rows stay in the journal.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "loop/loop.h"
#include "quota/lender.h"
#include "store/journal.h"
#include "store/keys.h"
#include "store/ledger.h"

struct store;

/* Replaces the keys that callers may use; takes the reference. On the store's thread. */
typedef void store_keys_fn(void *arg, struct key_set *keys);

/*
 * Opens the data folder (made with mode 0700 if need be), takes its lock: one
 * server at a time; then the database. Puts what an earlier run left in the journal into
 * the ledger. ERR_IO with a note.
 */
enum err store_open(const struct db_place *place, const struct journal_limits *limits,
    struct store **ret_store, struct note *note) MUST_CHECK;

/* The journal of the next loop thread. Before store_start. ERR_NOMEM. */
enum err store_journal(struct store *s, struct journal **ret_journal) MUST_CHECK;

/* Bytes of the journal's files. Any thread. */
uint64_t store_journal_bytes(struct store *s);

/*
 * Loads the keys and calls on_keys with them now, on this thread; then starts the
 * thread, which calls it again whenever they change. ERR_IO with a note.
 */
enum err store_start(
    struct store *s, store_keys_fn *on_keys, void *arg, struct note *note) MUST_CHECK;

/* Writes what is left and ends the thread, then closes. What the database does not take
 * stays in the journal for the next start. Before store_start: closes. */
void store_stop(struct store *s);

/* A look-up of one row; heap memory of the asker. */
struct store_find {
	struct request_id id;
	uint64_t key_id;
	bool any_key;
	struct loop *loop; /* fn(this) runs on its thread */
	void (*fn)(struct store_find *f);
	void *arg;
	enum err result; /* OK, NOT_FOUND, IO */
	struct buf json; /* the row; freed by the asker */
	struct mail mail;
	struct store_find *next;
};

/* Any thread. Rows that were settled before this are found. */
void store_find(struct store *s, struct store_find *f);

/* Leases budgets, where several servers share the database; quota/lender.h. */
struct lender store_lender(struct store *s);

/* Work on the database for the store's thread; heap memory of the asker. */
struct store_job {
	void (*work)(struct store_job *j, struct db *db); /* on the store's thread */
	bool changes; /* keys or accounts: they hold for callers when fn runs */
	struct loop *loop;
	void (*fn)(struct store_job *j); /* then, on the loop's thread */
	struct mail mail;
	struct store_job *next;
};

/* Has it done. Any thread. Rows wait meanwhile, so it should not take seconds. */
void store_do(struct store *s, struct store_job *j);

/* The text of secret.key, by which teams' keys for providers are read; empty: none are.
 * Copies; any thread, before store_start too. */
void store_secret(struct store *s, struct slice text);

/* Are thresholds of budgets noted, to be told by webhook (notices.h)? Any thread. */
void store_notice(struct store *s, bool on);

/* Is the database being written? Any thread. */
bool store_is_well(const struct store *s);

/* While it is not: can the journal grow? Any thread. */
bool store_has_room(const struct store *s);

/* The folder to use: `configured` if not empty, else the one that systemd made, else
 * by XDG_DATA_HOME or HOME. Returns `to`. */
const char *store_folder(const char *configured, char to[4096]);

/* Is SQLite's file there? ERR_IO with a note. */
enum err store_has_file(const char *folder, struct note *note) MUST_CHECK;

/* Takes the lock that says who uses the folder, until the descriptor is closed. ERR_IO
 * with a note. */
enum err store_lock(const char *folder, int *ret_fd, struct note *note) MUST_CHECK;

/* Makes a folder with mode 0700, and those above it. ERR_IO with a note. */
enum err store_make_folder(const char *path, struct note *note) MUST_CHECK;

#endif
