#include "quota/account.h"

#include "test.h"
#include "torture.h"

#include <pthread.h>
#include <stdatomic.h>

#define USD	INT64_C(1000000000000)
#define DAY_MS	UINT64_C(86400000)
#define NOW	(20000 * DAY_MS + 5000) /* 2024-10-04, a Friday */
#define UNKNOWN INT64_MIN

/* --- periods --- */

TEST(periods_have_names)
{
	enum period p;

	for (unsigned i = 0; i < PERIODS; i++) {
		assert_true(period_read(slice_str(period_name((enum period)i)), &p));
		assert_int_equal(p, i);
	}
	assert_true(period_read(S("Month"), &p));
	assert_false(period_read(S("year"), &p));
	assert_false(period_read(S(""), &p));
}

TEST(periods_begin_and_end)
{
	static const struct {
		enum period p;
		uint64_t at, from, until; /* days, but for the offset */
	} cases[] = {
	    {PERIOD_DAY, 20000, 20000, 20001},
	    {PERIOD_WEEK, 20000, 19996, 20003}, /* Monday 2024-09-30 */
	    {PERIOD_WEEK, 19996, 19996, 20003},
	    {PERIOD_WEEK, 20002, 19996, 20003},
	    {PERIOD_MONTH, 20000, 19997, 20028}, /* October */
	    {PERIOD_MONTH, 19782, 19754, 19783}, /* 2024-02-29 */
	    {PERIOD_MONTH, 0, 0, 31},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint64_t from, until;

		period_bounds(cases[i].p, 0, cases[i].at * DAY_MS + 1, &from, &until);
		assert_int_equal(from, cases[i].from * DAY_MS);
		assert_int_equal(until, cases[i].until * DAY_MS);
	}
}

TEST(every_day_lies_in_its_month)
{
	uint64_t end = 0;

	for (uint64_t day = 0; day < 60000; day++) {
		uint64_t from, until;

		period_bounds(PERIOD_MONTH, 0, day * DAY_MS, &from, &until);
		assert_true(from <= day * DAY_MS && day * DAY_MS < until);
		assert_true(until - from >= 28 * DAY_MS && until - from <= 31 * DAY_MS);
		assert_true(day == 0 || from == end || day * DAY_MS < end);
		end = until;
	}
}

TEST(days_follow_local_time)
{
	uint64_t from, until;

	period_bounds(PERIOD_DAY, 120, 20000 * DAY_MS + 23 * 3600000, &from, &until);
	assert_int_equal(from, 20001 * DAY_MS - 7200000);
	assert_int_equal(until, 20002 * DAY_MS - 7200000);
	period_bounds(PERIOD_DAY, -300, 20000 * DAY_MS + 3600000, &from, &until);
	assert_int_equal(until, 20000 * DAY_MS + 5 * 3600000);
	period_bounds(PERIOD_TOTAL, 0, NOW, &from, &until);
	assert_int_equal(from, 0);
	assert_true(until == UINT64_MAX);
}

/* --- accounts --- */

static struct account_limits
budget(int64_t pusd)
{
	struct account_limits l = account_unlimited;

	l.budget_pusd = pusd;
	l.period = PERIOD_DAY;
	return l;
}

static struct account *
key_with(struct account_limits l, struct account *parent)
{
	struct account *a = account_new(1, LEVEL_KEY, S("k"), parent, &l);

	assert_non_null(a);
	return a;
}

static enum err
admit(struct account *a, int64_t pusd, struct account_grant *g, struct account_refusal *r)
{
	const struct account_ask ask = {.pusd = pusd, .input_tok = 10};

	return account_admit(a, &ask, 1000, NOW, g, r);
}

TEST(a_budget_is_a_wall)
{
	struct account *a = key_with(budget(100), NULL);
	struct account_grant g, h, none;
	struct account_refusal r;

	assert_int_equal(admit(a, 60, &g, &r), ERR_OK);
	assert_int_equal(admit(a, 41, &none, &r), ERR_BUDGET);
	assert_int_equal(r.left_pusd, 40);
	assert_int_equal(r.level, LEVEL_KEY);
	assert_slice(r.name, S("k"));
	assert_int_equal(r.renews_ms, 20001 * DAY_MS);
	assert_int_equal(admit(a, 40, &h, &r), ERR_OK);
	assert_int_equal(account_left(a, S("m"), NOW), 0);
	account_settle(&g, 10, 5, 0);
	assert_int_equal(account_left(a, S("m"), NOW), 50);
	account_settle(&h, 40, 5, 0);
	assert_int_equal(account_left(a, S("m"), NOW), 50);
	assert_int_equal(admit(a, UNKNOWN, &g, &r), ERR_BUDGET);
	account_unref(a);
}

TEST(an_unknown_cost_is_what_was_reserved)
{
	struct account *a = key_with(budget(100), NULL);
	struct account_grant g;
	struct account_refusal r;

	assert_int_equal(admit(a, 30, &g, &r), ERR_OK);
	account_settle(&g, UNKNOWN, 0, 0);
	assert_int_equal(account_left(a, S("m"), NOW), 70);
	account_unref(a);
}

TEST(who_is_above_is_asked_too)
{
	struct account_limits none = account_unlimited, l = budget(100);
	struct account *org = account_new(9, LEVEL_ORG, S("o"), NULL, &l);
	struct account *team = account_new(8, LEVEL_TEAM, S("t"), org, &none);
	struct account *a = key_with(budget(1000), team), *b = key_with(none, team);
	struct account_grant g, h;
	struct account_refusal r;

	account_unref(org);
	account_unref(team);
	assert_int_equal(admit(a, 80, &g, &r), ERR_OK);
	assert_int_equal(admit(b, 30, &h, &r), ERR_BUDGET);
	assert_int_equal(r.level, LEVEL_ORG);
	assert_slice(r.name, S("o"));
	assert_int_equal(account_left(b, S("m"), NOW), 20);
	account_settle(&g, 0, 0, 0);
	/* Nothing was taken by the one that was refused. */
	assert_int_equal(account_left(a, S("m"), NOW), 100);
	account_unref(a);
	account_unref(b);
}

TEST(a_new_period_begins_with_nothing_spent)
{
	struct account *a = key_with(budget(100), NULL);
	const struct account_ask ask = {.pusd = 90};
	struct account_grant g, h;
	struct account_refusal r;

	assert_int_equal(account_admit(a, &ask, 1, NOW, &g, &r), ERR_OK);
	/* What still runs is reserved on, but its cost is the day's on which it began. */
	assert_int_equal(account_left(a, S("m"), NOW + DAY_MS), 10);
	account_settle(&g, 90, 0, 0);
	assert_int_equal(account_left(a, S("m"), NOW + DAY_MS), 100);
	assert_int_equal(account_admit(a, &ask, 1, NOW + DAY_MS, &h, &r), ERR_OK);
	account_settle(&h, 90, 0, 0);
	assert_int_equal(account_left(a, S("m"), NOW + DAY_MS), 10);
	account_unref(a);
}

TEST(a_changed_amount_keeps_what_was_spent)
{
	struct account_limits more = budget(200), monthly = budget(200);
	struct account *a = key_with(budget(100), NULL);

	account_set_spent(a, NOW, 90);
	account_set_limits(a, &more);
	assert_int_equal(account_left(a, S("m"), NOW), 110);
	monthly.period = PERIOD_MONTH;
	account_set_limits(a, &monthly);
	assert_int_equal(account_left(a, S("m"), NOW), 200);
	account_unref(a);
}

TEST(what_runs_when_the_period_changes_counts)
{
	struct account_limits monthly = budget(200);
	struct account *a = key_with(budget(100), NULL);
	const struct account_ask ask = {.pusd = 60};
	struct account_grant g;
	struct account_refusal r;

	assert_int_equal(account_admit(a, &ask, 1, NOW, &g, &r), ERR_OK);
	monthly.period = PERIOD_MONTH;
	assert_true(account_begins_anew(a, &monthly));
	assert_true(account_set_limits(a, &monthly));
	assert_false(account_begins_anew(a, &monthly));
	account_settle(&g, 50, 0, 0);
	account_set_spent(a, NOW, 30); /* by the ledger, which has not heard of it */
	assert_int_equal(account_left(a, S("m"), NOW), 120);
	account_unref(a);
}

TEST(dry_only_counts)
{
	struct account_limits l = budget(100);
	struct account *a;
	struct account_grant g;
	struct account_refusal r;

	l.dry = true;
	a = key_with(l, NULL);
	assert_int_equal(admit(a, 1000, &g, &r), ERR_OK);
	account_settle(&g, 1000, 0, 0);
	l.dry = false;
	account_set_limits(a, &l);
	assert_int_equal(account_left(a, S("m"), NOW), 0);
	account_unref(a);
}

TEST(a_part_is_a_wall_for_its_models)
{
	struct account_limits l = budget(50);
	struct account *a = key_with(budget(1000), NULL);
	struct account *part = account_part_new(a, S("gpt*"), &l), *none;
	struct account_ask ask = {.pusd = 40, .model = S("gpt-5")};
	struct account_grant g, h;
	struct account_refusal r;

	assert_null(account_part(a, S("gpt*")));
	assert_true(account_set_parts(a, &part, 1));
	none = account_part(a, S("gpt*"));
	assert_ptr_equal(none, part);
	account_unref(none);
	assert_int_equal(account_left(a, S("GPT-4"), NOW), 50);
	assert_int_equal(account_left(a, S("o3"), NOW), 1000);
	assert_int_equal(account_admit(a, &ask, 1, NOW, &g, &r), ERR_OK);
	assert_int_equal(g.count, 2);
	assert_int_equal(account_admit(a, &ask, 1, NOW, &h, &r), ERR_BUDGET);
	assert_slice(r.models, S("gpt*"));
	assert_int_equal(r.left_pusd, 10);
	ask.model = S("o3");
	assert_int_equal(account_admit(a, &ask, 1, NOW, &h, &r), ERR_OK);
	account_settle(&h, 30, 0, 0);
	/* One that goes while it is held is settled all the same. */
	assert_true(account_set_parts(a, NULL, 0));
	assert_int_equal(account_left(a, S("gpt-5"), NOW), 930);
	account_settle(&g, 20, 0, 0);
	assert_int_equal(account_left(a, S("gpt-5"), NOW), 950);
	assert_true(account_set_parts(a, &part, 1));
	account_unref(part);
	assert_int_equal(account_left(a, S("gpt-5"), NOW), 30);
	account_unref(a);
}

TEST(what_cannot_be_held_is_refused)
{
	struct account *a = key_with(budget(1000), NULL), *parts[ACCOUNT_GRANT_MAX];
	struct account_ask ask = {.pusd = 1, .model = S("m")};
	struct account_limits l = budget(1000);
	struct account_grant g;
	struct account_refusal r;

	for (unsigned i = 0; i < ACCOUNT_GRANT_MAX; i++)
		parts[i] = account_part_new(a, S("*"), &l);
	assert_true(account_set_parts(a, parts, ACCOUNT_GRANT_MAX - 1));
	assert_int_equal(account_admit(a, &ask, 1, NOW, &g, &r), ERR_OK);
	account_settle(&g, 1, 0, 0);
	assert_true(account_set_parts(a, parts, ACCOUNT_GRANT_MAX));
	assert_int_equal(account_admit(a, &ask, 1, NOW, &g, &r), ERR_BUDGET);
	for (unsigned i = 0; i < ACCOUNT_GRANT_MAX; i++)
		account_unref(parts[i]);
	assert_int_equal(account_left(a, S("x"), NOW), 999);
	account_unref(a);
}

TEST(all_of_several_accounts_or_none)
{
	struct account_limits one = account_unlimited, two = account_unlimited;
	const struct account_ask ask = {.pusd = 5, .input_tok = 70, .output_tok = 30};
	struct account *all[3] = {NULL, NULL, NULL};
	struct account_grant g, none;
	struct account_refusal r;

	one.concurrent = 2;
	one.input_min = 100;
	two.output_min = 50;
	all[0] = account_shared(LEVEL_MODEL, S("m"), &one);
	all[2] = account_shared(LEVEL_PROVIDER, S("m"), &two);
	assert_ptr_not_equal(all[0], all[2]);
	assert_ptr_equal(all[0], account_shared(LEVEL_MODEL, S("m"), &one));
	assert_int_equal(account_admit_all(all, 3, &ask, 1000, &g, &r), ERR_OK);
	assert_int_equal(g.count, 2);
	assert_int_equal(account_admit_all(all, 3, &ask, 1000, &none, &r), ERR_QUOTA);
	assert_int_equal(none.count, 0);
	assert_int_equal(r.kind, QUOTA_INPUT);
	assert_int_equal(r.level, LEVEL_MODEL);
	account_settle(&g, 5, 10, 45);
	/* The first has room again, the second has 5 left: nothing is taken of either. */
	assert_true(account_has_room(all[0], &ask, 1000, &r));
	assert_false(account_has_room(all[2], &ask, 1000, &r));
	assert_int_equal(account_admit_all(all, 3, &ask, 1000, &none, &r), ERR_QUOTA);
	assert_int_equal(r.kind, QUOTA_OUTPUT);
	assert_true(r.of == all[2]);
	assert_true(account_has_room(all[0], &ask, 1000, &r));
	assert_int_equal(account_admit_all(all + 1, 1, &ask, 1000, &g, &r), ERR_OK);
	assert_int_equal(g.count, 0);
	account_settle(&g, 5, 1, 1);
}

TEST(what_is_reached_is_told)
{
	struct account_refusal r = {.kind = QUOTA_MONEY, .limit = USD / 4};
	struct note note;

	note_set(&note, "it is ");
	account_put_limit(&r, &note);
	assert_string_equal(note.text, "it is 0.25 USD a minute");
	r = (struct account_refusal){.kind = QUOTA_OUTPUT, .limit = 7};
	note.text[0] = '\0';
	account_put_limit(&r, &note);
	assert_string_equal(note.text, "7 output tokens a minute");
}

TEST(requests_a_minute)
{
	struct account_limits l = account_unlimited;
	const struct account_ask ask = {.pusd = UNKNOWN};
	struct account *a;
	struct account_grant g;
	struct account_refusal r;

	l.requests_min = 60;
	a = key_with(l, NULL);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(account_admit(a, &ask, 5000, NOW, &g, &r), ERR_OK);
		account_settle(&g, 0, 0, 0);
	}
	assert_int_equal(account_admit(a, &ask, 5000, NOW, &g, &r), ERR_QUOTA);
	assert_int_equal(r.kind, QUOTA_REQUESTS);
	assert_in_range(r.retry_ms, 1000, 1001);
	/* Short steps lose nothing: after a second there is one again. */
	for (uint64_t ms = 5100; ms < 6000; ms += 100)
		assert_int_equal(account_admit(a, &ask, ms, NOW, &g, &r), ERR_QUOTA);
	assert_int_equal(account_admit(a, &ask, 6000, NOW, &g, &r), ERR_OK);
	account_settle(&g, 0, 0, 0);
	assert_int_equal(account_admit(a, &ask, 6001, NOW, &g, &r), ERR_QUOTA);
	account_unref(a);
}

TEST(tokens_a_minute_are_corrected_afterwards)
{
	struct account_limits l = account_unlimited;
	const struct account_ask ask = {.input_tok = 600};
	struct account *a;
	struct account_grant g;
	struct account_refusal r;
	struct account_rates rates;

	l.tokens_min = 1000;
	a = key_with(l, NULL);
	assert_int_equal(account_admit(a, &ask, 1000, NOW, &g, &r), ERR_OK);
	account_settle(&g, 0, 100, 0);
	account_rates(a, 1000, &rates);
	assert_int_equal(rates.of[RATE_TOKENS].left, 900);
	assert_int_equal(account_admit(a, &ask, 1000, NOW, &g, &r), ERR_OK);
	account_settle(&g, 0, 5000, 0); /* a debt */
	assert_int_equal(account_admit(a, &ask, 61000, NOW, &g, &r), ERR_QUOTA);
	assert_int_equal(r.kind, QUOTA_TOKENS);
	account_unref(a);
}

TEST(one_that_is_larger_than_the_limit_comes_alone)
{
	struct account_limits l = account_unlimited;
	const struct account_ask ask = {.input_tok = 5000};
	struct account *a;
	struct account_grant g;
	struct account_refusal r;

	l.tokens_min = 1000;
	a = key_with(l, NULL);
	assert_int_equal(account_admit(a, &ask, 1000, NOW, &g, &r), ERR_OK);
	account_settle(&g, 0, 5000, 0);
	assert_int_equal(account_admit(a, &ask, 2000, NOW, &g, &r), ERR_QUOTA);
	assert_in_range(r.retry_ms, 298000, 300001);
	account_unref(a);
}

TEST(requests_at_a_time)
{
	struct account_limits l = account_unlimited;
	struct account *a;
	struct account_grant g, h, none;
	struct account_refusal r;

	l.concurrent = 2;
	a = key_with(l, NULL);
	assert_int_equal(admit(a, 0, &g, &r), ERR_OK);
	assert_int_equal(admit(a, 0, &h, &r), ERR_OK);
	assert_int_equal(admit(a, 0, &none, &r), ERR_QUOTA);
	assert_int_equal(r.kind, QUOTA_CONCURRENT);
	account_settle(&g, 0, 0, 0);
	assert_int_equal(admit(a, 0, &g, &r), ERR_OK);
	account_settle(&g, 0, 0, 0);
	account_settle(&h, 0, 0, 0);
	account_unref(a);
}

TEST(a_limit_of_nothing_lets_nothing_in)
{
	struct account_limits l = account_unlimited;
	struct account *a;
	struct account_grant g;
	struct account_refusal r;

	l.requests_min = 0;
	a = key_with(l, NULL);
	assert_int_equal(admit(a, 0, &g, &r), ERR_QUOTA);
	account_unref(a);
	a = key_with(budget(0), NULL);
	assert_int_equal(admit(a, 1, &g, &r), ERR_BUDGET);
	assert_int_equal(admit(a, 0, &g, &r), ERR_OK);
	account_settle(&g, 0, 0, 0);
	account_unref(a);
}

/* --- many at once --- */

static struct account *shared;
static atomic_llong spent, most;

static void *
spend(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < 20000; i++) {
		struct account_grant g;
		struct account_refusal r;
		const struct account_ask ask = {.pusd = 1 + (int64_t)(seed % 97)};

		seed = seed * 1103515245 + 12345;
		if (account_admit(shared, &ask, 1, NOW, &g, &r) != ERR_OK)
			continue;
		atomic_fetch_add(&spent, (int64_t)(seed % (unsigned)ask.pusd));
		account_settle(&g, (int64_t)(seed % (unsigned)ask.pusd), 1, 0);
		if (account_left(shared, S("m"), NOW) < 0)
			atomic_store(&most, 1);
	}
	return NULL;
}

TEST(many_at_once_spend_no_more_than_there_is)
{
	struct account_limits l = budget(200000);
	struct account *team = account_new(2, LEVEL_TEAM, S("t"), NULL, &l);
	pthread_t threads[4];

	shared = key_with(account_unlimited, team);
	account_unref(team);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, spend, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&most), 0);
	assert_true(atomic_load(&spent) <= 200000 && atomic_load(&spent) > 199000);
	assert_int_equal(account_left(shared, S("m"), NOW), 200000 - atomic_load(&spent));
	account_unref(shared);
}

static enum err
make_one(void *arg)
{
	struct account *a = account_new(1, LEVEL_KEY, S("k"), NULL, arg);

	account_unref(a);
	return a == NULL ? ERR_NOMEM : ERR_OK;
}

TEST(memory_may_be_out)
{
	struct account_limits none = account_unlimited;

	assert_true(torture(make_one, &none) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(periods_have_names),
	    cmocka_unit_test(periods_begin_and_end),
	    cmocka_unit_test(every_day_lies_in_its_month),
	    cmocka_unit_test(days_follow_local_time),
	    cmocka_unit_test(a_budget_is_a_wall),
	    cmocka_unit_test(an_unknown_cost_is_what_was_reserved),
	    cmocka_unit_test(who_is_above_is_asked_too),
	    cmocka_unit_test(a_new_period_begins_with_nothing_spent),
	    cmocka_unit_test(a_changed_amount_keeps_what_was_spent),
	    cmocka_unit_test(what_runs_when_the_period_changes_counts),
	    cmocka_unit_test(dry_only_counts),
	    cmocka_unit_test(a_part_is_a_wall_for_its_models),
	    cmocka_unit_test(what_cannot_be_held_is_refused),
	    cmocka_unit_test(all_of_several_accounts_or_none),
	    cmocka_unit_test(what_is_reached_is_told),
	    cmocka_unit_test(requests_a_minute),
	    cmocka_unit_test(tokens_a_minute_are_corrected_afterwards),
	    cmocka_unit_test(one_that_is_larger_than_the_limit_comes_alone),
	    cmocka_unit_test(requests_at_a_time),
	    cmocka_unit_test(a_limit_of_nothing_lets_nothing_in),
	    cmocka_unit_test(many_at_once_spend_no_more_than_there_is),
	    cmocka_unit_test(memory_may_be_out),
	};

	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
