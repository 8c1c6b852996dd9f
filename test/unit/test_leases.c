/*
 * Several processes at one database, each with an account of its own of the same name.
 */
#include "store/leases.h"

#include "core/clock.h"
#include "core/random.h"
#include "store_case.h"

#define PEERS  3
#define BUDGET 100000
#define NEED   260 /* what a request could cost, */
#define COST   200 /* and what it costs */

struct world {
	struct db *db;
	struct account *account[PEERS];
	int64_t spent;
};

static void
begin(struct world *w)
{
	struct account_limits limits = account_unlimited;

	limits.budget_pusd = BUDGET;
	limits.period = PERIOD_TOTAL;
	*w = (struct world){.db = open_db()};
	account_share(SHARE_MONEY);
	for (unsigned i = 0; i < PEERS; i++) {
		w->account[i] = account_new(1, LEVEL_KEY, S("k"), NULL, &limits);
		assert_non_null(w->account[i]);
	}
}

static void
end(struct world *w)
{
	for (unsigned i = 0; i < PEERS; i++)
		account_unref(w->account[i]);
	account_share(0);
	close_db(w->db);
}

static int64_t
number(struct world *w, const char *sql)
{
	struct db_stmt *s;
	struct note note;
	int64_t n;

	assert_int_equal(db_prepare(w->db, sql, &s, &note), ERR_OK);
	assert_int_equal(db_step(s), DB_ROW);
	n = db_i64(s, 0);
	db_finish(s);
	return n;
}

/* As a request does it: only what is lacking is leased. Was it let in? */
static bool
ask(struct world *w, unsigned peer, int64_t need, int64_t cost)
{
	const struct account_ask all = {.pusd = need, .least_pusd = need};
	struct account *a = w->account[peer];
	struct account_refusal why;
	struct account_grant grant;
	struct note note = {""};
	bool granted;

	if (account_lacks(a, &all, 1, clock_unix_ms()) != 0 &&
	    leases_draw(w->db, (int64_t)peer + 1, a, &all, &note) != ERR_OK)
		fail_msg("%s", note.text);
	granted = account_admit(a, &all, 1, clock_unix_ms(), &grant, &why) == ERR_OK;
	if (granted) {
		account_settle(&grant, cost, 0, 0);
		w->spent += cost;
	}
	assert_true(w->spent <= BUDGET);
	assert_true(number(w, "SELECT granted_pusd FROM lease_total") <= BUDGET);
	assert_true(number(w, "SELECT sum(granted_pusd) FROM lease") ==
		    number(w, "SELECT granted_pusd FROM lease_total"));
	return granted;
}

/* Asks all in turn, without a pause, until nobody is let in any more. */
static void
ask_to_the_end(struct world *w)
{
	unsigned refused = 0;

	for (unsigned i = 0; refused < 2 * PEERS; i++)
		refused = ask(w, i % PEERS, NEED, COST) ? 0 : refused + 1;
}

TEST(the_last_request_that_fits_is_let_in)
{
	struct random random;

	random_seed(&random, 7);
	for (unsigned round = 0; round < 20; round++) {
		struct world w;

		begin(&w);
		/* So that each has another rest in hand. */
		for (unsigned i = 0; i < 40; i++)
			(void)ask(&w, (unsigned)random_below(&random, PEERS), 1000,
			    (int64_t)random_below(&random, 1000));
		ask_to_the_end(&w);
		if (BUDGET - w.spent >= NEED)
			fail_msg("round %u: %lld are left", round,
			    (long long)(BUDGET - w.spent));
		end(&w);
		remove_folder();
		assert_int_equal(folder_setup(NULL), 0);
	}
}

/* One that never fits takes nothing, and takes nothing from those that do. */
TEST(one_that_never_fits_changes_nothing)
{
	struct world w;
	int64_t before;

	begin(&w);
	assert_true(ask(&w, 0, NEED, COST));
	before = number(&w, "SELECT granted_pusd FROM lease_total");
	for (unsigned i = 0; i < 2 * PEERS; i++)
		assert_false(ask(&w, i % PEERS, 2 * BUDGET, 0));
	assert_true(number(&w, "SELECT granted_pusd FROM lease_total") == before);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(the_last_request_that_fits_is_let_in),
	    RUN(one_that_never_fits_changes_nothing),
	};

	return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
