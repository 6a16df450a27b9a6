# Debian 14 is the first release with libwhisper packages.
FROM debian:forky-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential pkg-config git ca-certificates npm golang-go libwhisper-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY web/package.json web/package-lock.json web/
RUN npm --prefix web ci --ignore-scripts --no-audit --no-fund
COPY . .
ARG VERSION=unknown
# The cgo binding links -lggml-cpu, which Debian has as run-time plug-ins only: an empty archive satisfies the linker.
RUN mkdir -p /tmp/stub && ar rcs /tmp/stub/libggml-cpu.a \
 && go run ./web/build \
 && CGO_CFLAGS='-O2' CGO_LDFLAGS=-L/tmp/stub go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/speechqa ./cmd/speechqa

FROM debian:forky-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libwhisper1 libggml0 ffmpeg ca-certificates tzdata curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /var/lib/speechqa speechqa
COPY --from=build /out/speechqa /usr/local/bin/speechqa
COPY testdata/model /usr/local/share/speechqa/testdata/model
COPY LICENSE /usr/local/share/doc/speechqa/LICENSE
USER speechqa
WORKDIR /var/lib/speechqa
ENV GGML_NO_BACKTRACE=1 SPEECHQA_LISTEN=:8080 SPEECHQA_METRICS_LISTEN=:9090 SPEECHQA_MODELS_DIR=/var/lib/speechqa/models
EXPOSE 8080 9090
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:9090/readyz"]
ENTRYPOINT ["speechqa"]
CMD ["--help"]
