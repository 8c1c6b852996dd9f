#include "store/instance.h"

#include "core/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGITS	 16
#define CLAIM_MS 30000

static bool
parse(const char *text, int64_t *ret_id)
{
	char *end;
	unsigned long long id = strtoull(text, &end, 16);

	if (end != text + DIGITS || id == 0 || id > INT64_MAX)
		return false;
	*ret_id = (int64_t)id;
	return true;
}

static bool
make(const char *path, int64_t *ret_id)
{
	char text[DIGITS + 2];
	uint64_t id = 0;
	bool good;
	int fd;

	while (id == 0) {
		random_bytes(&id, sizeof(id));
		id &= INT64_MAX;
	}
	(void)snprintf(text, sizeof(text), "%016llx\n", (unsigned long long)id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	/* A number that a power cut takes back would leave its rows to nobody. */
	good = write(fd, text, DIGITS + 1) == DIGITS + 1 && fsync(fd) == 0;
	if (!good)
		(void)unlink(path);
	(void)close(fd);
	*ret_id = (int64_t)id;
	return good;
}

enum err
instance_read(const char *folder, int64_t *ret_id, struct note *note)
{
	char path[4200], text[DIGITS + 2] = "";
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" INSTANCE_FILE, folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make(path, ret_id))
		return ERR_OK;
	n = fd < 0 ? -1 : read(fd, text, DIGITS + 1);
	if (n < 0) {
		note_set(note, "cannot read or make %s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return ERR_IO;
	}
	(void)close(fd);
	if (parse(text, ret_id))
		return ERR_OK;
	note_set(note, "%s does not hold the number of a server; remove it", path);
	return ERR_IO;
}

static enum err
claim(struct db *db, int64_t id, struct note *note)
{
	bool ours = false;
	enum err e = db_claim(db, id, &ours, note);

	if (e != ERR_OK || ours)
		return e;
	note_set(note,
	    "another server in %s says that it is this one (%016llx): is the data folder "
	    "a "
	    "copy? Then remove `" INSTANCE_FILE "` and `journal` from the copy",
	    db_name(db), (unsigned long long)id);
	return ERR_CONFLICT;
}

/* The connection of one that was killed may live on for a moment. */
static enum err
claim_soon(struct db *db, int64_t id, struct note *note)
{
	enum err e = claim(db, id, note);

	for (int waited_ms = 0; e == ERR_CONFLICT && waited_ms < CLAIM_MS;
	     waited_ms += 50) {
		(void)usleep(50000);
		e = claim(db, id, note);
	}
	return e;
}

static enum err
run(struct db *db, const char *sql, int64_t id, struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(db, sql, &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, id);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

enum err
instance_enter(struct db *db, int64_t id, uint64_t unix_ms, struct note *note)
{
	char host[256] = "";
	struct db_stmt *s;
	enum err e = claim_soon(db, id, note);

	if (e != ERR_OK)
		return e;
	e = db_prepare(db,
	    "INSERT INTO instance (id, name, seen_ms) VALUES (?, ?, ?)"
	    " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
	    " seen_ms = excluded.seen_ms",
	    &s, note);

	if (e != ERR_OK)
		return e;
	(void)gethostname(host, sizeof(host) - 1);
	db_bind_i64(s, 1, id);
	db_bind_text(s, 2, slice_str(host));
	db_bind_i64(s, 3, (int64_t)unix_ms);
	e = db_once(s, note);
	db_finish(s);
	if (e == ERR_OK)
		e = run(
		    db, "UPDATE journal SET instance = ? WHERE instance = 0", id, note);
	if (e == ERR_OK)
		e = run(
		    db, "UPDATE intent SET instance = ? WHERE instance = 0", id, note);
	return e;
}

enum err
instance_seen(struct db *db, int64_t id, uint64_t unix_ms, struct note *note)
{
	struct db_stmt *s;
	enum err e = claim(db, id, note);

	if (e == ERR_OK)
		e = db_prepare(
		    db, "UPDATE instance SET seen_ms = ? WHERE id = ?", &s, note);
	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)unix_ms);
	db_bind_i64(s, 2, id);
	e = db_once(s, note);
	db_finish(s);
	return e;
}
