#include "store/change.h"

#include "store/accountdb_json.h"
#include "store/credits.h"
#include "store/listing.h"

#define NAME_BYTES 100
#define JSON_BYTES (64u << 10)

/* The state before and after, for the audit log. */
struct states {
	struct buf before, after;
};

static void
init(struct states *s)
{
	buf_init(&s->before, JSON_BYTES);
	buf_init(&s->after, JSON_BYTES);
}

static enum err
begin(const struct change *c, struct states *s, struct note *note)
{
	init(s);
	return db_begin(c->db, DB_CHANGE, note);
}

/* The audit log's row, then the transaction's end. */
static enum err
end(const struct change *c, struct states *s, enum err e, struct slice action,
    struct note *note)
{
	struct audit_row row = {.action = action,
	    .kind = slice_str(account_level_name(c->level)),
	    .name = c->name,
	    .before = buf_slice(&s->before),
	    .after = buf_slice(&s->after)};

	if (e == ERR_OK && (s->before.err != ERR_OK || s->after.err != ERR_OK)) {
		note_set(note, "out of memory");
		e = ERR_NOMEM;
	}
	if (e == ERR_OK)
		e = audit_add(c->db, &c->by, &row, note);
	e = db_end(c->db, e, note);
	buf_free(&s->before);
	buf_free(&s->after);
	return e;
}

bool
change_is_name(enum account_level level, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char ch = name.ptr[i];

		if ((unsigned char)ch < ' ' || ch == 0x7f ||
		    (ch == ',' && level != LEVEL_KEY))
			return false;
	}
	return name.len > 0 && name.len <= NAME_BYTES &&
	       (level == LEVEL_KEY || !slice_eq(name, S("none")));
}

static enum err
check_name(const struct change *c, struct note *note)
{
	if (change_is_name(c->level, c->name))
		return ERR_OK;
	note_set(note, "the name of a %s is up to %d bytes of text%s",
	    account_level_name(c->level), NAME_BYTES,
	    c->level == LEVEL_KEY ? "" : ", without commas");
	return ERR_BAD_REQUEST;
}

static enum err
fresh(const struct change *c, struct accountdb_row *row, struct note *note)
{
	if (!accountdb_row_init(row, c->level, c->name)) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	row->created_ms = c->by.unix_ms;
	return ERR_OK;
}

/* Edits the row and writes it. */
static enum err
edit(const struct change *c, struct accountdb_row *row, struct buf *after,
    struct note *note)
{
	enum err e = c->edit == NULL ? ERR_OK : c->edit(c->arg, row, note);

	if (e == ERR_OK)
		e = accountdb_put(c->db, row, note);
	if (e == ERR_OK)
		accountdb_json_row(row, after);
	return e;
}

static enum err
create(const struct change *c, struct states *s, struct note *note)
{
	struct accountdb_row row;
	struct note none;
	enum err e = check_name(c, note);

	if (e != ERR_OK)
		return e;
	if (accountdb_get(c->db, c->level, c->name, &row, &none) == ERR_OK) {
		accountdb_row_done(&row);
		note_set(note, "there is a %s \"%.*s\" already",
		    account_level_name(c->level), SLICE_ARGS(c->name));
		return ERR_CONFLICT;
	}
	e = fresh(c, &row, note);
	if (e != ERR_OK)
		return e;
	e = edit(c, &row, &s->after, note);
	accountdb_row_done(&row);
	return e;
}

enum err
change_create(const struct change *c, struct note *note)
{
	struct states s;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = create(c, &s, note);
	return end(c, &s, e, S("create"), note);
}

/* Of a key the row may be missing: it has no limits yet. */
static enum err
set(const struct change *c, struct states *s, struct note *note)
{
	struct accountdb_row row;
	enum err e = ERR_OK;

	/* A limit of no key would wait for one of its name. */
	if (c->level == LEVEL_KEY)
		e = keydb_is_valid(c->db, c->name, note);
	if (e == ERR_OK)
		e = accountdb_get(c->db, c->level, c->name, &row, note);
	else
		return e;
	if (e == ERR_NOT_FOUND && c->level == LEVEL_KEY)
		e = fresh(c, &row, note);
	if (e != ERR_OK)
		return e;
	accountdb_json_row(&row, &s->before);
	e = edit(c, &row, &s->after, note);
	accountdb_row_done(&row);
	return e;
}

enum err
change_set(const struct change *c, struct slice action, struct note *note)
{
	struct states s;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = set(c, &s, note);
	return end(c, &s, e, action, note);
}

enum err
change_credit(const struct change *c, int64_t pusd, uint64_t until_ms, struct note *note)
{
	struct credits_row row = {
	    .lot = {.left_pusd = pusd, .from_ms = c->by.unix_ms, .until_ms = until_ms},
	    .amount_pusd = pusd};
	struct states s;
	enum err e = begin(c, &s, note);

	/* A key may have no row yet. */
	if (e == ERR_OK)
		e = set(c, &s, note);
	buf_clear(&s.before);
	buf_clear(&s.after);
	if (e == ERR_OK && (pusd <= 0 || until_ms <= c->by.unix_ms)) {
		note_set(note, pusd <= 0 ? "a credit is an amount above zero"
					 : "the credit would have ended already");
		e = ERR_BAD_REQUEST;
	}
	if (e == ERR_OK)
		e = credits_add(c->db, c->level, c->name, &row, note);
	credits_row_json(&row, &s.after);
	return end(c, &s, e, S("credit"), note);
}

/* Of the team's keys for providers, which are not in it themselves. */
static enum err
begin_own(const struct change *c, struct states *s, struct note *note)
{
	struct accountdb_row row;
	enum err e = begin(c, s, note);

	if (e == ERR_OK)
		e = accountdb_get(c->db, LEVEL_TEAM, c->name, &row, note);
	if (e != ERR_OK)
		return e;
	accountdb_row_done(&row);
	return ownkeys_json(c->db, c->name, &s->before, note);
}

enum err
change_own_key(const struct change *c, const struct sealer *s, struct slice provider,
    struct slice key, struct note *note)
{
	struct ownkeys_row row = {c->name, provider, key, c->by.unix_ms};
	struct states states;
	enum err e = begin_own(c, &states, note);

	if (e == ERR_OK)
		e = ownkeys_put(c->db, s, &row, note);
	if (e == ERR_OK)
		e = ownkeys_json(c->db, c->name, &states.after, note);
	return end(c, &states, e, S("provider-key"), note);
}

enum err
change_own_remove(const struct change *c, struct slice provider, struct note *note)
{
	struct states states;
	enum err e = begin_own(c, &states, note);

	if (e == ERR_OK)
		e = ownkeys_remove(c->db, c->name, provider, note);
	if (e == ERR_OK)
		e = ownkeys_json(c->db, c->name, &states.after, note);
	return end(c, &states, e, S("provider-key"), note);
}

enum err
change_remove(const struct change *c, struct note *note)
{
	struct accountdb_row row;
	struct states s;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = accountdb_get(c->db, c->level, c->name, &row, note);
	if (e == ERR_OK) {
		accountdb_json_row(&row, &s.before);
		accountdb_row_done(&row);
		e = accountdb_remove(c->db, c->level, c->name, note);
	}
	return end(c, &s, e, S("remove"), note);
}

/* --- keys --- */

static enum err
create_key(
    const struct change *c, struct states *s, struct change_made *made, struct note *note)
{
	struct accountdb_row row;
	struct buf limits; /* the log has the key with them */
	struct note none;
	enum err e = check_name(c, note);

	if (e != ERR_OK)
		return e;
	if (keydb_is_valid(c->db, c->name, &none) == ERR_OK) {
		note_set(note,
		    "a key named \"%.*s\" is there already; revoke it first, or take "
		    "another name",
		    SLICE_ARGS(c->name));
		return ERR_CONFLICT;
	}
	/* Limits of one of that name that was there before. */
	e = accountdb_remove(c->db, LEVEL_KEY, c->name, &none);
	if (e == ERR_OK || e == ERR_NOT_FOUND)
		e = fresh(c, &row, note);
	if (e != ERR_OK)
		return e;
	buf_init(&limits, JSON_BYTES);
	if (c->edit != NULL)
		e = edit(c, &row, &limits, note);
	buf_free(&limits);
	accountdb_row_done(&row);
	if (e == ERR_OK)
		e = keydb_create_aws(c->db, c->name, c->by.unix_ms, made->key,
		    made->with_aws ? &made->aws : NULL, note);
	return e != ERR_OK ? e : listing_key(c->db, c->name, &s->after, note);
}

enum err
change_key_create(const struct change *c, struct change_made *made, struct note *note)
{
	struct states s;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = create_key(c, &s, made, note);
	return end(c, &s, e, S("create"), note);
}

/* What the log says of the key by its id. */
static enum err
note_key(const struct change *c, uint64_t id, struct buf *to, struct note *note)
{
	return listing_key_of_id(c->db, id, to, note);
}

enum err
change_key_revoke(const struct change *c, struct note *note)
{
	struct states s;
	uint64_t id = 0;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = keydb_find(c->db, c->name, &id, note);
	if (e == ERR_OK)
		e = note_key(c, id, &s.before, note);
	if (e == ERR_OK)
		e = keydb_revoke(c->db, c->name, c->by.unix_ms, note);
	if (e == ERR_OK)
		e = note_key(c, id, &s.after, note);
	return end(c, &s, e, S("revoke"), note);
}

enum err
change_key_rotate(const struct change *c, uint64_t overlap_ms, struct change_made *made,
    struct note *note)
{
	struct states s;
	uint64_t id = 0;
	enum err e = begin(c, &s, note);

	if (e == ERR_OK)
		e = keydb_is_valid(c->db, c->name, note);
	if (e == ERR_OK)
		e = listing_key(c->db, c->name, &s.before, note);
	if (e == ERR_OK)
		e = keydb_rotate(
		    c->db, c->name, c->by.unix_ms, overlap_ms, made->key, note);
	if (e == ERR_OK)
		e = keydb_find(c->db, c->name, &id, note);
	if (e == ERR_OK)
		e = note_key(c, id, &s.after, note);
	return end(c, &s, e, S("rotate"), note);
}
