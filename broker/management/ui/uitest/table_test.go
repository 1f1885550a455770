package uitest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A claim is a row of the comparison in docs/management-ui.md: either a test of its own
// proves it, or the page at a fragment has what an expression looks for.
type claim struct{ test, fragment, shows string }

func button(text string) string {
	return "[...document.querySelectorAll('main button, main a, main summary')].some((e) => e.innerText.trim().startsWith('" + text + "'))"
}

var claims = map[string]claim{
	"Charts of rates and depths":                     {fragment: "", shows: "document.querySelectorAll('main canvas').length >= 2 && " + button("1 d")},
	"What is wrong right now":                        {fragment: "", shows: "/Nothing is wrong|to look at/.test(document.querySelector('main').innerText)"},
	"Lists paged, sorted, filtered":                  {test: "TestTenThousandQueues"},
	"Columns to choose":                              {fragment: "queues", shows: "document.querySelector('main [aria-label=Columns]')"},
	"Filter, sort, page and columns in the link":     {test: "TestTenThousandQueues"},
	"Half-typed forms survive a refresh":             {test: "TestFormsSurviveRefreshes"},
	"Pause; age of the data when the broker is away": {test: "TestBrokerThatIsAwayIsSaid"},
	"Dark theme": {test: "TestContrastOfBothThemes"},
	"From 360 px on; keyboard alone; command palette":                        {test: "TestKeyboardAlone"},
	"Many queues purged or deleted at once":                                  {test: "TestAddAndDeleteInBulk"},
	"Messages looked at without a change":                                    {test: "TestPeekChangesNothing"},
	"Search in messages":                                                     {test: "TestPeekChangesNothing"},
	"A stream browsed by offset and time":                                    {test: "TestStreamIsBrowsed"},
	"Messages moved":                                                         {test: "TestMoveAndDeleteMessages"},
	"One message deleted":                                                    {test: "TestMoveAndDeleteMessages"},
	"Unacked messages with consumer and age":                                 {fragment: "queues/%2F/orders.paid?tab=unacked", shows: "document.querySelector('main').innerText.includes('paid-worker')"},
	"Dead letters by cause; retry with a dry run":                            {test: "TestRetryPutsADeadLetterBack"},
	"Delayed messages seen, delivered, cancelled":                            {test: "TestDelayedMessages"},
	"One message followed":                                                   {test: "TestTraceFollowsAMessage"},
	"Topology as a picture":                                                  {fragment: "topology", shows: "document.querySelectorAll('main .graph .node').length > 5"},
	"Test of a route; of a permission":                                       {fragment: "exchanges/%2F/orders?tab=route", shows: button("Test")},
	"What a policy or an import would change":                                {test: "TestImportPreviewIsWhatTheImportDoes"},
	"Permissions as a matrix":                                                {fragment: "permissions", shows: "document.querySelector('main table').innerText.includes('guest') && " + button("Test")},
	"Topic permissions, limits of users":                                     {fragment: "users/guest", shows: "document.querySelector('main').innerText.includes('Topic permissions')"},
	"Events as they happen":                                                  {test: "TestEventsAsTheyHappen"},
	"A consumer cancelled":                                                   {fragment: "queues/%2F/orders.paid?tab=consumers", shows: "document.querySelector('main tbody input[type=checkbox]')"},
	"Several headers of one name, files, templates, repetition in *Publish*": {test: "TestPublishHeadersOfOneName"},
	"A connection closed with a reason":                                      {test: "TestConnectionsClosedWithAReason"},
	"Shovels, added, restarted, deleted":                                     {test: "TestShovels"},
}

// Each row of the table in the docs in which our column says yes is one of claims.
func TestTableOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/management-ui.md")
	require.NoError(t, err)
	sources := ""
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		sources += string(content)
	}
	r := start(t)
	furnish(r)
	p := open(t, r.url)
	p.enter()
	_, table, found := strings.Cut(string(text), "| RabbitMQ | LavinMQ | Rabbet |\n|---|---|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		require.Len(t, cells, 4, row)
		if cells[3] == "no" {
			continue
		}
		c, ok := claims[cells[0]]
		if !assert.True(t, ok, "nothing checks %q", cells[0]) {
			continue
		}
		if c.test != "" {
			assert.Contains(t, sources, "func "+c.test+"(", cells[0])
			continue
		}
		p.visit("#/" + c.fragment)
		p.wait(c.shows)
	}
}
