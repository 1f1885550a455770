package conformance_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"testing"

	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

// Judge a broker on one subject, here Rabbet in this process.
func Example() {
	b, err := inprocess.Start(inprocess.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ctx := context.Background()
	runner, err := conformance.Connect(ctx, b.URL(), b.Hooks(conformance.Options{}))
	if err != nil {
		log.Fatal(err)
	}
	scripts, err := conformance.Matching("^get/")
	if err != nil {
		log.Fatal(err)
	}
	report := runner.Judge(ctx, scripts, nil)
	for _, s := range report.Scripts {
		fmt.Println(s.Covers, s.Name, s.Outcome)
	}
	// Output:
	// [BASIC-51] get/count held
	// [BASIC-51] get/empty held
	// [BASIC-52] get/missing-queue held
	// [BASIC-53] get/needs-an-ack held
}

// A test of your own broker. The hooks that are left out only keep scripts from
// running that need them.
func ExampleRun() {
	_ = func(t *testing.T) { // TestConformance of your package
		admin, err := conformance.NewHTTPAdmin("http://guest:guest@127.0.0.1:15672")
		if err != nil {
			t.Fatal(err)
		}
		conformance.Run(t, "amqp://guest:guest@127.0.0.1:5672/", conformance.Options{
			Profile: "3.13",
			Admin:   admin,
			Restart: conformance.Shell("systemctl restart my-broker"),
		})
	}

	// The same with whatever has the methods of a conformance.TB.
	b, err := inprocess.Start(inprocess.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	conformance.Run(printer{}, b.URL(), b.Hooks(conformance.Options{Pattern: "^get/(count|empty)$"}))
	// Output:
	// RabbitMQ 3.13.7, judged as 3.13.7
	// 2 scripts held, 0 differed, 0 are about what is not offered, 0 are for other versions
}

// printer prints what a test would be told.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (printer) Errorf(format string, args ...any) { fmt.Printf("FAIL: "+format+"\n", args...) }
func (printer) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

// Put the reports of two brokers side by side.
func ExampleWriteMatrix() {
	ours := &conformance.Report{Name: "Ours", Profile: "3.13.7", Scripts: []conformance.ScriptReport{
		{Name: "get/empty", Covers: []string{"BASIC-51"}, Outcome: conformance.Held},
	}}
	theirs := &conformance.Report{Name: "Theirs", Profile: "3.13.7", Scripts: []conformance.ScriptReport{
		{Name: "get/empty", Covers: []string{"BASIC-51"}, Outcome: conformance.Differed},
	}}
	if err := conformance.WriteMatrix(os.Stdout, ours, theirs); err != nil {
		log.Fatal(err)
	}
}
