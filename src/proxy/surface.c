#include "proxy/surface.h"

static const struct {
	const char *method, *path;
	const struct dialect *dialect;
	enum operation op;
	enum model_at model;
	enum serve serve;
	enum door door;
} table[] = {
#define SURFACE(method, path, dialect, op, model, serve, door)                           \
	{method, path, &dialect_##dialect, OP_##op, MODEL_##model, SERVE_##serve,        \
	    DOOR_##door},
#include "proxy/surface.def"
};

#define ROWS (sizeof(table) / sizeof(table[0]))

/* The table with its texts measured; made once. */
static struct surface rows[ROWS];

__attribute__((constructor)) static void
make_rows(void)
{
	for (unsigned i = 0; i < ROWS; i++) {
		struct slice path = slice_str(table[i].path);
		size_t star = slice_find(path, '*');

		rows[i] =
		    (struct surface){slice_str(table[i].method), slice_head(path, star),
			slice_from(path, star + 1), star < path.len, table[i].dialect,
			table[i].op, table[i].model, table[i].serve, table[i].door};
	}
}

static bool
matches(const struct surface *s, struct slice path)
{
	if (s->star)
		return path.len > s->path.len + s->behind.len &&
		       slice_starts(path, s->path) && slice_ends(path, s->behind);
	return slice_eq(s->path, path);
}

const struct surface *
surface_find(struct slice method, struct slice path, enum err *ret_err)
{
	if (slice_eq(method, S("HEAD")))
		method = S("GET");
	*ret_err = ERR_NOT_FOUND;
	for (unsigned i = 0; i < ROWS; i++) {
		if (!matches(&rows[i], path))
			continue;
		if (slice_eq(rows[i].method, method)) {
			*ret_err = ERR_OK;
			return &rows[i];
		}
		*ret_err = ERR_BAD_METHOD;
	}
	return NULL;
}

const struct surface *
surface_at(unsigned i)
{
	return i < ROWS ? &rows[i] : NULL;
}

void
surface_methods(struct slice path, struct buf *to)
{
	const char *comma = "";

	for (unsigned i = 0; i < ROWS; i++) {
		if (!matches(&rows[i], path))
			continue;
		buf_printf(to, "%s%s%s", comma, table[i].method,
		    slice_eq(rows[i].method, S("GET")) ? ", HEAD" : "");
		comma = ", ";
	}
}

struct slice
surface_rest(const struct surface *s, struct slice path)
{
	return slice_of(path.ptr + s->path.len, path.len - s->path.len - s->behind.len);
}

const char *
surface_operation(enum operation op)
{
	static const char *const names[] = {
	    "", "chat", "completion", "embedding", "embedding", "count"};

	return names[op];
}
