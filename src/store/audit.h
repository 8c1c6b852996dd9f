/*
 * audit: who changed what, when, from what to what. Rows are only ever added: the file
 * itself refuses to change or to remove one. For the store's thread and for commands.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "core/buf.h"
#include "store/db.h"

/* Who makes a change. */
struct audit_actor {
	struct slice via; /* "command", "admin" */
	struct slice who; /* a login name, an address */
	uint64_t unix_ms;
};

struct audit_row {
	uint64_t id, unix_ms;
	struct slice via, who;
	struct slice action;	    /* "create", "set", "remove", "rotate", ... */
	struct slice kind, name;    /* of what was changed: "team", "web" */
	struct slice before, after; /* JSON; empty: there was, there is nothing */
};

/* Adds a row; belongs into the transaction of the change. `row` without id, time and
 * actor. ERR_IO with a note. */
enum err audit_add(struct db *db, const struct audit_actor *by,
    const struct audit_row *row, struct note *note) MUST_CHECK;

/* Calls fn for the newest rows, at most `limit`, of those with an id below `before_id`
 * (0: all), newest first. ERR_IO with a note. */
enum err audit_each(struct db *db, uint64_t before_id, uint64_t limit,
    void (*fn)(void *arg, const struct audit_row *row), void *arg,
    struct note *note) MUST_CHECK;

/* Appends the row as a JSON object. */
void audit_json(const struct audit_row *row, struct buf *to);

#endif
