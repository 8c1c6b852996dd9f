/*
 * accountdb_json: what may be set for a key, a user, a team or an organisation, as JSON
 * (account_fields.def). Any thread.
 */
#ifndef STORE_ACCOUNTDB_JSON_H
#define STORE_ACCOUNTDB_JSON_H

#include "core/buf.h"
#include "store/accountdb.h"
#include "json/tape.h"

enum accountdb_type {
	FIELD_LIMIT,
	FIELD_PERIOD,
	FIELD_ZONE,
	FIELD_FLAG,
	FIELD_BASIS,
	FIELD_LIST,
	FIELD_NETWORKS,
	FIELD_TIME,
	FIELD_BUDGETS
};

struct accountdb_field {
	const char *name;
	enum accountdb_type type;
	bool keys; /* of keys only */
	size_t offset;
	const char *help;
};

/* The i-th field; NULL behind the last one. */
const struct accountdb_field *accountdb_json_field(unsigned i);

/* Appends the name of each level above ("team": "web", or null) and all fields, as
 * members of an object that is open. */
void accountdb_json_put(const struct accountdb_row *row, struct buf *to);

/* The same as an object of its own. */
void accountdb_json_row(const struct accountdb_row *row, struct buf *to);

/*
 * Sets what the object names; what it does not name stays. "name" is passed over, and
 * `passed` (may be empty) too. ERR_BAD_REQUEST for a member that is none, or a bad value;
 * ERR_NOMEM. With a note.
 */
enum err accountdb_json_read(const struct json *j, uint32_t object, struct slice passed,
    struct accountdb_row *row, struct note *note) MUST_CHECK;

/* Puts it under the account of that level and name; an empty name: under nobody. False
 * when out of memory. */
bool accountdb_json_above(
    struct accountdb_row *row, enum account_level level, struct slice name);

/* "time": "2026-...", or null for 0. */
void accountdb_json_time(struct buf *to, struct slice key, uint64_t ms);

/* A moment: "2026-12-31", "2026-12-31T10:00:00Z", the same with milliseconds. */
bool accountdb_json_read_time(struct slice text, uint64_t *ret_ms);

#endif
