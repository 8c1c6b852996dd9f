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
	else if (!store_is_well(hub->store))
		request_reply(r, ERR_OK, 503, S("application/json"),
		    S("{\"status\":\"the ledger cannot be written\"}\n"));
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

static void
put_offer(void *arg, const struct health *h)
{
	struct buf *to = arg;
	uint64_t answers = atomic_load(&h->answers), faults = atomic_load(&h->faults);

	if (answers + faults == 0)
		return;
	buf_add(to, S("weir_offer_answers_total{offer=\""));
	put_label(to, h->name);
	buf_printf(to, "\"} %llu\nweir_offer_faults_total{offer=\"",
	    (unsigned long long)answers);
	put_label(to, h->name);
	buf_printf(
	    to, "\"} %llu\nweir_offer_breaker_open{offer=\"", (unsigned long long)faults);
	put_label(to, h->name);
	buf_printf(to, "\"} %d\n", health_breaker(h, clock_mono_ms()) != BREAKER_CLOSED);
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
	buf_printf(to,
	    "# TYPE process_resident_memory_bytes gauge\n"
	    "process_resident_memory_bytes %lld\n"
	    "# TYPE process_start_time_seconds gauge\n"
	    "process_start_time_seconds %.3f\n"
	    "# TYPE weir_log_lines_dropped_total counter\n"
	    "weir_log_lines_dropped_total %llu\n"
	    "# TYPE weir_build_info gauge\n"
	    "weir_build_info{version=\"" WEIR_VERSION "\"} 1\n",
	    (long long)pages * sysconf(_SC_PAGESIZE), (double)hub->started_ms / 1000,
	    (unsigned long long)log_dropped());
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
	buf_add(&text,
	    S("# HELP weir_offer_answers_total Good answers of a provider's model.\n"
	      "# TYPE weir_offer_answers_total counter\n"
	      "# TYPE weir_offer_faults_total counter\n"
	      "# TYPE weir_offer_breaker_open gauge\n"));
	health_each(put_offer, &text);
	put_process(&text, hub);
	request_reply(r, text.err, 200, S("text/plain; version=0.0.4; charset=utf-8"),
	    buf_slice(&text));
	buf_free(&text);
}
