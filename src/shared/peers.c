#include "shared/peers.h"

#include "core/buf.h"
#include "core/clock.h"
#include "route/health.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define TELL_MS	  1000
#define BACK_MS	  10000 /* clocks of machines may differ by so much */
#define TEXT_MAX  (1u << 20)
#define NAMES_MAX 300

/* What is known of an offer has three parts; of each the newest holds, by the time at
 * which it came to be. */
enum part { PART_SPEED, PART_BREAKER, PART_BENCH, PARTS };

static const char part_letters[PARTS] = {'s', 'b', 'k'};

#define NUMBERS_MAX (2 * PROVIDER_KEYS_MAX)

/* A part as numbers; times are monotonic, 0: never. */
struct facts {
	uint64_t at_ms; /* when it came to be */
	uint64_t n[NUMBERS_MAX];
	unsigned count;
	bool times[2]; /* the numbers at even and odd places are times */
};

struct peer_news {
	struct health *health;
	uint64_t at_ms[PARTS]; /* of what was told or heard last */
	struct peer_news *next;
};

void
peers_init(struct peers *p)
{
	*p = (struct peers){.told_ms = 0};
}

void
peers_free(struct peers *p)
{
	while (p->all != NULL) {
		struct peer_news *n = p->all;

		p->all = n->next;
		free(n);
	}
}

void
peers_begin(struct peers *p)
{
	p->told_ms = p->heard_ms = 0;
	for (struct peer_news *n = p->all; n != NULL; n = n->next)
		memset(n->at_ms, 0, sizeof(n->at_ms));
}

static struct peer_news *
news_of(struct peers *p, struct slice name)
{
	struct health *h = health_of(name);
	struct peer_news *n = p->all;

	while (n != NULL && n->health != h)
		n = n->next;
	if (n != NULL || h == NULL)
		return n;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->health = h;
	n->next = p->all;
	p->all = n;
	return n;
}

/* --- a record --- */

static struct facts
read_part(const struct health *h, enum part part)
{
	struct facts f = {.count = 3};

	switch (part) {
	case PART_SPEED:
		f.at_ms = atomic_load(&h->sampled_ms);
		f.n[0] = atomic_load(&h->ttft_us);
		f.n[1] = atomic_load(&h->tok_per_ks);
		f.n[2] = atomic_load(&h->bytes_per_ktok);
		break;
	case PART_BREAKER:
		f.at_ms = atomic_load(&h->turned_ms);
		f.n[0] = atomic_load(&h->open_until_ms);
		f.count = 1;
		f.times[0] = true;
		break;
	case PART_BENCH:
	case PARTS:
		f.count = NUMBERS_MAX;
		f.times[0] = true;
		/* A bench is only ever made longer: its end stands for its time. */
		for (unsigned k = 0; k < PROVIDER_KEYS_MAX; k++) {
			f.n[2 * k] = atomic_load(&h->bench_until_ms[k]);
			f.n[2 * k + 1] = atomic_load(&h->bench_why[k]);
			f.at_ms = f.n[2 * k] > f.at_ms ? f.n[2 * k] : f.at_ms;
		}
		break;
	}
	return f;
}

static void
take_bench(struct health *h, const struct facts *f)
{
	for (unsigned k = 0; k < PROVIDER_KEYS_MAX; k++)
		if (f->n[2 * k] > atomic_load(&h->bench_until_ms[k]) &&
		    f->n[2 * k + 1] < ERR_COUNT)
			health_bench(h, k, f->n[2 * k], (enum err)f->n[2 * k + 1]);
}

static void
take_part(struct health *h, enum part part, const struct facts *f)
{
	switch (part) {
	case PART_SPEED:
		atomic_store(&h->ttft_us, f->n[0]);
		atomic_store(&h->tok_per_ks, f->n[1]);
		atomic_store(&h->bytes_per_ktok, f->n[2]);
		atomic_store(&h->sampled_ms, f->at_ms);
		break;
	case PART_BREAKER:
		if (f->n[0] == 0) {
			atomic_store(&h->failures, 0);
			atomic_store(&h->opened, 0);
		}
		atomic_store(&h->open_until_ms, f->n[0]);
		atomic_store(&h->turned_ms, f->at_ms);
		break;
	case PART_BENCH:
	case PARTS: take_bench(h, f); break;
	}
}

/* --- as text: times are of the wall clock --- */

static uint64_t
to_unix(uint64_t mono_ms)
{
	return mono_ms == 0 ? 0 : mono_ms + (clock_unix_ms() - clock_mono_ms());
}

static uint64_t
to_mono(uint64_t unix_ms)
{
	uint64_t start = clock_unix_ms() - clock_mono_ms();

	return unix_ms == 0 ? 0 : unix_ms > start ? unix_ms - start : 1;
}

static void
write_facts(const struct facts *f, struct buf *to)
{
	for (unsigned i = 0; i < f->count; i++)
		buf_printf(to, "%s%llu", i == 0 ? "" : " ",
		    (unsigned long long)(f->times[i % 2] ? to_unix(f->n[i]) : f->n[i]));
}

/* The next number of the text; false when there is none. */
static bool
take_number(const char **at, uint64_t *ret)
{
	char *end;

	while (**at == ' ')
		(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	*ret = strtoull(*at, &end, 10);
	*at = end;
	return true;
}

/* "STAMP NUMBERS", of a shape like *f; what is missing stays 0, as a machine with fewer
 * keys has it. */
static bool
parse_facts(const char *text, struct facts *f)
{
	uint64_t stamp;

	if (!take_number(&text, &stamp))
		return false;
	f->at_ms = to_mono(stamp);
	memset(f->n, 0, sizeof(f->n));
	for (unsigned i = 0; i < f->count && take_number(&text, &f->n[i]); i++)
		if (f->times[i % 2])
			f->n[i] = to_mono(f->n[i]);
	return true;
}

/* --- telling and hearing --- */

struct telling {
	struct peers *peers;
	struct slice words[SCRIPT_WORDS_MAX]; /* where in the text, until it is written */
	unsigned n;
	struct buf text;
};

static void
add_word(struct telling *t, size_t from)
{
	t->words[t->n++] = slice_of((const char *)(uintptr_t)from, t->text.len - from);
}

static void
tell_part(struct telling *t, struct peer_news *n, enum part part)
{
	struct facts f = read_part(n->health, part);
	size_t from = t->text.len;

	if (f.at_ms <= n->at_ms[part] || t->n + 3 > SCRIPT_WORDS_MAX)
		return; /* no news, or the next time */
	n->at_ms[part] = f.at_ms;
	buf_printf(&t->text, "%c/%s", part_letters[part], n->health->name);
	add_word(t, from);
	from = t->text.len;
	buf_printf(&t->text, "%llu", (unsigned long long)to_unix(f.at_ms));
	add_word(t, from);
	from = t->text.len;
	write_facts(&f, &t->text);
	add_word(t, from);
}

static void
tell_one(void *arg, const struct health *h)
{
	struct telling *t = arg;
	struct peer_news *n = news_of(t->peers, slice_str(h->name));

	for (unsigned part = 0; n != NULL && part < PARTS; part++)
		tell_part(t, n, part);
}

static enum err
tell(struct peers *p, const struct scripts *s, struct redis *r)
{
	struct telling t = {.peers = p};
	uint64_t now = clock_unix_ms();
	enum err e;

	buf_init(&t.text, TEXT_MAX);
	buf_printf(&t.text, "%llu", (unsigned long long)p->heard_ms);
	add_word(&t, 0);
	health_each(tell_one, &t);
	for (unsigned i = 0; i < t.n; i++)
		t.words[i].ptr = t.text.ptr + (uintptr_t)t.words[i].ptr;
	e = t.text.err != ERR_OK
		? t.text.err
		: script_send(s, SCRIPT_PEERS, r, S("weir:{peers}"), t.words, t.n);
	p->heard_ms = now > BACK_MS ? now - BACK_MS : 0;
	buf_free(&t.text);
	return e;
}

static void
hear_one(struct peers *p, const struct redisReply *name, const struct redisReply *value)
{
	struct peer_news *n;
	struct facts f;
	unsigned part = 0;

	if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
	    name->len < 3 || name->len > NAMES_MAX)
		return;
	while (part < PARTS && part_letters[part] != name->str[0])
		part++;
	n = part == PARTS ? NULL
			  : news_of(p, slice_of(name->str + 2, (size_t)name->len - 2));
	if (n == NULL)
		return;
	f = read_part(n->health, part);
	if (!parse_facts(value->str, &f) || f.at_ms <= n->at_ms[part] + 1)
		return; /* our own comes back within a millisecond */
	n->at_ms[part] = f.at_ms;
	take_part(n->health, part, &f);
}

static enum err
hear(struct peers *p, struct redis *r, struct note *note)
{
	struct redisReply *reply;
	enum err e = redis_receive(r, &reply, note);

	if (e != ERR_OK)
		return e;
	if (reply->type == REDIS_REPLY_ARRAY) {
		for (size_t i = 0; i + 1 < reply->elements; i += 2)
			hear_one(p, reply->element[i], reply->element[i + 1]);
	} else {
		note_set(note, "%.200s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str
						     : "an answer that is none");
		e = ERR_IO;
	}
	redis_done(reply);
	return e;
}

enum err
peers_exchange(
    struct peers *p, const struct scripts *s, struct redis *r, struct note *note)
{
	uint64_t now = clock_mono_ms();
	enum err e;

	if (p->told_ms != 0 && now < p->told_ms + TELL_MS)
		return ERR_OK;
	p->told_ms = now;
	note_set(note, "the connection is lost");
	e = tell(p, s, r);
	return e == ERR_OK ? hear(p, r, note) : e;
}
