#include "admin/admin.h"
#include "admin/hub.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/version.h"

#include <stdio.h>
#include <unistd.h>

#define METRICS_BYTES (4u << 20)

void
admin_health(struct request *r)
{
	request_reply(r, ERR_OK, 200, S("application/json"), S("{\"status\":\"ok\"}\n"));
}

void
admin_ready(struct request *r)
{
	struct hub *hub = r->worker->hub;

	if (atomic_load(&hub->stopping))
		request_reply(r, ERR_OK, 503, S("application/json"),
		    S("{\"status\":\"stopping\"}\n"));
	else if (!store_is_well(hub->store) && !store_has_room(hub->store))
		request_reply(r, ERR_OK, 503, S("application/json"),
		    S("{\"status\":\"the ledger cannot be written, and the journal is "
		      "full\"}\n"));
	else if (!store_is_well(hub->store))
		request_reply(r, ERR_OK, 200, S("application/json"),
		    S("{\"status\":\"ready\",\"ledger\":\"cannot be written\"}\n"));
	else
		request_reply(
		    r, ERR_OK, 200, S("application/json"), S("{\"status\":\"ready\"}\n"));
}

/* A label's value: quotes, backslashes and line ends would end it. */
static void
put_label(struct buf *to, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text != '"' && *text != '\\' && (unsigned char)*text >= ' ')
			buf_byte(to, *text);
}

/* One metric of all offers that were asked. */
struct offers {
	struct buf *to;
	const char *name;
	uint64_t (*value)(const struct health *h);
};

static uint64_t
answers_of(const struct health *h)
{
	return atomic_load(&h->answers);
}

static uint64_t
faults_of(const struct health *h)
{
	return atomic_load(&h->faults);
}

static uint64_t
is_open(const struct health *h)
{
	return health_breaker(h, clock_mono_ms()) != BREAKER_CLOSED;
}

static void
put_offer(void *arg, const struct health *h)
{
	struct offers *o = arg;

	if (answers_of(h) + faults_of(h) == 0)
		return;
	buf_printf(o->to, "%s{offer=\"", o->name);
	put_label(o->to, h->name);
	buf_printf(o->to, "\"} %llu\n", (unsigned long long)o->value(h));
}

static void
put_offers(struct buf *to, const char *name, uint64_t (*value)(const struct health *h))
{
	struct offers o = {to, name, value};

	stats_head(to, name);
	health_each(put_offer, &o);
}

static void
put_process(struct buf *to, const struct hub *hub)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	/* A read of memory, not of a disk: it does not wait. */
	if (f != NULL) {
		if (fscanf(f, "%*s %ld", &pages) != 1)
			pages = 0;
		(void)fclose(f);
	}
	stats_head(to, "process_resident_memory_bytes");
	buf_printf(to, "process_resident_memory_bytes %lld\n",
	    (long long)pages * sysconf(_SC_PAGESIZE));
	stats_head(to, "process_start_time_seconds");
	buf_printf(
	    to, "process_start_time_seconds %.3f\n", (double)hub->started_ms / 1000);
	stats_head(to, "weir_journal_bytes");
	buf_printf(to, "weir_journal_bytes %llu\n",
	    (unsigned long long)store_journal_bytes(hub->store));
	if (hub->shared != NULL) {
		stats_head(to, "weir_shared_up");
		buf_printf(to, "weir_shared_up %d\n", shared_is_well(hub->shared));
	}
	stats_head(to, "weir_store_up");
	buf_printf(to, "weir_store_up %d\n", store_is_well(hub->store));
	stats_head(to, "weir_log_lines_dropped_total");
	buf_printf(
	    to, "weir_log_lines_dropped_total %llu\n", (unsigned long long)log_dropped());
	stats_head(to, "weir_build_info");
	buf_add(to, S("weir_build_info{version=\"" WEIR_VERSION "\"} 1\n"));
}

void
admin_metrics(struct request *r)
{
	struct hub *hub = r->worker->hub;
	struct stats *all[64];
	struct buf text;

	buf_init(&text, METRICS_BYTES);
	for (unsigned i = 0; i < hub->nworkers; i++)
		all[i] = &hub->workers[i]->stats;
	stats_write(&text, all, hub->nworkers);
	put_offers(&text, "weir_offer_answers_total", answers_of);
	put_offers(&text, "weir_offer_faults_total", faults_of);
	put_offers(&text, "weir_offer_breaker_open", is_open);
	put_process(&text, hub);
	request_reply(r, text.err, 200, S("text/plain; version=0.0.4; charset=utf-8"),
	    buf_slice(&text));
	buf_free(&text);
}
