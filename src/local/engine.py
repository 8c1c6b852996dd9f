# Runs llama.cpp's server out of the package xllamacpp, for weir, which hands this text to
# Python on standard input and keeps that open: when it closes, weir is gone, and so are we.
# The one line on standard output says where the server listens; all else goes to stderr.
import argparse
import ctypes
import os
import signal
import sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

args = argparse.ArgumentParser(prog="weir-engine")
for name in ("model", "mmproj", "alias", "pooling"):
    args.add_argument("--" + name, default="")
for name in ("context", "parallel", "cache"):
    args.add_argument("--" + name, type=int, required=True)
args.add_argument("--embedding", action="store_true")
args.add_argument("--ubatch-size", type=int, default=512)
args.add_argument("--threads", type=int)
a = args.parse_args()

try:
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path, p.mmproj.path, p.model_alias = a.model, a.mmproj, {a.alias}
    p.hostnames, p.port, p.api_keys = ["127.0.0.1"], 0, [os.environ.pop("WEIR_ENGINE_KEY")]
    p.n_ctx, p.n_parallel, p.cache_ram_mib = a.context, a.parallel, a.cache
    p.warmup, p.ui, p.embedding, p.n_ubatch = False, False, a.embedding, a.ubatch_size
    if a.threads:
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = a.threads
    if a.pooling == "mean":
        p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(p)
except Exception as e:
    print(f"{type(e).__name__}: {e}", file=sys.stderr, flush=True)
    os._exit(1)
print(server.listening_address, file=out, flush=True)
while os.read(0, 4096):
    pass
os._exit(0)
