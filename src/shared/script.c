#include "shared/script.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

/*
 * A hash for each account: "0", "1", ... are the levels of its buckets and "0t", "1t",
 * ... when that was, "c:PROCESS" the slots of a process and until when they hold. Numbers
 * are the server's doubles: what is counted by the minute may be off by a part in 2^53.
 *
 * ARGV: the process, how long its slots hold (ms), the limit of requests at a time (-1:
 * none), those that run and the slots wanted; then for each bucket the limit (-1: none),
 * what comes back (below zero: a debt) and what is wanted.
 * Returns for each bucket what is granted and the level, then the slots.
 */
static const char draw[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local out, put = {}, {}\n"
    "for i = 6, #ARGV, 3 do\n"
    "  local k, limit = (i - 6) / 3, tonumber(ARGV[i])\n"
    "  local back, want = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])\n"
    "  local granted, level = 0, 0\n"
    "  if limit >= 0 then\n"
    "    local had = redis.call('HMGET', KEYS[1], k, k .. 't')\n"
    "    local at = tonumber(had[2] or now)\n"
    "    level = tonumber(had[1] or limit)\n"
    "    if now > at then level = level + limit * (now - at) / 60000 end\n"
    "    level = math.min(limit, math.min(limit, level) + back)\n"
    "    granted = math.max(0, math.min(want, math.floor(level)))\n"
    "    level = level - granted\n"
    "    put[#put + 1] = tostring(k)\n"
    "    put[#put + 1] = string.format('%.17g', level)\n"
    "    put[#put + 1] = k .. 't'\n"
    "    put[#put + 1] = string.format('%.0f', now)\n"
    "  end\n"
    "  out[#out + 1] = string.format('%.0f', granted)\n"
    "  out[#out + 1] = string.format('%.0f', math.floor(level))\n"
    "end\n"
    "local limit, runs = tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local slots = tonumber(ARGV[5])\n"
    "if limit >= 0 then\n"
    "  local own, others = 'c:' .. ARGV[1], 0\n"
    "  local all = redis.call('HGETALL', KEYS[1])\n"
    "  for i = 1, #all, 2 do\n"
    "    if string.sub(all[i], 1, 2) == 'c:' and all[i] ~= own then\n"
    "      local n, till = string.match(all[i + 1], '^(%d+) (%d+)$')\n"
    "      if tonumber(till) > now then others = others + tonumber(n)\n"
    "      else redis.call('HDEL', KEYS[1], all[i]) end\n"
    "    end\n"
    "  end\n"
    "  slots = math.max(runs, math.min(slots, limit - others))\n"
    "  if slots > 0 then\n"
    "    put[#put + 1] = own\n"
    "    put[#put + 1] = string.format('%.0f %.0f', slots, now + ARGV[2])\n"
    "  else redis.call('HDEL', KEYS[1], own) end\n"
    "end\n"
    "out[#out + 1] = string.format('%.0f', slots)\n"
    "if #put > 0 then\n"
    "  redis.call('HSET', KEYS[1], unpack(put))\n"
    "  redis.call('PEXPIRE', KEYS[1], 600000)\n"
    "end\n"
    "return out\n";

/*
 * A hash of names and "STAMP VALUE". ARGV: the stamp from which on news are wanted, then
 * names, stamps and values. What is newer than what is known takes its place. Returns the
 * names and values that are of that stamp or newer.
 */
static const char peers[] =
    "for i = 2, #ARGV, 3 do\n"
    "  local known = redis.call('HGET', KEYS[1], ARGV[i])\n"
    "  local stamp = known and tonumber(string.match(known, '^%d+')) or 0\n"
    "  if tonumber(ARGV[i + 1]) > stamp then\n"
    "    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])\n"
    "  end\n"
    "end\n"
    "redis.call('PEXPIRE', KEYS[1], 86400000)\n"
    "local out, all = {}, redis.call('HGETALL', KEYS[1])\n"
    "for i = 1, #all, 2 do\n"
    "  if tonumber(string.match(all[i + 1], '^%d+')) >= tonumber(ARGV[1]) then\n"
    "    out[#out + 1] = all[i]\n"
    "    out[#out + 1] = all[i + 1]\n"
    "  end\n"
    "end\n"
    "return out\n";

#define HOLD_MS 5000 /* slots of a process that says nothing any more */

/* --- all of them --- */

static enum err
load_one(struct redis *r, const char *text, char sha[SCRIPT_SHA], struct note *note)
{
	const char *words[] = {"SCRIPT", "LOAD", text};
	const size_t lengths[] = {6, 4, strlen(text)};
	struct redisReply *reply;
	enum err e = redis_send(r, 3, words, lengths);

	note_set(note, "the connection is lost");
	if (e == ERR_OK)
		e = redis_receive(r, &reply, note);
	if (e != ERR_OK)
		return e;
	if (reply->type == REDIS_REPLY_STRING && (size_t)reply->len == SCRIPT_SHA - 1) {
		memcpy(sha, reply->str, SCRIPT_SHA - 1);
		sha[SCRIPT_SHA - 1] = '\0';
	} else {
		note_set(note, "it takes no scripts: %.150s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str : "no such answer");
		e = ERR_IO;
	}
	redis_done(reply);
	return e;
}

enum err
scripts_load(struct scripts *s, struct redis *r, struct note *note)
{
	static const char *const texts[SCRIPTS] = {
	    [SCRIPT_DRAW] = draw, [SCRIPT_PEERS] = peers};
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < SCRIPTS; i++)
		e = load_one(r, texts[i], s->sha[i], note);
	return e;
}

enum err
script_send(const struct scripts *s, enum script which, struct redis *r, struct slice key,
    const struct slice *words, unsigned n)
{
	const char *all[SCRIPT_WORDS_MAX + 4] = {"EVALSHA", s->sha[which], "1", key.ptr};
	size_t lengths[SCRIPT_WORDS_MAX + 4] = {7, SCRIPT_SHA - 1, 1, key.len};

	for (unsigned i = 0; i < n; i++) {
		all[i + 4] = words[i].ptr;
		lengths[i + 4] = words[i].len;
	}
	return redis_send(r, n + 4, all, lengths);
}

/* --- drawing --- */

#define DRAW_NUMBERS (4 + 3 * RATES)
#define NUMBER_MAX   21

enum err
script_draw(const struct scripts *s, struct redis *r, const char *process,
    const struct account *a, const struct account_draw *d)
{
	int64_t numbers[DRAW_NUMBERS] = {HOLD_MS, d->concurrent, d->running, d->slots};
	char texts[DRAW_NUMBERS][NUMBER_MAX], key[300];
	struct slice words[1 + DRAW_NUMBERS] = {slice_str(process)};
	struct slice name = slice_head(account_name(a), 250);
	int n;

	for (unsigned k = 0; k < RATES; k++) {
		numbers[4 + 3 * k] = d->limit[k];
		numbers[5 + 3 * k] = d->back[k];
		numbers[6 + 3 * k] = d->want[k];
	}
	for (unsigned i = 0; i < DRAW_NUMBERS; i++) {
		n = snprintf(texts[i], NUMBER_MAX, "%lld", (long long)numbers[i]);
		words[1 + i] = slice_of(texts[i], (size_t)n);
	}
	n = snprintf(key, sizeof(key), "weir:{%s/%.*s}",
	    account_level_name(account_level(a)), SLICE_ARGS(name));
	return script_send(
	    s, SCRIPT_DRAW, r, slice_of(key, (size_t)n), words, 1 + DRAW_NUMBERS);
}

static bool
number_of(const struct redisReply *reply, size_t at, int64_t *ret)
{
	return at < reply->elements && reply->element[at]->type == REDIS_REPLY_STRING &&
	       sscanf(reply->element[at]->str, "%" SCNd64, ret) == 1;
}

enum err
script_drawn(struct redis *r, struct script_drawn *ret, struct note *note)
{
	struct redisReply *reply;
	enum err e = redis_receive(r, &reply, note);
	bool good;

	if (e != ERR_OK)
		return e;
	good = reply->type == REDIS_REPLY_ARRAY;
	for (unsigned k = 0; good && k < RATES; k++)
		good = number_of(reply, 2 * k, &ret->granted[k]) &&
		       number_of(reply, 2 * k + 1, &ret->level[k]);
	good = good && number_of(reply, 2 * RATES, &ret->slots);
	if (!good)
		note_set(note, "%.200s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str
						     : "an answer that is none");
	redis_done(reply);
	return good ? ERR_OK : ERR_IO;
}
