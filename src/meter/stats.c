#include "meter/stats.h"

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
		    (const stat *)(const void *)at, memory_order_relaxed);
	}
	return total;
}

static void
write_one(
    struct buf *to, const char *kind, const char *name, const char *help, uint64_t value)
{
	buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind,
	    name, (unsigned long long)value);
}

static void
write_histogram(struct buf *to, struct stats *const *all, unsigned n, const char *name,
    const char *help, size_t offset)
{
	uint64_t below = 0;

	buf_printf(to, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (unsigned i = 0; i <= STATS_BUCKETS; i++) {
		below += sum(all, n, offset + i * sizeof(stat));
		if (i < STATS_BUCKETS)
			buf_printf(to, "%s_bucket{le=\"%g\"} %llu\n", name,
			    bounds_ms[i] / 1000.0, (unsigned long long)below);
	}
	buf_printf(to, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.3f\n%s_count %llu\n", name,
	    (unsigned long long)below, name,
	    (double)sum(all, n, offset + offsetof(struct stats_histogram, sum_ms)) / 1000,
	    name, (unsigned long long)below);
}

#define COUNTER "counter"
#define GAUGE	"gauge"

void
stats_write(struct buf *to, struct stats *const *all, unsigned n)
{
#define STAT(field, kind, name, help)                                                    \
	write_one(to, kind, name, help, sum(all, n, offsetof(struct stats, field)));
#include "meter/stats.def"
	buf_add(
	    to, S("# HELP weir_requests_total Requests by the status of their reply.\n"
		  "# TYPE weir_requests_total counter\n"));
	for (unsigned i = 0; i < 600; i++) {
		uint64_t count =
		    sum(all, n, offsetof(struct stats, status) + i * sizeof(stat));

		if (count > 0)
			buf_printf(to, "weir_requests_total{status=\"%u\"} %llu\n", i,
			    (unsigned long long)count);
	}
	buf_add(to, S("# HELP weir_usage_total Units used, by class.\n"
		      "# TYPE weir_usage_total counter\n"));
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(to, "weir_usage_total{class=\"%s\"} %llu\n",
		    usage_name((enum usage_class)c),
		    (unsigned long long)sum(
			all, n, offsetof(struct stats, usage) + c * sizeof(stat)));
	write_histogram(to, all, n, "weir_request_duration_seconds",
	    "From the request's first byte to the reply's last.",
	    offsetof(struct stats, total));
	write_histogram(to, all, n, "weir_time_to_first_token_seconds",
	    "From the request's first byte to the answer's first token.",
	    offsetof(struct stats, ttft));
}
