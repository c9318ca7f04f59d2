# One image for global-cp, zone-cp, kogumactl and koguma-dp. Needs no BuildKit.
#
# Behind a registry or an authority of one's own, the build is told so by arguments, which stay in the cache of the
# engine and not in the image:
#   NPMRC     the text of an npm configuration (registry, credentials)
#   EXTRA_CA  PEM of an authority that npm is to believe besides the usual ones
# and by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which every Dockerfile has.

# What an install depends on, so that it is done again only when this changes.
FROM node:24-bookworm-slim AS manifests
WORKDIR /koguma
COPY . .
RUN mkdir /manifests && cp --parents package.json package-lock.json .npmrc scripts/setup.mjs libs/*/package.json apps/*/package.json /manifests

FROM node:24-bookworm-slim AS build
ARG NPMRC=""
ARG EXTRA_CA=""
WORKDIR /koguma
COPY --from=manifests /manifests .
RUN if [ -n "$NPMRC" ]; then printf '%s\n' "$NPMRC" > ~/.npmrc; fi \
 && if [ -n "$EXTRA_CA" ]; then printf '%s\n' "$EXTRA_CA" > /tmp/ca.pem; export NODE_EXTRA_CA_CERTS=/tmp/ca.pem; fi \
 && node scripts/setup.mjs --no-build
COPY . .
RUN node scripts/setup.mjs \
 && npm prune --offline --omit=dev --workspaces --include-workspace-root \
 && rm -rf libs/testkit node_modules/@koguma/testkit node_modules/.cache \
 && mkdir /built \
 && cp -a package.json node_modules /built \
 && find libs apps -mindepth 2 -maxdepth 2 \( -name package.json -o -name node_modules -o -name dist -o -name bin \) \
    -exec cp -a --parents -t /built {} +

# What only a compiler, a debugger, a reader or another libc has use for.
RUN cd /built \
 && rm -rf node_modules/@libsql/*-musl node_modules/typeorm/browser \
 && find . -type f \( -name '*.ts' -o -name '*.[cm]ts' -o -name '*.map' -o -name '*.tsbuildinfo' -o -name '*.md' \) -delete

FROM node:24-bookworm-slim
COPY --from=build /built /opt/koguma
# Beside the packages, so that what is in Node finds them.
COPY docker/koguma-* /opt/koguma/docker/
RUN install -d -o node -g node -m 700 /var/lib/koguma
ENV NODE_ENV=production \
    PATH=/opt/koguma/docker:/opt/koguma/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    KUMA_GENERAL_WORK_DIR=/var/lib/koguma
WORKDIR /var/lib/koguma
USER node
# Ready, not only alive: a zone that has never synced is not, and whoever needs it can wait for that.
HEALTHCHECK --interval=2s --timeout=3s --start-period=2m --retries=5 CMD ["koguma-health"]
CMD ["kogumactl", "--help"]
