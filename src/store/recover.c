/*
 * What an earlier run left in its journal. All segments are read twice at most: what
 * is noted in the database says which rows are in the ledger already, the files say
 * which intents are open.
 */
#include "store/drain_parts.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is there. */
struct left {
	struct journal_segment segment; /* map NULL: nothing in it */
	char *path;
};

struct recovery {
	struct drain *d;
	struct left **all;
	size_t count;
	struct db_stmt *noted; /* how far it is drained */
	struct drain_found found;
};

/* --- files --- */

static void
free_left(struct left *l)
{
	if (l->segment.map != NULL)
		(void)munmap(l->segment.map, l->segment.size);
	free(l->path);
	free(l);
}

static enum err
map_it(struct left *l, struct note *note)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC);
	struct stat st = {.st_size = 0};
	void *map = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED && (fd < 0 || st.st_size > 0)) {
		note_set(note, "cannot read %s: %s", l->path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return ERR_IO;
	}
	(void)close(fd);
	l->segment.map = map == MAP_FAILED ? NULL : map;
	l->segment.size = (size_t)st.st_size;
	return ERR_OK;
}

/* Not to be read: kept beside the others, for whoever knows better. */
static void
put_aside(struct left *l, const struct note *why)
{
	char path[4400];

	(void)snprintf(path, sizeof(path), "%s.damaged", l->path);
	(void)rename(l->path, path);
	log_event(LOG_ERROR, "%s: %s; it is kept as %s", l->path, why->text, path);
	(void)munmap(l->segment.map, l->segment.size);
	l->segment.map = NULL;
}

static enum err
read_head(struct left *l, struct note *note)
{
	struct journal_segment *s = &l->segment;
	struct segment_head head = {.size = 0};
	enum err e = segment_head_read(slice_of(s->map, s->size), &head, note);
	struct note why = *note;

	if (e == ERR_SYNTAX && strstr(why.text, "version") != NULL) {
		note_set(note, "%s: %s", l->path, why.text);
		return ERR_IO;
	}
	if (e == ERR_SYNTAX) {
		put_aside(l, &why);
	} else if (e == ERR_EOF && s->map != NULL) {
		(void)munmap(s->map, s->size);
		s->map = NULL;
	}
	s->sequence = head.sequence;
	s->tag = head.tag;
	s->loop = head.loop;
	return ERR_OK;
}

static enum err
on_file(void *arg, const char *path, struct note *note)
{
	struct recovery *r = arg;
	struct left **all = realloc(r->all, (r->count + 1) * sizeof(struct left *));
	struct left *l = all == NULL ? NULL : calloc(1, sizeof(*l));
	enum err e;

	if (all != NULL)
		r->all = all;
	if (l != NULL)
		l->path = slice_dup(slice_str(path));
	if (l == NULL || l->path == NULL) {
		free(l);
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	r->all[r->count++] = l;
	e = map_it(l, note);
	if (e == ERR_OK)
		e = read_head(l, note);
	if (l->segment.sequence >= r->found.sequence)
		r->found.sequence = l->segment.sequence + 1;
	return e;
}

/* --- what is noted in the database --- */

static enum err
noted_for(struct recovery *r, const struct journal_segment *s, int64_t *ret_drained,
    struct note *note)
{
	enum err e = ERR_OK;
	enum db_step step;

	db_bind_i64(r->noted, 1, (int64_t)s->sequence);
	db_bind_i64(r->noted, 3, r->d->ledger->instance);
	db_bind_i64(r->noted, 2, (int64_t)s->tag);
	step = db_step(r->noted);
	*ret_drained = SEGMENT_HEAD;
	if (step == DB_ROW)
		*ret_drained = db_i64(r->noted, 0);
	else
		e = db_done(r->d->ledger->db, step, note);
	db_reset(r->noted);
	return e;
}

/* The numbers given, and the intents that are kept in the store. */
static enum err
read_store(struct recovery *r, struct note *note)
{
	struct db *db = r->d->ledger->db;
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT 0, coalesce(max(sequence), 0), 0 FROM journal WHERE instance = ?1"
	    " UNION ALL SELECT 1, id, tag FROM intent WHERE instance = ?1",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, r->d->ledger->instance);
	while (e == ERR_OK && (step = db_step(s)) == DB_ROW) {
		uint64_t number = (uint64_t)db_i64(s, 1);

		if (db_i64(s, 0) == 0) {
			r->found.sequence = number + 1;
			continue;
		}
		e = opens_reserve(&r->d->opens, 1);
		if (e == ERR_OK)
			(void)opens_put(&r->d->opens,
			    (struct open_intent){
				.id = {number, (uint64_t)db_i64(s, 2)}, .kept = true});
	}
	if (e == ERR_OK)
		e = db_done(db, step, note);
	else
		note_set(note, "out of memory");
	db_finish(s);
	return e;
}

/* --- one segment --- */

/* Where its records end, by their checksums; counts its intents. */
static size_t
find_end(const struct left *l, size_t *ret_intents)
{
	const struct journal_segment *s = &l->segment;
	struct segment_reader reader;
	struct segment_record record;

	segment_read(&reader, slice_of(s->map, s->size), s->tag, 0);
	*ret_intents = 0;
	while (segment_next(&reader, &record))
		*ret_intents += record.type == SEGMENT_INTENT;
	if (reader.torn)
		log_event(LOG_WARN,
		    "%s: from byte %zu on it was not written to its end; that is not "
		    "read",
		    l->path, reader.at);
	return reader.at;
}

static enum err
take_segment(struct recovery *r, struct left *l, struct note *note)
{
	struct journal_segment *s = &l->segment;
	size_t intents, end = find_end(l, &intents);
	int64_t drained = -1;
	enum err e = drain_reserve(r->d, intents, note);

	if (e == ERR_OK)
		e = ledger_begin(r->d->ledger, note);
	if (e == ERR_OK)
		e = noted_for(r, s, &drained, note);
	if (e == ERR_OK && drained >= 0 && (size_t)drained < end) {
		e = drain_rows(r->d, s, (size_t)drained, end, &r->found.rows, note);
		if (e == ERR_OK)
			e = drain_note(r->d, s, (int64_t)end, note);
	}
	e = ledger_end(r->d->ledger, e, note);
	if (e == ERR_OK && drained >= 0)
		drain_intents(r->d, s, SEGMENT_HEAD, end);
	s->drained = end;
	return e;
}

/* --- what is still open then --- */

static enum err
interrupt(struct recovery *r, struct slice record, struct note *note)
{
	struct meter_intent intent;
	struct meter_row row;

	if (!meter_intent_read(record, &intent))
		return ERR_OK;
	row = meter_interrupted(&intent, &r->d->text);
	r->found.interrupted++;
	return ledger_insert(r->d->ledger, &row, note);
}

static enum err
interrupt_kept(struct recovery *r, struct note *note)
{
	struct db *db = r->d->ledger->db;
	struct db_stmt *s;
	enum db_step step = DB_DONE;
	enum err e = db_prepare(
	    db, "SELECT id, tag, record FROM intent WHERE instance = ?", &s, note);

	if (e == ERR_OK)
		db_bind_i64(s, 1, r->d->ledger->instance);
	while (e == ERR_OK && (step = db_step(s)) == DB_ROW) {
		const struct open_intent *o = opens_find(&r->d->opens,
		    (struct request_id){(uint64_t)db_i64(s, 0), (uint64_t)db_i64(s, 1)});

		if (o != NULL && o->segment == NULL)
			e = interrupt(r, db_blob(s, 2), note);
	}
	if (e == ERR_OK)
		e = db_done(db, step, note);
	db_finish(s);
	return e;
}

/* What the database keeps for this server. */
static enum err
forget_all(struct recovery *r, const char *sql, struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(r->d->ledger->db, sql, &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, r->d->ledger->instance);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

static enum err
interrupt_all(struct recovery *r, struct note *note)
{
	const struct opens *o = &r->d->opens;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < o->cap; i++) {
		struct slice record;

		if (o->slots[i].id.rowid != 0 && o->slots[i].segment != NULL &&
		    drain_record_at(o->slots[i].segment, o->slots[i].at, &record))
			e = interrupt(r, record, note);
	}
	if (e == ERR_OK)
		e = interrupt_kept(r, note);
	if (e == ERR_OK)
		e = forget_all(r, "DELETE FROM intent WHERE instance = ?", note);
	/* From here on nothing is read of them, if they can't be removed at once. */
	for (size_t i = 0; e == ERR_OK && i < r->count; i++)
		if (r->all[i]->segment.map != NULL)
			e = drain_note(r->d, &r->all[i]->segment, -1, note);
	return e;
}

static enum err
finish(struct recovery *r, struct note *note)
{
	enum err e = ledger_begin(r->d->ledger, note);

	if (e == ERR_OK)
		e = interrupt_all(r, note);
	e = ledger_end(r->d->ledger, e, note);
	for (size_t i = 0; e == ERR_OK && i < r->count; i++)
		(void)unlink(r->all[i]->path);
	return e == ERR_OK ? forget_all(r, "DELETE FROM journal WHERE instance = ?", note)
			   : e;
}

enum err
drain_recover(
    struct drain *d, const char *folder, struct drain_found *ret_found, struct note *note)
{
	struct recovery r = {.d = d, .found = {.sequence = 1}};
	enum err e = db_prepare(d->ledger->db,
	    "SELECT drained FROM journal WHERE sequence = ? AND tag = ? AND instance = ?",
	    &r.noted, note);

	if (e == ERR_OK)
		e = read_store(&r, note);
	if (e == ERR_OK)
		e = journals_each(folder, on_file, &r, note);
	for (size_t i = 0; e == ERR_OK && i < r.count; i++)
		if (r.all[i]->segment.map != NULL)
			e = take_segment(&r, r.all[i], note);
	if (e == ERR_OK && (r.count > 0 || d->opens.count > 0))
		e = finish(&r, note);
	if (e == ERR_OK)
		*ret_found = r.found;
	db_finish(r.noted);
	opens_free(&d->opens);
	for (size_t i = 0; i < r.count; i++)
		free_left(r.all[i]);
	free(r.all);
	return e;
}
