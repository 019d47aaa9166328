# fer-serve in a small image: the light runtime alone, no torch, not root.
#
#   docker build -t fer-serve .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 fer-serve
#
# and open http://localhost:8000/. A token: -e FER_SERVE_TOKEN=... ; a model of your own:
#   docker run ... -v "$PWD/model.onnx:/model.onnx:ro" fer-serve --model /model.onnx
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY conf ./conf
COPY fer ./fer
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --no-compile .

FROM python:${PYTHON}-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin fer
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1
USER fer
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
# A container is reached through the ports that `docker run -p` opens; publish them on 127.0.0.1 as above.
ENTRYPOINT ["fer-serve", "--host", "0.0.0.0", "--port", "8000", "--allow-remote"]
