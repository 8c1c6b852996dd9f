#include "world.h"

#include "core/log.h"
#include "proxy/request.h"
#include "proxy/worker.h"
#include "store/opens.h"
#include "torture.h"
#include "json/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS 1000000
#define OPEN_MAX 100 /* intents that are not settled */

struct world_host_row {
	char name[40];
	unsigned context;
};

struct world {
	struct loop *loop;
	struct worker worker;
	struct journals *journals;
	struct journal *journal;
	struct journal_segment *segment; /* rows are taken up to byte `taken` of it */
	size_t taken;
	struct buf rows;      /* taken from the journal */
	struct opens opens;   /* intents without one */
	unsigned rows_before; /* the newest write to the caller */
	struct stream *caller;
	struct buf body; /* of the reply, without framing; terminated */
	struct world_host_row hosts[WORLD_HOSTS_MAX];
	unsigned nhosts;
	char options[1000], provider[200];
	bool started;
};

void scripts_clear(void);

struct world *
world_new(const char *options)
{
	static const struct journal_limits limits = {
	    .segment_bytes = 4u << 20, .max_bytes = 1u << 30};
	struct world *w = calloc(1, sizeof(*w));
	struct note note;

	assert_non_null(w);
	(void)snprintf(w->options, sizeof(w->options), "%s", options);
	buf_init(&w->body, 64u << 20);
	buf_init(&w->rows, 64u << 20);
	assert_int_equal(journals_open(NULL, &limits, 1, &w->journals, &note), ERR_OK);
	assert_int_equal(journals_add(w->journals, &w->journal), ERR_OK);
	opens_init(&w->opens);
	assert_int_equal(opens_reserve(&w->opens, OPEN_MAX), ERR_OK);
	w->loop = fake_loop_new(START_MS);
	log_setup(LOG_ERROR, LOG_TEXT);
	return w;
}

/* --- hosts --- */

void
world_host(struct world *w, const char *name, const struct script *s)
{
	struct fake_host *h = fake_host(name);

	for (unsigned i = 0; i < w->nhosts; i++)
		if (strcmp(w->hosts[i].name, name) == 0) {
			h->scripts[0] = s;
			h->nscripts = 1;
			h->played = 0;
			return;
		}
	(void)snprintf(w->hosts[w->nhosts].name, sizeof(w->hosts[0].name), "%s", name);
	w->hosts[w->nhosts++].context = 131072;
	h->scripts[h->nscripts++] = s;
}

void
world_then(struct world *w, const char *name, const struct script *s)
{
	struct fake_host *h = fake_host(name);

	(void)w;
	h->scripts[h->nscripts++] = s;
}

void
world_context(struct world *w, const char *name, unsigned tokens)
{
	for (unsigned i = 0; i < w->nhosts; i++)
		if (strcmp(w->hosts[i].name, name) == 0)
			w->hosts[i].context = tokens;
}

void
world_provider(struct world *w, const char *fields)
{
	(void)snprintf(w->provider, sizeof(w->provider), "%s", fields);
}

/* --- start and end --- */

static struct config *
load_config(struct world *w)
{
	char path[] = "/tmp/weir-world-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct config *c;
	struct buf errors;

	assert_non_null(f);
	(void)fprintf(f, "%s\nproviders:\n", w->options);
	for (unsigned i = 0; i < w->nhosts; i++)
		(void)fprintf(f,
		    "  %s: {base_url: \"http://%s.test/v1\", api_key: k%u%s%s}\n",
		    w->hosts[i].name, w->hosts[i].name, i,
		    w->provider[0] == '\0' ? "" : ", ", w->provider);
	(void)fprintf(f, "models:\n  acme/large:\n");
	for (unsigned i = 0; i < w->nhosts; i++)
		(void)fprintf(f,
		    "    - {provider: %s, model: m-%s, context: %u, price: {input: 0.15, "
		    "cached_input: 0.075, output: 0.60}}\n",
		    w->hosts[i].name, w->hosts[i].name, w->hosts[i].context);
	(void)fclose(f);
	buf_init(&errors, 1u << 16);
	if (config_load(path, &c, &errors) != ERR_OK)
		fail_msg("%.*s", SLICE_ARGS(buf_slice(&errors)));
	buf_free(&errors);
	(void)unlink(path);
	assert_int_equal(health_attach(c->catalog), ERR_OK);
	return c;
}

/* What earlier scenarios taught is forgotten: each begins with unknown hosts. */
static void
forget_health(const struct config *c)
{
	for (unsigned i = 0; i < c->catalog->nmodels; i++)
		for (struct offer *o = c->catalog->models[i]->offers; o != NULL;
		     o = o->next) {
			struct health *h = o->health;

			if (h == NULL)
				continue;
			atomic_store(&h->open_until_ms, 0);
			atomic_store(&h->probe_until_ms, 0);
			atomic_store(&h->failures, 0);
			atomic_store(&h->opened, 0);
			atomic_store(&h->sampled_ms, 0);
			atomic_store(&h->ttft_us, 0);
			atomic_store(&h->tok_per_ks, 0);
			atomic_store(&h->bytes_per_ktok, 0);
			atomic_store(&h->bytes_per_ktok, 0);
			for (unsigned k = 0; k < PROVIDER_KEYS_MAX; k++)
				atomic_store(&h->bench_until_ms[k], 0);
		}
}

static void
start(struct world *w)
{
	struct config *c;

	if (w->started)
		return;
	w->started = true;
	c = load_config(w);
	forget_health(c);
	assert_int_equal(worker_init(&w->worker, 0, w->loop, c, NULL), ERR_OK);
	w->worker.journal = w->journal;
	config_unref(c);
}

void
world_forget(struct world *w)
{
	if (w->started)
		forget_health(w->worker.config);
}

static void
take_record(struct world *w, const struct segment_record *record)
{
	struct slice payload = record->payload;
	struct meter_intent intent;
	struct meter_row row;

	if (record->type == SEGMENT_INTENT) {
		assert_true(meter_intent_read(payload, &intent));
		assert_true(w->opens.count < OPEN_MAX);
		(void)opens_put(&w->opens, (struct open_intent){.id = intent.id});
		return;
	}
	buf_add(&w->rows, payload);
	assert_true(meter_row_take(&payload, &row));
	(void)opens_take(&w->opens, row.n.id);
}

/* What the journal has got since the last time. */
static void
take_rows(struct world *w)
{
	struct journal_segment *s =
	    w->segment != NULL ? w->segment : journals_first(w->journals, 0);

	while (s != NULL) {
		struct segment_reader r;
		struct segment_record record;

		segment_read(&r, slice_of(s->map, atomic_load(&s->end)), s->tag,
		    s == w->segment ? w->taken : 0);
		while (segment_next(&r, &record))
			take_record(w, &record);
		assert_false(r.torn);
		w->segment = s;
		w->taken = r.at;
		s = atomic_load(&s->next);
	}
	journals_keep(w->journals);
}

void
world_free(struct world *w)
{
	if (w->caller != NULL)
		fake_stream_forget(w->caller);
	if (w->started) {
		fake_loop_run_until(w->loop, loop_now(w->loop) + 1);
		assert_true(list_empty(&w->worker.clients));
		assert_true(list_empty(&w->worker.requests));
		worker_close_pool(&w->worker);
		fake_loop_run_until(w->loop, loop_now(w->loop) + 1);
		worker_done(&w->worker);
	}
	fake_loop_free(w->loop);
	fake_hosts_clear();
	scripts_clear();
	buf_free(&w->body);
	take_rows(w);
	assert_int_equal(w->opens.count, 0); /* each intent has its row */
	buf_free(&w->rows);
	opens_free(&w->opens);
	journals_close(w->journals);
	free(w);
}

/* --- the caller --- */

void
world_connect(struct world *w)
{
	struct address from;

	assert_int_equal(address_of_host(S("127.0.0.1"), 5, &from), ERR_OK);
	start(w);
	if (w->caller != NULL)
		fake_stream_forget(w->caller);
	fake_loop_run_until(w->loop, loop_now(w->loop));
	w->caller = fake_stream_new(w->loop);
	assert_non_null(w->caller);
	client_open(&w->worker, w->caller, &from, &request_events);
}

void
world_post(struct world *w, const char *body)
{
	char head[300];
	int n = snprintf(head, sizeof(head),
	    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
	    "%zu\r\n\r\n",
	    strlen(body));

	if (w->caller == NULL || world_status(w) != 0)
		world_connect(w);
	fake_stream_say(w->caller, slice_of(head, (size_t)n));
	fake_stream_say(w->caller, slice_str(body));
	fake_loop_run_until(w->loop, loop_now(w->loop));
}

void
world_say(struct world *w, struct slice bytes, size_t split, bool byte_by_byte)
{
	size_t step = byte_by_byte ? 1 : split > 0 ? split : bytes.len;

	if (w->caller == NULL || world_status(w) != 0)
		world_connect(w);
	while (bytes.len > 0) {
		fake_stream_say(w->caller, slice_head(bytes, step));
		fake_loop_run_until(w->loop, loop_now(w->loop));
		bytes = slice_from(bytes, step);
		step = byte_by_byte ? 1 : bytes.len;
	}
}

void
world_ask(struct world *w, const char *model)
{
	char body[500];

	(void)snprintf(body, sizeof(body),
	    "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
	    model);
	world_post(w, body);
}

void
world_ask_stream(struct world *w, const char *model, const char *more)
{
	char body[800];

	(void)snprintf(body, sizeof(body),
	    "{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\","
	    "\"content\":"
	    "\"hi\"}]%s}",
	    model, more);
	world_post(w, body);
}

void
world_run_until(struct world *w, uint64_t ms)
{
	fake_loop_run_until(w->loop, START_MS + ms);
}

void
world_run_for(struct world *w, uint64_t ms)
{
	fake_loop_run_until(w->loop, loop_now(w->loop) + ms);
}

void
world_hang_up(struct world *w)
{
	fake_stream_hang_up(w->caller);
	fake_loop_run_until(w->loop, loop_now(w->loop));
}

void
world_stop_reading(struct world *w)
{
	fake_stream_hold(w->caller, true);
}

void
world_read_on(struct world *w)
{
	fake_stream_hold(w->caller, false);
	fake_loop_run_until(w->loop, loop_now(w->loop));
}

const char *
world_sent(struct world *w, const char *name)
{
	(void)w;
	return fake_host(name)->sent->ptr;
}

unsigned
world_connections(struct world *w, const char *name)
{
	(void)w;
	return fake_host(name)->connections;
}

unsigned
world_requests(struct world *w, const char *name)
{
	(void)w;
	return fake_host(name)->requests;
}

bool
world_is_asking(struct world *w, const char *name)
{
	(void)w;
	return fake_host(name)->asking > 0;
}

/* --- the reply --- */

struct slice
world_head(struct world *w)
{
	struct slice all = fake_stream_heard(w->caller);

	return slice_head(all, slice_search(all, S("\r\n\r\n")) + 4);
}

unsigned
world_status(struct world *w)
{
	struct slice all = fake_stream_heard(w->caller);
	uint64_t status = 0;

	if (all.len > 12)
		(void)slice_u64(slice_of(all.ptr + 9, 3), &status);
	return (unsigned)status;
}

struct slice
world_field(struct world *w, const char *name)
{
	struct slice head = world_head(w), found = S("");
	char key[80];
	size_t at;

	(void)snprintf(key, sizeof(key), "\r\n%s: ", name);
	at = slice_search(head, slice_str(key));
	if (at == head.len)
		return found;
	found = slice_from(head, at + strlen(key));
	return slice_head(found, slice_find(found, '\r'));
}

/* Undoes the chunks; *ret_ended tells whether the last one came. */
static void
unchunk(struct slice all, struct buf *to, bool *ret_ended)
{
	*ret_ended = false;
	while (all.len > 0) {
		size_t line = slice_find(all, '\n'), n = 0;

		for (size_t i = 0; i < line && all.ptr[i] != '\r'; i++)
			n = n * 16 + (size_t)(all.ptr[i] <= '9' ? all.ptr[i] - '0'
								: all.ptr[i] - 'a' + 10);
		if (n == 0) {
			*ret_ended = true;
			return;
		}
		buf_add(to, slice_head(slice_from(all, line + 1), n));
		all = slice_from(all, line + 1 + n + 2);
	}
}

static void
read_body(struct world *w, bool *ret_ended)
{
	struct slice all = fake_stream_heard(w->caller);
	struct slice body = slice_from(all, world_head(w).len);
	uint64_t length;

	buf_clear(&w->body);
	*ret_ended = fake_stream_is_closed(w->caller);
	if (world_field(w, "transfer-encoding").len > 0) {
		bool last;

		unchunk(body, &w->body, &last);
		*ret_ended = *ret_ended || last;
	} else {
		buf_add(&w->body, body);
		if (slice_u64(world_field(w, "content-length"), &length))
			*ret_ended = *ret_ended || body.len == length;
	}
	buf_byte(&w->body, '\0');
}

const char *
world_body(struct world *w)
{
	bool ended;

	read_body(w, &ended);
	return w->body.ptr;
}

bool
world_ended(struct world *w)
{
	bool ended;

	read_body(w, &ended);
	return ended;
}

void
assert_reply(struct world *w, unsigned status, const char *text)
{
	const char *body = world_body(w);

	if (world_status(w) != status || strstr(body, text) == NULL)
		fail_msg("status %u with: %s", world_status(w), body);
}

/* --- the ledger --- */

/* The newest row; *ret_count of all that were put. */
static bool
newest(struct world *w, struct meter_row *ret_row, unsigned *ret_count)
{
	struct slice all;

	*ret_count = 0;
	take_rows(w);
	all = buf_slice(&w->rows);
	while (meter_row_take(&all, ret_row))
		(*ret_count)++;
	return *ret_count > 0;
}

unsigned
world_open_intents(struct world *w)
{
	take_rows(w);
	return (unsigned)w->opens.count;
}

void
world_fill_journal(struct world *w)
{
	while (journal_admit(w->journal, 512))
		;
}

uint64_t
world_unrecorded(struct world *w)
{
	return atomic_load(&w->worker.stats.unrecorded);
}

static void
before_write(void *arg, const struct slice *parts, unsigned n)
{
	struct world *w = arg;
	struct meter_row row;

	(void)parts;
	(void)n;
	(void)newest(w, &row, &w->rows_before);
}

void
world_watch_writes(struct world *w)
{
	fake_stream_before(w->caller, before_write, w);
}

unsigned
world_rows_before_end(struct world *w)
{
	return w->rows_before;
}

bool
world_take_row(struct world *w, struct meter_row *ret_row)
{
	unsigned count;
	bool any = newest(w, ret_row, &count);

	buf_clear(&w->rows); /* its bytes stay until something is added */
	return any;
}

void
assert_ledger(struct world *w, unsigned rows, int64_t cost_pusd)
{
	struct meter_row row;
	unsigned count;
	bool any = newest(w, &row, &count);

	assert_int_equal(count, rows);
	if (any)
		assert_true(
		    row.n.cost_pusd == (cost_pusd < 0 ? PRICE_UNKNOWN : cost_pusd));
}

void
assert_outcome(struct world *w, const char *outcome, bool partial)
{
	struct meter_row row;
	unsigned count;

	assert_true(newest(w, &row, &count));
	assert_slice(row.text[TEXT_OUTCOME], slice_str(outcome));
	assert_int_equal(row.n.partial, partial);
}

void
assert_attempts(struct world *w, const char *expected)
{
	struct meter_row row;
	unsigned count;
	struct json j;
	struct buf got;

	assert_true(newest(w, &row, &count));
	json_init(&j, 10000);
	buf_init(&got, 4000);
	assert_int_equal(json_parse(&j, row.text[TEXT_ATTEMPTS], JSON_KEEP_ALL), ERR_OK);
	JSON_FOR_EACH (a, &j, 0) {
		struct slice provider = json_inner(&j, json_get(&j, a, S("provider")));
		struct slice outcome = json_inner(&j, json_get(&j, a, S("outcome")));

		buf_printf(&got, "%s%.*s:%.*s", got.len > 0 ? " " : "",
		    SLICE_ARGS(provider), SLICE_ARGS(outcome));
	}
	assert_slice(buf_slice(&got), slice_str(expected));
	buf_free(&got);
	json_free(&j);
}
