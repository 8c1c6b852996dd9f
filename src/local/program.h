/*
 * program: which program serves models, and how it is told what to do: a
 * llama-server, or the Python of the fetched engine with the launcher that is
 * part of weir (engine.py). For local/ only. Looks at files: the supervisor's
 * thread only.
 */
#ifndef LOCAL_PROGRAM_H
#define LOCAL_PROGRAM_H

#include "core/arena.h"
#include "local/engine.h"
#include "local/process.h"

#include <limits.h>

enum program_kind {
	PROGRAM_SERVER,	 /* llama-server: we choose its port */
	PROGRAM_LAUNCHER /* says on standard output where it listens */
};

struct program {
	enum program_kind kind;
	char path[PATH_MAX];
};

/* What an engine is to serve; texts are its own. */
struct engine_spec {
	char *name, *file, *mmproj; /* mmproj "": none */
	char *program;		    /* options.local_engine */
	uint64_t context_tok, parallel;
	uint64_t threads;    /* 0: the engine chooses */
	uint64_t file_bytes; /* of file and mmproj; 0: not there */
	bool embedding;
	bool pools; /* the model says how its embeddings are made of its tokens' */
};

/* ERR_NOMEM. */
enum err engine_spec_init(struct engine_spec *s, const struct config *c,
    const struct config_engine *from) MUST_CHECK;
void engine_spec_done(struct engine_spec *s);
bool engine_spec_same(const struct engine_spec *a, const struct engine_spec *b);

/*
 * Finds the program for an options.local_engine (NULL: ""). Without one ERR_ENGINE, and
 * *ret_why (static) says what to do.
 */
enum err program_find(
    const char *option, struct program *ret_program, const char **ret_why) MUST_CHECK;

/* "llama-server /usr/bin/llama-server" into `to`; returns it. */
const char *program_text(const struct program *p, char to[ENGINE_WHY_MAX]);

/*
 * How to start it, under `weir engine-child`. The launcher's port is 0. The plan
 * lives in the arena, and borrows the program, the spec and the environment. The
 * key goes by the environment, which only our user can read. ERR_NOMEM.
 */
enum err
program_plan(const struct program *p, const struct engine_spec *s, const char *key,
    uint16_t port, struct arena *a, struct process_plan *ret_plan) MUST_CHECK;

/* A port of 127.0.0.1 that is free now; 0 when there is none. */
uint16_t program_free_port(void);

/* Is it our user who listens on it? Somebody else may have been quicker to take it,
 * and would get the key and the prompts. True where the system does not say. */
bool program_port_is_ours(uint16_t port);

#endif
