# Rabbet in a container: one static binary, no shell, not root.
#
#   docker build -t rabbet . && docker run -p 5672:5672 rabbet
#
# RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST work as
# in RabbitMQ's own image, and what is durable is in the same place.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /rabbet ./cmd/rabbet && mkdir /data

FROM scratch
COPY --from=build /rabbet /rabbet
COPY --from=build --chown=65532:65532 /data /var/lib/rabbitmq
# Within a container, loopback would be out of everyone's reach.
ENV RABBITMQ_NODE_IP_ADDRESS=0.0.0.0
ENV RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq
VOLUME /var/lib/rabbitmq
EXPOSE 5672
USER 65532:65532
ENTRYPOINT ["/rabbet"]
# As in RabbitMQ's own image: clients of a container are never on its loopback.
CMD ["serve", "--guest-from-anywhere"]
