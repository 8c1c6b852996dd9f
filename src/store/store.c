#include "store/store.h"

#include "core/clock.h"
#include "core/log.h"
#include "store/drain.h"
#include "store/instance.h"
#include "store/keydb.h"
#include "store/learnt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 100 /* a settled row is visible after this, and its commit */
#define AGAIN_MS  250 /* after the database refused */
#define SEEN_MS	  10000
#define KEEP_MS	  600000 /* how often the database is kept in order */
#define LEARNT_MS 1000	 /* how often what was learnt is written */
#define NOTICE_MS 500	 /* how often budgets' thresholds are looked at */
#define ROW_MAX	  (64u << 10)

struct store {
	char *folder;
	int lock_file; /* its descriptor */
	struct db *db;
	struct ledger ledger;
	struct accounts *accounts;
	struct journals *journals;
	struct drain drain;
	bool drains; /* it is open */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t some;
	bool hurry, closed;	  /* under lock: do not linger; end */
	struct store_find *finds; /* under lock */
	atomic_bool ill;
	store_keys_fn *on_keys;
	void *arg;
	uint64_t learnt_ms;	   /* up to here it was written */
	uint64_t saved_ms;	   /* when that was tried */
	struct store_job *jobs;	   /* under lock; the newest first */
	struct lease_ask *asks;	   /* likewise */
	uint64_t noticed_ms;	   /* when thresholds were looked at */
	uint64_t seen_ms, kept_ms; /* when it was said, and done */
	uint64_t again_ms;	   /* rows are not tried before */
	bool stale;		   /* the keys are to be read */
	bool lends;		   /* budgets are leased */
	uint64_t max_bytes, segment_bytes;
	atomic_bool notices;
	struct sealer sealer; /* under lock */
	atomic_bool sealed_anew;
};

/* --- the folder --- */

const char *
store_folder(const char *configured, char to[4096])
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	const char *systemd = getenv("STATE_DIRECTORY");

	if (configured != NULL && configured[0] != '\0')
		(void)snprintf(to, 4096, "%s", configured);
	else if (systemd != NULL && systemd[0] == '/')
		(void)snprintf(to, 4096, "%.*s", (int)strcspn(systemd, ":"), systemd);
	else if (xdg != NULL && xdg[0] == '/')
		(void)snprintf(to, 4096, "%s/weir", xdg);
	else if (home != NULL && home[0] == '/')
		(void)snprintf(to, 4096, "%s/.local/share/weir", home);
	else
		(void)snprintf(to, 4096, "/var/lib/weir");
	return to;
}

enum err
store_make_folder(const char *path, struct note *note)
{
	char part[4096];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		note_set(note, "the data folder's name is empty or too long");
		return ERR_IO;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST) {
			note_set(note,
			    "cannot make the folder %s: %s; `data` or WEIR_DATA can name "
			    "another one",
			    part, strerror(errno));
			return ERR_IO;
		}
	}
	return ERR_OK;
}

enum err
store_has_file(const char *folder, struct note *note)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/" DB_NAME, folder);
	if (access(path, F_OK) == 0)
		return ERR_OK;
	note_set(note, "there is no %s: %s", path, strerror(errno));
	return ERR_IO;
}

/* Whose process it is that has the lock. */
static enum err
say_taken(const char *folder, int fd, struct note *note)
{
	char pid[24] = "";
	ssize_t n = read(fd, pid, sizeof(pid) - 1);

	pid[n < 0 ? 0 : n] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	note_set(note,
	    "another weir%s%s uses the data folder %s; stop it, or give this one "
	    "a folder of its own (WEIR_DATA)",
	    pid[0] == '\0' ? "" : " with pid ", pid, folder);
	return ERR_IO;
}

enum err
store_lock(const char *folder, int *ret_fd, struct note *note)
{
	char path[4200], pid[24];
	enum err e = ERR_OK;
	int fd, n;

	(void)snprintf(path, sizeof(path), "%s/lock", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		note_set(note, "cannot open %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		note_set(note, "cannot lock %s: %s", path, strerror(errno));
		e = errno == EWOULDBLOCK ? say_taken(folder, fd, note) : ERR_IO;
	}
	if (e != ERR_OK) {
		(void)close(fd);
		return e;
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)!write(fd, pid, (size_t)n);
	*ret_fd = fd;
	return ERR_OK;
}

/* --- opening and closing --- */

static void
close_store(struct store *s)
{
	journals_close(s->journals);
	if (s->drains)
		drain_close(&s->drain);
	ledger_close(&s->ledger);
	accounts_free(s->accounts);
	db_close(s->db);
	if (s->lock_file >= 0)
		(void)close(s->lock_file);
	(void)pthread_cond_destroy(&s->some);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->folder);
	free(s);
}

static void
make_lock(struct store *s)
{
	(void)pthread_cond_init(&s->some, NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
}

/* What the last run left goes to the ledger before anything new does. */
static enum err
open_journals(struct store *s, const struct journal_limits *limits, struct note *note)
{
	struct drain_found found;
	char path[4200];
	enum err e;

	(void)snprintf(path, sizeof(path), "%s/" JOURNAL_FOLDER, s->folder);
	e = drain_open(&s->drain, &s->ledger, note);
	if (e != ERR_OK)
		return e;
	s->drains = true;
	e = drain_recover(&s->drain, path, &found, note);
	if (e == ERR_OK && found.rows + found.interrupted > 0)
		log_event(LOG_WARN,
		    "the last run did not end in order: %llu rows of the ledger came "
		    "from its journal, and %llu requests were settled as interrupted",
		    (unsigned long long)found.rows,
		    (unsigned long long)found.interrupted);
	if (e == ERR_OK)
		e = journals_open(path, limits, found.sequence, &s->journals, note);
	s->drain.set = s->journals;
	return e;
}

static enum err
open_database(struct store *s, const struct db_place *place, struct note *note)
{
	struct note why;
	int64_t id;
	enum err e = instance_read(s->folder, &id, note);

	if (e == ERR_OK)
		e = db_open(place, &s->db, note);
	if (e == ERR_OK)
		e = ledger_open(&s->ledger, s->db, note);
	if (e == ERR_OK)
		e = instance_enter(s->db, id, clock_unix_ms(), note);
	if (e != ERR_OK)
		return e;
	ledger_set_instance(&s->ledger, id);
	if (db_keep(s->db, clock_unix_ms(), &why) != ERR_OK)
		log_event(LOG_WARN, "%s: %s", db_name(s->db), why.text);
	s->kept_ms = s->seen_ms = clock_mono_ms();
	return ERR_OK;
}

enum err
store_open(const struct db_place *place, const struct journal_limits *limits,
    struct store **ret_store, struct note *note)
{
	const char *folder = place->folder;
	struct store *s = calloc(1, sizeof(*s));
	enum err e;

	note_set(note, "out of memory");
	if (s == NULL)
		return ERR_NOMEM;
	s->lock_file = -1;
	s->folder = slice_dup(slice_str(folder));
	if (s->folder == NULL) {
		free(s);
		return ERR_NOMEM;
	}
	make_lock(s);
	s->max_bytes = limits->max_bytes;
	s->segment_bytes = limits->segment_bytes;
	e = store_make_folder(folder, note);
	if (e == ERR_OK)
		e = store_lock(s->folder, &s->lock_file, note);
	if (e == ERR_OK)
		e = open_database(s, place, note);
	if (e == ERR_OK)
		e = open_journals(s, limits, note);
	if (e != ERR_OK) {
		close_store(s);
		return e;
	}
	*ret_store = s;
	return ERR_OK;
}

enum err
store_journal(struct store *s, struct journal **ret_journal)
{
	return journals_add(s->journals, ret_journal);
}

uint64_t
store_journal_bytes(struct store *s)
{
	return journals_bytes(s->journals);
}

bool
store_is_well(const struct store *s)
{
	return !atomic_load(&s->ill);
}

bool
store_has_room(const struct store *s)
{
	return journals_bytes(s->journals) + s->segment_bytes <= s->max_bytes;
}

/* --- the thread --- */

static bool
is_closed(struct store *s)
{
	bool closed;

	(void)pthread_mutex_lock(&s->lock);
	closed = s->closed;
	(void)pthread_mutex_unlock(&s->lock);
	return closed;
}

static void
went_away(struct store *s, const struct note *why)
{
	s->again_ms = clock_mono_ms() + AGAIN_MS;
	if (!atomic_exchange(&s->ill, true))
		log_event(LOG_ERROR,
		    "the ledger in %s cannot be written: %s; trying again, and keeping "
		    "the rows in the journal",
		    db_name(s->db), why->text);
}

/* Is it there again? */
static bool
came_back(struct store *s, struct note *note)
{
	enum err e = db_begin(s->db, DB_ROWS, note);

	return db_end(s->db, e, note) == ERR_OK;
}

/* Empties the journal, as far as the database takes it. */
static void
write_rows(struct store *s)
{
	bool ill = atomic_load(&s->ill);
	struct note note;

	if (clock_mono_ms() < s->again_ms)
		return;
	if ((ill && !came_back(s, &note)) || drain_all(&s->drain, &note) != ERR_OK) {
		went_away(s, &note);
		return;
	}
	if (ill)
		log_event(LOG_WARN, "the ledger in %s is written again", db_name(s->db));
	atomic_store(&s->ill, false);
}

static struct store_find *
take_finds(struct store *s)
{
	struct store_find *f;

	(void)pthread_mutex_lock(&s->lock);
	f = s->finds;
	s->finds = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return f;
}

static void
answer_finds(struct store *s)
{
	struct store_find *f = take_finds(s);

	/* What was settled before it was asked for may have come after the last look. */
	if (f != NULL) {
		s->again_ms = 0;
		write_rows(s);
	}
	while (f != NULL) {
		struct store_find *next = f->next;

		f->result =
		    ledger_find(&s->ledger, f->id, f->key_id, f->any_key, &f->json);
		/* It may be in the journal. */
		if (f->result == ERR_NOT_FOUND && atomic_load(&s->ill))
			f->result = ERR_IO;
		loop_post(f->loop, &f->mail);
		f = next;
	}
}

static struct accounts_source
source_of(struct store *s)
{
	return (struct accounts_source){
	    .db = s->db, .instance = s->lends ? s->ledger.instance : 0};
}

static enum err
read_keys(struct store *s, struct key_set **ret, struct note *note)
{
	struct accounts_source from = source_of(s);
	struct sealer sealer;
	struct key_set *keys = NULL;
	enum err e;

	(void)pthread_mutex_lock(&s->lock);
	sealer = s->sealer;
	atomic_store(&s->sealed_anew, false);
	(void)pthread_mutex_unlock(&s->lock);
	from.sealer = &sealer;
	/* One state of all: no key comes without its limits, no correction in between. */
	e = db_begin(s->db, DB_READ, note);
	if (e == ERR_OK)
		e = accounts_load(
		    &from, clock_unix_ms(), s->accounts, &s->accounts, note);
	secret_wipe(&sealer, sizeof(sealer));
	if (e == ERR_OK)
		e = keydb_load_accounts(s->db, s->accounts, &keys, note);
	e = db_end(s->db, e, note);
	if (e == ERR_OK)
		*ret = keys;
	else
		key_set_unref(keys);
	return e;
}

static void
load_keys(struct store *s)
{
	struct key_set *keys;
	struct note note;

	s->stale = false;
	if (read_keys(s, &keys, &note) == ERR_OK) {
		s->on_keys(s->arg, keys);
	} else if (db_fault(s->db) == DB_FAULT_AWAY) {
		s->stale = true;
		went_away(s, &note);
	} else {
		log_event(
		    LOG_ERROR, "cannot read the keys: %s; the old ones stay", note.text);
	}
}

static void
look_for_changes(struct store *s)
{
	bool changed = false;
	struct note note;

	if (atomic_load(&s->ill))
		return;
	if (db_changed(s->db, &changed, &note) != ERR_OK)
		went_away(s, &note);
	if (changed || atomic_load(&s->sealed_anew))
		s->stale = true;
	if (accounts_expire(s->accounts, clock_unix_ms()))
		s->stale = true;
	if (s->stale && !atomic_load(&s->ill))
		load_keys(s);
}

/* Budgets that were set lately are counted exactly. */
static void
recount(struct store *s)
{
	struct accounts_source from = source_of(s);
	struct note note;

	if (atomic_load(&s->ill) || !accounts_mark(s->accounts))
		return;
	write_rows(s);
	if (!atomic_load(&s->ill) &&
	    accounts_recount(s->accounts, &from, &note) != ERR_OK)
		went_away(s, &note);
}

/* --- leases --- */

static void
lend(void *arg, struct lease_ask *a)
{
	struct store *s = arg;

	(void)pthread_mutex_lock(&s->lock);
	a->next = s->asks;
	s->asks = a;
	s->hurry = true;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
}

struct lender
store_lender(struct store *s)
{
	s->lends = true;
	return (struct lender){lend, s};
}

static void
answer_asks(struct store *s)
{
	struct accounts_source from = source_of(s);
	struct lease_ask *a;
	struct note note;

	(void)pthread_mutex_lock(&s->lock);
	a = s->asks;
	s->asks = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	while (a != NULL) {
		struct lease_ask *next = a->next;

		for (unsigned i = 0; i < a->naccounts && !atomic_load(&s->ill); i++)
			if (accounts_lease(s->accounts, &from, a->accounts[i], &a->need,
				&note) != ERR_OK)
				went_away(s, &note);
		lender_answer(a);
		a = next;
	}
}

static void
look_after_leases(struct store *s)
{
	struct accounts_source from = source_of(s);
	struct note note;

	if (s->lends && !atomic_load(&s->ill) &&
	    accounts_look(s->accounts, &from, &note) != ERR_OK)
		went_away(s, &note);
}

/* The jobs in the order in which they were asked for. */
static struct store_job *
take_jobs(struct store *s)
{
	struct store_job *first = NULL, *j;

	(void)pthread_mutex_lock(&s->lock);
	j = s->jobs;
	s->jobs = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	while (j != NULL) {
		struct store_job *next = j->next;

		j->next = first;
		first = j;
		j = next;
	}
	return first;
}

static void
do_jobs(struct store *s)
{
	struct store_job *j = take_jobs(s);

	while (j != NULL) {
		struct store_job *next = j->next;

		j->work(j, s->db);
		/* The letters with the new keys go out before the answer. */
		if (j->changes)
			load_keys(s);
		loop_post(j->loop, &j->mail);
		j = next;
	}
}

static void
save_learnt(struct store *s)
{
	struct note note;

	if (atomic_load(&s->ill) || clock_mono_ms() < s->saved_ms + LEARNT_MS)
		return;
	s->saved_ms = clock_mono_ms();
	/* No more than a hint is late if it fails; the rows' errors are told. */
	(void)!learnt_save(s->db, &s->learnt_ms, &note);
}

/* Lets rows gather for a while: a few commits a second, not one a row. */
static void
linger(struct store *s)
{
	uint64_t until = clock_mono_ms() + LINGER_MS;
	struct timespec at = {
	    .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000};
	int why = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (why == 0 && !s->hurry && !s->closed)
		why = pthread_cond_clockwait(&s->some, &s->lock, CLOCK_MONOTONIC, &at);
	s->hurry = false;
	(void)pthread_mutex_unlock(&s->lock);
}

static void
note_thresholds(struct store *s)
{
	struct accounts_source from = source_of(s);
	struct note note;

	if (!atomic_load(&s->notices) || atomic_load(&s->ill) ||
	    clock_mono_ms() < s->noticed_ms + NOTICE_MS)
		return;
	s->noticed_ms = clock_mono_ms();
	if (accounts_notice(s->accounts, &from, clock_unix_ms(), &note) != ERR_OK)
		log_event(LOG_ERROR,
		    "a budget's threshold cannot be noted: %s; trying "
		    "again",
		    note.text);
}

void
store_notice(struct store *s, bool on)
{
	atomic_store(&s->notices, on);
}

void
store_secret(struct store *s, struct slice text)
{
	struct sealer sealer;

	sealer_init(&sealer, text);
	(void)pthread_mutex_lock(&s->lock);
	s->sealer = sealer;
	atomic_store(&s->sealed_anew, true);
	(void)pthread_mutex_unlock(&s->lock);
	secret_wipe(&sealer, sizeof(sealer));
}

/* What is to be done from time to time. */
static void
keep_in_order(struct store *s)
{
	uint64_t now = clock_mono_ms();
	struct note note;

	if (atomic_load(&s->ill))
		return;
	/* No more than a sign of life: the next one is soon. */
	if (now >= s->seen_ms + SEEN_MS) {
		s->seen_ms = now;
		if (instance_seen(s->db, s->ledger.instance, clock_unix_ms(), &note) ==
		    ERR_CONFLICT)
			log_event(LOG_ERROR, "%s", note.text);
	}
	if (now < s->kept_ms + KEEP_MS)
		return;
	s->kept_ms = now;
	if (db_keep(s->db, clock_unix_ms(), &note) != ERR_OK)
		log_event(LOG_WARN, "%s: %s", db_name(s->db), note.text);
}

static void *
run(void *arg)
{
	struct store *s = arg;

	while (!is_closed(s)) {
		linger(s);
		answer_asks(s);
		look_after_leases(s);
		write_rows(s);
		answer_finds(s);
		do_jobs(s);
		look_for_changes(s);
		recount(s);
		save_learnt(s);
		note_thresholds(s);
		keep_in_order(s);
	}
	/* What came after the last look. */
	s->again_ms = 0;
	write_rows(s);
	if (atomic_load(&s->ill))
		log_event(LOG_ERROR,
		    "rows stay in the journal, and go to the ledger when weir is "
		    "started again");
	answer_asks(s);
	answer_finds(s);
	do_jobs(s);
	return NULL;
}

enum err
store_start(struct store *s, store_keys_fn *on_keys, void *arg, struct note *note)
{
	struct key_set *keys;
	bool changed;
	enum err e;

	s->on_keys = on_keys;
	s->arg = arg;
	e = db_changed(s->db, &changed, note);
	if (e == ERR_OK)
		e = learnt_load(s->db, note);
	if (e == ERR_OK)
		e = read_keys(s, &keys, note);
	if (e != ERR_OK)
		return e;
	s->learnt_ms = clock_mono_ms();
	on_keys(arg, keys);
	note_set(note, "cannot start a thread");
	if (journals_start(s->journals) != ERR_OK)
		return ERR_NOMEM;
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		return ERR_NOMEM;
	s->running = true;
	return ERR_OK;
}

void
store_stop(struct store *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->closed = true;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->running)
		(void)pthread_join(s->thread, NULL);
	close_store(s);
}

static void
on_found(void *arg)
{
	struct store_find *f = arg;

	f->fn(f);
}

void
store_find(struct store *s, struct store_find *f)
{
	f->mail.fn = on_found;
	f->mail.arg = f;
	buf_init(&f->json, ROW_MAX);
	(void)pthread_mutex_lock(&s->lock);
	f->next = s->finds;
	s->finds = f;
	s->hurry = true;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
on_done(void *arg)
{
	struct store_job *j = arg;

	j->fn(j);
}

void
store_do(struct store *s, struct store_job *j)
{
	j->mail.fn = on_done;
	j->mail.arg = j;
	(void)pthread_mutex_lock(&s->lock);
	j->next = s->jobs;
	s->jobs = j;
	s->hurry = true;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
}
