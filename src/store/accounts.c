#include "store/accounts.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/map.h"
#include "core/wide.h"
#include "quota/modelbudget.h"
#include "store/credits.h"
#include "store/leases.h"
#include "store/notices.h"
#include "store/spent.h"

#include <stdio.h>
#include <stdlib.h>

/* Until then all loop threads have the keys that came with a budget; mostly they have
 * them much sooner, so that is counted as well. */
#define RECOUNT_SOON_MS 200
#define RECOUNT_MS	1000

/* Before the end of what was paid beforehand: for others to give back what they leased.
 */
#define ENDS_SOON_MS 3000

struct entry {
	char *key; /* "1/name" */
	struct account *account;
	struct key_rules rules;
	int64_t corrected;     /* what new corrections add to what was spent */
	uint64_t corrected_ms; /* in the period that began then */
	struct own_keys *own;  /* of a team, for providers */
	bool marked;	       /* for the recount under way */
	uint64_t recount_ms; /* monotonic: when its budgets are to be; 0: they are not */
	uint64_t recount_last_ms; /* for the last time */
	struct entry *next;
};

struct accounts {
	struct map by_key;
	struct entry *all;
	int64_t corrections; /* up to this one they are in what was spent */
	bool credits;	     /* somebody has some */
	unsigned recounts;   /* entries that are to be counted anew */
	uint64_t expires_ms; /* the next that all share; UINT64_MAX: none */
};

/* Of a budget for some models. */
struct correction {
	struct correction *next;
	struct account *account;
	uint64_t from_ms;
	int64_t pusd;
};

struct loading {
	const struct accounts_source *from;
	struct db *db; /* from's */
	uint64_t unix_ms;
	const struct accounts *old;
	struct accounts *made;
	struct note *note;
	enum err err;
	struct correction *corrections;
	int64_t credit; /* of the row's account: spent and left; QUOTA_NONE: not asked */
	bool anew;	/* the row's account, or one for models, has another budget */
};

static char *
key_of(enum account_level level, struct slice name)
{
	char *key = malloc(name.len + 3);

	if (key == NULL)
		return NULL;
	(void)snprintf(key, name.len + 3, "%u/%.*s", (unsigned)level, SLICE_ARGS(name));
	return key;
}

static struct entry *
find(const struct accounts *a, enum account_level level, struct slice name)
{
	char *key = a == NULL ? NULL : key_of(level, name);
	struct entry *e = key == NULL ? NULL : map_get(&a->by_key, slice_str(key));

	free(key);
	return e;
}

static void
entry_free(struct entry *e)
{
	account_unref(e->account);
	own_unref(e->own);
	key_rules_done(&e->rules);
	free(e->key);
	free(e);
}

void
accounts_free(struct accounts *a)
{
	if (a == NULL)
		return;
	map_free(&a->by_key);
	while (a->all != NULL) {
		struct entry *e = a->all;

		a->all = e->next;
		entry_free(e);
	}
	free(a);
}

/* The text again, NULL for NULL; *ok is false when out of memory. */
static char *
copy(const char *text, bool *ok)
{
	char *made = text == NULL ? NULL : slice_dup(slice_str(text));

	*ok = *ok && (text == NULL || made != NULL);
	return made;
}

/* Its budget is another one: what is spent of it already, or is about to be, is to be
 * leased although nobody asks. */
static void
count_anew(struct account *a)
{
	struct account_used used;

	if (account_use(a, clock_unix_ms(), &used))
		*account_lease_state(a) = (struct lease_state){
		    .from_ms = used.from_ms, .known = true, .anew = true};
}

/* The ledger says what was spent so far. */
static enum err
read_spent(struct loading *l, const struct accountdb_row *row, int64_t *ret_pusd)
{
	uint64_t from, until;

	period_bounds(
	    row->limits.period, row->limits.offset_min, l->unix_ms, &from, &until);
	l->err = spent_sum(l->db,
	    &(struct spent_scope){.level = row->level,
		.name = slice_str(row->name),
		.from_ms = from,
		.instance = l->from->instance},
	    ret_pusd, l->note);
	return l->err;
}

/* Limits of an account that is known. A budget for another period does not come without
 * what was spent of it: when that cannot be read, the one before stays. */
static bool
set_limits(struct loading *l, const struct accountdb_row *row, struct account *a)
{
	int64_t spent = 0;
	bool anew = account_begins_anew(a, &row->limits);

	if (anew && read_spent(l, row, &spent) != ERR_OK)
		return true;
	(void)account_set_limits(a, &row->limits);
	if (anew) {
		account_set_spent(a, l->unix_ms, spent);
		count_anew(a);
		l->anew = true;
	}
	return anew;
}

/* What was spent and may be, by all who share it. What ends soon is taken back: at its
 * end nobody has some of it in hand. */
static void
sum_credit(struct loading *l, const struct accountdb_row *row, const struct credits *c)
{
	struct spent_scope all = {.level = row->level, .name = slice_str(row->name)};
	int64_t spent;
	wide sum;

	l->err = spent_sum(l->db, &all, &spent, l->note);
	if (l->err != ERR_OK)
		return;
	sum = (wide)spent - c->debt_pusd;
	for (unsigned i = 0; i < c->count; i++) {
		const struct account_lot *lot = &c->rows[i].lot;

		if (lot->until_ms <= l->unix_ms + ENDS_SOON_MS)
			continue;
		sum += lot->left_pusd;
		if (lot->until_ms - ENDS_SOON_MS < l->made->expires_ms)
			l->made->expires_ms = lot->until_ms - ENDS_SOON_MS;
	}
	l->credit = sum < 0 ? 0 : sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

/* What was paid beforehand. Only the first time the ledger says what is left, but where
 * others run it down as well. */
static void
set_credit(struct loading *l, const struct accountdb_row *row, struct account *a)
{
	struct slice name = slice_str(row->name);
	struct account_lot *lots;
	struct credits c;

	if (l->err == ERR_OK)
		l->err = credits_read(l->db, row->level, name, &c, l->note);
	if (l->err != ERR_OK)
		return;
	if (!account_has_credit(a) || l->from->instance != 0)
		l->err = credits_run_down(l->db, row->level, name, &c, l->note);
	if (l->err == ERR_OK && c.count > 0 && l->from->instance != 0)
		sum_credit(l, row, &c);
	lots = calloc(c.count + 1, sizeof(*lots));
	for (unsigned i = 0; lots != NULL && i < c.count; i++)
		lots[i] = c.rows[i].lot;
	if (l->err == ERR_OK &&
	    (lots == NULL || !account_set_credit(a, lots, c.count, c.debt_pusd)))
		l->err = ERR_NOMEM;
	free(lots);
	credits_done(&c);
}

/* Corrections since the last time: added once all was read. */
static void
see_corrections(struct loading *l, const struct accountdb_row *row, struct entry *e)
{
	uint64_t until;

	if (l->err != ERR_OK || row->limits.budget_pusd == QUOTA_NONE ||
	    l->old->corrections >= l->made->corrections)
		return;
	period_bounds(row->limits.period, row->limits.offset_min, l->unix_ms,
	    &e->corrected_ms, &until);
	l->err = spent_sum(l->db,
	    &(struct spent_scope){.level = row->level,
		.name = slice_str(row->name),
		.from_ms = e->corrected_ms,
		.instance = l->from->instance,
		.corrected = true,
		.after = l->old->corrections},
	    &e->corrected, l->note);
}

/* --- budgets for some models alone --- */

/* It is added once all was read. */
static void
put_off(struct loading *l, struct account *part, uint64_t from_ms, int64_t pusd)
{
	struct correction *c = malloc(sizeof(*c));

	if (c == NULL) {
		l->err = ERR_NOMEM;
		return;
	}
	*c = (struct correction){l->corrections, account_ref(part), from_ms, pusd};
	l->corrections = c;
}

static void
settle_corrections(struct loading *l, bool good)
{
	while (l->corrections != NULL) {
		struct correction *c = l->corrections;

		l->corrections = c->next;
		if (good)
			account_correct(c->account, c->from_ms, c->pusd);
		account_unref(c->account);
		free(c);
	}
}

/* What the ledger has of it, or what corrections since the last time add. */
static int64_t
sum_part(struct loading *l, const struct accountdb_row *row, struct slice models,
    uint64_t from_ms, bool anew)
{
	int64_t pusd = 0;

	if (anew || l->old->corrections < l->made->corrections)
		l->err = spent_sum(l->db,
		    &(struct spent_scope){.level = row->level,
			.name = slice_str(row->name),
			.models = models,
			.from_ms = from_ms,
			.instance = l->from->instance,
			.corrected = !anew,
			.after = anew ? 0 : l->old->corrections},
		    &pusd, l->note);
	return pusd;
}

/* As set_limits(): what it has come to is read first. */
static void
set_part(struct loading *l, const struct accountdb_row *row, struct account *part,
    bool is_new, const struct account_limits *limits)
{
	bool anew = is_new || account_begins_anew(part, limits);
	uint64_t from, until;
	int64_t pusd;

	period_bounds(limits->period, limits->offset_min, l->unix_ms, &from, &until);
	pusd = sum_part(l, row, account_models(part), from, anew);
	if (l->err != ERR_OK)
		return;
	(void)account_set_limits(part, limits);
	if (anew)
		account_set_spent(part, l->unix_ms, pusd);
	else if (pusd != 0)
		put_off(l, part, from, pusd);
	if (anew && l->old != NULL) {
		count_anew(part);
		l->anew = true;
	}
}

/* The part for it with a reference, that of before if there is one. NULL on failure. */
static struct account *
load_part(struct loading *l, const struct accountdb_row *row, struct account *a,
    const struct modelbudget *b)
{
	struct account_limits limits = account_unlimited;
	struct account *part = account_part(a, b->pattern);
	bool is_new = part == NULL;

	limits.budget_pusd = b->pusd;
	limits.period = b->period;
	limits.offset_min = row->limits.offset_min;
	limits.dry = row->limits.dry;
	if (is_new)
		part = account_part_new(a, b->pattern, &account_unlimited);
	if (part == NULL)
		l->err = ERR_NOMEM;
	else
		set_part(l, row, part, is_new, &limits);
	return part;
}

static void
set_parts(struct loading *l, const struct accountdb_row *row, struct account *a)
{
	struct account *parts[MODELBUDGET_MAX + 1] = {NULL};
	struct slice list = slice_str(row->model_budgets);
	struct modelbudget b;
	unsigned n = 0;

	while (row->model_budgets != NULL && l->err == ERR_OK && list.ptr != NULL &&
	       n < MODELBUDGET_MAX && modelbudget_next(&list, &b)) {
		parts[n] = load_part(l, row, a, &b);
		n += parts[n] != NULL;
	}
	if (l->err == ERR_OK && l->credit != QUOTA_NONE) {
		b = (struct modelbudget){.pattern = S(ACCOUNT_CREDIT),
		    .pusd = l->credit,
		    .period = PERIOD_TOTAL};
		parts[n] = load_part(l, row, a, &b);
		n += parts[n] != NULL;
	}
	if (l->err == ERR_OK && !account_set_parts(a, parts, n))
		l->err = ERR_NOMEM;
	while (n > 0)
		account_unref(parts[--n]);
}

static void
set_own(struct loading *l, struct slice team, struct entry *e)
{
	unsigned shut = 0;

	l->err = ownkeys_load(l->db, l->from->sealer, team, &e->own, &shut, l->note);
	if (shut > 0)
		log_event(LOG_ERROR,
		    "%u keys for providers of the team \"%.*s\" cannot be read: "
		    "secret.key is not set, or not the one that they were kept by",
		    shut, SLICE_ARGS(team));
}

static struct account *
begin(struct loading *l, const struct accountdb_row *row, struct account *above)
{
	struct account *a =
	    account_new(0, row->level, slice_str(row->name), above, &row->limits);
	int64_t spent;

	if (a == NULL)
		l->err = ERR_NOMEM;
	else if (row->limits.budget_pusd != QUOTA_NONE &&
		 read_spent(l, row, &spent) == ERR_OK)
		account_set_spent(a, l->unix_ms, spent);
	return a;
}

static void
on_row(void *arg, const struct accountdb_row *row)
{
	struct loading *l = arg;
	struct slice name = slice_str(row->name);
	struct entry *before = find(l->old, row->level, name), *e, *above = NULL;
	bool ok = true;

	if (l->err != ERR_OK)
		return;
	if (row->above_level != LEVEL_KEY)
		above = find(l->made, row->above_level, slice_str(row->above));
	e = calloc(1, sizeof(*e));
	if (e == NULL || (e->key = key_of(row->level, name)) == NULL) {
		free(e);
		l->err = ERR_NOMEM;
		return;
	}
	e->next = l->made->all;
	l->made->all = e;
	e->rules = (struct key_rules){.expires_ms = row->rules.expires_ms,
	    .blocked = row->rules.blocked,
	    .models = copy(row->rules.models, &ok),
	    .providers = copy(row->rules.providers, &ok),
	    .networks = copy(row->rules.networks, &ok)};
	l->anew = before == NULL && l->old != NULL;
	if (before != NULL) {
		e->account = account_ref(before->account);
		e->recount_ms = before->recount_ms;
		e->recount_last_ms = before->recount_last_ms;
		account_set_parent(e->account, above == NULL ? NULL : above->account);
		if (!set_limits(l, row, e->account))
			see_corrections(l, row, e);
	} else {
		e->account = begin(l, row, above == NULL ? NULL : above->account);
	}
	l->credit = QUOTA_NONE;
	if (e->account != NULL && l->made->credits)
		set_credit(l, row, e->account);
	if (e->account != NULL && l->err == ERR_OK)
		set_parts(l, row, e->account);
	if (l->anew) {
		e->recount_ms = clock_mono_ms() + RECOUNT_SOON_MS;
		e->recount_last_ms = clock_mono_ms() + RECOUNT_MS;
	}
	l->made->recounts += e->recount_ms != 0;
	if (row->level == LEVEL_TEAM && l->err == ERR_OK)
		set_own(l, name, e);
	if (!ok || map_put(&l->made->by_key, slice_str(e->key), e) != ERR_OK)
		l->err = ERR_NOMEM;
}

struct own_keys *
accounts_own(const struct accounts *a, struct account *account)
{
	const struct entry *e;

	while (account != NULL && account_level(account) != LEVEL_TEAM)
		account = account_parent(account);
	e = account == NULL ? NULL : find(a, LEVEL_TEAM, account_name(account));
	return e == NULL ? NULL : own_ref(e->own);
}

enum err
accounts_load(const struct accounts_source *from, uint64_t unix_ms, struct accounts *old,
    struct accounts **ret, struct note *note)
{
	struct db *db = from->db;
	struct loading l = {
	    .from = from, .db = db, .unix_ms = unix_ms, .old = old, .note = note};
	enum err e;

	l.made = calloc(1, sizeof(*l.made));
	if (l.made == NULL)
		return ERR_NOMEM;
	map_init(&l.made->by_key);
	l.made->expires_ms = UINT64_MAX;
	e = spent_last_correction(db, &l.made->corrections, note);
	if (e == ERR_OK)
		e = credits_any(db, &l.made->credits, note);
	/* Those in memory may have some that were forgotten since. */
	if (old != NULL && old->credits)
		l.made->credits = true;
	if (e == ERR_OK)
		e = accountdb_each(db, on_row, &l, note);
	if (e == ERR_OK)
		e = l.err;
	settle_corrections(&l, e == ERR_OK);
	if (e != ERR_OK) {
		accounts_free(l.made);
		return e;
	}
	for (const struct entry *x = l.made->all; x != NULL; x = x->next)
		if (x->corrected != 0)
			account_correct(x->account, x->corrected_ms, x->corrected);
	accounts_free(old);
	*ret = l.made;
	return ERR_OK;
}

struct account *
accounts_of_key(
    const struct accounts *a, struct slice name, const struct key_rules **ret_rules)
{
	struct entry *e = find(a, LEVEL_KEY, name);

	*ret_rules = e == NULL ? NULL : &e->rules;
	return e == NULL ? NULL : e->account;
}

/* --- once more, exactly --- */

static bool
is_due(const struct entry *e, uint64_t now)
{
	return e->recount_ms != 0 && now >= e->recount_ms;
}

bool
accounts_mark(struct accounts *a)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	uint64_t now = clock_mono_ms();
	bool any = false;

	for (struct entry *e = a->recounts == 0 ? NULL : a->all; e != NULL; e = e->next) {
		unsigned n =
		    is_due(e, now) ? account_with_parts(e->account, S(""), all) : 0;

		e->marked = n > 0;
		any = any || n > 0;
		for (unsigned i = 0; i < n; i++) {
			account_mark(all[i]);
			account_unref(all[i]);
		}
	}
	return any;
}

static enum err
recount_one(const struct accounts_source *from, struct account *a, bool *all_done,
    struct note *note)
{
	struct spent_scope scope = {.level = account_level(a),
	    .name = account_name(a),
	    .models = account_models(a),
	    .instance = from->instance};
	struct account_used used;
	int64_t pusd;
	enum err e;

	if (!account_use(a, clock_unix_ms(), &used))
		return ERR_OK;
	scope.from_ms = used.from_ms;
	e = spent_sum(from->db, &scope, &pusd, note);
	if (e == ERR_OK && !account_recount(a, used.from_ms, pusd))
		*all_done = false;
	return e;
}

enum err
accounts_recount(
    struct accounts *a, const struct accounts_source *from, struct note *note)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	enum err err = ERR_OK;

	for (struct entry *e = a->all; e != NULL; e = e->next) {
		unsigned n = e->marked ? account_with_parts(e->account, S(""), all) : 0;
		bool done = true;

		for (unsigned i = 0; i < n; i++) {
			if (err == ERR_OK)
				err = recount_one(from, all[i], &done, note);
			account_unref(all[i]);
		}
		if (e->marked && done && err == ERR_OK) {
			e->recount_ms =
			    e->recount_ms < e->recount_last_ms ? e->recount_last_ms : 0;
			a->recounts -= e->recount_ms == 0;
		}
	}
	return err;
}

/* --- leases --- */

bool
accounts_expire(const struct accounts *a, uint64_t unix_ms)
{
	return unix_ms >= a->expires_ms;
}

/* Calls fn for the account and those of its parts that the need is for, or all. */
static enum err
each_part(const struct accounts_source *from, struct account *a,
    const struct account_ask *need, struct note *note)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	unsigned n = account_with_parts(a, need == NULL ? S("") : need->model, all);
	enum err e = ERR_OK;

	for (unsigned i = 0; i < n; i++) {
		if (e == ERR_OK && need != NULL)
			e = leases_draw(from->db, from->instance, all[i], need, note);
		else if (e == ERR_OK)
			e = leases_look(from->db, from->instance, all[i], note);
		account_unref(all[i]);
	}
	return e;
}

enum err
accounts_lease(struct accounts *a, const struct accounts_source *from,
    struct account *account, const struct account_ask *need, struct note *note)
{
	enum err err = ERR_OK;

	account = account_ref(account);
	while (account != NULL) {
		struct entry *e = find(a, account_level(account), account_name(account));

		/* One that was taken away meanwhile leases nothing more. */
		if (err == ERR_OK && e != NULL && e->account == account)
			err = each_part(from, account, need, note);
		account = account_next(account);
	}
	return err;
}

enum err
accounts_look(struct accounts *a, const struct accounts_source *from, struct note *note)
{
	enum err err = ERR_OK;

	for (struct entry *e = a->all; err == ERR_OK && e != NULL; e = e->next)
		if (e->account != NULL)
			err = each_part(from, e->account, NULL, note);
	return err;
}

/* --- thresholds --- */

/* What all servers spent of it: asked of the ledger only where what they were granted
 * could have reached another threshold. */
static enum err
spent_by_all(struct account *a, const struct accounts_source *from,
    struct account_used *used, struct note *note)
{
	const struct lease_state *lease = account_lease_state(a);
	struct spent_scope all = {.level = account_level(a),
	    .name = account_name(a),
	    .models = account_models(a),
	    .from_ms = used->from_ms};

	if (!lease->known || lease->from_ms != used->from_ms)
		return ERR_OK;
	used->spent_pusd = used->budget_pusd - lease->left;
	if (notices_reached(used) <= account_notice_state(a)->steps)
		return ERR_OK;
	return spent_sum(from->db, &all, &used->spent_pusd, note);
}

static enum err
notice(struct account *a, const struct accounts_source *from, uint64_t unix_ms,
    struct note *note)
{
	struct notice_state *told = account_notice_state(a);
	struct account_used used;
	enum err err = ERR_OK;
	unsigned steps;

	/* What was paid beforehand has no period, and grows. */
	if (!account_use(a, unix_ms, &used) ||
	    slice_eq(account_models(a), S(ACCOUNT_CREDIT)))
		return ERR_OK;
	if (used.from_ms != told->from_ms)
		*told = (struct notice_state){used.from_ms, 0};
	if (from->instance != 0)
		err = spent_by_all(a, from, &used, note);
	steps = notices_reached(&used);
	if (err != ERR_OK || steps <= told->steps)
		return err;
	err = notices_add(from->db, a, &used, steps, unix_ms, note);
	if (err == ERR_OK)
		told->steps = steps;
	return err;
}

enum err
accounts_notice(struct accounts *a, const struct accounts_source *from, uint64_t unix_ms,
    struct note *note)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	enum err err = ERR_OK;

	for (struct entry *e = a->all; err == ERR_OK && e != NULL; e = e->next) {
		unsigned n =
		    e->account == NULL ? 0 : account_with_parts(e->account, S(""), all);

		for (unsigned i = 0; i < n; i++) {
			if (err == ERR_OK)
				err = notice(all[i], from, unix_ms, note);
			account_unref(all[i]);
		}
	}
	return err;
}
