package main

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

const pingLong = `Asks a broker whether it answers: on this machine, where rabbet serve with the same files and
variables listens, or at --url, where it logs in too. It ends with 0 if it does and with 1 if not,
which suits a health check.`

func pingCommand(c console) *cobra.Command {
	var url, config string
	var timeout time.Duration
	cmd := &cobra.Command{Use: "ping [flags]", Short: "Ask whether a broker answers", Long: pingLong, Args: flagsOnly, DisableFlagsInUseLine: true}
	cmd.Flags().StringVar(&url, "url", "", "AMQP `URL` of the broker, to log in")
	cmd.Flags().StringVar(&config, "config", "", "`file` that the broker reads, in the format of rabbitmq.conf")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "`duration` to wait for an answer")
	cmd.RunE = func(*cobra.Command, []string) error {
		var err error
		if url != "" {
			err = pingLogin(url, timeout)
		} else {
			err = pingHere(c, config, timeout)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.stdout, "Ping succeeded")
		return err
	}
	return cmd
}

// pingLogin opens a connection and closes it.
func pingLogin(url string, timeout time.Duration) error {
	uri, err := amqp091.ParseURI(url)
	if err != nil {
		return usagef("bad URL: %w", err)
	}
	conn, err := amqp091.DialConfig(url, amqp091.Config{Dial: amqp091.DefaultDial(timeout)})
	if err != nil {
		return fmt.Errorf("no broker answers at %s: %w", net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)), err)
	}
	return conn.Close()
}

// pingHere asks the first listener of a broker with these settings to greet.
func pingHere(c console, config string, timeout time.Duration) error {
	set, err := settings.Load(settings.Sources{Environ: c.environ, Config: config})
	if err != nil {
		return err
	}
	network, address, secure := "tcp", "", false
	switch l := set.Listen; {
	case len(l.TCP) > 0:
		address = here(l.TCP[0])
	case len(l.TLS) > 0:
		address, secure = here(l.TLS[0]), true
	default:
		network, address = "unix", l.Unix[0]
	}
	nc, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		defer nc.Close()
		err = greet(nc, secure, timeout)
	}
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("no broker answers at %s: %w", address, err)
	}
	return nil
}

// here is an address as this machine reaches it.
func here(a settings.Address) string {
	host := cmp.Or(a.Host, "127.0.0.1")
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// greet says hello and expects connection.start.
func greet(nc net.Conn, secure bool, timeout time.Duration) error {
	if err := nc.SetDeadline(delay.Real{}.Now().Add(timeout)); err != nil {
		return err
	}
	if secure {
		// Nothing secret is said, and the certificate is for the name of the machine.
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := nc.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	answer := make([]byte, 11)
	for n := 0; n < len(answer); {
		m, err := nc.Read(answer[n:])
		if err != nil {
			return err
		}
		n += m
	}
	start := []byte{0, 10, 0, 10} // connection.start
	if answer[0] != amqp.FrameMethod || !bytes.Equal(answer[7:], start) {
		return errors.New("the answer is not AMQP 0-9-1")
	}
	return nil
}
