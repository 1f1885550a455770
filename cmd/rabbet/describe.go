package main

import (
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

// A nodeDescription is what the tools show of the process.
type nodeDescription struct {
	Name        string   `json:"name"`
	Running     bool     `json:"running"`
	PID         int      `json:"pid"`
	OS          string   `json:"os"`
	Uptime      int64    `json:"uptime"` // seconds
	Version     string   `json:"version"`
	Runtime     string   `json:"runtime"`
	DataDir     string   `json:"data_dir"`
	ConfigFiles []string `json:"config_files"`
	LogFiles    []string `json:"log_files"`
	PluginsFile string   `json:"plugins_file"`
	Plugins     []string `json:"plugins"`
	Settings    string   `json:"settings"`
	MemoryLimit int64    `json:"memory_limit"`
	DiskLimit   int64    `json:"disk_limit"`

	Maintenance  bool          `json:"maintenance"`
	MemoryRatio  float64       `json:"memory_ratio"` // the memory limit as a part of the machine's memory; 0 if it is in bytes
	Variables    []string      `json:"variables"`    // those of RabbitMQ in the environment
	Arguments    []string      `json:"arguments"`
	Certificates []certificate `json:"certificates"`
}

// A certificate is that of a listener that speaks TLS, in PEM.
type certificate struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	PEM      string `json:"pem"`
}

func (c *controller) describe(*http.Request) (any, error) {
	set := c.s.set
	d := nodeDescription{
		Name: set.NodeName, PID: os.Getpid(), OS: runtime.GOOS, Version: set.Profile, Runtime: "rabbet " + version(),
		Uptime:  int64(delay.Real{}.Now().Sub(c.s.start) / time.Second),
		DataDir: set.DataDir, ConfigFiles: append([]string{}, set.Files...), LogFiles: append([]string{}, c.s.log.Places...),
		PluginsFile: set.PluginsFile, Plugins: append([]string{}, c.s.plugins()...), Settings: set.Print(),
		Variables: variables(c.s.environ), Arguments: os.Args, Certificates: certificates(&set.Settings),
	}
	d.Maintenance, d.MemoryRatio = c.node.condition()
	b, _ := c.node.running()
	if d.Running = b != nil; d.Running {
		d.Version = b.Version()
		d.MemoryLimit, d.DiskLimit = b.ResourceLimits()
	}
	return d, nil
}

// variables are those of RabbitMQ. Reports are handed around, so secrets are not in them.
func variables(environ []string) []string {
	list := []string{}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		switch {
		case !strings.HasPrefix(name, "RABBITMQ_"):
		case strings.Contains(name, "PASS"), strings.Contains(name, "COOKIE"):
			list = append(list, name+"=********")
		default:
			list = append(list, pair)
		}
	}
	slices.Sort(list)
	return list
}

// certificates are read anew: the files may have changed, as the listeners notice too.
func certificates(set *settings.Settings) []certificate {
	list := []certificate{}
	add := func(protocol string, at settings.Address, file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			text = []byte(err.Error())
		}
		list = append(list, certificate{protocol, at.Port, strings.TrimSpace(string(text))})
	}
	for _, at := range set.Listen.TLS {
		add("amqp/ssl", at, set.TLS.CertFile)
	}
	if set.Management.TLSEnabled {
		add("https", set.Management.TLSAddress, set.Management.TLS.CertFile)
	}
	if set.Prometheus.TLSEnabled {
		add("https/prometheus", set.Prometheus.TLSAddress, set.Prometheus.TLS.CertFile)
	}
	return list
}
