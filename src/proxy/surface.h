/*
 * surface: the table of what weir answers (surface.def), and the search in it.
 */
#ifndef PROXY_SURFACE_H
#define PROXY_SURFACE_H

#include "core/buf.h"
#include "dialect/dialect.h"

enum serve {
	SERVE_FORWARD, /* a provider answers */
	SERVE_MODELS,
	SERVE_MODEL,
	SERVE_GENERATION,
	SERVE_BILLING,
	SERVE_HEALTH,
	SERVE_READY,
	SERVE_METRICS,
	SERVE_ADMIN_LIST,
	SERVE_ADMIN_CREATE,
	SERVE_ADMIN_SHOW,
	SERVE_ADMIN_SET,
	SERVE_ADMIN_REMOVE,
	SERVE_ADMIN_ROTATE,
	SERVE_ADMIN_BLOCK,
	SERVE_ADMIN_UNBLOCK,
	SERVE_ADMIN_CREDITS,  /* all of them */
	SERVE_ADMIN_CREDIT,   /* one more */
	SERVE_ADMIN_OWN_KEYS, /* of a team, for providers */
	SERVE_ADMIN_OWN_KEY,
	SERVE_ADMIN_OWN_REMOVE,
	SERVE_ADMIN_USAGE,
	SERVE_ADMIN_AUDIT,
	SERVE_ADMIN_OPENAPI,
	SERVES
};

enum door { DOOR_KEY, DOOR_OPEN, DOOR_METRICS, DOOR_ADMIN };

enum model_at { MODEL_NONE, MODEL_BODY, MODEL_PATH, MODEL_STREAM };

struct surface {
	struct slice method, path, behind; /* the path around the "*" */
	bool star;			   /* it has one */
	const struct dialect *dialect;
	enum operation op;
	enum model_at model;
	enum serve serve;
	enum door door;
};

/*
 * The row for a method and a path (no query). HEAD finds the row of GET. NULL: with
 * ERR_NOT_FOUND, or ERR_BAD_METHOD when the path has rows for other methods.
 */
const struct surface *
surface_find(struct slice method, struct slice path, enum err *ret_err);

/* The i-th row; NULL behind the last one. */
const struct surface *surface_at(unsigned i);

/* Writes the methods that the path takes: "GET, HEAD". */
void surface_methods(struct slice path, struct buf *to);

/* What stands in the path for the row's "*". */
struct slice surface_rest(const struct surface *s, struct slice path);

/* Static text: "chat", "completion", "embedding", "count", "". */
const char *surface_operation(enum operation op);

#endif
