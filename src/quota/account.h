/*
 * quota: who may spend how much, and how fast.
 *
 * account: what is counted of a key, a user, a team or an organisation. A request is
 * admitted by all accounts above its key at once or by none: each has the worst that it
 * can cost taken out of its budget, and is settled to what it did cost. So requests
 * that run at the same time cannot spend a budget twice.
 *
 *	e = account_admit(key_account, &ask, now, &grant, &refusal);
 *	... the request ...
 *	account_settle(&grant, cost, tokens, now);	exactly once
 *
 * Accounts live as long as anybody refers to them; limits may change under them. Any
 * thread. Not here: where accounts and their limits are kept (store/), and prices.
 */
#ifndef QUOTA_ACCOUNT_H
#define QUOTA_ACCOUNT_H

#include "core/err.h"
#include "core/note.h"
#include "core/slice.h"
#include "quota/period.h"

enum account_level {
	LEVEL_KEY,
	LEVEL_USER,
	LEVEL_TEAM,
	LEVEL_ORG,
	LEVELS,
	/* Not of callers: what the configuration limits, see account_shared(). */
	LEVEL_PROVIDER = LEVELS,
	LEVEL_MODEL
};

/* "key", "user", "team", "organisation", "provider", "model". Static text. */
const char *account_level_name(enum account_level l);

#define ACCOUNT_CHAIN_MAX 4  /* levels */
#define ACCOUNT_GRANT_MAX 16 /* and budgets for models */
#define QUOTA_NONE	  (-1)

/* QUOTA_NONE: no such limit. */
struct account_limits {
	int64_t budget_pusd; /* for each period; hard */
	enum period period;
	int offset_min;	      /* of the period's days from UTC */
	int64_t requests_min; /* a minute, as the others */
	int64_t tokens_min;   /* in and out together */
	int64_t input_min;    /* tokens of prompts */
	int64_t output_min;   /* of answers */
	int64_t pusd_min;     /* money */
	int64_t concurrent;   /* requests at a time */
	bool dry;	      /* only counts */
};

extern const struct account_limits account_unlimited;

struct account;

/*
 * A new account with one reference; the parent's is counted. The name is copied. NULL
 * when out of memory.
 */
struct account *account_new(uint64_t id, enum account_level level, struct slice name,
    struct account *parent, const struct account_limits *limits);
struct account *account_ref(struct account *a);
void account_unref(struct account *a);

/*
 * The one account of that level and name, with these limits from now on; made when it is
 * new. It lives for ever, so that what it counts outlives configurations. NULL when out
 * of memory.
 */
struct account *account_shared(
    enum account_level level, struct slice name, const struct account_limits *limits);

uint64_t account_id(const struct account *a);
enum account_level account_level(const struct account *a);
struct slice account_name(const struct account *a);
struct account *account_parent(const struct account *a);

/* The one above, with a reference; that of `a` is given back. */
struct account *account_next(struct account *a);

/* Changes its limits; what was counted stays. True when its budget is for another period
 * now, or there was none: then account_set_spent() is to be called. */
bool account_set_limits(struct account *a, const struct account_limits *limits);

/* Would it say so? */
bool account_begins_anew(struct account *a, const struct account_limits *limits);

/* Puts it under another one (NULL: under nobody). Requests that run stay where they were.
 */
void account_set_parent(struct account *a, struct account *parent);

/* What was spent since the period began, as the ledger has it: once at start, and
 * whenever account_set_limits() says so; what is settled after that is added by itself.
 */
void account_set_spent(struct account *a, uint64_t unix_ms, int64_t pusd);

/*
 * What ends while that is read, or before a key's requests know of the account, is not
 * counted. So later it is done again, exactly: account_mark(), then the ledger is brought
 * up to date, then it is read, and what was spent since the mark is added to that.
 */
void account_mark(struct account *a);

/* In the period that began then; false when it is over. */
bool account_recount(struct account *a, uint64_t from_ms, int64_t pusd) MUST_CHECK;

/* A part of what was paid beforehand. */
struct account_lot {
	uint64_t id;
	int64_t left_pusd;
	uint64_t from_ms, until_ms; /* requests begun in between; UINT64_MAX: no end */
};

/*
 * Once there is a lot, only what is left of them may be spent: a wall beside the budget.
 * Lots whose id is known keep what was counted here; the debt is taken over with the
 * first ones. Copies. False when out of memory.
 */
bool account_set_credit(
    struct account *a, const struct account_lot *lots, unsigned n, int64_t debt_pusd);

/* Does it have lots? */
bool account_has_credit(struct account *a);

/* Takes the cost of a request begun at unix_ms out of the lots that hold then, first out
 * of the one that ends first; returns what none of them had. */
int64_t
account_run_down(struct account_lot *lots, unsigned n, uint64_t unix_ms, int64_t pusd);

/* Adds what corrections made later of requests of that period; nothing when it is over.
 */
void account_correct(struct account *a, uint64_t period_ms, int64_t pusd);

/* What a request will take at most. */
struct account_ask {
	int64_t pusd; /* PRICE_UNKNOWN's value when nobody knows: refused by a budget */
	int64_t least_pusd; /* with less nothing is gained, for those who lend */
	uint64_t input_tok, output_tok;
	struct slice model; /* for budgets of models */
};

/* What is counted by the minute. */
enum account_rate {
	RATE_REQUESTS,
	RATE_TOKENS,
	RATE_MONEY,
	RATE_INPUT,
	RATE_OUTPUT,
	RATES
};

/* Why a request is refused: rates as above, and what is not of the minute. */
enum quota_kind {
	QUOTA_REQUESTS,
	QUOTA_TOKENS,
	QUOTA_MONEY,
	QUOTA_INPUT,
	QUOTA_OUTPUT,
	QUOTA_CONCURRENT,
	QUOTA_BUDGET,
	QUOTA_KINDS
};

/* Why not. */
struct account_refusal {
	enum quota_kind kind;
	enum account_level level;
	struct slice name;   /* of the account; as long as it lives */
	struct slice models; /* the budget is for these alone; likewise. Empty: for all */
	int64_t left_pusd;   /* of the budget */
	uint64_t retry_ms;   /* from now, when it may fit; 0: nobody knows */
	uint64_t renews_ms;  /* unix time when the budget's period ends; 0: never */
	int64_t limit;	     /* that is reached */
	bool credit;	     /* with QUOTA_BUDGET: it is what was paid beforehand */
	bool lease;	     /* likewise: there is more of it, which is not leased */
	const void *of;	     /* tells accounts apart; not to be followed */
};

/* What was taken; plain data, settled exactly once. */
struct account_grant {
	struct account *chain[ACCOUNT_GRANT_MAX]; /* with a reference each */
	unsigned count;
	uint64_t unix_ms;
	uint64_t from_ms; /* when the latest of their periods began */
	int64_t pusd;
	uint64_t input_tok, output_tok;
};

/*
 * Takes the request out of the account and those above it. ERR_BUDGET, or
 * ERR_QUOTA for the others, with the refusal: nothing was taken. unix_ms chooses the
 * periods, now_ms is monotonic.
 */
enum err account_admit(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    uint64_t unix_ms, struct account_grant *ret_grant,
    struct account_refusal *ret_refusal) MUST_CHECK;

/* The same for n accounts, of which none is above another; those that are NULL are
 * passed over. The order must be the same for all who take of them. */
enum err account_admit_all(struct account *const *all, unsigned n,
    const struct account_ask *ask, uint64_t now_ms, struct account_grant *ret_grant,
    struct account_refusal *ret_refusal) MUST_CHECK;

/* Takes so much more for a request that was let in. ERR_BUDGET with the refusal: nothing
 * was taken. */
enum err account_raise(struct account_grant *g, int64_t pusd,
    struct account_refusal *ret_refusal) MUST_CHECK;

/* Would this account alone let it in now? Nothing is taken. */
bool account_has_room(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    struct account_refusal *ret_refusal);

/* As if it had never been taken. */
void account_cancel(struct account_grant *g);

/* Settles it to what it cost; a cost that nobody knows is what was reserved. */
void account_settle(
    struct account_grant *g, int64_t pusd, uint64_t input_tok, uint64_t output_tok);

/*
 * Counts what a request on the model cost in accounts that it was not taken out of, as
 * they are younger than its grant: that account and those above it, of a key that had
 * none, or, when `a` is NULL, the budgets for models that the granted ones have got. Not
 * after account_settle().
 */
void account_charge(struct account *a, const struct account_grant *g, struct slice model,
    uint64_t unix_ms, int64_t pusd);

/* "60 requests a minute": what is reached. */
void account_put_limit(const struct account_refusal *why, struct note *to);

/*
 * Accounts that several processes share. Each process spends only what it has leased of
 * a limit, and nobody else may spend that; so together they do not pass it. Whoever lends
 * (the store for money, shared/ for what is counted by the minute) asks what is wanted
 * and brings what was granted.
 */
enum account_share { SHARE_MONEY = 1, SHARE_RATES = 2 };

/* Which limits are shared: bits; none at first. Before there are requests. */
void account_share(unsigned bits);

/* What of them has to be leased before the request can be taken out of it and those
 * above: bits. None: either there is enough, or a lease would not help. */
unsigned account_lacks(
    struct account *a, const struct account_ask *ask, uint64_t now_ms, uint64_t unix_ms);

/* The lease of a budget, in the period of now. */
struct account_lease {
	uint64_t from_ms, until_ms; /* the period */
	int64_t budget_pusd;
	int64_t used_pusd;    /* by this process: spent and reserved */
	int64_t granted_pusd; /* to it, what it used included */
};

/* False: it needs none. */
bool account_lease(struct account *a, uint64_t unix_ms, struct account_lease *ret);

/* What the lender remembers of it between two looks; the lender's thread's. */
struct lease_state {
	uint64_t from_ms;  /* of the period that it is known for */
	bool known;	   /* read from the database in that period */
	bool anew;	   /* a budget was set: before it others spent unasked */
	int64_t left;	   /* of the budget, granted to nobody, as seen last */
	int64_t budget;	   /* of which that was left */
	int64_t used;	   /* at the last look */
	uint64_t moved_ms; /* monotonic: when that changed last */
};
struct lease_state *account_lease_state(struct account *a);

/* What was told of how much of its budget is used; the store's thread's. */
struct notice_state {
	uint64_t from_ms; /* in the period that began then */
	unsigned steps;	  /* thresholds, from the lowest */
};
struct notice_state *account_notice_state(struct account *a);

/* What this process may spend in all in the period that began then, and what of the
 * budget is granted to nobody. */
void account_lend(
    struct account *a, uint64_t from_ms, int64_t granted_pusd, int64_t rest_pusd);

/* Lowers it to so much, or to what is used; returns what it is then. */
int64_t account_give_back(struct account *a, uint64_t from_ms, int64_t granted_pusd);

/* What a process draws from a bucket that it shares. */
struct account_draw {
	int64_t limit[RATES]; /* a minute; QUOTA_NONE */
	int64_t back[RATES];  /* was not used; below zero: used beyond the lease */
	int64_t want[RATES];  /* on top */
	/* Requests at a time: the limit or QUOTA_NONE, those that run, and how many slots
	 * are wanted in all. */
	int64_t concurrent, running, slots;
};

/*
 * Takes out what goes back, and tells what is wanted: for `need`, or, when that is NULL,
 * for what seems to come. False: nothing to say. Answered by account_drawn() or
 * account_undraw().
 */
bool
account_draw(struct account *a, const struct account_ask *need, struct account_draw *ret);

/* What was granted of it; `level` is what is left in the bucket for all. */
void account_drawn(struct account *a, const struct account_draw *d,
    const int64_t granted[RATES], const int64_t level[RATES], int64_t slots);

/* Nobody knows whether it was told: a debt stays, and what went back is gone. */
void account_undraw(struct account *a, const struct account_draw *d);

/* Does it hold anything of what is counted by the minute? */
bool account_holds(struct account *a);

/* Whoever lends what is counted by the minute cannot be reached: until 0 is said, each
 * account has so many thousandths of its limits to itself. */
void account_alone(unsigned permille);

/*
 * Budgets of an account for models of a pattern (rule.h) alone: parts of it, each an
 * account that stands beside it, with its level and name. A new one; NULL when out of
 * memory.
 */
struct account *account_part_new(
    const struct account *of, struct slice models, const struct account_limits *limits);

/* That of the pattern, with a reference; NULL: there is none. */
struct account *account_part(struct account *a, struct slice models);

/* The pattern of the part that stands for what was paid beforehand, where several
 * processes share it: its budget, for ever, is all that was spent and what is left. */
#define ACCOUNT_CREDIT "**"

/* For which models a part is; empty for what is none. */
struct slice account_models(const struct account *a);

/* The name of its rows in tables where parts have their own: a part's with the pattern,
 * which lives in `to`. */
#define ACCOUNT_ROW_NAME_MAX 600
struct slice account_row_name(const struct account *a, char to[ACCOUNT_ROW_NAME_MAX]);

/* Itself and its parts, those for that model or, when that is empty, all; references. */
unsigned account_with_parts(
    struct account *a, struct slice model, struct account *ret[ACCOUNT_GRANT_MAX]);

/* From now on these are its parts. Takes references. False when out of memory. */
bool account_set_parts(struct account *a, struct account *const *parts, unsigned n);

/* What may still be spent on the model by all accounts above, INT64_MAX without a
 * budget. */
int64_t account_left(struct account *a, struct slice model, uint64_t unix_ms);

/* How much of a budget is used. */
struct account_used {
	int64_t budget_pusd, spent_pusd; /* spent: settled */
	enum period period;
	uint64_t from_ms, until_ms; /* of the period; UINT64_MAX: never ends */
};

/* Of this account alone; false when it has no budget. */
bool account_use(struct account *a, uint64_t unix_ms, struct account_used *ret);

/* The tightest rate limits, for x-ratelimit-* fields. */
struct account_rates {
	struct {
		int64_t limit, left; /* limit NONE: there is none */
		uint64_t reset_ms;   /* until all of it is there again */
	} of[RATES];
};

/* Of the account and those above it; of one alone, added to those of others. */
void account_rates(struct account *a, uint64_t now_ms, struct account_rates *ret);
void account_rates_add(struct account *a, uint64_t now_ms, struct account_rates *to);

#endif
