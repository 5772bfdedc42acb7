# The image of acm-exporter: two stages, from the lock files with their hashes. `make image` builds it.
#
#   docker build -t acm-exporter .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges -p 9795:9795 \
#     -v acm-exporter:/var/lib/acm-exporter -v "$PWD/acm-exporter.yaml:/etc/acm-exporter/acm-exporter.yaml:ro" \
#     acm-exporter run --config.file=/etc/acm-exporter/acm-exporter.yaml
#
# By default it ends on Distroless: Python and certificates, but no shell and no package manager. Both stages must
# have the same Python at the same path. Where all images come from one of your own, say so; it needs Python 3.11
# or newer with venv:
#   --build-arg BASE=registry.example.com/debian-python:12
# With several platforms or for builds that repeat, give the bases by digest (name@sha256:…).
ARG BASE
ARG BUILD_BASE=${BASE:-docker.io/library/debian:bookworm-slim}
ARG RUN_BASE=${BASE:-gcr.io/distroless/python3-debian12:nonroot}

FROM ${BUILD_BASE} AS build
# Where pip finds the packages, as pip itself spells it; nothing of it stays in the image.
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends python3-venv; }
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The tools that build have a place of their own, so that none is left beside what runs.
RUN python3 -m venv /build \
 && /build/bin/pip install --require-hashes -r requirements-build.lock \
 && "$(readlink -f "$(command -v python3)")" -m venv --without-pip /opt/acm-exporter \
 && /build/bin/pip --python /opt/acm-exporter/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheel . \
 && /build/bin/pip --python /opt/acm-exporter/bin/python install --no-index --no-deps /build/wheel/*.whl \
 && mkdir /state

FROM ${RUN_BASE}
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="acm-exporter" \
      org.opencontainers.image.description="Will ACM renew this certificate, and will visitors get it?" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/acm-exporter/acm-exporter" \
      org.opencontainers.image.documentation="https://github.com/acm-exporter/acm-exporter/blob/main/docs/install.md" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/acm-exporter /opt/acm-exporter
COPY --from=build --chown=65532:65532 /state /var/lib/acm-exporter
COPY LICENSE /usr/share/doc/acm-exporter/LICENSE
ENV PATH=/opt/acm-exporter/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# What is to outlive a restart (`state_file`); nothing else is written, so the root may be read-only.
VOLUME /var/lib/acm-exporter
WORKDIR /var/lib/acm-exporter
EXPOSE 9795
# Finds out by itself whether the pages have TLS, and takes being kept out of them for an answer.
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s --retries=3 CMD ["acm-exporter", "health"]
ENTRYPOINT ["acm-exporter"]
CMD ["run"]
