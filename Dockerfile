# Rabbet in place of rabbitmq:3.13-management: the same ports, variables, files and tools.
#
#   docker build -t rabbet/rabbitmq:3.13-management .
#
# deploy/image makes the same image without Docker.

FROM golang:1.26 AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static bash-static netcat-openbsd curl ca-certificates
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /rabbet ./cmd/rabbet && deploy/rootfs /rabbet /root-of-image

FROM scratch
COPY --from=build /root-of-image /
ENV PATH=/usr/local/bin:/opt/rabbitmq/sbin:/usr/bin:/bin HOME=/var/lib/rabbitmq LANG=C.UTF-8
# Within a container, loopback would be out of everyone's reach.
ENV RABBITMQ_NODE_IP_ADDRESS=0.0.0.0 RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq
VOLUME /var/lib/rabbitmq
EXPOSE 4369 5671 5672 15671 15672 15691 15692 25672
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["rabbitmq-server"]
