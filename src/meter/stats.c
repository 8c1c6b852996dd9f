#include "meter/stats.h"

#include <assert.h>

#define COUNTER	  "counter"
#define GAUGE	  "gauge"
#define HISTOGRAM "histogram"

static const struct {
	const char *kind, *name, *label, *help;
} metrics[] = {
#define STAT(field, kind, name, help)	{kind, name, "", help},
#define METRIC(kind, name, label, help) {kind, name, label, help},
#include "meter/stats.def"
};

#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

static const unsigned bounds_ms[STATS_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000};

void
stats_span(struct stats_histogram *h, uint64_t ms)
{
	unsigned i = 0;

	while (i < STATS_BUCKETS && ms > bounds_ms[i])
		i++;
	stats_add(&h->bucket[i], 1);
	stats_add(&h->sum_ms, ms);
}

/* The sum of the same counter, which lies at `offset`, over all threads. */
static uint64_t
sum(struct stats *const *all, unsigned n, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *at = (const char *)all[i] + offset;

		total += atomic_load_explicit(
		    (const stats_cell *)(const void *)at, memory_order_relaxed);
	}
	return total;
}

void
stats_head(struct buf *to, const char *name)
{
	unsigned i = 0;

	while (i < METRICS && strcmp(metrics[i].name, name) != 0)
		i++;
	assert(i < METRICS);
	buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, metrics[i].help, name,
	    metrics[i].kind);
}

static void
write_one(struct buf *to, const char *name, uint64_t value)
{
	stats_head(to, name);
	buf_printf(to, "%s %llu\n", name, (unsigned long long)value);
}

static void
write_histogram(
    struct buf *to, struct stats *const *all, unsigned n, const char *name, size_t offset)
{
	uint64_t below = 0;

	stats_head(to, name);
	for (unsigned i = 0; i <= STATS_BUCKETS; i++) {
		below += sum(all, n, offset + i * sizeof(stats_cell));
		if (i < STATS_BUCKETS)
			buf_printf(to, "%s_bucket{le=\"%g\"} %llu\n", name,
			    bounds_ms[i] / 1000.0, (unsigned long long)below);
	}
	buf_printf(to, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.3f\n%s_count %llu\n", name,
	    (unsigned long long)below, name,
	    (double)sum(all, n, offset + offsetof(struct stats_histogram, sum_ms)) / 1000,
	    name, (unsigned long long)below);
}

void
stats_write(struct buf *to, struct stats *const *all, unsigned n)
{
#define STAT(field, kind, name, help)                                                    \
	write_one(to, name, sum(all, n, offsetof(struct stats, field)));
#include "meter/stats.def"
	stats_head(to, "weir_requests_total");
	for (unsigned i = 0; i < 600; i++) {
		uint64_t count =
		    sum(all, n, offsetof(struct stats, status) + i * sizeof(stats_cell));

		if (count > 0)
			buf_printf(to, "weir_requests_total{status=\"%u\"} %llu\n", i,
			    (unsigned long long)count);
	}
	stats_head(to, "weir_usage_total");
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(to, "weir_usage_total{class=\"%s\"} %llu\n",
		    usage_name((enum usage_class)c),
		    (unsigned long long)sum(
			all, n, offsetof(struct stats, usage) + c * sizeof(stats_cell)));
	write_histogram(
	    to, all, n, "weir_request_duration_seconds", offsetof(struct stats, total));
	write_histogram(
	    to, all, n, "weir_time_to_first_token_seconds", offsetof(struct stats, ttft));
}

void
stats_document(struct buf *to)
{
	buf_add(to,
	    S("<!-- Made by `make docs` from the tables of the source; do not edit. "
	      "-->\n\n# Metrics\n\n`GET /metrics` serves them as Prometheus reads "
	      "them: sums over all threads since the start. Once a\nkey is defined it "
	      "wants one, unless `metrics.open` is true ([configuration]"
	      "(configuration.md)).\n\n```yaml\nscrape_configs:\n  - job_name: weir\n"
	      "    authorization: {credentials: sk-weir-...}\n    static_configs: "
	      "[{targets: ['127.0.0.1:8080']}]\n```\n\n| metric | kind | label | what |\n"
	      "|---|---|---|---|\n"));
	for (unsigned i = 0; i < METRICS; i++)
		buf_printf(to, "| `%s` | %s | %s | %s |\n", metrics[i].name,
		    metrics[i].kind, metrics[i].label, metrics[i].help);
}
