#include "store/journal.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROW_USUAL      768  /* bytes that a row takes, mostly no more */
#define SPARES	       256  /* segments that wait, at most; a power of two */
#define AGAIN_MS       100  /* after the disk refused a segment */
#define IDLE_MS	       1000 /* the keeper looks around, though nobody called */
#define SUFFIX	       ".journal"
#define PATH_MAX_BYTES 4300

/* Room of a segment that the records in it may fail to use: the last one may have to
 * go to the next. */
#define UNSURE (SEGMENT_HEAD + SEGMENT_RECORD_MAX)

struct journal {
	/* The loop thread's. */
	struct journal_segment *now;
	size_t at, promised;
	bool called; /* the keeper, for more */
	struct journals *set;
	unsigned loop;
	/* Between the two: a ring. */
	_Atomic(struct journal_segment *) spare[SPARES];
	atomic_uint taken, given; /* taken by the loop thread, given by the keeper */
	atomic_size_t wanted;	  /* bytes promised */
	/* Set once by the loop thread, then the store's. */
	_Atomic(struct journal_segment *) first;
};

struct journals {
	char *folder; /* NULL: in memory */
	struct journal_limits limits;
	struct journal *all[JOURNAL_LOOPS_MAX];
	unsigned count;
	pthread_mutex_t making; /* segments; before `lock` */
	uint64_t sequence;	/* of the next one */
	atomic_uint_fast64_t bytes;
	pthread_mutex_t lock; /* of the list; never held while something slow is done */
	struct link segments;
	sem_t wake; /* the keeper's */
	pthread_t keeper;
	bool running, unsynced;
	atomic_bool refused; /* the last one that was to be made */
	uint64_t synced_ms;
	atomic_bool stopping;
};

/* --- segments --- */

static void
path_of(const struct journals *set, unsigned loop, uint64_t sequence, char *to)
{
	(void)snprintf(to, PATH_MAX_BYTES, "%s/%016llx-%02u" SUFFIX, set->folder,
	    (unsigned long long)sequence, loop);
}

/* Faults in all of it, so that no loop thread waits for that. It may be written to
 * meanwhile. */
static void
fault_in(char *map, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	if (madvise(map, size, MADV_POPULATE_WRITE) == 0 || errno != EINVAL)
		return; /* what is not there now is when it is written to */
#endif
	/* A kernel before 5.14. */
	for (size_t at = 0; at < size; at += 4096)
		(void)__atomic_fetch_or(map + at, 0, __ATOMIC_RELAXED);
}

/* Puts zeros into the kernel's cache: by a fault of each page ext4 took four times as
 * long for the same (5.3 ms a segment of 4 MiB, and 1.4 ms so). */
static int
write_zeros(int fd, size_t size)
{
	static const char zeros[64u << 10];

	for (size_t at = 0; at < size;) {
		size_t n = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
		ssize_t wrote = pwrite(fd, zeros, n, (off_t)at);

		if (wrote < 0)
			return errno;
		at += (size_t)wrote;
	}
	return 0;
}

/* Maps a new file. The disk's refusal is an errno. */
static int
map_file(const char *path, size_t size, char **ret_map)
{
	int why, fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char *map;

	if (fd < 0)
		return errno;
	/* All of its blocks now: a store into the map must not find the disk full. */
	why = posix_fallocate(fd, 0, (off_t)size);
	if (why == 0)
		why = write_zeros(fd, size);
	map = why != 0 ? MAP_FAILED
		       : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (why == 0 && map == MAP_FAILED)
		why = errno;
	if (why != 0)
		(void)unlink(path);
	(void)close(fd);
	if (why == 0)
		*ret_map = map;
	return why;
}

static int
map_memory(size_t size, char **ret_map)
{
	char *map =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return errno;
	*ret_map = map;
	return 0;
}

static struct journal_segment *
make_segment(struct journals *set, unsigned loop, int *ret_why)
{
	struct journal_segment *s = calloc(1, sizeof(*s));
	struct segment_head head = {.loop = loop,
	    .sequence = set->sequence,
	    .created_ms = clock_unix_ms(),
	    .size = set->limits.segment_bytes};
	char path[PATH_MAX_BYTES] = "";

	*ret_why = ENOMEM;
	if (s == NULL)
		return NULL;
	if (set->folder == NULL) {
		*ret_why = map_memory(head.size, &s->map);
	} else {
		path_of(set, loop, head.sequence, path);
		*ret_why = map_file(path, head.size, &s->map);
	}
	if (*ret_why != 0) {
		free(s);
		return NULL;
	}
	set->sequence++;
	random_bytes(&head.tag, sizeof(head.tag));
	segment_head_write(&head, s->map);
	s->size = head.size;
	s->sequence = head.sequence;
	s->tag = head.tag;
	s->loop = loop;
	s->drained = SEGMENT_HEAD;
	atomic_init(&s->end, SEGMENT_HEAD);
	return s;
}

static void
free_segment(struct journal_segment *s)
{
	if (s->map != NULL)
		(void)munmap(s->map, s->size);
	free(s);
}

/* --- the keeper --- */

static unsigned
spares_of(struct journal *j)
{
	return atomic_load_explicit(&j->given, memory_order_acquire) -
	       atomic_load_explicit(&j->taken, memory_order_acquire);
}

static void
tell_refused(struct journals *set, const char *why)
{
	if (!atomic_exchange(&set->refused, true))
		log_event(LOG_ERROR,
		    "the journal in %s cannot have a further segment: %s",
		    set->folder == NULL ? "memory" : set->folder, why);
}

/* A segment ahead of need. False when there is no room for it. Under `making`. */
static bool
give_spare(struct journals *set, struct journal *j)
{
	unsigned given = atomic_load_explicit(&j->given, memory_order_relaxed);
	struct journal_segment *s;
	int why;

	if (atomic_load(&set->bytes) + set->limits.segment_bytes >
	    set->limits.max_bytes) {
		tell_refused(set, "journal.max_bytes is reached");
		return false;
	}
	s = make_segment(set, j->loop, &why);
	if (s == NULL) {
		tell_refused(set, strerror(why));
		return false;
	}
	atomic_fetch_add(&set->bytes, s->size);
	(void)pthread_mutex_lock(&set->lock);
	list_push_back(&set->segments, &s->link);
	(void)pthread_mutex_unlock(&set->lock);
	atomic_store_explicit(&j->spare[given % SPARES], s, memory_order_relaxed);
	atomic_store_explicit(&j->given, given + 1, memory_order_release);
	return true;
}

/* How many are to wait: what is promised fits into them, and half of one more, so that
 * there is time to make the next. */
static unsigned
wanted_spares(const struct journals *set, size_t promised)
{
	size_t room = set->limits.segment_bytes - UNSURE;
	size_t n = 1 + (promised + room / 2) / room;

	return n < SPARES ? (unsigned)n : SPARES;
}

/* One for each journal in turn, until all have what they want. */
static void
extend(struct journals *set)
{
	bool more = true, all = true;

	while (more && all) {
		more = false;
		for (unsigned i = 0; all && i < set->count; i++) {
			struct journal *j = set->all[i];
			size_t promised = atomic_load(&j->wanted);

			if (spares_of(j) >= wanted_spares(set, promised))
				continue;
			/* A loop that needs one may come in between. */
			(void)pthread_mutex_lock(&set->making);
			all = give_spare(set, j);
			(void)pthread_mutex_unlock(&set->making);
			more = true;
		}
	}
	if (all && atomic_exchange(&set->refused, false))
		log_event(LOG_WARN, "the journal can have further segments again");
}

/* Of those that wait only the next is faulted in: many may wait for promises that few
 * need. */
static void
warm(struct journal *j)
{
	unsigned taken = atomic_load_explicit(&j->taken, memory_order_acquire);
	struct journal_segment *s;

	if (spares_of(j) == 0)
		return;
	s = atomic_load_explicit(&j->spare[taken % SPARES], memory_order_relaxed);
	if (!s->warm)
		fault_in(s->map, s->size);
	s->warm = true;
}

/* The next one of the list for which the condition holds, or NULL. Only the keeper
 * unmaps, so it stays as it is until then. */
static struct journal_segment *
next_of(struct journals *set,
    bool (*fits)(const struct journals *set, const struct journal_segment *s))
{
	struct journal_segment *found = NULL;

	(void)pthread_mutex_lock(&set->lock);
	LIST_FOR_EACH (link, &set->segments) {
		struct journal_segment *s =
		    CONTAINER_OF(link, struct journal_segment, link);

		if (fits(set, s)) {
			found = s;
			break;
		}
	}
	(void)pthread_mutex_unlock(&set->lock);
	return found;
}

static bool
is_done(const struct journals *set, const struct journal_segment *s)
{
	(void)set;
	return atomic_load(&s->state) == JOURNAL_DONE;
}

static void
remove_segment(struct journals *set, struct journal_segment *s)
{
	char path[PATH_MAX_BYTES];

	if (set->folder != NULL) {
		path_of(set, s->loop, s->sequence, path);
		(void)unlink(path);
	}
	(void)munmap(s->map, s->size);
	s->map = NULL;
	atomic_fetch_sub(&set->bytes, s->size);
	atomic_store(&s->state, JOURNAL_GONE);
}

/* At the end: nothing in it is wanted by the next start. */
static bool
is_empty(const struct journals *set, const struct journal_segment *s)
{
	(void)set;
	return s->map != NULL && s->open == 0 && s->drained == atomic_load(&s->end);
}

static bool
is_unsynced(const struct journals *set, const struct journal_segment *s)
{
	(void)set;
	return atomic_load(&s->state) == JOURNAL_LIVE && s->synced < atomic_load(&s->end);
}

/* For power cuts: a kill of the process loses nothing anyhow. */
static void
sync_all(struct journals *set)
{
	struct journal_segment *s;
	bool failed = false;

	while (!failed && (s = next_of(set, is_unsynced)) != NULL) {
		size_t from = s->synced & ~(size_t)4095, end = atomic_load(&s->end);

		failed = msync(s->map + from, end - from, MS_SYNC) != 0;
		if (!failed)
			s->synced = end;
	}
	if (failed != set->unsynced)
		log_event(failed ? LOG_ERROR : LOG_WARN,
		    failed ? "the journal in %s cannot be synced: %s; a power cut could "
			     "lose its last rows, a crash of weir not"
			   : "the journal in %s is synced again%s",
		    set->folder, failed ? strerror(errno) : "");
	set->unsynced = failed;
	set->synced_ms = clock_mono_ms();
}

void
journals_keep(struct journals *set)
{
	struct journal_segment *s;

	while ((s = next_of(set, is_done)) != NULL)
		remove_segment(set, s);
	extend(set);
	for (unsigned i = 0; i < set->count; i++)
		warm(set->all[i]);
	if (set->folder != NULL && set->limits.sync_ms > 0 &&
	    clock_mono_ms() >= set->synced_ms + set->limits.sync_ms)
		sync_all(set);
}

static void
wait_for_call(struct journals *set)
{
	uint64_t ms = atomic_load(&set->refused) ? AGAIN_MS : IDLE_MS;
	struct timespec until;

	if (set->limits.sync_ms > 0 && set->limits.sync_ms < ms)
		ms = set->limits.sync_ms;
	ms += clock_mono_ms();
	until.tv_sec = (time_t)(ms / 1000);
	until.tv_nsec = (long)(ms % 1000) * 1000000;
	(void)sem_clockwait(&set->wake, CLOCK_MONOTONIC, &until);
	while (sem_trywait(&set->wake) == 0)
		; /* one look is enough for all calls */
}

static void *
keep(void *arg)
{
	struct journals *set = arg;

	while (!atomic_load(&set->stopping)) {
		journals_keep(set);
		wait_for_call(set);
	}
	return NULL;
}

/* --- opening and closing --- */

enum err
journals_open(const char *folder, const struct journal_limits *limits, uint64_t sequence,
    struct journals **ret_set, struct note *note)
{
	struct journals *set = calloc(1, sizeof(*set));

	note_set(note, "out of memory");
	if (set == NULL)
		return ERR_NOMEM;
	set->folder = folder == NULL ? NULL : slice_dup(slice_str(folder));
	if (folder != NULL && set->folder == NULL) {
		free(set);
		return ERR_NOMEM;
	}
	set->limits = *limits;
	set->limits.segment_bytes &= ~(uint64_t)4095;
	assert(set->limits.segment_bytes >= SEGMENT_LEAST);
	set->sequence = sequence;
	list_init(&set->segments);
	(void)pthread_mutex_init(&set->lock, NULL);
	(void)pthread_mutex_init(&set->making, NULL);
	(void)sem_init(&set->wake, 0, 0);
	if (folder != NULL && mkdir(folder, 0700) != 0 && errno != EEXIST) {
		note_set(note, "cannot make the folder %s: %s", folder, strerror(errno));
		journals_close(set);
		return ERR_IO;
	}
	*ret_set = set;
	return ERR_OK;
}

void
journals_close(struct journals *set)
{
	struct journal_segment *s;

	if (set == NULL)
		return;
	atomic_store(&set->stopping, true);
	if (set->running) {
		(void)sem_post(&set->wake);
		(void)pthread_join(set->keeper, NULL);
	}
	while ((s = next_of(set, is_empty)) != NULL)
		remove_segment(set, s);
	LIST_FOR_EACH_SAFE (link, &set->segments)
		free_segment(CONTAINER_OF(link, struct journal_segment, link));
	for (unsigned i = 0; i < set->count; i++)
		free(set->all[i]);
	(void)sem_destroy(&set->wake);
	(void)pthread_mutex_destroy(&set->lock);
	(void)pthread_mutex_destroy(&set->making);
	free(set->folder);
	free(set);
}

enum err
journals_add(struct journals *set, struct journal **ret_journal)
{
	struct journal *j = calloc(1, sizeof(*j));

	assert(set->count < JOURNAL_LOOPS_MAX && !set->running);
	if (j == NULL)
		return ERR_NOMEM;
	j->set = set;
	j->loop = set->count;
	set->all[set->count++] = j;
	(void)(give_spare(set, j) && give_spare(set, j));
	*ret_journal = j;
	return ERR_OK;
}

enum err
journals_start(struct journals *set)
{
	set->synced_ms = clock_mono_ms();
	set->running = pthread_create(&set->keeper, NULL, keep, set) == 0;
	return set->running ? ERR_OK : ERR_NOMEM;
}

uint64_t
journals_bytes(struct journals *set)
{
	return atomic_load(&set->bytes);
}

/* --- the loop thread's --- */

/* Wakes the keeper: once a segment, or when promises outgrow what waits. */
static void
call_keeper(struct journal *j)
{
	if (j->set->running)
		(void)sem_post(&j->set->wake);
}

/* Room that records surely find, whatever their sizes. */
static size_t
sure_room(struct journal *j)
{
	size_t rest = j->now == NULL ? 0 : j->now->size - j->at;

	rest = rest > SEGMENT_RECORD_MAX ? rest - SEGMENT_RECORD_MAX : 0;
	return rest + spares_of(j) * (j->set->limits.segment_bytes - UNSURE);
}

static void
set_promised(struct journal *j, size_t promised)
{
	j->promised = promised;
	atomic_store_explicit(&j->wanted, promised, memory_order_relaxed);
}

size_t
journal_promise(size_t text_bytes)
{
	/* Two records with names, and what the reply says in the second; the caller's
	 * texts are in both. */
	return 3072 + 4 * text_bytes;
}

/* The keeper did not keep up with what came at once: not for that is anybody refused. */
static bool
make_room(struct journal *j, size_t bytes)
{
	struct journals *set = j->set;
	bool made = true;

	if (!set->running || atomic_load(&set->refused))
		return false;
	(void)pthread_mutex_lock(&set->making);
	while (made && j->promised + bytes > sure_room(j))
		made = spares_of(j) < SPARES && give_spare(set, j);
	(void)pthread_mutex_unlock(&set->making);
	if (!made)
		call_keeper(j);
	return made;
}

bool
journal_admit(struct journal *j, size_t bytes)
{
	if (j->promised + bytes > sure_room(j) && !make_room(j, bytes))
		return false;
	set_promised(j, j->promised + bytes);
	if (spares_of(j) >= wanted_spares(j->set, j->promised)) {
		j->called = false;
	} else if (!j->called) {
		j->called = true;
		call_keeper(j);
	}
	return true;
}

void
journal_release(struct journal *j, size_t bytes)
{
	assert(bytes <= j->promised);
	set_promised(j, j->promised - bytes);
}

static bool
take_spare(struct journal *j)
{
	unsigned taken = atomic_load_explicit(&j->taken, memory_order_relaxed);
	struct journal_segment *s;

	if (spares_of(j) == 0)
		return false;
	s = atomic_load_explicit(&j->spare[taken % SPARES], memory_order_relaxed);
	atomic_store_explicit(&j->taken, taken + 1, memory_order_release);
	if (j->now == NULL)
		atomic_store_explicit(&j->first, s, memory_order_release);
	else
		atomic_store_explicit(&j->now->next, s, memory_order_release);
	j->now = s;
	j->at = SEGMENT_HEAD;
	call_keeper(j);
	return true;
}

/*
 * Where the payload of a record goes, or NULL when there is no room. `kept` of the
 * promise, or of what there is beside it, is not for this record.
 */
static char *
begin(struct journal *j, size_t payload, size_t *promise, size_t kept)
{
	size_t bytes = segment_record_bytes(payload);
	size_t own = *promise > kept ? *promise - kept : 0;
	size_t more = kept > *promise ? kept - *promise : 0;

	if (bytes > SEGMENT_RECORD_MAX)
		return NULL;
	if (bytes > own && j->promised + (bytes - own) + more > sure_room(j))
		return NULL;
	if ((j->now == NULL || bytes > j->now->size - j->at) && !take_spare(j))
		return NULL;
	own = bytes < own ? bytes : own;
	*promise -= own;
	set_promised(j, j->promised - own);
	return j->now->map + j->at + SEGMENT_RECORD;
}

static void
publish(struct journal *j, enum segment_type type, size_t payload)
{
	struct journal_segment *s = j->now;

	segment_publish(s->map + j->at, s->tag, type, payload);
	j->at += segment_record_bytes(payload);
	atomic_store_explicit(&s->end, j->at, memory_order_release);
}

bool
journal_intent(struct journal *j, const struct meter_intent *intent, size_t *promise)
{
	size_t payload = meter_intent_bytes(intent);
	/* Who was let in without a promise leaves it for the row alike. */
	size_t left = *promise > 0 ? *promise / 2 : ROW_USUAL;
	char *to = begin(j, payload, promise, left);

	if (to == NULL)
		return false;
	meter_intent_write(intent, to);
	publish(j, SEGMENT_INTENT, payload);
	return true;
}

static bool
settle(struct journal *j, const struct meter_row *row, size_t *promise)
{
	size_t payload = meter_row_bytes(row);
	char *to = begin(j, payload, promise, 0);

	if (to == NULL)
		return false;
	meter_row_write(row, to);
	publish(j, SEGMENT_SETTLE, payload);
	return true;
}

bool
journal_settle(struct journal *j, const struct meter_row *row, size_t *promise)
{
	struct meter_row shorter;

	if (settle(j, row, promise))
		return true;
	/* The row is longer than was thought and there is no room beyond: without
	 * what does not matter for the bill it fits. */
	shorter = *row;
	shorter.text[TEXT_ATTEMPTS] = S("[]");
	shorter.text[TEXT_SAID] = shorter.text[TEXT_TIER] = S("");
	return settle(j, &shorter, promise);
}

/* --- the store's thread --- */

unsigned
journals_count(const struct journals *set)
{
	return set->count;
}

struct journal_segment *
journals_first(struct journals *set, unsigned n)
{
	return atomic_load_explicit(&set->all[n]->first, memory_order_acquire);
}

void
journals_drained(struct journals *set, struct journal_segment *s)
{
	assert(atomic_load(&s->next) != NULL);
	atomic_store(&s->state, JOURNAL_DONE);
	(void)sem_post(&set->wake);
}

void
journals_rest(const struct journals *set, struct journal_segment *s)
{
	/* The kernel's cache, or the file, has what a mapping of memory has alone. */
	if (set->folder != NULL && !s->rests)
		(void)madvise(s->map, s->size, MADV_DONTNEED);
	s->rests = true;
}

void
journals_forget(struct journals *set, struct journal_segment *s)
{
	struct journal *j = set->all[s->loop];
	struct journal_segment *next = atomic_load(&s->next),
			       *at = atomic_load(&j->first);

	assert(atomic_load(&s->state) == JOURNAL_GONE && next != NULL);
	if (at == s) {
		atomic_store(&j->first, next);
	} else {
		while (atomic_load(&at->next) != s)
			at = atomic_load(&at->next);
		atomic_store(&at->next, next);
	}
	(void)pthread_mutex_lock(&set->lock);
	list_remove(&s->link);
	(void)pthread_mutex_unlock(&set->lock);
	free_segment(s);
}

/* --- files --- */

static int
is_segment(const struct dirent *entry)
{
	return slice_ends(slice_str(entry->d_name), S(SUFFIX));
}

enum err
journals_each(const char *folder,
    enum err (*fn)(void *arg, const char *path, struct note *note), void *arg,
    struct note *note)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, is_segment, alphasort);
	enum err e = ERR_OK;

	if (n < 0 && errno == ENOENT)
		return ERR_OK;
	if (n < 0) {
		note_set(note, "cannot read the folder %s: %s", folder, strerror(errno));
		return ERR_IO;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX_BYTES];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (e == ERR_OK)
			e = fn(arg, path, note);
		free(names[i]);
	}
	free(names);
	return e;
}
