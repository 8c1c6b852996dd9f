/*
 * Bedrock Converse: content blocks out.
 */
#include "dialect/bedrock.h"

#include "json/write.h"

/* {"name": ... , which the caller fills and closes with close_block(). */
static void
open_block(struct buf *b, struct slice name)
{
	json_open(b, '{');
	json_key(b, name);
}

void
bedrock_put_text(struct buf *b, struct slice text)
{
	open_block(b, S("text"));
	json_put_inner(b, text);
	json_close(b, '}');
}

void
bedrock_put_cache(struct buf *b, enum cache_life cache)
{
	if (cache == CACHE_NONE)
		return;
	open_block(b, S("cachePoint"));
	json_open(b, '{');
	json_member(b, S("type"), S("default"));
	if (cache != CACHE_DEFAULT)
		json_member(b, S("ttl"), cache == CACHE_1H ? S("1h") : S("5m"));
	json_close(b, '}');
	json_close(b, '}');
}

void
bedrock_put_reasoning(
    struct buf *b, const struct part *p, struct slice signature, struct slice sealed)
{
	open_block(b, S("reasoningContent"));
	json_open(b, '{');
	if (sealed.ptr != NULL) {
		json_member_inner(b, S("redactedContent"), sealed);
	} else {
		json_key(b, S("reasoningText"));
		json_open(b, '{');
		json_member_inner(b, S("text"), p->text);
		if (signature.ptr != NULL)
			json_member_inner(b, S("signature"), signature);
		json_close(b, '}');
	}
	json_close(b, '}');
	json_close(b, '}');
}

bool
bedrock_put_media(
    struct buf *b, const struct part *p, struct bedrock_names *names, bool same)
{
	static const struct slice kinds[] = {[PART_IMAGE] = {"image", 5},
	    [PART_FILE] = {"document", 8},
	    [PART_VIDEO] = {"video", 5},
	    [PART_AUDIO] = {"audio", 5}};
	struct slice format = bedrock_format_of(p);
	bool stored =
	    p->media.source == MEDIA_URL && slice_starts(p->media.data, S("s3://"));

	if (format.len == 0 || (p->media.source != MEDIA_DATA && !stored))
		return false;
	open_block(b, kinds[p->kind]);
	json_open(b, '{');
	json_member(b, S("format"), format);
	if (p->kind == PART_FILE) {
		json_key(b, S("name"));
		if (same)
			json_put_inner(b, p->media.name);
		else
			bedrock_put_name(b, names, p->media.name);
	}
	json_key(b, S("source"));
	json_open(b, '{');
	if (stored) {
		json_key(b, S("s3Location"));
		json_open(b, '{');
		json_member_inner(b, S("uri"), p->media.data);
		json_close(b, '}');
	} else {
		json_member_inner(b, S("bytes"), p->media.data);
	}
	json_close(b, '}');
	json_close(b, '}');
	json_close(b, '}');
	return true;
}

static void
put_same_call(struct buf *b, const struct part *p)
{
	open_block(b, S("toolUse"));
	json_open(b, '{');
	json_member_inner(b, S("toolUseId"), p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	json_member_raw(b, S("input"), p->call.arguments);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_same_result(struct buf *b, const struct part *p)
{
	open_block(b, S("toolResult"));
	json_open(b, '{');
	json_member_inner(b, S("toolUseId"), p->result.id);
	json_key(b, S("content"));
	bedrock_put_same(b, p->result.parts);
	if (p->result.failed)
		json_member(b, S("status"), S("error"));
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_same_block(struct buf *b, const struct part *p)
{
	if (!p->whole) {
		json_put_raw(b, p->raw);
		return;
	}
	switch (p->kind) {
	case PART_CALL: put_same_call(b, p); break;
	case PART_RESULT: put_same_result(b, p); break;
	case PART_REASONING:
		bedrock_put_reasoning(b, p, p->reasoning.signature, p->reasoning.sealed);
		break;
	case PART_IMAGE:
	case PART_FILE:
	case PART_VIDEO:
	case PART_AUDIO: (void)bedrock_put_media(b, p, NULL, true); break;
	default: bedrock_put_text(b, p->text);
	}
}

void
bedrock_put_same(struct buf *b, const struct part *p)
{
	json_open(b, '[');
	for (; p != NULL; p = p->next) {
		put_same_block(b, p);
		bedrock_put_cache(b, p->cache);
	}
	json_close(b, ']');
}
