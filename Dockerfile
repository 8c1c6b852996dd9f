# A small image: weir alone, not root, its data in /data. Local models need a
# llama-server in the image or a mounted one (local.engine).
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make -j"$(nproc)"

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
	ca-certificates libpq5 libsqlite3-0 libssl3 libhiredis0.14 libuv1 libyaml-0-2 zlib1g \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --system --uid 10001 --no-create-home weir \
	&& install -d -o weir -g weir -m 0700 /data
COPY --from=build /src/build/weir /usr/local/bin/weir
USER weir
ENV WEIR_DATA=/data WEIR_LISTEN=:8080
VOLUME /data
EXPOSE 8080
# Beyond loopback weir starts with a key only: -e WEIR_KEY=..., or `weir key create`
# in the volume first.
HEALTHCHECK --interval=10s --timeout=3s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && grep -q ok <&3"]
ENTRYPOINT ["weir"]
CMD ["serve"]
