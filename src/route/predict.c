#include "route/predict.h"

#include "route/health.h"

/*
 * What is assumed of an offer that nobody has asked yet. A little better than
 * most turn out, so that a slow one is left for an unknown one, and not so good
 * that every request goes to the next unknown.
 */
#define USUAL_TTFT_MS	    700
#define USUAL_TOK_PER_S	    60
#define USUAL_BYTES_PER_TOK 4
#define USUAL_OUT_TOK	    256
#define OUT_TOK_MAX	    (UINT64_C(1) << 32) /* whatever a caller asks for */
#define PART_TOK	    800			/* an image, roughly */
#define HALF_LIFE_MS	    600000 /* after which half of what was learnt is doubt */
#define FORGOTTEN	    16	   /* half-lives: a part of it that does not matter */

/* Bytes in 1000 tokens as learnt at this offer; 0: not yet. */
static uint64_t
ratio_of(const struct offer *o)
{
	return o->health == NULL ? 0 : atomic_load(&o->health->bytes_per_ktok);
}

uint64_t
predict_input_tok(const struct offer *o, const struct ask *ask)
{
	uint64_t per_k = ratio_of(o);

	/* The tokens are the model's: what another host of it taught holds here. */
	if (per_k == 0 && o->model != NULL)
		for (const struct offer *other = o->model->offers;
		     other != NULL && per_k == 0; other = other->next)
			per_k = ratio_of(other);
	if (per_k == 0)
		per_k = USUAL_BYTES_PER_TOK * 1000;
	return ask->prompt_bytes * 1000 / per_k + ask->prompt_parts * PART_TOK;
}

uint64_t
predict_longest_tok(const struct prediction *p, const struct ask *ask)
{
	/* What an image takes is a guess too bold to refuse by. */
	uint64_t text_tok = p->input_tok - ask->prompt_parts * PART_TOK;

	if (ask->longest_bytes == 0 || ask->longest_bytes >= ask->prompt_bytes)
		return text_tok;
	return (uint64_t)((double)text_tok * (double)ask->longest_bytes /
			  (double)ask->prompt_bytes);
}

static uint64_t
output_tok(const struct ask *ask, uint64_t expected)
{
	uint64_t out = expected != 0 ? expected : USUAL_OUT_TOK;

	if (ask->op == OP_EMBEDDING || ask->op == OP_COUNT)
		return 0;
	if (ask->max_output_tok != 0 && out > ask->max_output_tok)
		out = ask->max_output_tok;
	return ask->answers < OUT_TOK_MAX / out ? out * ask->answers : OUT_TOK_MAX;
}

/* What was learnt, drawn towards the usual guess by its age. */
static uint64_t
faded(uint64_t learnt, uint64_t usual, uint64_t age_ms)
{
	if (learnt == 0 || age_ms >= FORGOTTEN * HALF_LIFE_MS)
		return usual;
	for (; age_ms >= HALF_LIFE_MS; age_ms -= HALF_LIFE_MS)
		learnt = (learnt + usual) / 2;
	if (learnt > usual)
		return learnt - (learnt - usual) * age_ms / (2 * HALF_LIFE_MS);
	return learnt + (usual - learnt) * age_ms / (2 * HALF_LIFE_MS);
}

static void
predict_time(const struct offer *o, uint64_t now_ms, struct prediction *p)
{
	uint64_t ttft = USUAL_TTFT_MS, speed = USUAL_TOK_PER_S * 1000;

	if (o->health != NULL) {
		uint64_t sampled = atomic_load(&o->health->sampled_ms);
		uint64_t age = sampled == 0 || sampled > now_ms ? 0 : now_ms - sampled;

		p->learnt = sampled != 0;
		ttft = faded(atomic_load(&o->health->ttft_us), ttft * 1000, age) / 1000;
		speed = faded(atomic_load(&o->health->tok_per_ks), speed, age);
	}
	p->ttft_ms = ttft;
	p->total_ms = ttft + p->output_tok * 1000000 / (speed == 0 ? 1 : speed);
}

int64_t
predict_cost_pusd(const struct prediction *p, const struct price *rows,
    const struct ask *ask, uint64_t unix_ms)
{
	const struct price *row = price_at(rows, unix_ms, ask->tier, p->input_tok);
	struct usage u = {.known = true};

	u.count[USAGE_INPUT] = p->input_tok;
	u.count[USAGE_OUTPUT] = p->output_tok;
	u.count[USAGE_REQUESTS] = 1;
	return row == NULL ? PRICE_UNKNOWN : price_cost_pusd(row, &u);
}

struct prediction
predict(const struct offer *o, const struct ask *ask, uint64_t expected_out_tok,
    uint64_t now_ms, uint64_t unix_ms)
{
	struct prediction p = {.input_tok = predict_input_tok(o, ask),
	    .output_tok = output_tok(ask, expected_out_tok)};

	p.cost_pusd = predict_cost_pusd(&p, o->prices, ask, unix_ms);
	predict_time(o, now_ms, &p);
	return p;
}
