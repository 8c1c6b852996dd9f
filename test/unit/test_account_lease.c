/*
 * Several processes, each with an account of its own of the same name, and a lender as
 * simple as can be: what they take together never passes what there is.
 */
#include "quota/account.h"
#include "shared/redis.h"

#include "test.h"

#include "core/random.h"

#define NOW	UINT64_C(1700000000000)
#define PEERS	3
#define ROUNDS	20000
#define RUNNING 64

struct world {
	struct account *account[PEERS];
	struct account_grant grants[PEERS][RUNNING];
	int64_t level; /* tokens that nobody has leased */
	int64_t slots[PEERS];
	int64_t taken; /* tokens that requests took, or take */
	unsigned running[PEERS];
};

static const struct account_limits limits = {.budget_pusd = QUOTA_NONE,
    .requests_min = QUOTA_NONE,
    .tokens_min = 100000,
    .input_min = QUOTA_NONE,
    .output_min = QUOTA_NONE,
    .pusd_min = QUOTA_NONE,
    .concurrent = 10};

static void
draw(struct world *w, unsigned p, const struct account_ask *need, bool lost)
{
	struct account_draw d;
	int64_t granted[RATES] = {0}, level[RATES] = {0}, others = 0, slots;

	if (!account_draw(w->account[p], need, &d))
		return;
	w->level += d.back[RATE_TOKENS];
	granted[RATE_TOKENS] =
	    d.want[RATE_TOKENS] < w->level ? d.want[RATE_TOKENS] : w->level;
	granted[RATE_TOKENS] = granted[RATE_TOKENS] < 0 ? 0 : granted[RATE_TOKENS];
	w->level -= granted[RATE_TOKENS];
	level[RATE_TOKENS] = w->level;
	for (unsigned i = 0; i < PEERS; i++)
		others += i == p ? 0 : w->slots[i];
	slots = d.slots < d.concurrent - others ? d.slots : d.concurrent - others;
	w->slots[p] = slots > d.running ? slots : d.running;
	if (lost)
		account_undraw(w->account[p], &d);
	else
		account_drawn(w->account[p], &d, granted, level, w->slots[p]);
}

static void
ask(struct world *w, struct random *random, unsigned p)
{
	struct account_ask need = {.input_tok = random_below(random, 3000)};
	struct account_refusal why;
	struct account_grant *g = &w->grants[p][w->running[p]];

	if (w->running[p] == RUNNING)
		return;
	if (account_lacks(w->account[p], &need, 1000, NOW) != 0)
		draw(w, p, &need, random_below(random, 10) == 0);
	if (account_admit(w->account[p], &need, 1000, NOW, g, &why) != ERR_OK)
		return;
	w->taken += (int64_t)need.input_tok;
	w->running[p]++;
}

static void
end(struct world *w, struct random *random, unsigned p)
{
	struct account_grant *g;
	uint64_t used;

	if (w->running[p] == 0)
		return;
	g = &w->grants[p][--w->running[p]];
	used = g->input_tok == 0 ? 0 : random_below(random, g->input_tok + 1);
	w->taken -= (int64_t)(g->input_tok - used);
	account_settle(g, 0, used, 0);
}

TEST(together_they_take_no_more_than_there_is)
{
	struct random random;
	struct world w = {.level = limits.tokens_min};
	unsigned most = 0;

	random_seed(&random, 7);
	account_share(SHARE_RATES);
	for (unsigned p = 0; p < PEERS; p++)
		w.account[p] = account_new(0, LEVEL_KEY, S("k"), NULL, &limits);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned p = (unsigned)random_below(&random, PEERS), all = 0;

		switch (random_below(&random, 8)) {
		case 0: draw(&w, p, NULL, random_below(&random, 10) == 0); break;
		case 1:
		case 2:
		case 3: end(&w, &random, p); break;
		default: ask(&w, &random, p); break;
		}
		for (unsigned k = 0; k < PEERS; k++)
			all += w.running[k];
		assert_true(w.taken <= limits.tokens_min);
		assert_true(all <= limits.concurrent);
		most = all > most ? all : most;
		/* A minute passes now and then. */
		if (random_below(&random, 500) == 0) {
			w.level += w.taken;
			w.taken = 0;
			for (unsigned k = 0; k < PEERS; k++)
				while (w.running[k] > 0)
					end(&w, &random, k);
			w.level += w.taken;
			w.taken = 0;
		}
	}
	assert_int_equal(most, limits.concurrent); /* and all of it is used */
	account_share(0);
	for (unsigned p = 0; p < PEERS; p++) {
		while (w.running[p] > 0)
			end(&w, &random, p);
		account_unref(w.account[p]);
	}
}

TEST(what_is_leased_comes_back)
{
	struct world w = {.level = limits.tokens_min};
	struct account_ask need = {.input_tok = 500};
	struct account_grant g;
	struct account_refusal why;

	account_share(SHARE_RATES);
	w.account[0] = account_new(0, LEVEL_KEY, S("k"), NULL, &limits);
	assert_int_equal(account_lacks(w.account[0], &need, 1000, NOW), SHARE_RATES);
	assert_int_equal(
	    account_admit(w.account[0], &need, 1000, NOW, &g, &why), ERR_QUOTA);
	draw(&w, 0, &need, false);
	assert_int_equal(account_lacks(w.account[0], &need, 1000, NOW), 0);
	assert_int_equal(account_admit(w.account[0], &need, 1000, NOW, &g, &why), ERR_OK);
	account_settle(&g, 0, 700, 0);
	assert_true(account_holds(w.account[0]));
	for (unsigned i = 0; i < 30; i++)
		draw(&w, 0, NULL, false);
	assert_false(account_holds(w.account[0]));
	assert_int_equal(w.level, limits.tokens_min - 700);
	assert_int_equal(w.slots[0], 0);
	account_share(0);
	account_unref(w.account[0]);
}

TEST(alone_it_has_its_share)
{
	struct account *a;
	struct account_ask need = {.input_tok = 1};
	struct account_grant g[2], none;
	struct account_refusal why;

	account_share(SHARE_RATES);
	account_alone(200);
	a = account_new(0, LEVEL_KEY, S("k"), NULL, &limits);
	for (unsigned i = 0; i < 2; i++) /* two of ten */
		assert_int_equal(account_admit(a, &need, 1000, NOW, &g[i], &why), ERR_OK);
	assert_int_equal(account_admit(a, &need, 1000, NOW, &none, &why), ERR_QUOTA);
	assert_int_equal(account_lacks(a, &need, 1000, NOW), 0); /* nobody to ask */
	account_settle(&g[0], 0, 1, 0);
	account_settle(&g[1], 0, 1, 0);
	account_alone(0);
	account_share(0);
	account_unref(a);
}

TEST(a_budget_is_what_was_granted)
{
	struct account_limits budget = account_unlimited;
	struct account_ask need = {.pusd = 60};
	struct account_lease lease;
	struct account_grant g;
	struct account_refusal why;
	struct account *a;

	budget.budget_pusd = 1000;
	budget.period = PERIOD_DAY;
	account_share(SHARE_MONEY);
	a = account_new(0, LEVEL_KEY, S("k"), NULL, &budget);
	assert_int_equal(account_lacks(a, &need, 1000, NOW), SHARE_MONEY);
	assert_true(account_lease(a, NOW, &lease));
	assert_int_equal(lease.granted_pusd, 0);
	account_lend(a, lease.from_ms, 100, 0);
	assert_int_equal(account_left(a, S(""), NOW), 100);
	assert_int_equal(account_admit(a, &need, 1000, NOW, &g, &why), ERR_OK);
	assert_int_equal(account_lacks(a, &need, 1000, NOW), SHARE_MONEY);
	/* What is under way is not given back. */
	assert_int_equal(account_give_back(a, lease.from_ms, 0), 60);
	account_settle(&g, 25, 0, 0);
	assert_int_equal(account_give_back(a, lease.from_ms, 0), 25);
	assert_int_equal(account_left(a, S(""), NOW), 0);
	/* A lease of another period is none. */
	account_lend(a, lease.from_ms - 1, 1000, 0);
	assert_int_equal(account_left(a, S(""), NOW), 0);
	account_lend(a, lease.from_ms, 1000, 0);
	assert_int_equal(account_left(a, S(""), NOW), 975);
	assert_int_equal(account_left(a, S(""), lease.until_ms), 0); /* the next one */
	assert_true(account_lease(a, lease.until_ms, &lease));
	assert_int_equal(lease.granted_pusd, 0);
	account_share(0);
	account_unref(a);
}

/* --- the address of the lender --- */

TEST(addresses_are_read)
{
	static const struct {
		const char *url, *host, *user, *password;
		unsigned port, database;
	} cases[] = {
	    {"redis://h", "h", "", "", 6379, 0},
	    {"valkey://h:1/2", "h", "", "", 1, 2},
	    {"redis://:p%40ss@h/", "h", "", "p@ss", 6379, 0},
	    {"redis://u:p:q@[::1]:7/15", "::1", "u", "p:q", 7, 15},
	    {"redis://u@10.0.0.1", "10.0.0.1", "u", "", 6379, 0},
	};
	static const char *const bad[] = {"", "h", "redis:/h", "redis://", "redis://:1",
	    "redis://h:0", "redis://h:65536", "redis://h:x", "redis://[::1",
	    "redis://h/x", "redis://h/-1", "redis://h/70000", "redis://:%@h",
	    "redis://:%4@h", "redis://:%00@h", "redis://h:1:2", "http://h",
	    "redis://:p@ss@h"};
	struct redis_place p;
	struct note why;

	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(redis_parse(slice_str(cases[i].url), &p, &why), ERR_OK);
		assert_string_equal(p.host, cases[i].host);
		assert_string_equal(p.user, cases[i].user);
		assert_string_equal(p.password, cases[i].password);
		assert_int_equal(p.port, cases[i].port);
		assert_int_equal(p.database, cases[i].database);
	}
	for (unsigned i = 0; i < COUNT(bad); i++)
		assert_int_equal(redis_parse(slice_str(bad[i]), &p, &why), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(together_they_take_no_more_than_there_is),
	    cmocka_unit_test(what_is_leased_comes_back),
	    cmocka_unit_test(alone_it_has_its_share),
	    cmocka_unit_test(a_budget_is_what_was_granted),
	    cmocka_unit_test(addresses_are_read),
	};

	return cmocka_run_group_tests_name("account leases", tests, NULL, NULL);
}
