/*
 * Bedrock Converse: what it calls formats, and how documents may be named.
 */
#include "dialect/bedrock.h"

#include "json/write.h"

#include <stdio.h>

#define NAME_BYTES_MAX 190 /* of 200, so that a number fits behind it */

/* Of several formats of one type the first is what is written. */
static const struct {
	enum part_kind kind;
	struct slice format, type;
} formats[] = {
    {PART_IMAGE, {"png", 3}, {"image/png", 9}},
    {PART_IMAGE, {"jpeg", 4}, {"image/jpeg", 10}},
    {PART_IMAGE, {"gif", 3}, {"image/gif", 9}},
    {PART_IMAGE, {"webp", 4}, {"image/webp", 10}},
    {PART_FILE, {"pdf", 3}, {"application/pdf", 15}},
    {PART_FILE, {"csv", 3}, {"text/csv", 8}},
    {PART_FILE, {"doc", 3}, {"application/msword", 18}},
    {PART_FILE, {"docx", 4},
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", 71}},
    {PART_FILE, {"xls", 3}, {"application/vnd.ms-excel", 24}},
    {PART_FILE, {"xlsx", 4},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 65}},
    {PART_FILE, {"html", 4}, {"text/html", 9}},
    {PART_FILE, {"txt", 3}, {"text/plain", 10}},
    {PART_FILE, {"md", 2}, {"text/markdown", 13}},
    {PART_VIDEO, {"mp4", 3}, {"video/mp4", 9}},
    {PART_VIDEO, {"mov", 3}, {"video/quicktime", 15}},
    {PART_VIDEO, {"mkv", 3}, {"video/x-matroska", 16}},
    {PART_VIDEO, {"webm", 4}, {"video/webm", 10}},
    {PART_VIDEO, {"flv", 3}, {"video/x-flv", 11}},
    {PART_VIDEO, {"mpeg", 4}, {"video/mpeg", 10}},
    {PART_VIDEO, {"mpg", 3}, {"video/mpeg", 10}},
    {PART_VIDEO, {"wmv", 3}, {"video/x-ms-wmv", 14}},
    {PART_VIDEO, {"three_gp", 8}, {"video/3gpp", 10}},
    {PART_AUDIO, {"wav", 3}, {"audio/wav", 9}},
    {PART_AUDIO, {"mp3", 3}, {"audio/mp3", 9}},
    {PART_AUDIO, {"mp3", 3}, {"audio/mpeg", 10}},
    {PART_AUDIO, {"opus", 4}, {"audio/opus", 10}},
    {PART_AUDIO, {"aac", 3}, {"audio/aac", 9}},
    {PART_AUDIO, {"flac", 4}, {"audio/flac", 10}},
    {PART_AUDIO, {"ogg", 3}, {"audio/ogg", 9}},
    {PART_AUDIO, {"mp4", 3}, {"audio/mp4", 9}},
    {PART_AUDIO, {"m4a", 3}, {"audio/m4a", 9}},
    {PART_AUDIO, {"mka", 3}, {"audio/x-matroska", 16}},
    {PART_AUDIO, {"mkv", 3}, {"audio/x-matroska", 16}},
    {PART_AUDIO, {"mpeg", 4}, {"audio/mpeg", 10}},
    {PART_AUDIO, {"mpga", 4}, {"audio/mpeg", 10}},
    {PART_AUDIO, {"pcm", 3}, {"audio/pcm", 9}},
    {PART_AUDIO, {"webm", 4}, {"audio/webm", 10}},
    {PART_AUDIO, {"x-aac", 5}, {"audio/x-aac", 11}},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

struct slice
bedrock_type_of(enum part_kind kind, struct slice format)
{
	for (unsigned i = 0; i < FORMATS; i++)
		if (formats[i].kind == kind && slice_eq(formats[i].format, format))
			return formats[i].type;
	return S("");
}

/* How pictures begin, in base64. */
static const struct {
	struct slice begin, format;
} pictures[] = {{{"iVBORw0KGgo", 11}, {"png", 3}}, {{"/9j/", 4}, {"jpeg", 4}},
    {{"R0lGOD", 6}, {"gif", 3}}, {{"UklGR", 5}, {"webp", 4}}};

struct slice
bedrock_format_of(const struct part *p)
{
	struct slice type = slice_head(p->media.type, slice_find(p->media.type, ';'));
	size_t slash = slice_find(type, '/');
	struct slice word = slash < type.len ? slice_from(type, slash + 1) : type;
	struct slice end;

	if (slice_istarts(word, S("x-")))
		word = slice_from(word, 2);
	for (unsigned i = 0; i < FORMATS; i++)
		if (formats[i].kind == p->kind && slice_ieq(formats[i].type, type))
			return formats[i].format;
	/* What is no type may be the format itself, as audio's mostly is. */
	end = slice_from(p->media.name, slice_rfind(p->media.name, '.') + 1);
	for (unsigned i = 0; i < FORMATS; i++)
		if (formats[i].kind == p->kind &&
		    (slice_ieq(formats[i].format, word) ||
			(p->kind == PART_FILE && slice_ieq(formats[i].format, end))))
			return formats[i].format;
	for (unsigned i = 0; p->kind == PART_IMAGE && type.len == 0 && i < 4; i++)
		if (slice_starts(p->media.data, pictures[i].begin))
			return pictures[i].format;
	/* Text of any other kind can be read as such. */
	return p->kind == PART_FILE && slice_istarts(type, S("text/")) ? S("txt") : S("");
}

/* --- names --- */

static bool
is_plain(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       c == '-' || c == '(' || c == ')' || c == '[' || c == ']';
}

/* Letters, digits and some marks; a blank for any run of what is none. Returns the
 * length. */
static size_t
clean_name(struct slice name, char to[NAME_BYTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name.len && n < NAME_BYTES_MAX; i++) {
		if (is_plain(name.ptr[i]))
			to[n++] = name.ptr[i];
		else if (n > 0 && to[n - 1] != ' ')
			to[n++] = ' ';
		if (name.ptr[i] == '\\') /* an escape, of which a letter follows */
			i++;
	}
	while (n > 0 && to[n - 1] == ' ')
		n--;
	return n;
}

static bool
is_taken(const struct bedrock_names *names, uint64_t hash)
{
	for (unsigned i = 0; i < names->count; i++)
		if (names->hash[i] == hash)
			return true;
	return false;
}

void
bedrock_put_name(struct buf *to, struct bedrock_names *names, struct slice name)
{
	char text[NAME_BYTES_MAX + 24];
	size_t plain = clean_name(name, text), n = plain;

	if (plain == 0) {
		memcpy(text, "document", 8);
		n = plain = 8;
	}
	for (unsigned k = 2; is_taken(names, slice_hash(slice_of(text, n))); k++)
		n = plain +
		    (size_t)snprintf(text + plain, sizeof(text) - plain, " %u", k);
	if (names->count < BEDROCK_NAMES_MAX)
		names->hash[names->count++] = slice_hash(slice_of(text, n));
	json_put_inner(to, slice_of(text, n));
}
