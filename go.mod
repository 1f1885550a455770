module github.com/rabbetmq/rabbet

go 1.25.0

require (
	github.com/dlclark/regexp2/v2 v2.13.0
	github.com/google/btree v1.1.3
	github.com/rabbitmq/amqp091-go v1.16.0
	github.com/stretchr/testify v1.12.1
	go.etcd.io/bbolt v1.5.0
	go.uber.org/goleak v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.45.0 // indirect
)
