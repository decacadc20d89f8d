# comfygate in a container.
#
#   docker build -t comfygate .
#   docker run -p 127.0.0.1:8090:8090 -v comfygate:/data \
#       -e COMFYGATE_BACKENDS=gpu0=http://192.168.1.20:8188 comfygate
#
# The Discord adapter is in the same image: --entrypoint comfygate-discord ... run (docs/discord.md).
#
# WARNING: inside a container every caller comes from outside, so the usual protection, "only the same
# machine is served", cannot be had, and this image is set to COMFYGATE_AUTH_MODE=off: whoever reaches
# the published port may use the gateway. Publish it on 127.0.0.1 as above, or on a network that you trust.
# To let it ask for keys instead (docs/keys.md): -e COMFYGATE_AUTH_MODE=keys -e COMFYGATE_SERVER_HOSTS=<its name>, and
# docker exec <container> comfygate keys create root --role admin

FROM debian:12-slim AS build
COPY packaging/debian-packages.sh /tmp/
RUN bash -c '. /tmp/debian-packages.sh && install_packages "${PACKAGES_BUILD[@]}"'
WORKDIR /src
COPY . .
RUN cmake --preset release -DCOMFYGATE_TESTS=OFF \
    && cmake --build --preset release --target comfygate comfygate-discord \
    && strip --strip-debug build/release/bin/comfygate build/release/bin/comfygate-imaging \
        build/release/bin/comfygate-discord

FROM debian:12-slim
COPY packaging/debian-packages.sh /tmp/
RUN bash -c '. /tmp/debian-packages.sh && install_packages "${PACKAGES_RUNTIME[@]}"' \
    && rm -rf /var/lib/apt/lists/* /tmp/debian-packages.sh \
    && install -d -o 10001 -g 10001 /data
COPY --from=build /src/build/release/bin/comfygate /src/build/release/bin/comfygate-imaging \
    /src/build/release/bin/comfygate-discord /usr/local/bin/
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
VOLUME /data
ENV COMFYGATE_DATA_DIR=/data \
    COMFYGATE_SERVER_LISTEN=0.0.0.0:8090 \
    COMFYGATE_AUTH_MODE=off \
    COMFYGATE_LOG_FORMAT=json
EXPOSE 8090
# Asks 127.0.0.1:8090. Who listens on another port sets COMFYGATE_URL as well.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["comfygate", "health", "--quiet"]
ENTRYPOINT ["comfygate"]
CMD ["serve"]
