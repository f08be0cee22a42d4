# The drawing page and its API: not run as root, saves no corrections, reads with the shipped networks.
#   docker build --tag shuzi .
#   docker run --publish 8000:8000 shuzi

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md CHANGELOG.md LICENSE ./
COPY shuzi shuzi
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[serve]" && rm -r /wheels
RUN useradd --create-home shuzi
USER shuzi
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/api/health', timeout=4)"]
CMD ["shuzi", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-browser", "--read-only"]
