# The emulator from its wheel. First ".ci/release" puts the wheel into dist/, then "docker build --tag fcemu ." packs it.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim

COPY dist/fcemu-*.whl /wheel/
RUN pip install --no-cache-dir --root-user-action=ignore /wheel/*.whl && rm -r /wheel
RUN useradd --uid 10001 --create-home fcemu && install --directory --owner fcemu --group fcemu /app /data

USER 10001:10001
WORKDIR /app
VOLUME /data

# The loopback of a container is its own. On any other address the emulator wants a token with every request.
ENV FCEMU_HOST=0.0.0.0
EXPOSE 9527
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + environ.get('FCEMU_PORT', '9527') + '/_fcemu/health')"]
ENTRYPOINT ["fcemu"]
CMD ["serve"]
