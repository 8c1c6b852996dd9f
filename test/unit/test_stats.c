#include "meter/stats.h"

#include "test.h"

#include <pthread.h>
#include <stdlib.h>

/* What n threads' counters are written as; terminated, freed by the caller. */
static char *
written(struct stats *const *all, unsigned n)
{
	struct buf b;
	char *text;

	buf_init(&b, 1u << 20);
	stats_write(&b, all, n);
	assert_int_equal(b.err, ERR_OK);
	text = slice_dup(buf_slice(&b));
	assert_non_null(text);
	buf_free(&b);
	return text;
}

static void
assert_has(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return;
	fail_msg("\"%s\" is no line of:\n%s", line, text);
}

TEST(counters_are_summed_over_the_threads)
{
	static struct stats a, b;
	struct stats *const all[] = {&a, &b};
	char *text;

	stats_add(&a.connections, 5);
	stats_sub(&a.connections, 2);
	stats_add(&b.connections, 4);
	stats_sub(&b.connections, 5); /* one closes what another opened */
	stats_add(&b.cost_pusd, 1234567890123456789);
	stats_add(&a.status[200], 3);
	stats_add(&b.status[200], 4);
	stats_add(&b.status[599], 1);
	stats_add(&a.usage[USAGE_CACHED], 70);
	stats_add(&b.usage[USAGE_CHARACTERS], 1);
	text = written(all, 2);
	assert_has(text, "weir_connections 2");
	assert_has(text, "weir_cost_pico_usd_total 1234567890123456789");
	assert_has(text, "weir_retries_total 0");
	assert_has(text, "weir_requests_total{status=\"200\"} 7");
	assert_has(text, "weir_requests_total{status=\"599\"} 1");
	assert_null(strstr(text, "status=\"404\"")); /* which there were none of */
	assert_has(text, "weir_usage_total{class=\"cached_input_tokens\"} 70");
	assert_has(text, "weir_usage_total{class=\"characters\"} 1");
	assert_has(text, "weir_usage_total{class=\"input_tokens\"} 0");
	free(text);
	text = written(all, 1);
	assert_has(text, "weir_connections 3");
	assert_has(text, "weir_requests_total{status=\"200\"} 3");
	free(text);
}

TEST(spans_fall_into_buckets)
{
	static struct stats a;
	struct stats *const all[] = {&a};
	static const unsigned spans[] = {0, 5, 6, 10, 300000, 300001, 9999999};
	static const char *const bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1",
	    "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300"};
	char *text, line[100];

	for (size_t i = 0; i < COUNT(spans); i++)
		stats_span(&a.total, spans[i]);
	stats_span(&a.ttft, 1500);
	text = written(all, 1);
	/* Each holds those before it; a bound belongs to its bucket. */
	assert_has(text, "weir_request_duration_seconds_bucket{le=\"0.005\"} 2");
	assert_has(text, "weir_request_duration_seconds_bucket{le=\"0.01\"} 4");
	assert_has(text, "weir_request_duration_seconds_bucket{le=\"60\"} 4");
	assert_has(text, "weir_request_duration_seconds_bucket{le=\"300\"} 5");
	assert_has(text, "weir_request_duration_seconds_bucket{le=\"+Inf\"} 7");
	assert_has(text, "weir_request_duration_seconds_count 7");
	assert_has(text, "weir_request_duration_seconds_sum 10600.021");
	assert_has(text, "weir_time_to_first_token_seconds_bucket{le=\"1\"} 0");
	assert_has(text, "weir_time_to_first_token_seconds_bucket{le=\"2.5\"} 1");
	assert_has(text, "weir_time_to_first_token_seconds_sum 1.500");
	for (size_t i = 0; i < COUNT(bounds); i++) {
		(void)snprintf(line, sizeof(line),
		    "weir_time_to_first_token_seconds_bucket{le=\"%s\"} %d", bounds[i],
		    i >= 8);
		assert_has(text, line);
	}
	free(text);
}

/* Prometheus wants the lines of a metric together, under one head. */
TEST(every_metric_has_one_head)
{
	static struct stats a;
	struct stats *const all[] = {&a};
	char *text = written(all, 1);
	struct slice rest = slice_str(text), name = S("");
	unsigned heads = 0;

	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n');

		if (slice_starts(line, S("# HELP "))) {
			struct slice words = slice_from(line, 7);
			char head[200];

			name = slice_cut(&words, ' ');
			assert_true(words.len > 10);
			heads++;
			(void)snprintf(
			    head, sizeof(head), "# HELP %.*s ", SLICE_ARGS(name));
			assert_null(strstr(strstr(text, head) + 1, head));
		} else if (slice_starts(line, S("# TYPE "))) {
			assert_true(slice_starts(slice_from(line, 7), name));
		} else {
			assert_true(slice_starts(line, name));
		}
	}
	assert_true(heads > 15);
	assert_has(
	    text, "# HELP weir_requests_total Requests by the status of their reply.");
	assert_has(text, "# TYPE weir_requests_total counter");
	assert_has(text, "# TYPE weir_connections gauge");
	assert_has(text, "# TYPE weir_request_duration_seconds histogram");
	free(text);
}

TEST(the_document_has_every_metric)
{
	static struct stats a;
	struct stats *const all[] = {&a};
	char *text = written(all, 1), *page;
	struct slice rest = slice_str(text);
	struct buf b;

	buf_init(&b, 1u << 20);
	stats_document(&b);
	page = slice_dup(buf_slice(&b));
	assert_non_null(page);
	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n'), words = slice_from(line, 7);
		struct slice name = slice_cut(&words, ' ');
		char cell[200];

		if (!slice_starts(line, S("# TYPE ")))
			continue;
		(void)snprintf(cell, sizeof(cell), "\n| `%.*s` | ", SLICE_ARGS(name));
		assert_non_null(strstr(page, cell));
	}
	buf_free(&b);
	free(page);
	free(text);
}

/* --- threads: one writes, any reads --- */

#define ROUNDS 20000

static void *
count_up(void *arg)
{
	struct stats *s = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		stats_add(&s->attempts, 1);
		stats_span(&s->total, i);
	}
	return NULL;
}

TEST(readers_do_not_disturb_the_writers)
{
	static struct stats a, b;
	struct stats *const all[] = {&a, &b};
	pthread_t threads[2];
	char *text;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, all[i]), 0);
	for (unsigned i = 0; i < 20; i++)
		free(written(all, 2));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	text = written(all, 2);
	assert_has(text, "weir_attempts_total 40000");
	assert_has(text, "weir_request_duration_seconds_count 40000");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters_are_summed_over_the_threads),
	    cmocka_unit_test(spans_fall_into_buckets),
	    cmocka_unit_test(every_metric_has_one_head),
	    cmocka_unit_test(the_document_has_every_metric),
	    cmocka_unit_test(readers_do_not_disturb_the_writers),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
