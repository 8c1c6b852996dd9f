/*
 * stats: counters of one loop thread. Written by that thread only, read by any:
 * plain increments of relaxed atomics, which cost what ordinary ones do.
 */
#ifndef METER_STATS_H
#define METER_STATS_H

#include "chat/usage.h"
#include "core/buf.h"

#include <stdatomic.h>

typedef atomic_uint_fast64_t stats_cell;

/* Upper bounds of the histograms' buckets, in ms; the last one is open. */
#define STATS_BUCKETS 14

struct stats_histogram {
	stats_cell bucket[STATS_BUCKETS + 1];
	stats_cell sum_ms;
};

struct stats {
#define STAT(field, kind, name, help) stats_cell field;
#include "meter/stats.def"
	stats_cell status[600]; /* requests by the status of their reply */
	stats_cell usage[USAGE_CLASSES];
	struct stats_histogram total, ttft;
};

static inline void
stats_add(stats_cell *s, uint64_t n)
{
	atomic_store_explicit(
	    s, atomic_load_explicit(s, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void
stats_sub(stats_cell *s, uint64_t n)
{
	stats_add(s, 0 - n);
}

/* Counts a span. */
void stats_span(struct stats_histogram *h, uint64_t ms);

/* Writes the sum of n threads' counters as Prometheus text. */
void stats_write(struct buf *to, struct stats *const *all, unsigned n);

/* Writes the comments before the lines of a metric of stats.def. */
void stats_head(struct buf *to, const char *name);

/* Writes docs/metrics.md. */
void stats_document(struct buf *to);

#endif
