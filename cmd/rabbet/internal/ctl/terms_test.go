package ctl

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

// shown is a table as a formatter prints it.
func shown(t *testing.T, formatter string, table *table) string {
	var out bytes.Buffer
	c := &call{Process: tool.Process{Stdout: &out}, opts: options{formatter: formatter}}
	require.NoError(t, c.show(table))
	return out.String()
}

// typed is a column of arguments as the node sends it.
func typed(t *testing.T, text string) arguments {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return argumentsOf(v)
}

const ofAllTypes = `[["y-table","table",[["n","short",1]]],["x-max-priority","byte",5],["y-time","decimal",[1,15]],["y-void","void",null],` +
	`["x-dead-letter-exchange","longstr","dlx"],["x-message-ttl","signedint",60000],["x-single-active-consumer","bool",true],` +
	`["y-array","array",[["long",5000000000],["longstr","two"],["table",[["k","longstr","v"]]]]],["y-quoted","longstr","a \"b\""]]`

// RabbitMQ 3.10.8 printed these lines.
func TestTermsBreakAsErlangsDo(t *testing.T) {
	queues := &table{columns: []string{"name", "arguments", "policy"}}
	queues.add("s", typed(t, `[["x-queue-type","longstr","stream"]]`), atom(""))
	queues.add("q", typed(t, ofAllTypes), atom(""))
	assert.Equal(t, `[[{name,<<"s">>},
  {arguments,[{<<"x-queue-type">>,longstr,<<"stream">>}]},
  {policy,''}],
 [{name,<<"q">>},
  {arguments,[{<<"y-table">>,table,[{<<"n">>,short,1}]},
              {<<"x-max-priority">>,byte,5},
              {<<"y-time">>,decimal,{1,15}},
              {<<"y-void">>,void,undefined},
              {<<"x-dead-letter-exchange">>,longstr,<<"dlx">>},
              {<<"x-message-ttl">>,signedint,60000},
              {<<"x-single-active-consumer">>,bool,true},
              {<<"y-array">>,array,
               [{long,5000000000},
                {longstr,<<"two">>},
                {table,[{<<"k">>,longstr,<<"v">>}]}]},
              {<<"y-quoted">>,longstr,<<"a \"b\"">>}]},
  {policy,''}]]
`, shown(t, "erlang", queues))

	exchanges := &table{columns: []string{"name", "type", "arguments", "policy"}}
	exchanges.add("amq.match", atom("headers"), arguments{}, atom(""))
	exchanges.add("e1", atom("topic"), typed(t, `[["alternate-exchange","longstr","ae"],["x","double",1.5]]`), atom(""))
	assert.Equal(t, `[[{name,<<"amq.match">>},{type,headers},{arguments,[]},{policy,''}],
 [{name,<<"e1">>},
  {type,topic},
  {arguments,[{<<"alternate-exchange">>,longstr,<<"ae">>},
              {<<"x">>,double,1.5}]},
  {policy,''}]]
`, shown(t, "erlang", exchanges))

	policies := &table{columns: []string{"vhost", "name", "pattern", "apply-to", "definition", "priority"}}
	policies.add("/", "op", "^q", "all", `{"max-length":10}`, 0)
	assert.Equal(t, `[[{vhost,<<"/">>},
  {name,<<"op">>},
  {pattern,<<"^q">>},
  {'apply-to',<<"all">>},
  {definition,<<"{\"max-length\":10}">>},
  {priority,0}]]
`, shown(t, "erlang", policies))

	vhosts := &table{columns: []string{"name", "description", "tags", "tracing", "cluster_state"}}
	vhosts.add("v2", "d", asAtoms([]any{"a", "b"}), false, asAtoms(map[string]any{"judge@localhost": "running"}))
	assert.Equal(t, `[[{name,<<"v2">>},
  {description,<<"d">>},
  {tags,[a,b]},
  {tracing,false},
  {cluster_state,[{judge@localhost,running}]}]]
`, shown(t, "erlang", vhosts))
	assert.Equal(t, "name\tdescription\ttags\ttracing\tcluster_state\nv2\td\t[a, b]\tfalse\t[{judge@localhost, running}]\n", shown(t, "table", vhosts))
}

// In a table with lines RabbitMQ prints the triples one after the other.
func TestArgumentsInBoxes(t *testing.T) {
	bindings := &table{columns: []string{"arguments"}}
	bindings.add(typed(t, `[["b","bool",true],["n","long",3],["x-match","longstr","all"]]`))
	assert.Contains(t, shown(t, "pretty_table", bindings), `│ {<<"b">>,bool,true}{<<"n">>,long,3}{<<"x-match">>,longstr,<<"all">>} │`)
}

// What the node sends is trusted to be triples, and what is none is left out.
func TestArgumentsThatAreNone(t *testing.T) {
	for _, text := range []string{`null`, `{"a":1}`, `[]`, `[1,"a",[],["a","b"]]`} {
		assert.Empty(t, typed(t, text), text)
	}
	assert.Equal(t, arguments{{"a", element{"array", elements{}}}}, typed(t, `[["a","array",[1,["long"]]]]`))
}
