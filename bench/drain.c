/*
 * drain: settled requests a second that go from the journal into the database, with how
 * far each segment is drained in the same transaction, as the server's thread does it:
 *
 *     drain ROWS [URL]
 *
 * into SQLite in a folder of its own under TMPDIR or, with a URL, into PostgreSQL, which
 * should be empty. The rows are written to the journal first. Prints rows, seconds, rows
 * a second, and the CPU that this process used for one.
 */
#include "store/drain.h"
#include "core/clock.h"
#include "provider/price.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOPS 2

struct bench {
	char folder[200];
	struct db *db;
	struct ledger ledger;
	struct drain drain;
	struct journals *set;
	struct journal *journals[LOOPS];
	struct request_ids ids[LOOPS];
};

static int
fail(const char *what, const struct note *note)
{
	(void)fprintf(stderr, "drain: %s: %s\n", what, note->text);
	return 1;
}

/* One as an ordinary request leaves it. */
static struct meter_row
make_row(struct bench *b, unsigned n)
{
	static const char *const models[] = {"acme/large", "acme/small", "beta/chat-70b"};
	static char session[40], upstream_id[40];
	uint64_t now = clock_unix_ms();
	struct meter_row row = {.n = {.id = request_ids_next(&b->ids[n % LOOPS], now),
				    .start_ms = now,
				    .key_id = 1 + n % 50,
				    .ttft_ms = 80 + n % 400,
				    .total_ms = 900 + n % 3000,
				    .status = 200,
				    .attempts = 1,
				    .stream = n % 3 != 0,
				    .usage = {.known = true},
				    .cost_pusd = 1000000 + (int64_t)n * 37}};

	row.n.usage.count[USAGE_INPUT] = 400 + n % 5000;
	row.n.usage.count[USAGE_OUTPUT] = 50 + n % 700;
	for (unsigned t = 0; t < METER_TEXTS; t++)
		row.text[t] = S("");
	(void)snprintf(session, sizeof(session), "session-%08x", n / 20 * 2654435761u);
	(void)snprintf(upstream_id, sizeof(upstream_id), "chatcmpl-%016llx",
	    (unsigned long long)row.n.id.tag);
	row.text[TEXT_KEY] = S("ci-of-the-web-team");
	row.text[TEXT_ASKED] = S("acme/large:cheapest");
	row.text[TEXT_MODEL] = slice_str(models[n % 3]);
	row.text[TEXT_PROVIDER] = S("groq");
	row.text[TEXT_UPSTREAM] = S("large-v1-instruct");
	row.text[TEXT_SAID] = S("large-v1-instruct-0925");
	row.text[TEXT_UPSTREAM_ID] = slice_str(upstream_id);
	row.text[TEXT_OPERATION] = S("chat");
	row.text[TEXT_OUTCOME] = S("OK");
	row.text[TEXT_TEAM] = S("web");
	row.text[TEXT_ORGANISATION] = S("acme");
	row.text[TEXT_SESSION] = slice_str(session);
	row.text[TEXT_ATTEMPTS] =
	    S("[{\"provider\":\"groq\",\"model\":\"large-v1-instruct\",\"outcome\":"
	      "\"OK\",\"ms\":1043,\"billed\":true}]");
	return row;
}

static struct meter_intent
make_intent(const struct meter_row *row)
{
	struct meter_intent intent = {.id = row->n.id,
	    .start_ms = row->n.start_ms,
	    .key_id = row->n.key_id,
	    .reserved_pusd = row->n.cost_pusd * 2,
	    .attempts = 1};

	for (unsigned t = 0; t < INTENT_TEXTS; t++)
		intent.text[t] = S("");
	intent.text[INTENT_KEY] = row->text[TEXT_KEY];
	intent.text[INTENT_ASKED] = row->text[TEXT_ASKED];
	intent.text[INTENT_PROVIDER] = row->text[TEXT_PROVIDER];
	intent.text[INTENT_UPSTREAM] = row->text[TEXT_UPSTREAM];
	return intent;
}

/* Writes what a request writes. The journal makes its segments meanwhile. */
static void
settle(struct bench *b, unsigned n)
{
	struct journal *j = b->journals[n % LOOPS];
	struct meter_row row = make_row(b, n);
	struct meter_intent intent = make_intent(&row);
	size_t promise = 0;

	while (!journal_intent(j, &intent, &promise))
		journals_keep(b->set);
	while (!journal_settle(j, &row, &promise))
		journals_keep(b->set);
}

static int
open_all(struct bench *b, const char *url)
{
	const struct journal_limits limits = {
	    .segment_bytes = 1u << 20, .max_bytes = (uint64_t)8 << 30};
	const struct db_place place = {.folder = b->folder, .url = slice_str(url)};
	char path[240];
	struct note note;

	if (mkdtemp(b->folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/" JOURNAL_FOLDER, b->folder);
	if (db_open(&place, &b->db, &note) != ERR_OK ||
	    ledger_open(&b->ledger, b->db, &note) != ERR_OK)
		return fail("the database", &note);
	ledger_set_instance(&b->ledger, 1);
	(void)!db_keep(b->db, clock_unix_ms(), &note);
	if (drain_open(&b->drain, &b->ledger, &note) != ERR_OK ||
	    journals_open(path, &limits, 1, &b->set, &note) != ERR_OK)
		return fail("the journal", &note);
	b->drain.set = b->set;
	for (unsigned i = 0; i < LOOPS; i++) {
		request_ids_init(&b->ids[i], i);
		if (journals_add(b->set, &b->journals[i]) != ERR_OK)
			return 1;
	}
	return 0;
}

static double
cpu_seconds(void)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
close_all(struct bench *b)
{
	char command[260];

	drain_close(&b->drain);
	ledger_close(&b->ledger);
	journals_close(b->set);
	db_close(b->db);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", b->folder);
	if (system(command) != 0)
		(void)fprintf(stderr, "drain: %s stays\n", b->folder);
}

int
main(int argc, char **argv)
{
	unsigned rows = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;
	const char *url = argc > 2 ? argv[2] : "", *tmp = getenv("TMPDIR");
	struct bench b = {.db = NULL};
	struct note note;
	uint64_t from;
	double seconds, cpu;

	(void)snprintf(b.folder, sizeof(b.folder), "%s/weir-drain-XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	if (open_all(&b, url) != 0)
		return 1;
	for (unsigned n = 0; n < rows; n++)
		settle(&b, n);
	from = clock_mono_ms();
	cpu = cpu_seconds();
	if (drain_all(&b.drain, &note) != ERR_OK)
		return fail("draining", &note);
	seconds = (double)(clock_mono_ms() - from) / 1000;
	cpu = cpu_seconds() - cpu;
	(void)printf(
	    "%u rows into %s: %.2f s, %.0f rows a second, %.1f us of CPU a row\n", rows,
	    url[0] == '\0' ? "SQLite" : "PostgreSQL", seconds, rows / seconds,
	    cpu * 1e6 / rows);
	close_all(&b);
	return 0;
}
