# weir. `make help` tells the targets. GNU make, no configure step.

MODE	?= release
CC	?= cc
VERSION	:= $(shell sed -n 's/^\#define WEIR_VERSION *"\(.*\)"/\1/p' src/core/version.h)
PREFIX	?= /usr/local
DESTDIR	?=
CACHE	?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/weir
PYTHON	?= python3
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc) # all of them, unless told otherwise
endif

# --- flags ---

WARN	:= -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wimplicit-fallthrough \
	-Wconversion -Wno-sign-conversion $(if $(CI),-Werror)
LIBS	:= libuv openssl sqlite3 libpq yaml-0.1 zlib hiredis $(shell pkg-config --exists hiredis_ssl && echo hiredis_ssl)
LLHTTP	:= $(CACHE)/llhttp-9.4.3
HARDEN	:= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
ASAN	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined
CF_release := -O2 -g $(HARDEN)
CF_debug   := -O0 -g3
CF_asan    := -O1 -g -fno-omit-frame-pointer $(ASAN)
CF_tsan    := -O1 -g -fsanitize=thread
CF_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LF_release := -pie -Wl,-z,relro,-z,now
LF_asan    := $(ASAN)
LF_tsan    := -fsanitize=thread
LF_fuzz    := -fsanitize=fuzzer,address,undefined
CF_$(MODE) ?= $(error MODE is one of release, debug, asan, tsan, fuzz)

CPPFLAGS += -D_GNU_SOURCE -Isrc -isystem $(LLHTTP)/include \
	-isystem $(shell pkg-config --variable=includedir libpq 2>/dev/null)
CFLAGS	 += -std=c17 -pthread $(WARN) $(CF_$(MODE))
LDLIBS	 += $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lm

# Lets the tests make memory fail: test/unit/torture.h.
LF_TEST	:= -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -lcmocka

# --- files: a new one needs no edit here ---

B	:= build/$(MODE)
SRC	:= $(wildcard src/*/*.c)
OBJ	:= $(SRC:%.c=$B/%.o)
LLOBJ	:= $(addprefix $B/llhttp/,api.o http.o llhttp.o)
MAIN	:= $B/src/main/main.o
WEIR	:= $(if $(filter release,$(MODE)),build/weir,$B/weir)
LIB	:= $B/libweir.a
UNIT	:= $(patsubst test/unit/%.c,$B/unit/%,$(wildcard test/unit/test_*.c))
SCENARIO := $(patsubst test/scenario/%.c,$B/scenario/%,$(wildcard test/scenario/test_*.c))
HELP	:= $(patsubst %.c,$B/%.o,$(filter-out test/unit/test_%,$(wildcard test/unit/*.c)))
WORLD	:= $(patsubst %.c,$B/%.o,$(filter-out test/scenario/test_%,$(wildcard test/scenario/*.c)))
PROBE	:= $B/probe $B/translate
FUZZ	:= $(patsubst test/fuzz/%.c,$B/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))
BENCH	:= $(patsubst bench/%.c,build/release/bench/%,$(wildcard bench/*.c))
PACKAGES := build/.packages-build

all: $(WEIR)  ## build build/weir (MODE=debug|asan|tsan builds into build/MODE/)

$(PACKAGES): tools/packages.sh
	@tools/packages.sh build $@

$(LLHTTP)/src/llhttp.c: | $(PACKAGES)
	@tools/llhttp.sh $(LLHTTP)

$(OBJ) $(HELP) $(WORLD) $B/test/fuzz/replay.o: | $(PACKAGES) $(LLHTTP)/src/llhttp.c
$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(WORLD): CPPFLAGS += -Itest/unit

# What they embed, which the compiler does not report.
$B/src/local/program.o: src/local/engine.py
$B/src/provider/catalog_file.o: etc/catalog.json

$B/llhttp/%.o: $(LLHTTP)/src/llhttp.c
	@mkdir -p $(@D)
	$(CC) -I$(LLHTTP)/include $(filter-out $(WARN),$(CFLAGS)) -w -c $(LLHTTP)/src/$*.c -o $@

$(LIB): $(filter-out $(MAIN),$(OBJ)) $(LLOBJ)
	@rm -f $@
	@$(AR) rcs $@ $^

$(WEIR): $(MAIN) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) $(LF_$(MODE)) -o $@ $(MAIN) $(LIB) $(LDLIBS)

$B/unit/%: test/unit/%.c $(HELP) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LF_$(MODE)) -MMD -MP -o $@ $< $(HELP) $(LIB) $(LDLIBS) $(LF_TEST)

# The real request machine on a fake loop and network: its objects come first.
$B/scenario/%: test/scenario/%.c $(WORLD) $(HELP) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itest/unit $(CFLAGS) $(LDFLAGS) $(LF_$(MODE)) -MMD -MP -o $@ $< $(WORLD) $(HELP) $(LIB) $(LDLIBS) $(LF_TEST)

$(PROBE): $B/%: test/e2e/%.c $(LIB)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LF_$(MODE)) -MMD -MP -o $@ $< $(LIB) $(LDLIBS)

# In other modes than fuzz they run the files that they are given.
REPLAY	:= $(if $(filter fuzz,$(MODE)),,$B/test/fuzz/replay.o)
$B/fuzz/%: test/fuzz/%.c $(REPLAY) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LF_$(MODE)) -MMD -MP -o $@ $< $(REPLAY) $(LIB) $(LDLIBS)

build/release/bench/prompt build/release/bench/drain: build/release/bench/%: bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

# Apart from weir's code, as what they measure is weir.
build/release/bench/%: bench/%.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c17 -O2 $(WARN) -o $@ $<

-include $(OBJ:.o=.d) $(HELP:.o=.d) $(WORLD:.o=.d) $(UNIT:=.d) $(SCENARIO:=.d) $(PROBE:=.d) $(FUZZ:=.d)

# --- running ---

run: $(WEIR)  ## build, fetch the local engine, start weir on 127.0.0.1:8080
	@tools/engine.sh || echo "weir: going on without a local model" >&2
	@exec $(WEIR) serve

engine: | $(PACKAGES)  ## fetch the prebuilt llama.cpp engine and SmolLM2 into the cache
	@tools/engine.sh

install: $(WEIR)  ## install under PREFIX (/usr/local)
	install -D -m 755 $(WEIR) $(DESTDIR)$(PREFIX)/bin/weir
	install -D -m 644 etc/weir.service $(DESTDIR)/lib/systemd/system/weir.service
	sed -i 's|/usr/local/bin|$(PREFIX)/bin|' $(DESTDIR)/lib/systemd/system/weir.service
	install -D -m 644 etc/weir.yaml $(DESTDIR)$(PREFIX)/share/doc/weir/weir.yaml

# --- tests ---

test:  ## set up, then run every test: unit, golden, scenario, e2e, under ASan and TSan too
	@tools/test.sh

test-agents: $(WEIR)  ## Claude Code, Codex and Gemini CLI (700 MB) on foreign backends, offline
	@tools/agents.sh

unit: $(UNIT) $(SCENARIO)  ## the C tests of this MODE
	@for t in $(UNIT) $(SCENARIO); do $$t || exit 1; done

torture: $(WEIR)  ## kill weir 200 times under load (WEIR_ROUNDS=n), fill its disk, press its budgets
	@tools/test.sh torture

fuzz:  ## run each libFuzzer target 60 s (FUZZ_SECONDS=n)
	@tools/fuzz.sh

fuzz-bins: $(FUZZ)
unit-bins: $(UNIT) $(SCENARIO)
probe: $(PROBE)
objects: $(OBJ)
ready: | $(PACKAGES) $(LLHTTP)/src/llhttp.c
flags: ; @echo $(CPPFLAGS) $(filter-out -f% -pthread,$(CFLAGS))

lint:  ## formatting, clang-tidy, cppcheck, layers, headers, docs, spelling
	@tools/lint.sh

format:  ## clang-format everything
	@tools/packages.sh lint
	clang-format -i $(filter-out %.def,$(wildcard src/*/*.[ch] test/*/*.[ch] bench/*.c))

bench: $(WEIR) $(BENCH)  ## weir and nginx side by side; prints ratios of CPU per request
	@tools/packages.sh bench
	@$(PYTHON) bench/bench.py $(BENCH_OPTIONS)

soak: $(WEIR) $(BENCH)  ## a million requests with failing hosts: no row lost, no memory grown
	@$(PYTHON) bench/soak.py $(SOAK_OPTIONS)

docs: $(WEIR)  ## regenerate docs/configuration.md, docs/providers.md, docs/metrics.md, docs/dialects.md
	@tools/docs.sh $(WEIR)

clean:  ## remove build/
	rm -rf build

help:  ## this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: all run engine install test torture test-agents unit unit-bins probe objects ready flags fuzz fuzz-bins lint format bench soak docs clean help
.DELETE_ON_ERROR:
