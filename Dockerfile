# One image for web, worker and the one-off commands. `.ci/check_dockerfile.py` executes its steps.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --no-compile --require-hashes -r requirements.lock
COPY . .
# The key signs nothing here; settings insist on one.
RUN ENV_FILES=0 ALLOW_HTTP=1 BASE_URL=http://build SECRET_KEY=only-to-collect-static-files-at-build \
    STATIC_ROOT=/app/staticfiles /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0
RUN /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib config teams catalog generation sandbox

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENV_FILES=0 DATA_DIR=/data STATIC_ROOT=/app/staticfiles PORT=8000
RUN groupadd --gid 10001 diptych \
    && useradd --uid 10001 --gid diptych --home-dir /data --no-create-home --shell /usr/sbin/nologin diptych \
    && install --directory --owner=diptych --group=diptych --mode=0700 /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER diptych
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD python -c "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"
CMD ["python", "manage.py", "web"]
