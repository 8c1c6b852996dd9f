#include "proxy/pictures.h"

#include "core/base64.h"
#include "proxy/fetch.h"
#include "json/tape.h"

#define REDIRECTS 3
#define TYPE_MAX  64

struct picture {
	struct request *request;
	struct part *part;
	struct slice url;	    /* as the prompt has it: raw */
	struct slice name;	    /* the same */
	struct slice told;	    /* the type that the caller told */
	struct slice host;	    /* for people */
	const struct picture *same; /* of the same URL, which has the bytes; or NULL */
	struct fetch *fetch;	    /* while it is under way */
	struct buf data;	    /* base64, once it is there */
	struct slice type;
};

struct pictures {
	unsigned count, awaited;
	size_t room; /* bytes that all of them may still have */
	enum err err;
	struct picture at[PICTURES_MAX];
};

/* --- what it is --- */

static const struct {
	struct slice begin, type;
	size_t at;
} kinds[] = {{{"\x89PNG\r\n\x1a\n", 8}, {"image/png", 9}, 0},
    {{"\xff\xd8\xff", 3}, {"image/jpeg", 10}, 0}, {{"GIF8", 4}, {"image/gif", 9}, 0},
    {{"WEBP", 4}, {"image/webp", 10}, 8}, {{"%PDF-", 5}, {"application/pdf", 15}, 0}};

/* What the bytes are, whatever the host says; empty when they are none of these. */
static struct slice
type_of_bytes(struct slice bytes)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_starts(slice_from(bytes, kinds[i].at), kinds[i].begin))
			return kinds[i].type;
	return S("");
}

/* Is it a type as it may stand in JSON? */
static bool
is_plain(struct slice type)
{
	for (size_t i = 0; i < type.len; i++)
		if ((unsigned char)type.ptr[i] <= ' ' ||
		    (unsigned char)type.ptr[i] >= 0x7f ||
		    strchr("\"\\", type.ptr[i]) != NULL)
			return false;
	return type.len > 0 && type.len < TYPE_MAX;
}

static struct slice
bare(struct slice type)
{
	return slice_trim(slice_head(type, slice_find(type, ';')));
}

static bool
suits(const struct part *p, struct slice type)
{
	return p->kind == PART_IMAGE ? slice_istarts(type, S("image/"))
				     : slice_ieq(type, S("application/pdf"));
}

/* Stores that do not know what they keep say this. */
static bool
is_unsaid(struct slice type)
{
	return type.len == 0 || slice_ieq(type, S("application/octet-stream")) ||
	       slice_ieq(type, S("binary/octet-stream"));
}

static const char *
judge(void *arg, const struct fetch *f)
{
	const struct picture *p = arg;
	struct slice type = bare(f->type);

	if (f->status != 200)
		return f->status == 404 ? "there is none (404)"
		       : f->status == 401 || f->status == 403
			   ? "it may not be read without credentials"
			   : "its host answers with an error";
	if (is_unsaid(type) || (is_plain(type) && suits(p->part, type)))
		return NULL;
	return p->part->kind == PART_IMAGE ? "it is no image" : "it is no PDF document";
}

/* --- fetching --- */

static void
refuse(struct request *r, const struct picture *p, const char *why)
{
	r->pictures->err = ERR_BAD_REQUEST;
	r->param = r->prompt->turns_name;
	note_set(&r->note,
	    "The %s at %.*s cannot be fetched for a provider that takes no "
	    "URL: %s.",
	    p->part->kind == PART_IMAGE ? "image" : "document",
	    SLICE_ARGS(slice_head(p->host, 100)), why);
}

/* Its bytes as base64. */
static enum err
keep(struct picture *p, const struct fetch *f)
{
	struct slice bytes = buf_slice(&f->body), type = type_of_bytes(bytes);

	if (type.len == 0 && !is_unsaid(bare(f->type)))
		type = bare(f->type);
	if (bytes.len == 0 || !suits(p->part, type))
		return ERR_BAD_REQUEST;
	if (!arena_copy(&p->request->arena, type, &p->type))
		return ERR_NOMEM;
	buf_init(&p->data, bytes.len / 3 * 4 + 8);
	base64_put(&p->data, bytes);
	return p->data.err;
}

static void
stop(struct pictures *all)
{
	for (unsigned i = 0; i < all->count; i++) {
		fetch_drop(all->at[i].fetch);
		all->at[i].fetch = NULL;
	}
	all->awaited = 0;
}

static void
on_fetched(void *arg, struct fetch *f)
{
	struct picture *p = arg;
	struct request *r = p->request;
	enum err e = f->err == ERR_OK ? keep(p, f) : f->err;

	r->pictures->awaited--;
	if (e == ERR_NOMEM)
		r->pictures->err = e;
	else if (e != ERR_OK)
		refuse(r, p, f->err != ERR_OK ? f->why : "it is not what it says");
	p->fetch = NULL;
	fetch_drop(f);
	if (e != ERR_OK)
		stop(r->pictures);
	if (r->pictures->awaited == 0)
		request_run(r);
}

static enum err
start(struct request *r, struct picture *p)
{
	const struct options *o = &r->config->options;
	uint64_t now = loop_now(r->worker->loop);
	uint64_t left = r->deadline_ms > now ? r->deadline_ms - now : 1;
	char *text = arena_alloc(&r->arena, p->url.len + 1);
	struct fetch_ask ask = {
	    .accept = p->part->kind == PART_IMAGE ? S("image/*") : S("application/pdf"),
	    .public_only = !o->fetch_private,
	    .redirects = REDIRECTS,
	    .room = &r->pictures->room,
	    .time_ms = o->fetch_time < left ? o->fetch_time : left,
	    .judge = judge,
	    .fn = on_fetched,
	    .arg = p};
	size_t at;

	if (text == NULL)
		return ERR_NOMEM;
	ask.url = slice_of(text, json_decode(p->url, text));
	at = slice_search(ask.url, S("://")) + 3;
	p->host = slice_from(ask.url, at);
	for (at = 0; at < p->host.len; at++)
		if (strchr("/?#\\@", p->host.ptr[at]) != NULL)
			break;
	p->host.len = at;
	if (memchr(text, '\0', ask.url.len) != NULL)
		ask.url = S(""); /* which is none */
	p->fetch = fetch_start(r->worker, &ask);
	if (p->fetch == NULL)
		return ERR_NOMEM;
	r->pictures->awaited++;
	return ERR_OK;
}

/* --- the prompt --- */

static struct picture *
find(struct pictures *all, const struct part *part)
{
	for (unsigned i = 0; i < all->count; i++)
		if (all->at[i].part == part)
			return &all->at[i];
	return NULL;
}

static enum err
add(struct request *r, struct part *part)
{
	struct pictures *all = r->pictures;
	struct picture *p;

	if (all->count == PICTURES_MAX) {
		note_set(&r->note,
		    "More than %d images and documents by URL would have to be fetched "
		    "for a provider that takes no URL. Send them as base64.",
		    PICTURES_MAX);
		r->param = r->prompt->turns_name;
		return all->err = ERR_BAD_REQUEST;
	}
	p = &all->at[all->count++];
	*p = (struct picture){.request = r,
	    .part = part,
	    .url = part->media.data,
	    .name = part->media.name,
	    .told = part->media.type};
	for (unsigned i = 0; i + 1 < all->count; i++)
		if (all->at[i].same == NULL && all->at[i].part->kind == part->kind &&
		    slice_eq(all->at[i].url, p->url)) {
			p->same = &all->at[i];
			return ERR_OK;
		}
	return start(r, p);
}

static void
take_out(struct pictures *all)
{
	for (unsigned i = 0; i < all->count; i++) {
		const struct picture *p = &all->at[i];

		p->part->media.source = MEDIA_URL;
		p->part->media.data = p->url;
		p->part->media.type = p->told;
		p->part->media.name = p->name;
	}
}

static void
put_in(struct part *part, const struct picture *p)
{
	const struct picture *from = p->same != NULL ? p->same : p;

	part->media.source = MEDIA_DATA;
	part->media.data = buf_slice(&from->data);
	part->media.type = from->type;
	if (part->kind == PART_FILE && part->media.name.ptr == NULL)
		part->media.name = S("document.pdf");
}

static bool
is_named(const struct part *p)
{
	return (p->kind == PART_IMAGE || p->kind == PART_FILE) &&
	       p->media.source == MEDIA_URL &&
	       (slice_istarts(p->media.data, S("http:")) ||
		   slice_istarts(p->media.data, S("https:")));
}

/* Begins what is needed of these parts, or, once all is there, puts it in. */
static enum err
walk(struct request *r, struct part *part, const struct translation *to,
    const struct write_plan *plan, bool there)
{
	enum err e = ERR_OK;

	for (; part != NULL && e == ERR_OK; part = part->next) {
		const struct picture *known;

		if (part->kind == PART_RESULT)
			e = walk(r, part->result.parts, to, plan, there);
		if (!is_named(part) || !to->needs_bytes(part, plan))
			continue;
		known = find(r->pictures, part);
		if (known == NULL)
			e = add(r, part);
		else if (there)
			put_in(part, known);
	}
	return e;
}

static enum err
walk_turns(struct request *r, const struct translation *to, const struct write_plan *plan,
    bool there)
{
	enum err e = ERR_OK;

	for (struct turn *t = r->prompt->turns; t != NULL && e == ERR_OK; t = t->next)
		e = walk(r, t->parts, to, plan, there);
	return e;
}

enum err
pictures_put(struct request *r, const struct translation *to,
    const struct write_plan *plan, bool *ret_wait)
{
	enum err e;

	*ret_wait = false;
	if (r->pictures != NULL)
		take_out(r->pictures);
	if (to->needs_bytes == NULL || !r->config->options.fetch_images)
		return ERR_OK;
	if (r->pictures == NULL) {
		r->pictures = arena_zalloc(&r->arena, sizeof(*r->pictures));
		if (r->pictures == NULL)
			return ERR_NOMEM;
		r->pictures->room = r->config->options.fetch_bytes;
	}
	e = r->pictures->err;
	if (e == ERR_OK)
		e = walk_turns(r, to, plan, false);
	if (e != ERR_OK) {
		stop(r->pictures);
		return e;
	}
	*ret_wait = r->pictures->awaited > 0;
	return *ret_wait ? ERR_OK : walk_turns(r, to, plan, true);
}

void
pictures_drop(struct request *r)
{
	if (r->pictures == NULL)
		return;
	stop(r->pictures);
	for (unsigned i = 0; i < r->pictures->count; i++)
		buf_free(&r->pictures->at[i].data);
	r->pictures = NULL;
}
